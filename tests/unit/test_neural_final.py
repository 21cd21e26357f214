"""The classifier at the end, and what held-out classes decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from unseen.errors import InputError
from unseen.methods.neural.final import check_classifier, evenly, train_classifier
from unseen.methods.neural.rehearsal import Rehearsal, accuracy_alone, cast, decide
from unseen.metrics import harmonic_mean, per_class_top_k

RNG = np.random.default_rng(0)
CENTRES = np.array([[0.0, 3.0], [3.0, 0.0], [-3.0, -3.0]])
EXAMPLES = [centre + 0.3 * RNG.normal(size=(20, 2)) for centre in CENTRES]


# -- the classifier -------------------------------------------------------------------------------------------


def test_evenly_by_hand() -> None:
    assert evenly(5, 5).tolist() == [0, 1, 2, 3, 4]
    assert evenly(9, 3).tolist() == [0, 4, 8]
    assert evenly(2, 5).tolist() == [0, 1, 0, 1, 0]
    assert evenly(7, 1).tolist() == [0]
    assert evenly(1, 3).tolist() == [0, 0, 0]


def test_the_built_in_classifier_is_a_solved_softmax() -> None:
    Z, y = np.concatenate(EXAMPLES), np.repeat(range(3), 20)
    centred = Z - Z.mean(axis=0)
    scale = centred.std()
    wanted = LogisticRegression(C=0.5, tol=1e-10, max_iter=5000).fit(centred / scale, y)
    score = train_classifier(EXAMPLES, classifier=None, C=0.5, seed=0)
    found = log_softmax(score(Z), axis=1)
    np.testing.assert_allclose(found, wanted.predict_log_proba(centred / scale), atol=1e-4)


@pytest.mark.parametrize(
    "classifier",
    [
        None,
        LogisticRegression(),
        LinearSVC(),
        KNeighborsClassifier(3),
        GaussianNB(),
        make_pipeline(StandardScaler(), LinearSVC()),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_any_classifier(classifier: Any, n_classes: int) -> None:
    before = repr(classifier)
    score = train_classifier(EXAMPLES[:n_classes], classifier=classifier, C=1.0, seed=0)
    scores = score(CENTRES[:n_classes])
    assert scores.shape == (n_classes, n_classes)
    assert scores.dtype == np.float64
    assert scores.argmax(axis=1).tolist() == list(range(n_classes))
    assert repr(classifier) == before
    assert not hasattr(classifier, "classes_")


def test_two_classes_share_the_margin() -> None:
    score = train_classifier(EXAMPLES[:2], classifier=LogisticRegression(), C=1.0, seed=0)
    y = np.repeat(range(2), 20)
    margin = LogisticRegression().fit(np.concatenate(EXAMPLES[:2]), y).decision_function(CENTRES)
    scores = score(CENTRES)
    np.testing.assert_allclose(scores, np.column_stack([-margin, margin]) / 2)
    # So that the softmax of the scores is what the classifier itself thinks.
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], margin)


def test_examples_that_are_all_alike() -> None:
    score = train_classifier([np.ones((4, 2))] * 3, classifier=None, C=1.0, seed=0)
    np.testing.assert_array_equal(score(CENTRES), np.zeros((3, 3)))


def test_classes_may_have_different_numbers_of_examples() -> None:
    few = [EXAMPLES[0][:2], EXAMPLES[1], EXAMPLES[2][:7]]
    assert train_classifier(few, classifier=None, C=1.0, seed=0)(CENTRES).argmax(axis=1).tolist() == [0, 1, 2]


def test_open_random_states_are_set() -> None:
    class Drawing(GaussianNB):  # type: ignore[misc]
        """One that tells which seed it was given."""

        told: list[Any] = []  # noqa: RUF012

        def __init__(self, random_state: Any = None) -> None:
            super().__init__()
            self.random_state = random_state

        def fit(self, X: Any, y: Any) -> Any:
            self.told.append(self.random_state)
            return super().fit(X, y)

    for given in (None, 3):
        train_classifier(EXAMPLES, classifier=Drawing(given), C=1.0, seed=11)
        train_classifier(EXAMPLES, classifier=make_pipeline(Drawing(given)), C=1.0, seed=11)
    assert Drawing.told == [11, 11, 3, 3]


@pytest.mark.parametrize("classifier", ["lda", LogisticRegression, LinearRegression(), StandardScaler(), 3])
def test_what_is_no_classifier(classifier: Any) -> None:
    with pytest.raises(
        InputError,
        match=r"^Somebody: classifier must be a scikit-learn classifier with decision_function or predict_proba, or "
        r"None; got .*\. Pass an instance such as LogisticRegression\(\)\.$",
    ):
        check_classifier("Somebody", classifier)


@pytest.mark.parametrize("classifier", [None, LogisticRegression(), GaussianNB(), make_pipeline(LinearSVC())])
def test_what_is_a_classifier(classifier: Any) -> None:
    check_classifier("Somebody", classifier)


# -- who plays what -------------------------------------------------------------------------------------------

Y = np.random.default_rng(1).permutation(np.repeat(np.arange(20), np.arange(1, 21)))


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_held_out_classes_are_nobody_elses(share: float) -> None:
    roles = cast(Y, 20, share=share, seed=4)
    n_held = max(2, round(20 * share))
    trained, held = set(roles.classes[: roles.n_trained].tolist()), set(roles.classes[roles.n_trained :].tolist())
    assert sorted(roles.classes) == list(range(20))
    assert len(held) == n_held
    assert set(Y[roles.learned]) == trained  # every trained class keeps something to learn from
    assert set(Y[roles.kept]) <= trained
    assert set(Y[roles.held]) == held
    rows = np.concatenate([roles.learned, roles.kept, roles.held])
    assert sorted(rows) == list(range(len(Y)))  # nobody has more samples than are judged
    for c in trained:
        n = np.count_nonzero(c == Y)
        assert np.count_nonzero(Y[roles.kept] == c) == int(0.15 * n)


def test_big_classes_are_judged_by_some_of_their_samples() -> None:
    y = np.repeat(np.arange(12), 500)
    roles = cast(y, 12, share=0.25, seed=0)
    assert np.bincount(y[roles.held], minlength=12)[roles.classes[roles.n_trained :]].tolist() == [60] * 3
    assert np.bincount(y[roles.kept], minlength=12)[roles.classes[: roles.n_trained]].tolist() == [60] * 9
    assert not set(roles.kept) & set(roles.learned)
    assert len(roles.learned) == 9 * 440


def test_roles_follow_the_seed() -> None:
    first, again, other = (cast(Y, 20, share=0.25, seed=seed) for seed in (3, 3, 4))
    for name in ("learned", "kept", "held", "classes"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.classes.tolist() != other.classes.tolist()


def test_places() -> None:
    roles = cast(Y, 20, share=0.25, seed=3)
    places = roles.places(Y)
    np.testing.assert_array_equal(roles.classes[places], Y)
    assert (places[roles.learned] < roles.n_trained).all()
    assert (places[roles.held] >= roles.n_trained).all()


# -- how long -------------------------------------------------------------------------------------------------


def test_the_first_best_epoch_is_taken() -> None:
    assert Rehearsal([(2, 0.5), (4, 0.7), (6, 0.7), (8, 0.6)]).epochs == 4
    assert Rehearsal([(2, 0.0), (4, 0.0)]).epochs == 2


@pytest.mark.parametrize(
    ("values", "patience", "expected"),
    [
        ([0.1, 0.2, 0.3], 3, False),  # nothing was there before the last three
        ([0.3, 0.2, 0.1], 2, True),
        ([0.3, 0.2, 0.4], 2, False),
        ([0.3, 0.3, 0.3], 2, True),  # as good is no better
        ([0.1, 0.5, 0.2, 0.3], 2, True),
        ([0.1, 0.5, 0.2, 0.3], 3, False),
        ([], 2, False),
    ],
)
def test_when_there_is_no_hope(values: list[float], patience: int, *, expected: bool) -> None:
    curve = [(i + 1, value) for i, value in enumerate(values)]
    assert Rehearsal(curve).hopeless(patience) is expected


def test_accuracy_is_a_mean_over_classes() -> None:
    # Three of class 0, all right; one of class 1, wrong.
    scores = np.array([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]])
    assert accuracy_alone(np.array([0, 0, 0, 1]), lambda Z: Z, scores) == 0.5


# -- penalty and temperature ----------------------------------------------------------------------------------


def test_the_penalty_is_the_best_there_is() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 15)
    scores = rng.normal(size=(90, 6)) + 2 * np.eye(6)[y] + np.array([3.0, 3, 3, 3, 0, 0])  # trained classes shout
    penalty, _ = decide(y, scores, 4)

    def h(value: float) -> float:
        moved = scores - value * (np.arange(6) < 4)
        right = moved.argmax(axis=1) == y
        rates = [right[y == c].mean() for c in range(6)]
        return float(harmonic_mean(float(np.mean(rates[4:])), float(np.mean(rates[:4]))))

    assert h(penalty) == pytest.approx(max(h(value) for value in np.linspace(-10, 10, 2001)))
    assert h(penalty) > h(0.0) + 0.1


def test_the_penalty_by_hand() -> None:
    # A sample of each class: each is right from a penalty of 1 on, and the trained one until 3. Between them is 2.
    scores = np.array([[4.0, 1.0], [2.0, 1.0]])
    assert decide(np.array([0, 1]), scores, 1)[0] == pytest.approx(2)


def test_the_temperature_is_that_of_held_out_classes_among_themselves() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(5), 40)
    scores = 3 * rng.normal(size=(200, 5)) + 4 * np.eye(5)[y]
    _, temperature = decide(y, scores, 2)
    new = y >= 2

    def surprise(value: float) -> float:
        return -float(log_softmax(scores[new][:, 2:] / value, axis=1)[np.arange(new.sum()), y[new] - 2].mean())

    grid = np.exp(np.linspace(-3, 4, 3000))
    assert temperature == pytest.approx(grid[np.argmin([surprise(v) for v in grid])], rel=0.01)
    # Scores of trained classes, and samples of them, say nothing about it.
    scores[:, :2] *= 9
    scores[~new] *= -5
    assert decide(y, scores, 2)[1] == temperature


def test_without_samples_of_trained_classes_there_is_no_penalty() -> None:
    scores = np.random.default_rng(0).normal(size=(6, 4))
    penalty, temperature = decide(np.array([2, 2, 2, 3, 3, 3]), scores, 2)
    assert penalty == 0
    assert temperature > 0


def test_accuracy_of_roles_is_that_of_the_metrics() -> None:
    rng = np.random.default_rng(0)
    y, scores = rng.integers(4, size=50), rng.normal(size=(50, 4))
    assert accuracy_alone(y, lambda Z: Z * 2, scores) == per_class_top_k(y, scores)
