"""What all neural generators share: classes may come later, seeds repeat a fit, held-out classes decide."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from tests.made import made

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.neural import fitting, rehearsal
from unseen.methods.neural import session as session_module
from unseen.methods.neural.rehearsal import cast
from unseen.methods.neural.space import Space
from unseen.registry import METHODS

NAMES = [name for name in METHODS if METHODS.get(name).slow]
DATA = made(14, 4, 12, noise=0.3)
X, Y = DATA.learnable()
P = DATA.prototypes
SEEN = sorted(set(Y))
UNSEEN = [name for name in P.names if name not in SEEN]
QUICK = {"n_epochs": 3, "n_hidden": 16, "batch_size": 16, "learning_rate": 0.005, "n_synthetic": 10, "random_state": 0}
CHOOSING: dict[str, Any] = {"n_epochs": None, "max_epochs": 8}


def new(name: str, **changes: Any) -> Any:
    own = {"warmup": 4} if name == "cadavae" else {}
    return METHODS.get(name)(**QUICK | own | changes)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    """Return every generator, fitted; do not change them."""
    return {name: new(name).fit(X, Y, prototypes=P) for name in NAMES}


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """Return every generator, fitted with epochs chosen on held-out classes; do not change them."""
    return {name: new(name, **CHOOSING).fit(X, Y, prototypes=P) for name in NAMES}


def test_there_are_five() -> None:
    assert NAMES == ["cadavae", "cegzsl", "fclswgan", "fvaegan", "tfvaegan"]


# -- classes may come later -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_classes_that_come_later(fitted: dict[str, Any], name: str) -> None:
    rng = np.random.default_rng(5)
    later = Prototypes(["new 1", "new 2", *UNSEEN], np.vstack([rng.normal(size=(2, 6)), P.subset(UNSEEN).vectors]))
    fresh = new(name).fit(X, Y, prototypes=P.subset(SEEN))
    fitted[name].class_scores(X[:3], prototypes=P)
    np.testing.assert_array_equal(
        fitted[name].class_scores(X, prototypes=later), fresh.class_scores(X, prototypes=later)
    )


@pytest.mark.parametrize("name", NAMES)
def test_order_and_repetitions_of_classes(fitted: dict[str, Any], name: str) -> None:
    method = fitted[name]
    scores = method.class_scores(X[:9], prototypes=P)
    np.testing.assert_array_equal(method.class_scores(X[:9], prototypes=P.subset(P.names[::-1])), scores[:, ::-1])
    twice = Prototypes([*P.names, "again"], np.vstack([P.vectors, P.vectors[:1]]))
    expected = np.column_stack([scores, scores[:, 0]])
    np.testing.assert_array_equal(method.class_scores(X[:9], prototypes=twice), expected)


def test_seen_classes_mark_off_the_others(monkeypatch: pytest.MonkeyPatch, fitted: dict[str, Any]) -> None:
    calls = counting(monkeypatch)
    for name in NAMES:
        calls.clear()
        some = P.subset([UNSEEN[0], SEEN[3], UNSEEN[1]])
        assert clone(fitted[name]).fit(X, Y, prototypes=P).class_scores(X, prototypes=some).shape == (len(X), 3)
        assert calls == [16 if name == "cadavae" else 3]  # all fourteen, one of which was asked for


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every training of a final classifier adds its number of classes."""
    from unseen.methods.neural import final

    calls: list[int] = []
    train = final.train_classifier

    def counted(examples: Any, **options: Any) -> Any:
        calls.append(len(examples))
        return train(examples, **options)

    monkeypatch.setattr(final, "train_classifier", counted)
    return calls


def test_a_vocabulary_is_trained_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counting(monkeypatch)
    method = new("fclswgan").fit(X, Y, prototypes=P)
    assert calls == []
    for _ in range(3):
        method.predict(X, prototypes=P)
        method.predict_proba(X, prototypes=P.subset(P.names[::-1]))
    assert calls == [18]
    vocabularies = [P.subset(P.names[i : i + 3]) for i in range(4)]
    for some in vocabularies:
        method.predict(X, prototypes=some)
    assert calls == [18, 3, 3, 3, 3]
    for some in vocabularies:  # the last four are remembered
        method.predict(X, prototypes=some)
    assert len(calls) == 5
    method.predict(X, prototypes=P)
    assert calls[5:] == [18]
    method.predict(X, prototypes=vocabularies[-1])
    assert len(calls) == 6
    method.predict(X, prototypes=vocabularies[0])
    assert len(calls) == 7


def test_a_changed_method_is_not_confused_with_its_past(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counting(monkeypatch)
    method = new("fclswgan").fit(X, Y, prototypes=P)
    before = method.class_scores(X, prototypes=P)
    method.set_params(random_state=1).fit(X, Y, prototypes=P)
    after = method.class_scores(X, prototypes=P)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(
        after, new("fclswgan", random_state=1).fit(X, Y, prototypes=P).class_scores(X, prototypes=P)
    )
    for change in ({"C": 0.1}, {"n_synthetic": 4}, {"classifier": KNeighborsClassifier(2)}):
        method.set_params(**change)
        changed = method.class_scores(X, prototypes=P)
        assert not np.array_equal(changed, after)
        after = changed
    method.set_params(**new("fclswgan").get_params()).fit(X, Y, prototypes=P)
    np.testing.assert_array_equal(method.class_scores(X, prototypes=P), before)
    assert len(calls) == 7


def test_copies_do_not_share_classifiers(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (new("fclswgan", random_state=seed).fit(X, Y, prototypes=P) for seed in (0, 1))
    first = one.class_scores(X, prototypes=P)
    assert not np.array_equal(two.class_scores(X, prototypes=P), first)
    np.testing.assert_array_equal(one.class_scores(X, prototypes=P), first)


def test_a_method_that_nobody_needs_is_let_go() -> None:
    method = new("cadavae").fit(X, Y, prototypes=P)
    method.predict(X, prototypes=P)
    gone = weakref.ref(method)
    del method
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classifier", [LogisticRegression(), KNeighborsClassifier(3)], ids=lambda c: type(c).__name__)
def test_any_classifier(name: str, classifier: Any) -> None:
    own = {"warmup": 5, "beta": 0.01, "n_synthetic": 50} if name == "cadavae" else {}
    method = new(name, n_epochs=30, n_hidden=64, classifier=classifier, **own).fit(X, Y, prototypes=P)
    scores = method.class_scores(X, prototypes=P)
    assert scores.shape == (len(X), 18)
    assert not hasattr(classifier, "classes_")
    assert (method.predict(X) == Y).mean() >= 3 / 14  # seen classes, of which there are real examples


# -- what is made up ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_made_up_vectors_lie_where_real_ones_are_put(fitted: dict[str, Any], name: str) -> None:
    method = fitted[name]
    assert method.synthesize(P).shape == (18, 10, 10)
    assert method.synthesize(P.subset(UNSEEN), n=3).shape == (4, 3, 10)
    scaled = method.scaled(X)
    assert scaled.shape == X.shape
    assert scaled.var() == pytest.approx(1)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-8)
    rows = [int(np.flatnonzero(SEEN[c] == Y)[0]) for c in range(14)]
    first = [int(np.flatnonzero(method.example_classes_ == c)[0]) for c in range(14)]
    np.testing.assert_allclose(method.examples_[first], scaled[rows], rtol=1e-5, atol=1e-5)
    # All of the nine that there are, as ten are asked for.
    assert np.bincount(method.example_classes_).tolist() == [9] * 14


def test_axes_that_are_kept() -> None:
    method = new("cadavae", n_components=4).fit(X, Y, prototypes=P)
    assert method.synthesize(P, n=2).shape == (18, 2, 4)
    assert method.scaled(X).shape == (len(X), 4)
    assert method.sizes_.tolist() == [4, 6, 14]
    thin = new("cadavae", n_synthetic=2).fit(X, Y, prototypes=P)
    assert np.bincount(thin.example_classes_).tolist() == [2] * 14


@pytest.mark.parametrize("n", [0, 2.5, "3"])
def test_how_many_are_made_up(fitted: dict[str, Any], n: Any) -> None:
    with pytest.raises(InputError, match=r"synthesize: n must be a whole number at least 1; got .*\. Pass a whole"):
        fitted["cadavae"].synthesize(P, n=n)


def test_only_prototypes_are_made_up_from(fitted: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"CADAVAE: prototypes must be an unseen\.Prototypes; got"):
        fitted["cadavae"].synthesize(P.vectors)


def test_prototypes_and_vectors_of_another_length(fitted: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"CADAVAE: prototypes must be of 6 dimensions, like those of fit; got 2"):
        fitted["cadavae"].synthesize(Prototypes(["a"], [[1.0, 2.0]]))


@pytest.mark.parametrize("vectors", [np.ones((2, 3)), np.ones(10), [["a"] * 10], np.full((1, 10), np.nan)])
def test_vectors_that_cannot_be_scaled(fitted: dict[str, Any], vectors: Any) -> None:
    with pytest.raises(ValueError, match=r"CADAVAE|NaN|1D array|convert"):
        fitted["cadavae"].scaled(vectors)


# -- seeds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_repeats_a_fit(chosen: dict[str, Any], name: str) -> None:
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002  the numbers of everybody else must not matter
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    again = new(name, **CHOOSING).fit(X, Y, prototypes=P)
    scores = again.class_scores(X, prototypes=P)
    assert torch.equal(torch.get_rng_state(), state)  # and stay as they are
    np.testing.assert_array_equal(np.random.get_state()[1], numbers)  # type: ignore[index]  # noqa: NPY002
    for key in ("weights_", "validation_curve_", "losses_"):
        np.testing.assert_array_equal(getattr(again, key), getattr(chosen[name], key))
    assert (again.penalty_, again.temperature_) == (chosen[name].penalty_, chosen[name].temperature_)
    np.testing.assert_array_equal(scores, chosen[name].class_scores(X, prototypes=P))
    other = new(name, **CHOOSING, random_state=1).fit(X, Y, prototypes=P)
    assert not np.allclose(other.class_scores(X, prototypes=P), scores, rtol=1e-3)


def test_without_a_seed_fits_differ() -> None:
    one, two = (new("cadavae", n_epochs=1, random_state=None).fit(X, Y, prototypes=P) for _ in range(2))
    assert one.seed_ != two.seed_
    assert not np.array_equal(one.weights_, two.weights_)


# -- held-out classes decide ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_was_chosen(chosen: dict[str, Any], name: str) -> None:
    method = chosen[name]
    epochs, accuracies = method.validation_curve_.T
    assert epochs.tolist() == list(range(1, len(epochs) + 1))
    assert ((accuracies >= 0) & (accuracies <= 1)).all()
    assert method.n_epochs_ == epochs[accuracies.argmax()]
    assert method.losses_.shape == (method.n_epochs_, len(method.loss_names_))
    assert np.isfinite(method.losses_).all()
    assert method.temperature_ > 0
    assert method.temperature_ != 1
    # Chosen epochs are epochs like others.
    same = new(name, n_epochs=method.n_epochs_).fit(X, Y, prototypes=P)
    np.testing.assert_array_equal(same.weights_, method.weights_)
    assert same.validation_curve_.shape == (0, 2)
    assert (same.penalty_, same.temperature_) == (0.0, 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_held_out_classes_teach_nothing(monkeypatch: pytest.MonkeyPatch, chosen: dict[str, Any], name: str) -> None:
    roles = cast(np.unique(Y, return_inverse=True)[1], 14, share=0.25, seed=chosen[name].seed_)
    spaces, sessions, decisions = [], [], []
    of, session, decide = Space.of, session_module.Session, rehearsal.decide

    def space_of(vectors: Any, S: Any, **options: Any) -> Any:
        spaces.append((vectors, S))
        return of(vectors, S, **options)

    def new_session(parts: Any, vectors: Any, y: Any, S: Any, **options: Any) -> Any:
        sessions.append((vectors, y, S))
        return session(parts, vectors, y, S, **options)

    def deciding(y: Any, scores: Any, n_trained: int) -> Any:
        decisions.append((y, scores, n_trained, decide(y, scores, n_trained)))
        return decisions[-1][-1]

    monkeypatch.setattr(Space, "of", space_of)
    monkeypatch.setattr(fitting, "Session", new_session)
    monkeypatch.setattr(fitting, "decide", deciding)
    method = new(name, **CHOOSING).fit(X, Y, prototypes=P)

    # Scalings and networks have met the samples that are learned from, and their classes' prototypes: nothing else.
    S = P.subset(SEEN).vectors.astype(np.float64)
    trained = roles.classes[: roles.n_trained]
    assert len(spaces) == len(sessions) == 2
    np.testing.assert_array_equal(spaces[0][0], X[roles.learned])
    np.testing.assert_array_equal(spaces[0][1], S[trained])
    assert len(sessions[0][0]) == len(roles.learned)
    assert sorted(set(sessions[0][1])) == list(range(len(trained)))
    assert len(sessions[0][2]) == len(trained)
    # Then all of them.
    np.testing.assert_array_equal(spaces[1][0], X)
    np.testing.assert_array_equal(spaces[1][1], S)
    # Penalty and temperature are those of samples that were not trained on, among classes in their new places.
    ((y, scores, n_trained, answer),) = decisions
    assert n_trained == len(trained)
    np.testing.assert_array_equal(
        y, roles.places(np.unique(Y, return_inverse=True)[1])[np.concatenate([roles.kept, roles.held])]
    )
    assert scores.shape == (len(roles.kept) + len(roles.held), 14)
    assert (method.penalty_, method.temperature_) == answer == (chosen[name].penalty_, chosen[name].temperature_)


@pytest.mark.parametrize("change", [{"validation_share": 0}, {"few": True}])
def test_where_nothing_is_chosen(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    monkeypatch.setattr(METHODS.get("cadavae"), "usual_epochs", 4)
    rows = np.isin(Y, SEEN[:11]) if change.pop("few", False) else np.ones(len(Y), bool)
    method = new("cadavae", **CHOOSING, **change).fit(X[rows], Y[rows], prototypes=P)
    assert method.n_epochs_ == 4
    assert method.validation_curve_.shape == (0, 2)
    assert (method.penalty_, method.temperature_) == (0.0, 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_use_the_temperature(chosen: dict[str, Any], name: str) -> None:
    method = chosen[name]
    scores = method.class_scores(X[:7], prototypes=P)
    expected = softmax(scores / method.temperature_, axis=1)
    np.testing.assert_allclose(method.predict_proba(X[:7], prototypes=P), expected, rtol=1e-12)
    assert not np.allclose(expected, softmax(scores, axis=1))
