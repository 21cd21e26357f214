"""Prepared: scalings and method as one, against doing one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.correspondence.eszsl import ESZSL
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.projection.cosine import Cosine
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.ridge import Ridge


def problem(per_class: int = 6, d: int = 7) -> tuple[Any, Any, Prototypes]:
    rng = np.random.default_rng(0)
    p = Prototypes([f"c{i}" for i in range(6)], rng.random((6, 4)))
    y = np.repeat(np.arange(5), per_class)
    X = p.vectors[y] @ rng.random((4, d)) + 0.1 * rng.random((len(y), d))
    order = rng.permutation(len(y))
    return X[order], np.array(p.names)[y[order]], p


X, Y, P = problem()
SEEN = P.subset(P.names[:5])


@pytest.mark.parametrize("features", [None, FeatureScaling(0.5), FeatureScaling(n_components=3, shrinkage=1.0)])
@pytest.mark.parametrize("prototypes", [None, PrototypeScaling(), PrototypeScaling(0.5, center="standardize")])
@pytest.mark.parametrize("method", [Ridge(), ESZSL()])
def test_it_is_one_step_after_the_other(method: Any, features: Any, prototypes: Any) -> None:
    model = Prepared(method, features=features, prototypes=prototypes).fit(X, Y, prototypes=P)
    Z = X if features is None else clone(features).fit_transform(X, Y)
    scaling = None if prototypes is None else clone(prototypes).fit(SEEN.vectors)
    scaled = P if scaling is None else Prototypes(P.names, scaling.transform(P.vectors))
    plain = clone(method).fit(Z, Y, prototypes=scaled)
    np.testing.assert_array_equal(model.class_scores(X, prototypes=P), plain.class_scores(Z, prototypes=scaled))
    np.testing.assert_array_equal(model.class_scores(X), plain.class_scores(Z))
    assert (model.predict(X) == plain.predict(Z)).all()
    assert model.n_features_in_ == 7
    assert model.seen_prototypes_ == SEEN


def test_scalings_do_not_learn_from_unseen_prototypes() -> None:
    model = Prepared(Ridge(), prototypes=PrototypeScaling(center="center")).fit(X, Y, prototypes=P)
    assert model.prototypes_ is not None
    np.testing.assert_allclose(model.prototypes_.mean_, SEEN.vectors.astype(np.float64).mean(axis=0))


def test_it_is_a_pipeline_where_prototypes_are_left_alone() -> None:
    pipeline = make_pipeline(FeatureScaling(0.5, shrinkage=1.0), Ridge()).fit(X, Y, ridge__prototypes=P)
    model = Prepared(Ridge(), features=FeatureScaling(0.5, shrinkage=1.0)).fit(X, Y, prototypes=P)
    np.testing.assert_array_equal(model.predict_proba(X), pipeline.predict_proba(X))


def test_standardised_scores_by_hand() -> None:
    # Ridge without a penalty maps x to (1 - x, x); the training vectors' cosines are what is standardised over.
    p = Prototypes(["a", "b"], [[1, 0], [0, 1]])
    vectors, names = [[0.0], [0.2], [1.0], [0.8]], ["a", "a", "b", "b"]
    plain = Ridge().fit(vectors, names, prototypes=p).class_scores(vectors)
    model = Prepared(Ridge(), standardize=True).fit(vectors, names, prototypes=p)
    np.testing.assert_allclose(model.class_scores(vectors), (plain - plain.mean(axis=0)) / plain.std(axis=0))
    assert sorted(model.reference_.ravel()) == [0.0, 0.2, 0.8, 1.0]


def test_standardised_scores_of_a_class_do_not_depend_on_its_rivals() -> None:
    model = Prepared(ESZSL(), features=FeatureScaling(), standardize=True).fit(X, Y, prototypes=P)
    scores = model.class_scores(X, prototypes=P)
    for i, name in enumerate(P.names):
        np.testing.assert_allclose(model.class_scores(X, prototypes=P.subset([name]))[:, 0], scores[:, i], rtol=1e-9)
    np.testing.assert_allclose(model.class_scores(X[3:4], prototypes=P)[0], scores[3], rtol=1e-9)
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scores.std(axis=0), 1)


def test_a_class_whose_score_never_varies_keeps_its_scale() -> None:
    zero = Prototypes(["zero", *P.names], np.vstack([np.zeros(4), P.vectors]))
    model = Prepared(Cosine(), standardize=True)
    vectors = SEEN.vectors[np.array(SEEN.positions(Y))]
    model.fit(vectors, Y, prototypes=P)
    scores = model.class_scores(vectors, prototypes=zero)
    np.testing.assert_array_equal(scores[:, 0], np.zeros(len(Y)))
    np.testing.assert_allclose(scores[:, 1:6].std(axis=0), 1)


def test_the_reference_is_an_even_share_of_each_class_in_any_order() -> None:
    rng = np.random.default_rng(0)
    counts = [3000, 40, 1, 900, 500]
    y = np.repeat(P.names[:5], counts)
    vectors = rng.normal(size=(len(y), 3)).astype(np.float32)
    model = Prepared(Ridge(), standardize=True).fit(vectors, y, prototypes=P)
    assert model.reference_.dtype == np.float32
    rows = {row.tobytes(): name for row, name in zip(vectors, y, strict=True)}
    names = [rows[row.tobytes()] for row in model.reference_]
    assert [names.count(name) for name in P.names[:5]] == [204, 40, 1, 204, 204]
    assert len(set(map(bytes, model.reference_))) == len(names)
    order = rng.permutation(len(y))
    again = Prepared(Ridge(), standardize=True).fit(vectors[order], y[order], prototypes=P)
    np.testing.assert_array_equal(again.reference_, model.reference_)
    assert len(Prepared(Ridge()).fit(vectors, y, prototypes=P).reference_) == 0


def test_parts_are_copied_and_their_parameters_can_be_set() -> None:
    method, features = Ridge(), FeatureScaling()
    model = Prepared(method, features=features, prototypes=PrototypeScaling())
    model.set_params(method__alpha=3.0, features__power=0.5, prototypes__center="center", standardize=True)
    assert (method.alpha, features.power) == (3.0, 0.5)
    model.fit(X, Y, prototypes=P)
    assert not hasattr(method, "coef_")
    assert not hasattr(features, "map_")
    assert model.features_ is not None
    assert model.prototypes_ is not None
    assert (model.method_.get_params()["alpha"], model.features_.power, model.prototypes_.center) == (
        3.0,
        0.5,
        "center",
    )
    copy = clone(model)
    assert copy.method is not method
    assert repr(copy) == repr(model)


def test_defaults_are_kernel_ridge_alone() -> None:
    model, plain = Prepared().fit(X, Y, prototypes=P), KernelRidge().fit(X, Y, prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X, prototypes=P), plain.class_scores(X, prototypes=P))
    assert model.features_ is None
    assert model.prototypes_ is None


def test_without_prototypes_it_is_a_classifier() -> None:
    model = Prepared(Ridge(), features=FeatureScaling(shrinkage=1.0), prototypes=PrototypeScaling(), standardize=True)
    assert model.fit(X, Y).score(X, Y) > 0.9
    numbers = SEEN.positions(Y)
    assert (model.fit(X, numbers).predict(X) == numbers).mean() > 0.9


def test_two_levels() -> None:
    inner = Prepared(Ridge(), features=FeatureScaling(0.5))
    model = Prepared(inner, prototypes=PrototypeScaling()).fit(X, Y, prototypes=P)
    flat = Prepared(Ridge(), features=FeatureScaling(0.5), prototypes=PrototypeScaling()).fit(X, Y, prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X, prototypes=P), flat.class_scores(X, prototypes=P))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"method": 3}, "Prepared: method must be a Method or None; got 3. Pass an instance of Method"),
        ({"method": Ridge}, "Prepared: method must be a Method or None; got <class"),
        ({"features": PrototypeScaling()}, "Prepared: features must be a FeatureScaling or None; got Proto.* Pass an"),
        ({"prototypes": P}, "Prepared: prototypes must be a PrototypeScaling or None; got Prototypes"),
        ({"standardize": 1}, "Prepared: standardize must be True or False; got 1"),
        (
            {"method": SelfTraining()},
            "Prepared: method must be inductive; got 'SelfTraining'. Put Prepared inside the transductive method",
        ),
        ({"features": FeatureScaling(0)}, "FeatureScaling: power must be a number above 0; got 0"),
        ({"prototypes": PrototypeScaling(center="x")}, "PrototypeScaling: center must be one of"),
        ({"method": Ridge(-1)}, "Ridge: alpha must be a number at least 0"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Prepared().set_params(**params).fit(X, Y, prototypes=P)
