"""Domain shift: the discrepancy by hand, p-values that keep their promise, new classes told from a new source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen import Prototypes
from unseen.datasets import read_dataset
from unseen.diagnosis.domain_shift import measure_domain_shift
from unseen.diagnosis.projection_error import measure_projection_error, projection_error
from unseen.diagnosis.two_samples import classifier_two_sample_test, maximum_mean_discrepancy
from unseen.errors import InputError
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.preprocessing import FeatureScaling
from unseen.methods.projection.ridge import Ridge

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)


def normal(n: int, d: int = 3, at: float = 0.0, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, d)) + at


# -- maximum mean discrepancy ------------------------------------------------------------------------------------


def test_discrepancy_by_hand() -> None:
    # Points 0 and 1 against 2 and 3, width 1, k(t) = exp(-t^2 / 2) at distance t:
    # pairs within: k(1) on either side, each counted twice over m (m - 1) = 2, so k(1) + k(1);
    # across: distances 2, 3, 1, 2, so 2/4 of k(2) + k(3) + k(1) + k(2).
    def k(t: float) -> float:
        return float(np.exp(-(t**2) / 2))

    found = maximum_mean_discrepancy([[0.0], [1.0]], [[2.0], [3.0]], width=1.0, n_permutations=5)
    assert found.statistic == pytest.approx(2 * k(1) - (2 * k(2) + k(3) + k(1)) / 2, abs=1e-12)
    assert found.width == 1.0


def test_width_is_the_median_distance() -> None:
    # Distances among 0, 1, 3, 7: 1, 3, 7, 2, 6, 4; their median is 3.5.
    assert maximum_mean_discrepancy([[0.0], [1.0]], [[3.0], [7.0]], n_permutations=1).width == 3.5
    # Six of ten distances are 0: their median is no width, and that of the other four is taken.
    assert maximum_mean_discrepancy([[0.0]] * 3, [[0.0], [2.0]], n_permutations=1).width == 2.0


def test_vectors_that_are_all_alike_do_not_differ() -> None:
    found = maximum_mean_discrepancy(np.ones((4, 2)), np.ones((5, 2)), n_permutations=20)
    assert found.statistic == pytest.approx(0.0, abs=1e-12)
    assert found.p_value == 1.0


def test_p_values_of_one_source_are_uniform() -> None:
    # Of 200 p-values 10 are expected at or below 0.05; more than 20 have a chance below one in a thousand.
    tests = [
        maximum_mean_discrepancy(normal(15, seed=2 * i), normal(15, seed=2 * i + 1), n_permutations=99, random_state=i)
        for i in range(200)
    ]
    assert sum(test.p_value <= 0.05 for test in tests) <= 20
    assert abs(float(np.mean([test.statistic for test in tests]))) < 0.01  # unbiased


def test_a_moved_source_is_found() -> None:
    found = maximum_mean_discrepancy(normal(60), normal(60, at=1, seed=1), n_permutations=999)
    assert found.p_value == 0.001  # the smallest there is with 999 divisions
    assert found.statistic > 0.1


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 4), st.integers(0, 100))
def test_discrepancy_ignores_order_and_sides(m: int, n: int, d: int, seed: int) -> None:
    A, B = normal(m, d, seed=seed), normal(n, d, at=0.5, seed=seed + 1)
    one = maximum_mean_discrepancy(A, B, n_permutations=3)
    other = maximum_mean_discrepancy(B[::-1], A[::-1], n_permutations=3)
    assert one.statistic == pytest.approx(other.statistic, abs=1e-12)
    assert 0 < one.p_value <= 1
    # The width follows the scale, so the statistic has none.
    scaled = maximum_mean_discrepancy(1000 * A + 5, 1000 * B + 5, n_permutations=3)
    assert scaled.statistic == pytest.approx(one.statistic, abs=1e-6)


def test_at_most_so_many_vectors_are_compared_and_nothing_is_changed() -> None:
    A, B = normal(400), normal(300, seed=1)
    before = A.copy(), B.copy()
    found = maximum_mean_discrepancy(A, B, max_samples=50, n_permutations=9)
    again = maximum_mean_discrepancy(A, B, max_samples=50, n_permutations=9)
    other = maximum_mean_discrepancy(A, B, max_samples=50, n_permutations=9, random_state=1)
    assert found == again
    assert found.statistic != other.statistic
    np.testing.assert_array_equal(A, before[0])
    np.testing.assert_array_equal(B, before[1])


# -- classifier two-sample test ----------------------------------------------------------------------------------


def test_classifier_tells_what_can_be_told() -> None:
    found = classifier_two_sample_test(normal(50), normal(80, at=4, seed=1))
    assert found.accuracy == 1.0
    # Half of 50, 25 of each side, all right: one of C(50, 25) divisions.
    assert found.p_value == pytest.approx(1 / 126410606437752)
    assert found.margins.shape == found.side.shape == (100,)
    assert (found.margins[found.side == 1] > 0).all()


def test_classifier_cannot_tell_one_source_apart() -> None:
    # Of 50 p-values 2.5 are expected at or below 0.05; more than 9 have a chance below one in a thousand.
    tests = [classifier_two_sample_test(normal(20, seed=2 * i), normal(20, seed=2 * i + 1)) for i in range(50)]
    assert sum(test.p_value <= 0.05 for test in tests) <= 9
    assert abs(float(np.mean([test.accuracy for test in tests])) - 0.5) < 0.05


def test_order_of_the_vectors_does_not_mislead_the_classifier() -> None:
    # Sorted by class, the first half of either side would be other classes than the second.
    X = np.concatenate([normal(40, at=0), normal(40, at=5, seed=1)])
    Y = np.concatenate([normal(40, at=0, seed=2), normal(40, at=5, seed=3)])
    assert 0.3 < classifier_two_sample_test(X, Y).accuracy < 0.7


# -- the finding -------------------------------------------------------------------------------------------------


def classes(n_classes: int, seed: int, each: int = 15) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    means = 2 * rng.normal(size=(n_classes, 6))
    y = np.repeat([f"c{seed}-{i:02d}" for i in range(n_classes)], each)
    return np.repeat(means, each, axis=0) + rng.normal(size=(len(y), 6)), y


def test_new_classes_are_no_shift_and_a_new_source_is() -> None:
    X, y = classes(30, 1)
    X_new, _ = classes(15, 2)
    new = measure_domain_shift(X, X_new, y_train=y)
    moved = measure_domain_shift(X, 2 * X_new + 6, y_train=y)
    assert (new.severity, moved.severity) == ("none", "strong")
    assert new.figures["mmd_p"] < 0.01  # they do differ
    assert new.figures["times"] < 2 < 4 < moved.figures["times"]
    assert "no more than new classes explain" in new.verdict
    assert "more than new classes explain. Align" in moved.verdict
    same = measure_domain_shift(X[::2], X[1::2], y_train=y[::2])
    assert same.severity == "none"
    assert "No shift found" in same.verdict
    # Without classes nobody can tell one from the other, and it says so; with five no more than without.
    blind = measure_domain_shift(X, X_new)
    few = np.isin(y, np.unique(y)[:5])
    assert "times" not in measure_domain_shift(X[few], X_new, y_train=y[few]).figures
    assert "How much of that is new classes" in blind.verdict
    assert "times" not in blind.figures


def test_moved_dimensions_are_named_worst_first() -> None:
    X = normal(100, 4)
    target = normal(100, 4, seed=1)
    target[:, 2] += 5
    target[:, 0] -= 2
    rows = measure_domain_shift(X, target).rows
    assert [row["dimension"] for row in rows][:2] == [2, 0]
    assert rows[0]["moved"] == pytest.approx(5, abs=0.5)
    assert rows[1]["moved"] == pytest.approx(-2, abs=0.5)


def test_mean_shift_and_spread_by_hand() -> None:
    # Variances 1 and 1 of training (-1, 1 in either dimension): total 2. Target: the same times 3, moved by (4, 0):
    # 4 / sqrt(2) and 3.
    X = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]] * 5)
    figures = measure_domain_shift(X, 3 * X + [4.0, 0.0]).figures
    assert figures["mean_shift"] == pytest.approx(4 / 2**0.5)
    assert figures["spread"] == pytest.approx(3)


def test_constant_training_vectors_are_no_trouble() -> None:
    finding = measure_domain_shift(np.ones((10, 2)), np.zeros((10, 2)))
    assert finding.severity == "strong"
    assert all(np.isfinite(value) for value in finding.figures.values())
    assert measure_domain_shift(np.ones((10, 2)), np.ones((10, 2))).severity == "none"


def test_finding_is_json_and_draws() -> None:
    figure = pytest.importorskip("matplotlib.figure", reason="matplotlib draws the pictures")
    X, y = classes(9, 0)
    p = Prototypes(sorted(set(y)), np.random.default_rng(0).normal(size=(9, 3)))
    for finding in (measure_domain_shift(X, X + 1, y_train=y), measure_projection_error(Ridge(), X, y, prototypes=p)):
        assert json.loads(json.dumps(finding.to_dict()))["failure"] == "domain_shift"
        axes = figure.Figure().subplots()
        assert finding.draw is not None
        finding.draw(axes)
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def call_mmd(**options: Any) -> None:
    maximum_mean_discrepancy(**{"A": normal(5), "B": normal(5), **options})


def call_classifier(**options: Any) -> None:
    classifier_two_sample_test(**{"A": normal(9), "B": normal(9), **options})


def call_shift(**options: Any) -> None:
    measure_domain_shift(**{"X_train": normal(9), "X_target": normal(9), **options})


@pytest.mark.parametrize(
    ("call", "options", "words"),
    [
        (
            call_mmd,
            {"B": normal(5, 2)},
            r"maximum_mean_discrepancy: A and B must be at least two vectors each, of one d",
        ),
        (call_mmd, {"B": normal(1)}, "A and B must be at least two vectors each"),
        (call_mmd, {"width": 0}, "maximum_mean_discrepancy: width must be a number above 0; got 0"),
        (call_mmd, {"n_permutations": 0}, "n_permutations must be a whole number at least 1; got 0"),
        (call_mmd, {"max_samples": 1}, "max_samples must be a whole number at least 2; got 1"),
        (call_mmd, {"random_state": "x"}, "maximum_mean_discrepancy: random_state must be None, a whole number"),
        (call_classifier, {"C": 0}, "classifier_two_sample_test: C must be a number above 0; got 0"),
        (call_classifier, {"n_splits": 1}, "n_splits must be a whole number at least 2; got 1"),
        (call_classifier, {"B": normal(3)}, "A and B must be of at least 5 vectors each; got 9 and 3. Pass more"),
        (call_shift, {"X_target": normal(9, 2)}, "measure_domain_shift: X_train and X_target must be at least two"),
        (call_shift, {"y_train": list("abcd")}, r"y_train must be of shape \(9,\); got shape \(4,\)"),
        (call_shift, {"y_train": list("abcabc")}, r"y_train must be of shape \(9,\)"),
        (call_shift, {"random_state": -1}, "measure_domain_shift: random_state must be None"),
    ],
)
def test_errors(call: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        call(**options)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_hostile_vectors_are_refused(bad: float) -> None:
    X = normal(9)
    X[3, 1] = bad
    calls: list[tuple[Any, str]] = [(call_mmd, "A"), (call_classifier, "B"), (call_shift, "X_target")]
    for call, argument in calls:
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            call(**{argument: X})


# -- projection error --------------------------------------------------------------------------------------------


def test_projection_error_by_hand() -> None:
    # Actual means 0, 2, 4 around 2: squared distances 4, 0, 4, on average 8/3. Errors 0, 1 and 9 over 8/3.
    found = projection_error([[0.0], [3.0], [7.0]], [[0.0], [2.0], [4.0]], [True, True, False])
    np.testing.assert_allclose(found.classes, [0, 3 / 8, 27 / 8])
    assert found.seen == pytest.approx(3 / 16)
    assert found.unseen == pytest.approx(27 / 8)
    assert found.ratio == pytest.approx(18)
    # Predicting the common mean for every class has an error of one on average.
    assert projection_error(np.full((3, 1), 2.0), [[0.0], [2.0], [4.0]], [True] * 3).seen == pytest.approx(1)
    assert np.isnan(projection_error([[0.0], [1.0]], [[0.0], [2.0]], [True, True]).unseen)
    assert projection_error([[0.0], [1.0]], [[0.0], [2.0]], [True, False]).ratio == float("inf")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[1.0]], [[1.0], [2.0]], [True]), "predicted, actual and seen must be of shapes"),
        (([[1.0], [2.0]], [[1.0], [2.0]], [True]), r"of shapes \(C, k\), \(C, k\) and \(C,\); got \(2, 1\), \(2, 1\)"),
        (([[1.0], [2.0]], [[1.0], [1.0]], [True, False]), "actual must be means of which two differ at least"),
    ],
)
def test_projection_error_errors(arguments: Any, words: str) -> None:
    with pytest.raises(InputError, match=f"projection_error: {words}|{words}"):
        projection_error(*arguments)


class Fixed(Ridge):
    """Scores that are known: each class's own dimension of the vector."""

    def _class_scores(self, X: Any, P: Any) -> Any:
        return X @ P.T


def test_standing_out_by_hand() -> None:
    # Nine classes with one-hot prototypes and scores that are the vector itself: a sample of class c has 3 in its own
    # place where c is learned from... every class alike here, so the ratio is 1, and z = (3 - m) / s with the others
    # alternating between -1 and 1: m = 0, s = 1.
    names = [f"c{i}" for i in range(9)]
    y = np.repeat(names, 5)
    X = np.zeros((45, 9))
    for row, c in enumerate(np.repeat(np.arange(9), 5)):
        X[row, np.delete(np.arange(9), c)] = [-1, 1] * 4
        X[row, c] = 3
    finding = measure_projection_error(Fixed(), X, y, prototypes=Prototypes(names, np.eye(9)))
    assert finding.figures == {"seen": pytest.approx(3), "unseen": pytest.approx(3), "ratio": pytest.approx(1)}
    assert finding.severity == "none"
    assert len(finding.rows) == 9
    # Where all other classes score alike there is no unit.
    flat = np.eye(9)[np.repeat(np.arange(9), 5)]
    assert measure_projection_error(Fixed(), flat, y, prototypes=Prototypes(names, np.eye(9))).figures["unseen"] == 1


def test_projection_error_takes_pipelines_and_transductive_methods() -> None:
    from sklearn.pipeline import make_pipeline

    X, y = classes(9, 0)
    p = Prototypes(sorted(set(y)), RNG.normal(size=(9, 3)))
    for method in (make_pipeline(FeatureScaling(), Ridge()), SelfTraining(Ridge())):
        finding = measure_projection_error(method, X, y, prototypes=p)
        assert [row["stands_out"] for row in finding.rows] == sorted(row["stands_out"] for row in finding.rows)
        assert not hasattr(method, "classes_")


def test_classes_that_fit_no_map_stand_out_less() -> None:
    # Prototypes that say nothing of new classes: their own score is like any other.
    X, y = classes(12, 0)
    p = Prototypes(sorted(set(y)), RNG.normal(size=(12, 20)))
    finding = measure_projection_error(Ridge(0.01), X, y, prototypes=p)
    assert finding.severity == "strong"
    assert finding.figures["unseen"] < 0.5 < 1 < finding.figures["seen"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": 3}, "measure_projection_error: method must be a method, or a Pipeline that ends in one; got 3"),
        ({"seen_share": 0}, "measure_projection_error: seen_share must be a number above 0 and below 1; got 0"),
        ({"seen_share": 1}, "measure_projection_error: seen_share must be a number above 0 and below 1; got 1"),
        ({"split": [([0, 1, 2], [2])]}, "pairs with disjoint classes"),
        ({"split": [([0], [1])]}, "of three classes, with samples to keep; got 2 classes and 0 kept samples"),
        ({"random_state": "x"}, "measure_projection_error: random_state must be"),
    ],
)
def test_projection_error_finding_errors(options: dict[str, Any], words: str) -> None:
    p = Prototypes(["a", "b", "c"], np.eye(3))
    with pytest.raises(InputError, match=words):
        measure_projection_error(
            **{"method": Ridge(), "X": np.eye(3), "y": ["a", "b", "c"], "prototypes": p, **options}
        )


# -- real data ---------------------------------------------------------------------------------------------------


def test_new_birds_are_no_shift_and_another_sensor_is(data: Path) -> None:
    birds = read_dataset(data / "zsl" / "CUB100")
    X, y = birds.learnable()
    # The published training and validation classes, which are disjoint; a part of them for speed.
    train, held = (part[::6] for part in birds.published_fold or ())
    options: dict[str, Any] = {"y_train": y[train], "max_samples": 200, "n_permutations": 200}
    sensor = X[held] * np.exp(0.5 * RNG.normal(size=X.shape[1]))
    new = measure_domain_shift(X[train], X[held], **options)
    moved = measure_domain_shift(X[train], sensor, **options)
    assert new.severity == "none"
    assert moved.severity == "strong"
    assert moved.figures["times"] > 4 * new.figures["times"]
