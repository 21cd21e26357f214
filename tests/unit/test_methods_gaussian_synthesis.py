"""GaussianSynthesis, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.synthesis.gaussian_synthesis import GaussianSynthesis

ABC = Prototypes(["a", "b", "c"], [[-1.0], [1.0], [3.0]])
X, Y = [[-3.0], [-1.0], [1.0], [3.0]], ["a", "a", "b", "b"]


def test_draws_by_hand() -> None:
    # As in GFZSL with alpha = 2: means ±2 become ±1, and 3 for prototype 3; variances 2. With keep_seen, a and b stay
    # around ±2. Draws come in pairs around the mean, in units of sqrt(2).
    P = ABC.vectors.astype(float)
    for keep, expected in ((True, [-2, 2, 3]), (False, [-1, 1, 3])):
        method = GaussianSynthesis(2, kernel="linear", n_per_class=1000, keep_seen=keep, random_state=0)
        model = method.fit(X, Y, prototypes=ABC)
        draws = model._make(P, model.n_per_class)[:, :, 0] * np.sqrt(2) * model.axes_[0, 0]
        assert draws.shape == (3, 1000)
        np.testing.assert_allclose(draws.mean(axis=1), expected, atol=1e-12)
        np.testing.assert_allclose(draws.var(axis=1), 2, rtol=0.15)  # about three standard errors of 500 pairs


def test_an_odd_number_of_draws() -> None:
    model = GaussianSynthesis(n_per_class=3, random_state=0).fit(X, Y, prototypes=ABC)
    draws = model._make(ABC.vectors.astype(float), 3) - model._gaussians(ABC.vectors.astype(float))[0][:, None]
    assert draws.shape == (3, 3, 1)


def test_draws_depend_on_the_prototype_and_the_seed_alone() -> None:
    model = GaussianSynthesis(random_state=0).fit(X, Y, prototypes=ABC)
    P = ABC.vectors.astype(float)
    np.testing.assert_array_equal(model._make(P, 20)[::-1], model._make(P[::-1], 20))
    np.testing.assert_array_equal(model._make(P, 20)[:1], model._make(P[:1], 20))
    other = GaussianSynthesis(random_state=1).fit(X, Y, prototypes=ABC)
    assert not np.allclose(model._make(P, 20), other._make(P, 20))


def test_draws_can_be_had_beside_real_vectors() -> None:
    model = GaussianSynthesis(n_per_class=6, random_state=0).fit(X, Y, prototypes=ABC)
    made, real = model.synthesize(ABC), model.scaled(X)
    assert made.shape == (3, 6, 1)
    np.testing.assert_array_equal(made, model._make(ABC.vectors.astype(float), 6))
    # The deviation within classes is the unit, and the means are those of the seen classes.
    np.testing.assert_allclose(real, (np.array(X) - model.feature_mean_) @ model.axes_ / np.sqrt(model.variance_))
    np.testing.assert_allclose(made[:2].mean(axis=1), real.reshape(2, 2).mean(axis=1, keepdims=True))
    assert model.synthesize(ABC, n=4).shape == (3, 4, 1)


def test_minus_zero_is_zero() -> None:
    model = GaussianSynthesis(random_state=0).fit(X, Y, prototypes=ABC)
    np.testing.assert_array_equal(model._make(np.array([[-0.0]]), 20), model._make(np.array([[0.0]]), 20))


def test_seen_classes_of_one_prototype_share_the_mean_of_their_means() -> None:
    # Three classes, two of them with one prototype: means 0 and 4 of those give 2.
    p = Prototypes(["a", "b", "c"], [[0.0], [0.0], [1.0]])
    A, y = [[-1.0], [1.0], [3.0], [5.0], [9.0], [11.0]], ["a", "a", "b", "b", "c", "c"]
    model = GaussianSynthesis(random_state=0).fit(A, y, prototypes=p)
    centre = model._make(np.array([[0.0]]), 20).mean(axis=1) * np.sqrt(model.variance_)
    np.testing.assert_allclose(centre @ model.axes_.T + model.feature_mean_, [[2]])


def test_classes_of_one_prototype_score_alike() -> None:
    model = GaussianSynthesis(random_state=0).fit(X, Y, prototypes=ABC)
    twins = Prototypes(["a", "b", "bb", "c"], [[-1.0], [1.0], [1.0], [3.0]])
    scores = model.class_scores(X, prototypes=twins)
    np.testing.assert_array_equal(scores[:, 1], scores[:, 2])
    np.testing.assert_array_equal(scores[:, [0, 1, 3]], model.class_scores(X, prototypes=ABC))


def test_one_class_to_tell_apart() -> None:
    model = GaussianSynthesis(random_state=0).fit(X, Y, prototypes=ABC)
    np.testing.assert_array_equal(model.class_scores(X, prototypes=ABC.subset(["c"])), np.zeros((4, 1)))


def test_vectors_that_are_all_equal() -> None:
    model = GaussianSynthesis(random_state=0).fit([[1.0, 2.0]] * 4, Y, prototypes=ABC)
    np.testing.assert_array_equal(model.class_scores([[5.0, 5.0]], prototypes=ABC), np.zeros((1, 3)))


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(),
        LinearSVC(),
        KNeighborsClassifier(3),
        GaussianNB(),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
def test_any_classifier(classifier: Any) -> None:
    before = repr(classifier.get_params())
    model = GaussianSynthesis(0.01, kernel="linear", classifier=classifier, random_state=0).fit(X, Y, prototypes=ABC)
    for names in (["a", "b", "c"], ["c", "a"]):
        some = ABC.subset(names)
        # Means at -2, 2 and about 6, standard deviation 1.4.
        new = {"a": -2.0, "b": 2.0, "c": 6.0}
        assert model.predict([[new[n]] for n in names], prototypes=some).tolist() == names
    assert repr(classifier.get_params()) == before
    assert not hasattr(classifier, "classes_")


def test_open_random_states_of_a_classifier_are_set() -> None:
    inner = make_pipeline(StandardScaler(), LinearSVC())
    model = GaussianSynthesis(classifier=inner, random_state=0).fit(X, Y, prototypes=ABC)
    assert model._new_classifier().get_params()["linearsvc__random_state"] == model.seed_
    fixed = GaussianSynthesis(classifier=LinearSVC(random_state=7), random_state=0).fit(X, Y, prototypes=ABC)
    assert fixed._new_classifier().random_state == 7


def test_random_state() -> None:
    fits = [GaussianSynthesis(random_state=s).fit(X, Y, prototypes=ABC).class_scores(X) for s in (3, 3, 4)]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert not np.array_equal(fits[0], fits[2])


@pytest.mark.parametrize(
    ("parameter", "value", "match"),
    [
        ("alpha", -1, r"GaussianSynthesis: alpha must be a number at least 0; got -1\. Pass"),
        ("kernel", "poly", r"GaussianSynthesis: kernel must be 'linear' or 'rbf'; got 'poly'\. Pass one of them"),
        ("n_per_class", 1, r"GaussianSynthesis: n_per_class must be a whole number at least 2; got 1\. Pass a whole"),
        ("keep_seen", "yes", r"GaussianSynthesis: keep_seen must be True or False; got 'yes'\. Pass one of the two"),
        ("random_state", "x", r"GaussianSynthesis: random_state must be None, a whole number .*; got 'x'\. Pass a"),
        (
            "classifier",
            "lda",
            r"GaussianSynthesis: classifier must be a scikit-learn classifier with decision_function or predict_proba, "
            r"or None; got 'lda'\. Pass an instance such as LogisticRegression\(\)\.",
        ),
        ("classifier", LogisticRegression, r"classifier must be a scikit-learn classifier .*\. Pass an instance"),
        ("classifier", LinearRegression(), r"classifier must be a scikit-learn classifier .*\. Pass an instance"),
    ],
)
def test_parameters(parameter: str, value: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        GaussianSynthesis(**{parameter: value}).fit(X, Y, prototypes=ABC)
