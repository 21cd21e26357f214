"""DAP, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.combination.dap import DAP

# The third attribute is the same in both seen classes.
SEEN = Prototypes(["a", "b", "new"], [[1, 0, 5], [3, 4, 5], [3, 0, 9]])
X, Y = [[0.0], [0.0], [0.0], [2.0]], ["a", "a", "a", "b"]
LOGIT3 = np.log(3)


def certain(**parameters: Any) -> DAP:
    """Return a DAP that finds the first attribute with probability 3/4 and the second with 1/4."""
    model = DAP(**parameters).fit(X, Y, prototypes=SEEN)
    model.coef_, model.intercept_ = np.zeros((2, 1)), np.array([LOGIT3, -LOGIT3])
    return model


def test_what_varies_is_used() -> None:
    model = certain()
    assert model.attributes_.tolist() == [0, 1]
    assert model.attribute_mean_.tolist() == [2, 2]
    assert model.attribute_spread_.tolist() == [1, 2]
    assert model.prior_.tolist() == [0.5, 0.5]


def test_binary_scores_by_hand() -> None:
    # "new" has the first attribute and lacks the second: 3/4 * 3/4; "a" lacks both, "b" has both.
    scores = certain(attributes="binary").class_scores([[7.0]], prototypes=SEEN)
    np.testing.assert_allclose(scores, np.log([[3 / 4, 3 / 4, 9 / 4]]))


def test_seen_priors_by_hand() -> None:
    # One vector of four is of "b", which has both attributes: 1/4 present, 3/4 absent.
    model = certain(attributes="binary", prior="seen")
    np.testing.assert_allclose(model.prior_, [0.25, 0.25])
    # "a": (1/4)/(3/4) * (3/4)/(3/4); "b": (3/4)/(1/4) * (1/4)/(1/4); "new": 3 * 1.
    np.testing.assert_allclose(model.class_scores([[7.0]], prototypes=SEEN), np.log([[1 / 3, 3, 3]]), atol=1e-12)


def test_soft_scores_by_hand() -> None:
    # Seen classes are one deviation from the mean, so with a sharpness of log 3 they have attributes to 1/4 or 3/4.
    scores = certain(sharpness=LOGIT3).class_scores([[7.0]], prototypes=SEEN)
    high, low = np.log(3 / 2), np.log(1 / 2)
    likely, unlikely = 0.75 * high + 0.25 * low, 0.25 * high + 0.75 * low
    np.testing.assert_allclose(scores, [[unlikely + likely, likely + unlikely, 2 * likely]])


def test_probabilities_are_shares_where_vectors_tell_nothing() -> None:
    model = DAP(attributes="binary").fit([[1.0]] * 4, Y, prototypes=SEEN)
    np.testing.assert_allclose(model.intercept_, [-LOGIT3, -LOGIT3], atol=1e-6)


def test_one_class_has_no_attributes_to_tell() -> None:
    model = DAP().fit([[1.0], [2.0]], ["a", "a"], prototypes=SEEN)
    assert model.coef_.shape == (0, 1)
    assert model.class_scores([[5.0]], prototypes=SEEN).tolist() == [[0, 0, 0]]


def test_extreme_vectors_stay_finite() -> None:
    model = DAP(1e3, attributes="binary").fit(X, Y, prototypes=SEEN)
    assert np.isfinite(model.class_scores([[1e9], [-1e9]], prototypes=SEEN)).all()


@pytest.mark.parametrize("name", ["C", "sharpness"])
@pytest.mark.parametrize("value", [0, -1, "1", None])
def test_numbers(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"DAP: {name} must be a number above 0; got"):
        DAP(**{name: value}).fit(X, Y, prototypes=SEEN)


@pytest.mark.parametrize("value", ["fuzzy", None, 1])
def test_choices(value: Any) -> None:
    with pytest.raises(InputError, match=r"DAP: attributes must be 'soft' or 'binary'; got .*\. Pass one of them\."):
        DAP(attributes=value).fit(X, Y, prototypes=SEEN)
    with pytest.raises(InputError, match=r"DAP: prior must be 'uniform' or 'seen'; got .*\. Pass one of them\."):
        DAP(prior=value).fit(X, Y, prototypes=SEEN)
