"""Ensemble: weights that are learned on held-out classes, and what is done where there are too few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize
from scipy.special import log_softmax

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.base import Method
from unseen.methods.correspondence.eszsl import ESZSL
from unseen.methods.meta.balanced_assignment import BalancedAssignment
from unseen.methods.meta.ensemble import Ensemble, fit_together
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.weights import informative, learn_weights, spread
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.ridge import Ridge
from unseen.methods.relationship.conse import ConSE
from unseen.methods.samples import Samples


class Noise(Method):
    """Scores that have nothing to do with prototypes' meaning."""

    def _fit_samples(self, samples: Samples, S: Any) -> None:
        self.map_ = np.random.default_rng(0).normal(size=(samples.d, S.shape[1]))

    def _class_scores(self, X: Any, P: Any) -> Any:
        return np.cos(1000 * (X @ self.map_)) @ np.sin(1000 * P).T


class Constant(Noise):
    """The same score for everything, but for rounding."""

    def _class_scores(self, X: Any, P: Any) -> Any:
        return np.full((len(X), len(P)), 0.1) + np.spacing(0.1) * np.random.default_rng(0).integers(
            -2, 3, (len(X), len(P))
        )


def problem(n_classes: int = 16, per_class: int = 8, noise: float = 0.3) -> tuple[Any, Any, Prototypes]:
    rng = np.random.default_rng(0)
    p = Prototypes([f"class {i:02d}" for i in range(n_classes)], rng.normal(size=(n_classes, 4)))
    y = np.repeat(p.names, per_class)
    return p.vectors.repeat(per_class, axis=0) @ rng.normal(size=(4, 8)) + noise * rng.normal(size=(len(y), 8)), y, p


X, Y, P = problem()


def test_scores_are_the_weighted_sum() -> None:
    methods = [Ridge(), KernelRidge(), ESZSL()]
    model = Ensemble(methods).fit(X, Y, prototypes=P)
    assert model.shares_.shape == (3,)
    assert model.shares_.sum() == pytest.approx(1)
    assert (model.shares_ >= 0).all()
    kept = [m for m, share in zip(methods, model.shares_, strict=True) if share >= 0.01]
    assert [type(m) for m in model.methods_] == [type(m) for m in kept]
    expected = sum(
        w * type(m)().fit(X, Y, prototypes=P).class_scores(X, prototypes=P)
        for w, m in zip(model.weights_, kept, strict=True)
    )
    np.testing.assert_allclose(model.class_scores(X, prototypes=P), expected, rtol=1e-12)


@pytest.mark.parametrize("useless", [Noise(), Constant()])
def test_useless_members_get_nearly_nothing(useless: Method) -> None:
    model = Ensemble([useless, Ridge()]).fit(X, Y, prototypes=P)
    assert model.shares_[0] < 0.05
    assert model.shares_.sum() == pytest.approx(1)
    if isinstance(useless, Constant):
        assert model.shares_.tolist() == [0.0, 1.0]
        assert (model.predict(X) == Ridge().fit(X, Y, prototypes=P).predict(X)).all()


def test_a_member_that_is_given_twice_counts_twice_but_changes_nothing() -> None:
    model = Ensemble([Ridge(), Ridge()]).fit(X, Y, prototypes=P)
    np.testing.assert_allclose(model.shares_, 0.5, atol=1e-6)
    assert (model.predict(X) == Ridge().fit(X, Y, prototypes=P).predict(X)).all()


@pytest.mark.parametrize(("n_classes", "n_splits", "equal"), [(11, 3, True), (12, 3, False), (15, 4, True)])
def test_weights_are_equal_with_few_classes(n_classes: int, n_splits: int, equal: bool) -> None:
    inside = np.isin(Y, P.names[:n_classes])
    model = Ensemble([Noise(), Ridge()], n_splits=n_splits).fit(X[inside], Y[inside], prototypes=P)
    assert (model.shares_.tolist() == [0.5, 0.5]) == equal
    if equal:
        means = np.array([X[name == Y].mean(axis=0) for name in P.names[:n_classes]])
        known = P.subset(P.names[:n_classes])
        spreads = [spread(method.class_scores(means, prototypes=known)) for method in model.methods_]
        np.testing.assert_allclose(model.weights_, 0.5 / np.array(spreads))


def test_weights_are_equal_with_prototypes_that_say_nothing() -> None:
    model = Ensemble([Noise(), Ridge()]).fit(X, Y)
    assert model.shares_.tolist() == [0.5, 0.5]


def test_one_member_and_the_default_ones() -> None:
    model = Ensemble([Ridge()]).fit(X, Y, prototypes=P)
    assert model.shares_.tolist() == [1.0]
    assert (model.predict(X, prototypes=P) == Ridge().fit(X, Y, prototypes=P).predict(X, prototypes=P)).all()
    default = Ensemble().fit(X, Y, prototypes=P)
    assert default.shares_.shape == (3,)
    assert default.score(X, Y, prototypes=P) > 0.9


def test_more_members_than_the_least_share_allows() -> None:
    few = np.isin(Y, P.names[:3])
    model = Ensemble([Ridge(alpha) for alpha in np.linspace(1, 2, 150)]).fit(X[few], Y[few], prototypes=P)
    assert len(model.methods_) == 150
    assert (model.predict(X[few]) == Ridge(1.5).fit(X[few], Y[few], prototypes=P).predict(X[few])).mean() > 0.95


def test_seeds_decide_the_folds() -> None:
    shares = [Ensemble([Noise(), Ridge(), ConSE()], random_state=s).fit(X, Y, prototypes=P).shares_ for s in (1, 1, 2)]
    np.testing.assert_array_equal(shares[0], shares[1])
    assert (shares[0] != shares[2]).any()


def test_unseen_classes_and_scaled_members() -> None:
    seen = np.isin(Y, P.names[:13])
    members = [
        Prepared(Ridge(), features=FeatureScaling(), prototypes=PrototypeScaling()),
        Prepared(ESZSL(), features=FeatureScaling(), standardize=True),
        KernelRidge(),
    ]
    model = Ensemble(members).fit(X[seen], Y[seen], prototypes=P)
    assert model.score(X[~seen], Y[~seen], prototypes=P.subset(P.names[13:])) > 0.8


def test_fitting_together_is_fitting_one_by_one() -> None:
    scaling = FeatureScaling(0.5, shrinkage=1.0)
    methods = [
        Prepared(Ridge(), features=scaling),
        KernelRidge(),
        Prepared(ESZSL(), features=FeatureScaling(), prototypes=PrototypeScaling(center="center")),
        Prepared(ESZSL(), features=scaling, prototypes=PrototypeScaling(), standardize=True),
        Prepared(Ridge(0.3)),
        Prepared(Ridge(0.3), features=FeatureScaling(), standardize=True),
    ]
    labels, positions = np.unique(Y, return_inverse=True)
    fitted = fit_together(methods, Samples(X, positions, len(labels)), labels, P)
    for method, one in zip(methods, fitted, strict=True):
        assert one is not method
        alone = type(method)(**method.get_params(deep=False)).fit(X, Y, prototypes=P)
        np.testing.assert_array_equal(one.class_scores(X, prototypes=P), alone.class_scores(X, prototypes=P))
        assert set(vars(one)) == set(vars(alone))
        assert one.n_features_in_ == 8


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"methods": []}, r"Ensemble: methods must be a list of inductive methods; got \[\]. Pass at least one"),
        ({"methods": 3}, "Ensemble: methods must be a list of inductive methods; got 3"),
        ({"methods": Ridge()}, "methods must be a list of inductive methods; got Ridge"),
        ({"methods": [Ridge]}, "methods must be a list of inductive methods"),
        ({"methods": [Ridge(), BalancedAssignment()]}, "methods must be a list of inductive methods"),
        ({"n_splits": 1}, "Ensemble: n_splits must be a whole number at least 2; got 1"),
        ({"random_state": "x"}, "Ensemble: random_state must be None, a whole number from 0 .*; got 'x'"),
        ({"methods": [Ridge(), Prepared(Ridge()).set_params(features=3)]}, "Prepared: features must be a FeatureScal"),
        ({"methods": [Ridge(-1), Ridge()]}, "Ridge: alpha must be a number at least 0; got -1"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Ensemble().set_params(**params).fit(X, Y, prototypes=P)


# -- the weights themselves ----------------------------------------------------------------------------------


def test_spread_by_hand() -> None:
    assert spread(np.array([[1.0, 3.0], [10.0, 14.0]])) == pytest.approx(np.sqrt((1 + 1 + 4 + 4) / 4))
    assert spread(np.full((3, 4), 0.1)) == 1.0
    for kind in (np.float32, np.float64):
        rounding = 0.1 + np.spacing(kind(0.1)) * np.random.default_rng(0).integers(-2, 3, (50, 4)).astype(kind)
        assert rounding.dtype == kind
        assert spread(rounding) == 1.0
    assert spread(np.zeros((2, 1))) == 1.0


def test_informative_prototypes() -> None:
    rng = np.random.default_rng(0)
    assert informative(rng.normal(size=(5, 3)))
    assert not informative(np.eye(6))
    assert not informative(np.ones((6, 2)))
    assert not informative(rng.normal(size=(2, 3)))
    assert not informative(1e-3 * np.eye(6) + 1)


def test_two_weights_are_those_of_another_optimiser() -> None:
    rng = np.random.default_rng(0)
    targets = [rng.integers(0, 4, 50), rng.integers(0, 3, 30)]
    scores = []
    for y in targets:
        true = np.eye(y.max() + 1)[y]
        scores.append(np.stack([true + rng.normal(size=true.shape), 2 * true + rng.normal(size=true.shape)]))

    def loss(w: Any) -> float:
        total = 0.0
        for Z, y in zip(scores, targets, strict=True):
            logs = log_softmax(np.tensordot(w, Z, axes=1), axis=1)[np.arange(len(y)), y]
            total -= np.mean([logs[y == c].mean() for c in np.unique(y)]) / len(targets)
        return float(total + 0.02 * np.square(w - np.mean(w)).sum())

    best = optimize.minimize(loss, [0.5, 0.5], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).x
    weights = learn_weights(scores, targets)
    np.testing.assert_allclose(weights, best / best.sum(), atol=1e-4)
    assert weights.sum() == pytest.approx(1)


def test_members_that_mislead_leave_equal_weights() -> None:
    y = np.array([0, 1, 2] * 5)
    wrong = -np.eye(3)[y]
    np.testing.assert_allclose(learn_weights([np.stack([wrong, wrong])], [y]), 0.5)


def test_members_that_say_nothing_have_no_weight_unless_all_do() -> None:
    y = np.array([0, 1, 2] * 5)
    right, alike = np.eye(3)[y], np.full((15, 3), 7.0)
    assert learn_weights([np.stack([alike, right, alike])], [y]).tolist() == [0.0, 1.0, 0.0]
    np.testing.assert_allclose(learn_weights([np.stack([alike, alike])], [y]), 0.5)
