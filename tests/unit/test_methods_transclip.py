"""TransCLIP: texts, examples, memory, messages; more in `test_methods_together`, the updates in the parity tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.groups import beside

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.meta.transclip import TransCLIP
from unseen.methods.projection.cosine import Cosine

X, Y, P = beside(5, 48, 12, offset=1.6, noise=1.2)
PLAIN = Cosine().class_scores(X, prototypes=P)


def model(**params: Any) -> TransCLIP:
    return TransCLIP(**{"scale": 20.0, **params})


def test_a_heavy_text_is_all_that_counts() -> None:
    scores = model(text_weight=1e6).class_scores(X, prototypes=P)
    np.testing.assert_array_equal(scores.argmax(axis=1), PLAIN.argmax(axis=1))


def test_scores_keep_the_level_of_the_zero_shot_ones() -> None:
    scores = model().class_scores(X, prototypes=P)
    level = np.log(np.exp(20 * PLAIN).sum(axis=1)) / 20
    np.testing.assert_allclose(np.log(np.exp(20 * scores).sum(axis=1)) / 20, level, atol=1e-12)


def test_examples_decide_where_texts_are_wrong() -> None:
    swapped = Prototypes(P.names[:2], P.vectors[[1, 0]])
    shots = np.concatenate([np.flatnonzero(name == Y)[:4] for name in P.names[:2]])
    rest = np.setdiff1d(np.flatnonzero(np.isin(Y, P.names[:2])), shots)
    blind = model().predict(X[rest], prototypes=swapped)
    told = model(example_weight=20.0, text_weight=0.01).fit(X[shots], Y[shots], prototypes=swapped)
    assert np.mean(blind == Y[rest]) < 0.2
    assert np.mean(told.predict(X[rest], prototypes=swapped) == Y[rest]) > 0.8


def test_single_precision_and_small_blocks_answer_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model().class_scores(X, prototypes=P)
    monkeypatch.setattr("unseen.methods.meta.transclip._ROWS", 7)
    np.testing.assert_allclose(model().class_scores(X, prototypes=P), whole, atol=1e-10)
    monkeypatch.setattr("unseen.methods.meta.transclip._DOUBLE", 0)
    single = model().class_scores(X, prototypes=P)
    assert (single.argmax(axis=1) == whole.argmax(axis=1)).all()
    np.testing.assert_allclose(single, whole, atol=1e-3)


def test_a_class_that_nobody_is_of_stays_finite() -> None:
    far = Prototypes([*P.names, "far"], np.concatenate([P.vectors, -P.vectors[:1]]))
    scores = TransCLIP(scale=1000.0).class_scores(X, prototypes=far)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) < 5).all()
    assert np.isfinite(model().class_scores(np.zeros((4, 48)), prototypes=P)).all()
    mixed = np.concatenate([np.zeros((1, 48)), X])
    assert np.isfinite(model().class_scores(mixed, prototypes=P)).all()


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_iterations": -1}, "TransCLIP: n_iterations must be a whole number at least 0; got -1"),
        ({"text_weight": -1}, "TransCLIP: text_weight must be a number at least 0; got -1"),
        ({"example_weight": -1}, "TransCLIP: example_weight must be a number at least 0; got -1"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        TransCLIP().set_params(**params).fit(X, Y, prototypes=P)
