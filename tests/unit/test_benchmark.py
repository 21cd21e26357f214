"""Benchmarks: chosen on training classes, tested once, resumed without a missing or doubled row, cheats caught."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made import made

from unseen.benchmark import choose, evaluate, run_benchmark, to_html, to_markdown
from unseen.benchmark.choice import comparable
from unseen.benchmark.jobs import COLUMNS, Processes
from unseen.datasets import Dataset, Split, read_dataset, write_dataset
from unseen.errors import InputError, UnknownNameError
from unseen.methods.base import Capabilities, Citation, Method
from unseen.methods.projection.ridge import Ridge
from unseen.metrics import per_class_top_k
from unseen.registry import METHODS

if TYPE_CHECKING:
    from pathlib import Path

    from unseen import Prototypes
    from unseen.methods.base import Array

N_SEEN, N_UNSEEN = 12, 4
FAST = ["reverse_ridge", "eszsl"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made") / "made"
    write_dataset(made(N_SEEN, N_UNSEEN, 12, noise=0.7), place)
    return place


def fitted(method: Method, data: Dataset) -> Method:
    X, y = data.learnable()
    result: Method = method.fit(X, y, prototypes=data.seen_prototypes)
    return result


def test_a_choice_opens_no_test_part_and_sees_no_unseen_prototype(monkeypatch: pytest.MonkeyPatch) -> None:
    data = made(N_SEEN, N_UNSEEN, 12, noise=0.7)
    asked: list[set[str]] = []
    real = Method.fit

    def spy(self: Method, X: Any, y: Any, *, prototypes: Prototypes | None = None) -> Method:
        asked.append(set() if prototypes is None else set(prototypes.names))
        done: Method = real(self, X, y, prototypes=prototypes)
        return done

    monkeypatch.setattr(Method, "fit", spy)
    X, y = data.learnable()
    choice = choose("ridge", X, y, data.seen_prototypes)
    assert dict(data.openings) == {}
    assert all(names <= set(data.seen_prototypes.names) for names in asked)
    assert 0 < choice.accuracy <= 1
    assert choice.gamma is not None
    assert choice.temperature is not None
    assert choice.temperature > 0
    again = choose("ridge", X, y, data.seen_prototypes)
    assert replace(again, seconds=0.0, estimator=choice.estimator) == replace(choice, seconds=0.0)
    assert repr(again.estimator) == repr(choice.estimator)


def test_what_is_evaluated_is_what_the_metrics_say() -> None:
    data = made(N_SEEN, N_UNSEEN, 12, noise=0.7)
    method = fitted(Ridge(), data)
    found = evaluate(method, data, by="ridge", gamma=0.1)
    part = data.open_test("the check")
    unseen = data.prototypes.subset(data.prototypes.names[N_SEEN:])
    scores = method.class_scores(part.X_unseen, prototypes=unseen)
    assert found.t1 == per_class_top_k(unseen.positions(part.y_unseen), scores)
    assert found.t5 == 1.0  # four classes
    right = method.predict(part.X_seen, prototypes=data.prototypes) == part.y_seen
    assert found.s == pytest.approx(np.mean([right[part.y_seen == name].mean() for name in np.unique(part.y_seen)]))
    assert found.h == pytest.approx(2 * found.u * found.s / (found.u + found.s))
    assert found.test_openings == 1
    assert set(found.per_class) == set(unseen.names)
    assert evaluate(method, data, by="ridge").test_openings == 2
    only = evaluate(method, data, by="other", protocol="zsl")
    assert only.t1 == found.t1
    assert np.isnan(only.h)


class Honest(Method):
    family = "projection"
    citation = Citation("Nobody", "None", "Nowhere", 2000)

    def _fit(self, X: Array, y: Array, S: Array) -> None:
        self.coef_ = np.linalg.lstsq(X, S[y], rcond=None)[0]

    def _class_scores(self, X: Array, P: Array) -> Array:
        scores: Array = X @ self.coef_ @ P.T
        return scores


class CentresTheBatch(Honest):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X - X.mean(axis=0), P)


class SubtractsRivals(Honest):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X, P - P.mean(axis=0))


class HidesBehindAConstant(Honest):
    def _class_scores(self, X: Array, P: Array) -> Array:
        scores = super()._class_scores(X, P)
        hidden: Array = scores - scores.mean(axis=0) + 1e6
        return hidden


class Broken(Honest):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return np.full((len(X), len(P)), np.nan)


class DeclaresIt(CentresTheBatch):
    capabilities = Capabilities(transductive=True, generative=True)


@pytest.mark.parametrize("protocol", ["zsl", "gzsl"])
@pytest.mark.parametrize(
    ("cheat", "match"),
    [
        (CentresTheBatch, r"the scores of a test sample must be the same whether it is scored alone or among others"),
        (HidesBehindAConstant, r"the scores of a test sample must be the same"),
        (SubtractsRivals, r"the score of a class must be the same whichever other classes are scored"),
        (Broken, r"class scores must be finite; got NaN or infinity"),
    ],
)
def test_planted_cheats_are_caught(cheat: type[Method], match: str, protocol: str) -> None:
    data = made(N_SEEN, N_UNSEEN, 12, noise=0.7)
    with pytest.raises(InputError, match=match):
        evaluate(fitted(cheat(), data), data, by="cheat", protocol=protocol)


def test_what_is_declared_is_allowed() -> None:
    data = made(N_SEEN, N_UNSEEN, 12, noise=0.7)
    assert evaluate(fitted(DeclaresIt(), data), data, by="x").t1 > 0
    assert evaluate(fitted(Honest(), data), data, by="y").t1 > 0.5


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"protocol": "both"}, "protocol must be 'zsl' or 'gzsl'; got 'both'"),
        ({"gamma": float("nan")}, "gamma must be"),
        ({"temperature": 0.0}, "temperature must be"),
    ],
)
def test_a_wrong_option_opens_nothing(options: dict[str, Any], match: str) -> None:
    data = made(N_SEEN, N_UNSEEN, 12, noise=0.7)
    method = fitted(Honest(), data)
    with pytest.raises(InputError, match=match):
        evaluate(method, data, by="x", **options)
    assert dict(data.openings) == {}


def test_all_methods_but_those_that_dress_others_are_comparable() -> None:
    data = made(N_SEEN, N_UNSEEN, 12, noise=0.7)
    names = comparable(data.prototypes, data.n_features)
    left_out = set(METHODS) - set(names)
    assert {"prepared", "cosine"} <= left_out  # six numbers a prototype, ten a vector
    for name in left_out:
        method = METHODS.get(name)
        assert method.family == "meta" or method.capabilities.shared_space or method.slow, name
    assert "cosine" in comparable(data.prototypes, 6)


def test_rows_files_and_resuming(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, str]] = []
    first = run_benchmark(folder, FAST, out=tmp_path, jobs=2, on_row=lambda *what: told.append(what))
    assert sorted(told) == [("eszsl", 0, "done"), ("reverse_ridge", 0, "done")]
    assert first.failures == ()
    for row in first.rows:
        assert set(COLUMNS) <= set(row)
        assert row["test_openings"] == 1
        assert row["inductive"] is True
        assert 0 <= row["t1"] <= row["t5"] <= 1
    on_disk = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert on_disk["rows"] == list(first.rows)
    again = run_benchmark(folder, FAST, out=tmp_path, jobs=1, on_row=lambda *what: told.append(what))
    assert again.rows == first.rows
    assert [state for _, _, state in told[2:]] == ["kept", "kept"]
    # A row that was lost is computed again, to the same bits, and says that the test part was opened twice.
    next(tmp_path.glob("rows/*/eszsl-0.json")).unlink()
    third = run_benchmark(folder, FAST, out=tmp_path, jobs=1)
    costs = {"fit_s", "select_s", "predict_s", "rss_mb", "test_openings"}
    for old, new in zip(first.rows, third.rows, strict=True):
        assert {k: v for k, v in old.items() if k not in costs} == {k: v for k, v in new.items() if k not in costs}
    assert {row["method"]: row["test_openings"] for row in third.rows} == {"eszsl": 2, "reverse_ridge": 1}
    # Other settings are other rows.
    other = run_benchmark(folder, FAST[:1], out=tmp_path, protocol="zsl")
    assert other.rows[0]["h"] is None


def test_a_method_that_fails_is_reported_and_the_others_go_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Processes.run

    def run(self: Processes, place: Path, job: dict[str, Any]) -> str:
        return "too hot" if job["method"] == "eszsl" else real(self, place, job)

    monkeypatch.setattr(Processes, "run", run)
    found = run_benchmark(folder, FAST, out=tmp_path, protocol="zsl")
    assert [row["method"] for row in found.rows] == ["reverse_ridge"]
    assert found.failures == ({"method": "eszsl", "seed": 0, "error": "too hot"},)
    assert "`eszsl`, seed 0, failed: too hot" in to_markdown(found)
    assert "too hot" in to_html(found)


def test_data_that_change_meanwhile_are_noticed(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "ale-0"
    job = {"dataset": str(folder), "prototypes": None, "fingerprint": "another", "key": "", "place": str(place)}
    assert "bench: the data set must be the same as when the benchmark was started" in Processes().run(place, job)
    gone = {**job, "dataset": str(folder / "gone")}
    assert "gone" in Processes().run(place, gone)
    place.with_suffix(".log").unlink()
    place.with_suffix(".log").mkdir()
    assert Processes().run(place, job) == "ale-0: Is a directory"


@pytest.mark.parametrize("content", ["[" * 100_000, "{}", "\xff", "null"])
def test_damaged_rows_are_computed_again(folder: Path, tmp_path: Path, content: str) -> None:
    first = run_benchmark(folder, FAST[:1], out=tmp_path, protocol="zsl")
    place = next(tmp_path.glob("rows/*/reverse_ridge-0.json"))
    place.write_text(content, "latin-1")
    again = run_benchmark(folder, FAST[:1], out=tmp_path, protocol="zsl")
    assert again.rows[0]["t1"] == first.rows[0]["t1"]
    assert again.rows[0]["test_openings"] == 2


def test_other_data_count_their_own_openings(folder: Path, tmp_path: Path) -> None:
    run_benchmark(folder, FAST[:1], out=tmp_path)
    write_dataset(made(9, 3, 12, noise=0.5), tmp_path / "other")
    assert run_benchmark(tmp_path / "other", FAST[:1], out=tmp_path).rows[0]["test_openings"] == 1


def test_too_few_seen_classes(tmp_path: Path) -> None:
    write_dataset(made(2, 3, 12, noise=0.5), tmp_path / "few")
    with pytest.raises(InputError, match="dataset must be of at least 3 seen classes; got 2"):
        run_benchmark(tmp_path / "few", FAST, out=tmp_path)


@pytest.mark.parametrize(("each", "n_seen"), [(2, 12), (3, 12), (20, 3)])
def test_few_photos_per_class_or_no_seen_test_part(tmp_path: Path, each: int, n_seen: int) -> None:
    data = made(n_seen, 4, each, noise=0.5)
    X, y = data.learnable()
    part = data.open_test("the test")
    rows = np.arange(len(X) + len(part.X_unseen))
    split = Split(rows[: len(X)], rows[:0], rows[len(X) :])
    bare = Dataset(
        np.concatenate([X, part.X_unseen]), np.concatenate([y, part.y_unseen]), prototypes=data.prototypes, split=split
    )
    write_dataset(bare, tmp_path / "bare")
    found = run_benchmark(tmp_path / "bare", FAST, out=tmp_path)
    assert found.failures == ()
    assert all(row["u"] is None and row["t1"] > 0 for row in found.rows)
    assert "u: accuracy" not in to_html(found)


def test_pages_and_tables_show_every_row(folder: Path, tmp_path: Path) -> None:
    found = run_benchmark(folder, [*FAST, "balanced_assignment"], out=tmp_path, seeds=2)
    assert len(found.rows) == 6
    text, page = to_markdown(found), to_html(found)
    for name in (*FAST, "balanced_assignment"):
        assert f"| `{name}` |" in text
        assert name in page
    assert "transductive" in text
    assert page.count("data:image/svg+xml") == 4  # two pictures of each kind
    assert to_html(found) == page


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"methods": ["eszls"]}, UnknownNameError, "no method is called 'eszls'. Known and near: eszsl"),
        ({"methods": ["cosine"]}, InputError, "methods must be comparable on these data; got 'cosine'"),
        ({"methods": []}, InputError, "methods must be at least one name"),
        ({"seeds": 0}, InputError, "seeds must be"),
        ({"jobs": 0}, InputError, "jobs must be"),
        ({"protocol": "x"}, InputError, "protocol must be"),
        ({"objective": "x"}, InputError, "objective must be one of accuracy, harmonic_mean, ausuc"),
    ],
)
def test_wrong_options(
    folder: Path, tmp_path: Path, options: dict[str, Any], error: type[InputError], match: str
) -> None:
    with pytest.raises(error, match=match):
        run_benchmark(folder, **{"methods": FAST, **options}, out=tmp_path)


def test_a_folder_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="out must be a folder that can be written"):
        run_benchmark(folder, FAST, out=tmp_path / "file" / "out")


def command(folder: Path, out: Path, *more: str) -> list[str]:
    names = "eszsl,reverse_ridge,ridge,sae"
    return [
        sys.executable,
        "-W",
        "error",
        "-m",
        "unseen",
        "bench",
        str(folder),
        "--methods",
        names,
        "--out",
        str(out),
        *more,
    ]


def test_the_command_goes_on_after_it_was_killed(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    started = subprocess.Popen(
        command(folder, out, "--jobs", "1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list((out / "rows").glob("*/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    before = {path: path.read_bytes() for path in (out / "rows").glob("*/*.json")}
    assert before
    done = subprocess.run(command(folder, out, "--json"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert sorted(row["method"] for row in rows) == ["eszsl", "reverse_ridge", "ridge", "sae"]
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (out / "report.html").is_file()
    assert (out / "results.md").is_file()


def test_the_command_says_what_is_wrong_in_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unseen", "bench", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_real_data_give_the_figure_of_an_own_computation(data: Path, tmp_path: Path) -> None:
    found = run_benchmark(data / "zsl" / "CUB100", ["reverse_ridge"], out=tmp_path)
    row = found.rows[0]
    birds = read_dataset(data / "zsl" / "CUB100")
    method = fitted(choose("reverse_ridge", *birds.learnable(), birds.seen_prototypes).estimator, birds)
    part = birds.open_test("the check")
    unseen = birds.prototypes.subset([name for name in birds.prototypes.names if name in set(part.y_unseen)])
    right = method.predict(part.X_unseen, prototypes=unseen) == part.y_unseen
    own = np.mean([right[part.y_unseen == name].mean() for name in unseen.names])
    assert row["t1"] == pytest.approx(own, abs=0.002)
    assert row["h_calibrated"] > row["h"] + 0.1
    assert found.summary["unseen_classes"] == 27
