"""Semantic loss: ranks and shares by hand, attributes that do not show, pairs that differ in nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.datasets import read_dataset
from unseen.diagnosis.duplicates import near_duplicates
from unseen.diagnosis.semantic_loss import effective_rank, measure_semantic_loss, retained_information
from unseen.errors import InputError
from unseen.methods.projection.reverse_ridge import ReverseRidge
from unseen.methods.projection.ridge import Ridge
from unseen.methods.selection import ClassWiseSplit

if TYPE_CHECKING:
    from pathlib import Path


def problem(n_classes: int = 20, shown: int = 2, hidden: int = 1) -> tuple[Any, Any, Prototypes]:
    """Make vectors that show the first attributes and nothing of the last ones."""
    rng = np.random.default_rng(0)
    p = Prototypes([f"c{i:02d}" for i in range(n_classes)], rng.normal(size=(n_classes, shown + hidden)))
    y = np.repeat(p.names, 4)
    X = np.repeat(p.vectors[:, :shown] @ rng.normal(size=(shown, 6)), 4, axis=0) + 0.05 * rng.normal(size=(len(y), 6))
    return X, y, p


def test_effective_rank_by_hand() -> None:
    # Centred rows (±2, 0), (0, ±1): singular values sqrt(8) and sqrt(2), shares 2/3 and 1/3.
    expected = np.exp(2 / 3 * np.log(3 / 2) + 1 / 3 * np.log(3))
    assert effective_rank([[2, 0], [-2, 0], [0, 1], [0, -1]]) == pytest.approx(expected)
    assert effective_rank([[7, 0], [3, 0], [5, 1], [5, -1]]) == pytest.approx(expected)  # the same, moved
    assert effective_rank([[1e9, 1.0]] * 4) == 0.0
    assert effective_rank([[1.0, 2.0]]) == 0.0


def test_what_shows_is_retained_and_what_does_not_is_lost() -> None:
    X, y, p = problem()
    loss = retained_information(X, y, prototypes=p, alpha=1e-3)
    assert (loss.retained[:2] > 0.95).all()
    assert loss.retained[2] < 0.2
    assert loss.actual.shape == loss.predicted.shape == (20, 3)


def test_figures_are_those_of_plain_loops() -> None:
    X, y, p = problem()
    loss = retained_information(X, y, prototypes=p, alpha=0.5, n_splits=3, random_state=1)
    left, total = np.zeros(3), np.zeros(3)
    decoded, given, spread = 0.0, 0.0, 0.0
    classes = np.arange(20)
    for known, held in ClassWiseSplit(3, random_state=1).split(classes, classes):
        rows = np.isin(y, np.array(p.names)[known])
        there, back = Ridge(0.5), ReverseRidge(0.5)
        there.fit(X[rows], y[rows], prototypes=p)
        back.fit(X[rows], y[rows], prototypes=p)
        means = np.array([X[y == p.names[c]].mean(axis=0) for c in classes])
        for c in held:
            code = (means[c] - there.feature_mean_) @ there.coef_ + there.semantic_mean_
            left += (p.vectors[c] - code) ** 2
            total += (p.vectors[c] - p.vectors[known].mean(axis=0)) ** 2
            decoded += float(((means[c] - back.feature_mean_ - (code - back.semantic_mean_) @ back.coef_) ** 2).sum())
            true = (p.vectors[c] - back.semantic_mean_) @ back.coef_
            given += float(((means[c] - back.feature_mean_ - true) ** 2).sum())
            spread += float(((means[c] - means[known].mean(axis=0)) ** 2).sum())
    np.testing.assert_allclose(loss.retained, 1 - left / total, atol=1e-6)
    assert loss.decoded == pytest.approx(1 - decoded / spread, abs=1e-6)
    assert loss.from_prototypes == pytest.approx(1 - given / spread, abs=1e-6)


def test_finding_names_the_worst_attribute_and_the_hidden_pair() -> None:
    X, y, p = problem(shown=3)
    # Two unseen classes that differ in what does not show, and others far apart.
    rng = np.random.default_rng(5)
    new = 2 * rng.normal(size=(8, 4))
    new[1] = new[0] + [0.01, 0, 0, 4]
    names = [*p.names, *(f"new{i}" for i in range(8))]
    everything = Prototypes(names, np.concatenate([p.vectors, new]))
    finding = measure_semantic_loss(X, y, prototypes=everything, names=["head", "tail", "legs", "smell"], n_pairs=3)
    attributes = [row for row in finding.rows if "attribute" in row]
    pairs = [row for row in finding.rows if "first" in row]
    assert attributes[0]["attribute"] == "smell"
    assert [row["retained"] for row in attributes] == sorted(row["retained"] for row in attributes)
    assert (pairs[0]["first"], pairs[0]["second"], pairs[0]["hidden"]) == ("new0", "new1", True)
    assert pairs[0]["retained_distance"] < 0.5 < pairs[0]["distance"]
    assert len(pairs) == 3
    assert finding.figures["hidden_pairs"] >= 1
    assert "'smell'" in finding.verdict
    assert "'new0' and 'new1'" in finding.verdict
    assert finding.severity == "none"  # three of four attributes show


def test_unseen_prototypes_change_nothing_but_the_pairs() -> None:
    X, y, p = problem()
    rng = np.random.default_rng(1)
    found = []
    for scale in (1, 1000):
        more = Prototypes([*p.names, "x", "y"], np.concatenate([p.vectors, scale * rng.normal(size=(2, 3))]))
        found.append(measure_semantic_loss(X, y, prototypes=more).figures)
    assert found[0] == found[1]


def test_severity_follows_what_is_retained() -> None:
    assert measure_semantic_loss(*problem(shown=3, hidden=1)[:2], prototypes=problem(shown=3)[2]).severity == "none"
    X, y, p = problem(shown=2, hidden=4)
    finding = measure_semantic_loss(X, y, prototypes=p)
    assert finding.severity == "mild"
    assert 0.25 <= finding.figures["retained"] < 0.5
    X, y, p = problem(shown=1, hidden=9)
    assert measure_semantic_loss(X, y, prototypes=p).severity == "strong"
    assert "nothing" in measure_semantic_loss(X, y, prototypes=p).verdict


def test_constant_attributes_are_left_out() -> None:
    X, y, p = problem(shown=2, hidden=0)
    padded = Prototypes(p.names, np.column_stack([p.vectors, np.ones(20)]))
    plain = measure_semantic_loss(X, y, prototypes=p, n_pairs=0).figures
    figures = measure_semantic_loss(X, y, prototypes=padded, n_pairs=0).figures
    assert figures["retained"] == pytest.approx(plain["retained"])
    flat = measure_semantic_loss(X, y, prototypes=Prototypes(p.names, np.ones((20, 2))))
    assert flat.severity == "strong"
    assert flat.figures["effective_rank"] == 0
    assert all(np.isfinite(value) for value in flat.figures.values())


def test_finding_is_json_and_draws() -> None:
    figure = pytest.importorskip("matplotlib.figure", reason="matplotlib draws the pictures")
    X, y, p = problem()
    for finding in (measure_semantic_loss(X, y, prototypes=p), near_duplicates(p)):
        assert json.loads(json.dumps(finding.to_dict()))["failure"] == "semantic_loss"
        axes = figure.Figure().subplots()
        assert finding.draw is not None
        finding.draw(axes)
        assert axes.get_xlabel()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": -1}, "retained_information: alpha must be a number at least 0; got -1"),
        ({"n_splits": 1}, "retained_information: n_splits must be a whole number at least 2; got 1"),
        ({"n_splits": 21}, "retained_information: y must be of at least 21 classes; got 20 classes. Hold out fewer"),
        ({"n_pairs": -1}, "measure_semantic_loss: n_pairs must be a whole number at least 0; got -1"),
        ({"names": ["a"]}, "measure_semantic_loss: names must be 3, one per attribute; got 1. Pass them in the vec"),
        ({"prototypes": 3}, "retained_information: prototypes must be an unseen.Prototypes; got 3. Build one"),
        ({"candidates": Prototypes(["a"], [[1]])}, "candidates must be an unseen.Prototypes of 3 dimensions, or None"),
        (
            {"candidates": Prototypes([str(i) for i in range(3001)], np.ones((3001, 3)))},
            "candidates must be at most 3000 classes; got 3001. Pass the classes in question",
        ),
    ],
)
def test_errors(options: dict[str, Any], words: str) -> None:
    X, y, p = problem()
    with pytest.raises(InputError, match=words):
        measure_semantic_loss(**{"X": X, "y": y, "prototypes": p, **options})


def test_hostile_vectors_are_refused() -> None:
    X, y, p = problem()
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        measure_semantic_loss(X, y, prototypes=p)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        measure_semantic_loss(X[1:], y, prototypes=p)


# -- without any photo -------------------------------------------------------------------------------------------


def test_near_duplicates_by_hand() -> None:
    # Cosines: a-b 0.8 (vectors (1, 0) and (0.8, 0.6)), a-c 0, b-c 0.6.
    p = Prototypes(["a", "b", "c"], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    finding = near_duplicates(p)
    assert finding.severity == "none"
    assert [(row["first"], row["second"], round(row["cosine"], 2)) for row in finding.rows] == [
        ("a", "b", 0.8),
        ("b", "c", 0.6),
        ("a", "c", 0.0),
    ]
    assert near_duplicates(p, near=0.7).severity == "mild"
    assert near_duplicates(p, near=0.7).figures["pairs"] == 1
    twice = near_duplicates(Prototypes(["a", "b"], [[1, 2], [2, 4]]))
    assert twice.severity == "strong"
    assert "'a' and 'b' are nearly one class" in twice.verdict
    assert near_duplicates(Prototypes(["only"], [[1.0]])).rows == []


def test_near_duplicates_takes_any_names_and_refuses_the_rest() -> None:
    assert near_duplicates(Prototypes([" a ", "a", "A"], np.eye(3))).severity == "none"
    with pytest.raises(InputError, match=r"near_duplicates: prototypes must be an unseen.Prototypes; got 3"):
        near_duplicates(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="near must be a number above 0 and at most 1; got 2"):
        near_duplicates(Prototypes(["a"], [[1.0]]), near=2)


# -- real data ---------------------------------------------------------------------------------------------------


def test_sentences_lose_less_than_attributes_on_birds(data: Path) -> None:
    kept = {}
    for file in ("att_splits.mat", "sent_splits.mat"):
        birds = read_dataset(data / "zsl" / "CUB100", prototypes=file)
        X, y = birds.learnable()
        loss = measure_semantic_loss(X[::8], y[::8], prototypes=birds.seen_prototypes)
        kept[file] = loss.figures["retained"]
    assert kept["att_splits.mat"] < kept["sent_splits.mat"]
    assert 0.1 < kept["att_splits.mat"] < 0.5
