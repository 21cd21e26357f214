"""ClassifierRegression: hand-computed values, further views, blocks, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.methods.correspondence import classifier_regression
from unseen.methods.correspondence.classifier_regression import ClassifierRegression
from unseen.prototypes import Prototypes

SEEN = Prototypes(["low", "high"], [[1, 0], [0, 1]])
W = [[1.0, 0.0], [0.0, 1.0]]
NAMES = ["low", "high"]


def test_two_classes_by_hand() -> None:
    method = ClassifierRegression(gamma=1.0, alpha=0.0, relation=0.0, examples="classifiers")
    method.fit(W, NAMES, prototypes=SEEN)
    assert method.coef_.tolist() == [[0, 1], [1, 0]]  # classes are sorted: high, low
    # By symmetry every predicted classifier points along (1, -1) or against it; halfway there is nothing to say.
    scores = method.class_scores([[3.0, 4.0]], prototypes=Prototypes(["a", "b"], [[2.0, 1.0], [1.0, 2.0]]))
    assert scores[0] == pytest.approx([(0.6 - 0.8) / np.sqrt(2), (0.8 - 0.6) / np.sqrt(2)])
    # The kernel of orthogonal unit vectors is exp(-2); K'K + eps on the centred classifiers (+-1/2).
    k, eps = np.exp(-2.0), 1e-2
    assert method.dual_ == pytest.approx(np.array([[-1, 1], [1, -1]]) * 0.5 * (1 - k) / ((1 - k) ** 2 + eps))


def test_several_rows_of_a_class_are_averaged_where_they_are_classifiers() -> None:
    method = ClassifierRegression(examples="classifiers")
    method.fit([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0]], ["low", "low", "high"], prototypes=SEEN)
    assert method.coef_.tolist() == [[0, 1], [2, 0]]
    assert method.intercept_.tolist() == [0, 0]


def test_views_are_learned_from_and_those_of_other_classes_are_not() -> None:
    def fitted(*views: Prototypes) -> Any:
        return ClassifierRegression(examples="classifiers").fit(W, NAMES, prototypes=SEEN, views=views).dual_

    plain = fitted()
    view = Prototypes(["high", "other"], [[0.6, 0.8], [1.0, 0.0]])
    assert not np.allclose(fitted(view), plain)
    assert np.array_equal(fitted(view), fitted(view.subset(["high"])))
    assert np.array_equal(fitted(view.subset(["other"])), plain)
    assert not hasattr(ClassifierRegression().fit(W, NAMES, prototypes=SEEN), "_views")


def test_many_classes_are_scored_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    method = ClassifierRegression().fit(rng.normal(size=(6, 3)), NAMES * 3, prototypes=SEEN)
    many = Prototypes([str(i) for i in range(7)], rng.normal(size=(7, 2)))
    X = rng.normal(size=(4, 3))
    whole = method.class_scores(X, prototypes=many)
    monkeypatch.setattr(classifier_regression, "_BLOCK", 3)
    assert method.class_scores(X, prototypes=many) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"examples": "photos"}, "examples must be 'vectors' or 'classifiers'; got 'photos'. Pass one of them"),
        ({"gamma": 0}, "gamma must be a number above 0; got 0"),
        ({"alpha": -1}, "alpha must be a number at least 0; got -1"),
        ({"relation": 1.5}, "relation must be a number at least 0 and at most 1; got 1.5"),
        ({"C": 0}, "C must be a number above 0; got 0"),
    ],
)
def test_parameters_are_checked(options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=f"^ClassifierRegression: {match}"):
        ClassifierRegression(**options).fit(W, NAMES, prototypes=SEEN)


def test_a_view_of_another_length() -> None:
    with pytest.raises(InputError, match=r"every view must be of 2 dimensions, like the prototypes; got Prototypes"):
        ClassifierRegression().fit(W, NAMES, prototypes=SEEN, views=[Prototypes(["low"], [[1, 2, 3]])])


def test_vectors_beyond_single_precision_are_scored_all_the_same() -> None:
    rng = np.random.default_rng(1)
    method = ClassifierRegression().fit(rng.normal(size=(6, 3)), NAMES * 3, prototypes=SEEN)
    scores = method.class_scores(rng.normal(size=(4, 3)) * 1e60)
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > 1
