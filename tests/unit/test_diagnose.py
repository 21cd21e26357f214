"""Diagnosing a data set, predictions, and photos without labels: figures, effects of remedies, page, command."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made import made

from unseen import Prototypes
from unseen.datasets import Dataset, Split, read_dataset, write_dataset
from unseen.datasets.npz import read_arrays
from unseen.decision.remedy import Bank, Competition
from unseen.decision.stacking import CalibratedStacking
from unseen.diagnosis import diagnose, diagnose_predictions, failures, near_duplicates, to_html
from unseen.diagnosis.effects import compare, mended
from unseen.errors import DatasetError, InputError
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.projection.ridge import Ridge
from unseen.methods.simulation import simulate
from unseen.metrics import harmonic_mean
from unseen.registry import REMEDIES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return made(15, 5, 20, noise=1.5)


def contest(scores: Any, y: Any, names: tuple[str, ...] = ("a", "b")) -> Competition:
    X = np.zeros((len(y), 1))
    bank = Bank(np.zeros((1, 2)), np.zeros((1, 1)), np.zeros(1, dtype=int))
    return Competition(np.array(y), np.array(scores, dtype=float), np.array([True, False]), names, X, bank)


def test_the_harmonic_mean_of_pooled_competitions_by_hand() -> None:
    # Class a is seen in the first competition and held out in the second; b the other way round. As they are, all
    # samples go to the seen class: both seen ones are right, neither unseen one, so H is 0. With one more for the
    # unseen class, three of four are right each time but a's second sample in the first: s of a is 1/2, the rest 1.
    one = contest([[2, 1.5], [2, 1.5], [1.2, 1], [2.5, 1]], [0, 1, 1, 0])
    two = contest([[2, 1.5], [2.2, 1]], [1, 0], ("b", "a"))
    more = np.array([0, 1])
    effect = compare("plus", "bias", [one, two], [one.scores + more, two.scores + more], figure="H")
    # After: first: [2, 2.5] b, [2, 2.5] b, [1.2, 2] b, [2.5, 2] a: a right half of the time, b always. Second, [2, 2.5]
    # a and [2.2, 2] b: both right. u is 1, s is (1/2 + 1) / 2.
    assert effect.before == 0.0
    assert effect.after == pytest.approx(harmonic_mean(1.0, 0.75))
    assert effect.gain.estimate == pytest.approx(effect.after)
    assert one.held_out()[1].tolist() == [0, 0]


def test_a_remedy_is_never_fitted_to_what_it_is_judged_on(monkeypatch: pytest.MonkeyPatch) -> None:
    contests = [contest([[3, 1], [2, 1.5 - i]], [0, 1], (f"a{i}", f"b{i}")) for i in range(3)]
    fitted: list[list[int]] = []
    real = CalibratedStacking._fit

    def spy(self: CalibratedStacking, given: Any) -> None:
        fitted.append([next(i for i, one in enumerate(contests) if one is other) for other in given])
        real(self, given)

    monkeypatch.setattr(CalibratedStacking, "_fit", spy)
    mended(CalibratedStacking(), contests)
    assert fitted == [[1, 2], [0, 2], [0, 1]]


def test_the_test_part_stays_closed_and_changes_no_effect(dataset: Dataset) -> None:
    closed = diagnose(dataset, Ridge())
    assert dict(dataset.openings) == {}
    assert {one.failure for one in closed.findings} == {"bias", "hubness", "domain_shift", "semantic_loss"}
    assert {one.remedy for one in closed.effects} >= set(REMEDIES)
    opened = diagnose(dataset, Ridge(), open_test=True)
    assert dict(dataset.openings) == {"diagnose": 1}
    assert opened.effects == closed.effects
    assert [one.title for one in opened.findings[len(closed.findings) :]] == [
        "Bias to seen classes, on the test part",
        "Hubness, on the test part",
    ]
    assert diagnose(dataset, Ridge()).to_dict() == closed.to_dict()


def test_verdicts_name_the_remedy_and_its_measured_effect(dataset: Dataset) -> None:
    found = diagnose(dataset, Ridge())
    bias = found.findings[0]
    best = max((one for one in found.effects if one.failure == "bias"), key=lambda one: one.gain.estimate)
    assert best.clear
    assert f"'{best.remedy}' takes H from {best.before:.2f} to {best.after:.2f}" in bias.verdict
    assert "not opened" in found.settings["test part"]
    for effect in found.effects:
        assert effect.gain.low <= effect.gain.estimate <= effect.gain.high
        assert effect.after - effect.before == pytest.approx(effect.gain.estimate)
    unclear = [one for one in found.findings if "none clearly raises" in one.verdict]
    assert all(
        not e.clear
        for one in unclear
        for e in [max((x for x in found.effects if x.failure == one.failure), key=lambda x: x.gain.estimate)]
    )


def test_the_page_shows_everything_and_escapes_names(dataset: Dataset) -> None:
    found = diagnose(dataset, Ridge())
    page = to_html(found)
    assert page.count("data:image/svg+xml") == sum(one.draw is not None for one in found.findings)
    for one in found.findings:
        assert one.title in page
    for effect in found.effects:
        assert effect.remedy in page
    json.dumps(found.to_dict(), default=float, allow_nan=False)
    assert "<script" not in page
    rng = np.random.default_rng(0)
    hostile = ["<img src=x onerror=alert(1)>", "b", "c"]
    np.savez("hostile.npz", scores=rng.normal(size=(9, 3)), names=np.array(hostile))
    assert "<img src=x" not in to_html(diagnose_predictions("hostile.npz"))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_matplotlib_there_are_words_and_a_pip_line(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    found = diagnose(dataset, Ridge())
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = to_html(found)
    assert "data:image/svg+xml" not in page
    assert "pip install" in page
    assert found.findings[0].title in page


def test_names_that_look_like_mathematics_are_drawn() -> None:
    rng = np.random.default_rng(0)
    np.savez("dollars.npz", scores=rng.normal(size=(30, 3)), names=np.array(["$x_$", "$^$", "a_b"]))
    assert "svg" in to_html(diagnose_predictions("dollars.npz"))


def test_the_best_of_the_clear_remedies_is_named(dataset: Dataset) -> None:
    found = diagnose(dataset, Ridge())
    bias = next(one for one in found.effects if one.remedy == "stacking")
    wild = replace(bias, remedy="wild", gain=replace(bias.gain, estimate=0.10, low=-0.01, high=0.20))
    steady = replace(bias, remedy="steady", gain=replace(bias.gain, estimate=0.08, low=0.05, high=0.11))
    assert "'steady' takes" in failures._with_advice(found.findings[0], [wild, steady]).verdict
    assert "none clearly raises" in failures._with_advice(found.findings[0], [wild]).verdict


def test_too_few_photos_are_said_so() -> None:
    with pytest.raises(InputError, match="dataset must be of at least three training samples of some classes"):
        diagnose(made(12, 4, 2, noise=0.5))


def test_what_cannot_be_diagnosed(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="method must be an inductive method or None; got"):
        diagnose(dataset, SelfTraining())
    rows = np.arange(4)
    few = Dataset(
        np.eye(4),
        list("abcd"),
        prototypes=Prototypes(list("abcd"), np.eye(4)),
        split=Split(rows[:3], rows[:0], rows[3:]),
    )
    with pytest.raises(InputError, match="dataset must be of at least 9 seen classes; got 3"):
        diagnose(few)


def test_scores_with_and_without_labels() -> None:
    # All four samples go to 'a'; two of them are of the unseen class 'b'.
    scores = np.array([[2.0, 1], [2, 1], [2, 1], [2, 1]])
    np.savez("labelled.npz", scores=scores, names=np.array(["a", "b"]), y=[0, 0, 1, 1], seen=[True, False])
    found = diagnose_predictions("labelled.npz")
    assert [one.failure for one in found.findings] == ["bias", "hubness"]
    assert found.findings[0].figures["swallowed"] == 1.0
    np.savez("bare.npz", scores=scores, names=np.array(["a", "b"]))
    assert [one.failure for one in diagnose_predictions("bare.npz").findings] == ["hubness"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_answers_as_classify_writes_them(suffix: str, tmp_path: Path) -> None:
    rows = [{"item": f"{i}.jpg", "rank": r, "name": n} for i in range(6) for r, n in ((1, "cat"), (2, "dog"))]
    rows.append({"item": "x.jpg", "rank": 1, "name": "dog"})
    place = tmp_path / f"out.{suffix}"
    if suffix == "csv":
        with place.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["item", "rank", "name"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        place.write_text("\n".join(map(json.dumps, rows)))
    found = diagnose_predictions(place)
    assert found.settings == {"file": place.name, "samples": 7, "classes": 2}
    assert {row["class"]: row["occurrence"] for row in found.findings[0].rows} == {"cat": 6, "dog": 1}


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("x.txt", b"", "predictions must be a file that ends in .npz, .csv"),
        ("x.csv", b"a,b\n1,2\n", "predictions must be a table with the columns rank and name"),
        ("x.csv", b"item,rank,name\n", "predictions must be a table with an answer of rank 1"),
        ("x.jsonl", b"{", "predictions must be a table with the columns"),
        ("x.parquet", b"PAR1", "predictions must be a table with the columns"),
    ],
)
def test_files_that_are_no_predictions(name: str, content: bytes, match: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(match)):
        diagnose_predictions(tmp_path / name)


def test_npz_files_are_not_trusted(tmp_path: Path) -> None:
    place = tmp_path / "x.npz"
    place.write_bytes(b"PK damaged")
    with pytest.raises(DatasetError, match="the file must be a readable npz file"):
        read_arrays(place, ["scores"])
    np.savez(place, scores=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DatasetError, match="scores must be an array of texts or numbers; got pickled objects"):
        read_arrays(place, ["scores"])
    np.savez(place, scores=np.zeros(2))
    with pytest.raises(DatasetError, match=r"names must be an array of the file; got scores\.npy"):
        read_arrays(place, ["scores", "names"])
    assert set(read_arrays(place, ["scores"], ["y"])) == {"scores"}


def test_all_near_pairs_are_counted() -> None:
    names = [f"c{i:03}" for i in range(60)]
    P = np.zeros((60, 3))
    P[np.arange(60), np.arange(60) % 3] = 1.0
    found = near_duplicates(Prototypes(names, P))
    assert found.figures["pairs"] == 3 * 20 * 19 / 2
    assert "and 567 more pairs" in found.verdict


def unseen(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "unseen", "diagnose", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_on_a_data_set(dataset: Dataset, tmp_path: Path) -> None:
    write_dataset(dataset, tmp_path / "made")
    done = unseen("made", "--method", "ridge", "--out", "found")
    assert done.returncode == 0, done.stderr
    assert "Bias to seen classes (" in done.stdout
    values = json.loads((tmp_path / "found" / "diagnosis.json").read_text("utf-8"))
    assert values["settings"]["test part"] == "not opened"
    assert (tmp_path / "found" / "diagnosis.html").read_text("utf-8").startswith("<!doctype html>")


def test_the_command_on_photos_without_labels(root: Path, tmp_path: Path) -> None:
    done = unseen(str(root / "examples" / "photos"), "--classes", "cat, coffee, rocket", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["title"] for one in json.loads(done.stdout)["findings"]][:2] == ["Hubness", "Near-duplicate prototypes"]


@pytest.mark.parametrize("arguments", [["gone"], ["gone.npz"], [".", "--method", "eszls"]])
def test_the_command_says_what_is_wrong_in_a_line(arguments: list[str]) -> None:
    done = unseen(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("unseen: ")
    assert done.stderr.count("\n") == 1


def test_remedies_on_real_training_classes(data: Path) -> None:
    dataset = read_dataset(data / "zsl" / "CUB100")
    X, y = dataset.learnable()
    contests = simulate(Ridge(), X, y, prototypes=dataset.seen_prototypes, max_per_class=30)
    stacking = compare("stacking", "bias", contests, mended(CalibratedStacking(), contests), figure="H")
    assert stacking.gain.low > 0.3
    for name in REMEDIES:
        remedy = REMEDIES.get(name)()
        if remedy.failure == "hubness":
            effect = compare(name, "hubness", contests, mended(remedy, contests), figure="T1")
            assert effect.others["skewness_after"] < effect.others["skewness_before"]
    assert dict(dataset.openings) == {}
