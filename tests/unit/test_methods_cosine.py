"""Cosine, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.projection.cosine import Cosine

UP_RIGHT = Prototypes(["up", "right"], [[0, 2], [5, 0]])


def test_scores_by_hand() -> None:
    scores = Cosine().class_scores([[3, 4], [-1, 0], [0, 0]], prototypes=UP_RIGHT)
    np.testing.assert_allclose(scores, [[0.8, 0.6], [0.0, -1.0], [0.0, 0.0]])


def test_a_zero_prototype_scores_zero() -> None:
    scores = Cosine().class_scores([[3, 4]], prototypes=Prototypes(["none", "up"], [[0, 0], [0, 1]]))
    np.testing.assert_allclose(scores, [[0, 0.8]])


def test_without_prototypes_it_is_nearest_class_mean() -> None:
    model = Cosine().fit([[1, 0], [3, 0], [0, 2]], [7, 7, 9])
    np.testing.assert_allclose(model.seen_prototypes_.vectors, [[2, 0], [0, 2]])
    np.testing.assert_allclose(model.class_scores([[3, 4]]), [[0.6, 0.8]])
    assert model.predict([[3, 4], [4, 3]]).tolist() == [9, 7]


def test_derived_answers_by_hand() -> None:
    assert Cosine().predict([[3, 4]], prototypes=UP_RIGHT).tolist() == ["up"]
    assert Cosine().decision_function([[3, 4]], prototypes=UP_RIGHT) == pytest.approx([-0.2])
    odds = np.exp(0.8) / (np.exp(0.8) + np.exp(0.6))
    assert Cosine().predict_proba([[3, 4]], prototypes=UP_RIGHT)[0] == pytest.approx([odds, 1 - odds])


def test_the_two_must_share_a_space() -> None:
    match = r"Cosine: prototypes must be of 3 dimensions, like the vectors; got 2 dimensions\. Use an encoder with a sh"
    with pytest.raises(InputError, match=match):
        Cosine().class_scores([[1, 2, 3]], prototypes=UP_RIGHT)
    with pytest.raises(InputError, match=match):
        Cosine().fit([[1, 2, 3]], ["up"], prototypes=UP_RIGHT)


def test_prototypes_of_another_length_than_in_fit() -> None:
    model = Cosine().fit([[0, 1], [1, 0]], ["up", "right"], prototypes=UP_RIGHT)
    with pytest.raises(
        InputError,
        match=r"Cosine: prototypes must be of 2 dimensions, like those of fit; got 3 dimensions\. Encode the cl",
    ):
        model.class_scores([[1, 2]], prototypes=Prototypes(["a"], [[1, 2, 3]]))


def test_without_fit_prototypes_are_needed() -> None:
    with pytest.raises(NotFittedError, match="This Cosine instance is not fitted yet"):
        Cosine().class_scores([[1, 2]])


def test_labels_must_be_names() -> None:
    with pytest.raises(
        InputError,
        match=r"Cosine: y must be class names \(strings\) when prototypes are given; got an array .*Pass names\[y\]",
    ):
        Cosine().fit([[0, 1], [1, 0]], [0, 1], prototypes=UP_RIGHT)


def test_prototypes_must_be_prototypes() -> None:
    bare: object = UP_RIGHT.vectors
    with pytest.raises(InputError, match=r"Cosine: prototypes must be an unseen.Prototypes; got an array .*Build"):
        Cosine().class_scores([[1, 2]], prototypes=bare)  # type: ignore[arg-type]


def test_citation_prints() -> None:
    assert str(Cosine.citation).startswith("Radford, Kim, Hallacy, et al. (2021). Learning Transferable")
