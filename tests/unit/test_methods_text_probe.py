"""TextProbe: limits, what it must not touch, how it chooses its pull."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.groups import beside

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.correspondence.text_probe import TextProbe
from unseen.methods.meta.transclip import TransCLIP
from unseen.methods.projection.cosine import Cosine
from unseen.methods.projection.ridge import Ridge

X, Y, P = beside(6, 16, 8, offset=0.9, noise=0.5)
SEEN = np.isin(Y, P.names[:4])
PLAIN = Cosine().fit(X, Y, prototypes=P).class_scores(X, prototypes=P)


def test_two_classes_and_one_example_by_hand() -> None:
    # Both texts score the example alike, so by symmetry u = (a, -a) along it, with a = 1 / (1 + e^(2a)) / pull.
    p = Prototypes(["a", "b"], [[1, 1], [1, -1]])
    model = TextProbe(0.5, scale=1.0).fit([[2.0, 0.0], [0.0, 1e-9]], ["a", "b"], prototypes=p)
    assert model.shift_.shape == (2, 2)
    a = model.shift_[0, 0]
    assert model.shift_[1, 0] == pytest.approx(-a, abs=1e-9)
    assert a == pytest.approx(2 / (1 + np.exp(2 * a)), abs=1e-6)


def test_an_endless_pull_is_the_method_inside() -> None:
    model = TextProbe(1e12).fit(X, Y, prototypes=P)
    np.testing.assert_allclose(model.class_scores(X, prototypes=P), PLAIN, atol=1e-9)


def test_a_weak_pull_fits_the_examples() -> None:
    model = TextProbe(1e-3, scale=20.0).fit(X, Y, prototypes=P)
    assert model.score(X, Y, prototypes=P) == 1.0


def test_classes_without_examples_keep_their_text() -> None:
    model = TextProbe(0.1).fit(X[SEEN], Y[SEEN], prototypes=P)
    scores = model.class_scores(X, prototypes=P)
    np.testing.assert_array_equal(scores[:, 4:], PLAIN[:, 4:])
    np.testing.assert_allclose(model.shift_.sum(axis=0), 0, atol=1e-7)
    np.testing.assert_allclose(scores[:, :4] - PLAIN[:, :4], unit(X) @ model.shift_.T, atol=1e-12)


def unit(A: Any) -> Any:
    return A / np.linalg.norm(A, axis=1, keepdims=True)


def test_examples_help_on_other_photos_of_their_classes() -> None:
    many, y, p = beside(6, 16, 40, offset=0.9, noise=1.0, seed=1)
    shots = np.concatenate([np.flatnonzero(y == name)[:4] for name in p.names])
    rest = np.setdiff1d(np.arange(len(y)), shots)
    model = TextProbe(scale=20.0).fit(many[shots], y[shots], prototypes=p)
    plain = Cosine().fit(many, y, prototypes=p)
    assert model.score(many[rest], y[rest], prototypes=p) > plain.score(many[rest], y[rest], prototypes=p) + 0.03


def test_fits_are_the_same_to_the_last_bit() -> None:
    first, second = (TextProbe(0.3).fit(X, Y, prototypes=P) for _ in range(2))
    np.testing.assert_array_equal(first.shift_, second.shift_)


def test_order_and_copies_of_examples() -> None:
    order = np.random.default_rng(0).permutation(len(X))
    first = TextProbe(0.3, scale=20.0).fit(X, Y, prototypes=P)
    second = TextProbe(0.3, scale=20.0).fit(X[order], Y[order], prototypes=P)
    np.testing.assert_allclose(first.shift_, second.shift_, atol=1e-6)
    # Every example twice is twice the loss: the same with twice the pull.
    twice = TextProbe(0.6, scale=20.0).fit(np.tile(X, (2, 1)), np.tile(Y, 2), prototypes=P)
    np.testing.assert_allclose(first.shift_, twice.shift_, atol=1e-6)


def test_the_pull_it_chooses() -> None:
    assert TextProbe().fit(X[::8], Y[::8], prototypes=P).pull_ == 1.0  # one of each: nothing to choose by
    right = P.vectors.repeat(8, axis=0) + 0.1 * np.random.default_rng(0).normal(size=X.shape)
    wrong = Prototypes(P.names, np.roll(P.vectors, 1, axis=0))
    assert TextProbe(scale=20.0).fit(right, Y, prototypes=wrong).pull_ == 0.1
    noise = np.random.default_rng(0).normal(size=X.shape)
    assert TextProbe(scale=1.0).fit(noise, Y, prototypes=P).pull_ == 3.0


def test_the_choice_is_made_with_some_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.methods.correspondence.text_probe._CHOICE_CLASSES", 3)
    monkeypatch.setattr("unseen.methods.correspondence.text_probe._CHOICE_EACH", 5)
    model = TextProbe(scale=20.0).fit(X, Y, prototypes=P)
    assert model.pull_ in {0.1, 0.3, 1.0, 3.0}
    assert model.shift_.shape == (6, 16)


def test_one_class_has_nothing_to_be_told_from() -> None:
    model = TextProbe().fit(X[:8], Y[:8], prototypes=P)
    np.testing.assert_array_equal(model.shift_, 0)
    np.testing.assert_array_equal(TextProbe().fit(np.zeros((4, 16)), Y[::12][:4], prototypes=P).shift_, 0)


def test_a_fitted_method_is_adapted() -> None:
    ridge = Ridge().fit(X[SEEN], Y[SEEN], prototypes=P)
    before = ridge.class_scores(X, prototypes=P)
    model = TextProbe(0.1, scale=5.0).adapt(ridge, X[~SEEN], Y[~SEEN], prototypes=P)
    scores = model.class_scores(X, prototypes=P)
    np.testing.assert_array_equal(scores[:, :4], before[:, :4])
    new = P.subset(P.names[4:])
    assert model.score(X[~SEEN], Y[~SEEN], prototypes=new) >= ridge.score(X[~SEEN], Y[~SEEN], prototypes=new)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"pull": 0}, "TextProbe: pull must be a number above 0; got 0"),
        ({"pull": "x"}, "TextProbe: pull must be a number above 0; got 'x'"),
        ({"scale": -1}, "TextProbe: scale must be a number above 0; got -1"),
        ({"method": Ridge}, "TextProbe: method must be an inductive method or None"),
        ({"method": TransCLIP()}, "TextProbe: method must be an inductive method or None; got TransCLIP"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        TextProbe().set_params(**params).fit(X, Y, prototypes=P)
