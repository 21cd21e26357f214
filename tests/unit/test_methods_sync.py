"""SynC, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.relationship.sync import SynC

SEEN = Prototypes(["a", "b"], [[0], [1]])
X, Y = [[0.0], [4.0]], ["a", "b"]


def test_phantom_classifiers_by_hand() -> None:
    # x is -1 and 1 after scaling by 2. By symmetry b's classifier w minimises w^2 / 2C + 2 (1 - w)^2: with C = 1/4,
    # 4 w = 4 (1 - w), so w = 1/2, which is 1/4 per unit of the feature; a's is its opposite.
    # S has 1 on the diagonal and q = exp(-1/sigma) beside it, over 1 + q: (1, -1) is its eigenvector, of value
    # (1 - q) / (1 + q), and so V = ±1/4 (1 + q) / (1 - q).
    q = np.exp(-0.5)
    model = SynC(0.25, sigma=2.0, alpha=0).fit(X, Y, prototypes=SEEN)
    expected = (1 + q) / (1 - q) / 4
    np.testing.assert_allclose(model.phantom_coef_, [[-expected], [expected]], rtol=1e-6)
    assert model.distance_ == 1
    # The penalty is alpha times the mean squared singular value; singular values are 1 and t = (1 - q) / (1 + q).
    t = (1 - q) / (1 + q)
    model = SynC(0.25, sigma=2.0, alpha=0.5).fit(X, Y, prototypes=SEEN)
    expected = t / (t**2 + 0.5 * (1 + t**2) / 2) / 4
    np.testing.assert_allclose(model.phantom_coef_, [[-expected], [expected]], rtol=1e-6)


def test_scores_by_hand() -> None:
    model = SynC().fit(X, Y, prototypes=SEEN)
    # Both phantom classifiers are axes of length one then; the class in the middle has half of each.
    model.phantom_coef_ = np.array([[3.0, 0.0], [0.0, 3.0]])
    model.feature_mean_ = np.array([1.0, 1.0])
    model.n_features_in_ = 2
    scores = model.class_scores([[2.0, 4.0]], prototypes=Prototypes(["middle", "far"], [[0.5], [40.0]]))
    np.testing.assert_allclose(scores, [[4 / np.sqrt(2), 3]])


def test_without_penalty_seen_classes_keep_their_classifiers() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(30, 4)), ["a", "b", "c"] * 10
    p = Prototypes(["a", "b", "c"], rng.normal(size=(3, 2)))
    scores = [SynC(sigma=s, alpha=0).fit(vectors, labels, prototypes=p).class_scores(vectors) for s in (0.2, 1, 3)]
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-6)
    np.testing.assert_allclose(scores[2], scores[0], atol=1e-6)


@pytest.mark.parametrize("loss", ["one_versus_other", "structured"])
def test_equal_prototypes_are_no_harm(loss: str) -> None:
    equal = Prototypes(["a", "b"], [[1], [1]])
    for alpha in (0, 0.01):
        scores = SynC(loss=loss, alpha=alpha).fit(X, Y, prototypes=equal).class_scores(X)
        np.testing.assert_allclose(scores[:, 0], scores[:, 1])


def test_structured_margin_by_hand() -> None:
    # With two classes at a margin m and outputs ±z, the loss of a vector is r log(1 + exp((m - 2 z) / r)) with
    # r = 0.1 and z = w, and the penalty w^2 / C for both rows: 2 w / C = 2 * 2 / (1 + exp(-(m - 2 w) / r)).
    # With m = 1, w = 1/2 makes the exponent zero: 1 / C = 2.
    model = SynC(0.5, sigma=0.001, alpha=0, loss="structured").fit(X, Y, prototypes=SEEN)
    np.testing.assert_allclose(model.phantom_coef_, [[-0.25], [0.25]], rtol=1e-6)


@pytest.mark.parametrize(("name", "low"), [("C", "above 0"), ("sigma", "above 0"), ("alpha", "at least 0")])
def test_numbers(name: str, low: str) -> None:
    for value in (-1, "1", None):
        with pytest.raises(InputError, match=rf"SynC: {name} must be a number {low}; got"):
            SynC(**{name: value}).fit(X, Y, prototypes=SEEN)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", ["hinge", None, ["structured"]])
def test_loss(loss: Any) -> None:
    expected = r"SynC: loss must be 'one_versus_other' or 'structured'; got .*\. Pass one of them\."
    with pytest.raises(InputError, match=expected):
        SynC(loss=loss).fit(X, Y, prototypes=SEEN)
