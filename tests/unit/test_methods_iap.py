"""IAP, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.combination.iap import IAP

# The third attribute is the same in all seen classes.
SEEN = Prototypes(["a", "b", "c"], [[0, 0, 5], [1, 0, 5], [1, 1, 5]])
NEW = Prototypes(["new"], [[0, 1, 9]])
X, Y = [[0.0], [1.0], [2.0], [2.0]], ["a", "b", "c", "c"]


def certain(shares: list[float], **parameters: Any) -> IAP:
    """Return an IAP whose seen classifier always answers with these probabilities."""
    model = IAP(attributes="binary", **parameters).fit(X, Y, prototypes=SEEN)
    model.coef_ = np.zeros((3, 1))
    model.intercept_ = np.log(shares)
    return model


def test_scores_by_hand() -> None:
    # The first attribute has probability 0.4 + 0.4, the second 0.4; smoothed by half of it, 0.65 and 0.45.
    model = certain([0.2, 0.4, 0.4], smoothing=0.5)
    assert model.presence_.tolist() == [[0, 0], [1, 0], [1, 1]]
    scores = model.class_scores([[4.0]], prototypes=NEW)
    np.testing.assert_allclose(scores, [[np.log(0.35 / 0.5) + np.log(0.45 / 0.5)]])
    scores = model.class_scores([[4.0]], prototypes=SEEN)
    np.testing.assert_allclose(scores, np.log([[0.35 * 0.55, 0.65 * 0.55, 0.65 * 0.45]]) + 2 * np.log(2))


def test_seen_priors_by_hand() -> None:
    # Three of four vectors have the first attribute, two the second.
    model = certain([0.2, 0.4, 0.4], prior="seen", smoothing=0.5)
    np.testing.assert_allclose(model.prior_, [0.75, 0.5])
    # Smoothed, the first has (0.8 + 0.75) / 2 and the second (0.4 + 0.5) / 2.
    scores = model.class_scores([[4.0]], prototypes=NEW)
    np.testing.assert_allclose(scores, [[np.log(0.225 / 0.25) + np.log(0.45 / 0.5)]])


def test_prior_alone_tells_nothing() -> None:
    np.testing.assert_allclose(certain([0.2, 0.4, 0.4], smoothing=1).class_scores([[4.0]]), [[0, 0, 0]], atol=1e-12)


def test_certainty_stays_finite() -> None:
    model = IAP(1e6, attributes="binary", smoothing=1e-9).fit(X, Y, prototypes=SEEN)
    assert np.isfinite(model.class_scores([[1e9], [-1e9]], prototypes=NEW)).all()


def test_soft_presence_by_hand() -> None:
    # 0, 0, 1 has mean 1/3 and deviation sqrt(2)/3: the classes are -1/sqrt(2) and sqrt(2) deviations from it.
    model = IAP(sharpness=np.sqrt(2)).fit(X, Y, prototypes=SEEN)
    np.testing.assert_allclose(model.presence_[:, 1], 1 / (1 + np.exp([1, 1, -2])))


def test_one_class_is_certain() -> None:
    model = IAP().fit([[0.0], [1.0]], ["b", "b"], prototypes=SEEN)
    assert model.seen_probabilities(np.array([[9.0]])).tolist() == [[1]]
    assert model.class_scores([[9.0]], prototypes=NEW).tolist() == [[0]]


@pytest.mark.parametrize("name", ["C", "sharpness", "smoothing"])
@pytest.mark.parametrize("value", [0, -1, "1", None])
def test_numbers(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"IAP: {name} must be a number above 0( and at most 1)?; got"):
        IAP(**{name: value}).fit(X, Y, prototypes=SEEN)


def test_choices() -> None:
    with pytest.raises(InputError, match=r"IAP: attributes must be 'soft' or 'binary'; got 'fuzzy'"):
        IAP(attributes="fuzzy").fit(X, Y, prototypes=SEEN)
    with pytest.raises(InputError, match=r"IAP: prior must be 'uniform' or 'seen'; got 'fuzzy'"):
        IAP(prior="fuzzy").fit(X, Y, prototypes=SEEN)
    with pytest.raises(InputError, match=r"IAP: smoothing must be a number above 0 and at most 1; got 2"):
        IAP(smoothing=2).fit(X, Y, prototypes=SEEN)
