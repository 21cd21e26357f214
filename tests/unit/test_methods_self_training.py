"""Self-training: clusters that repair prototypes, against a plain loop, and where it does nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.meta.balanced_assignment import BalancedAssignment
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.meta.weights import spread
from unseen.methods.preprocessing import FeatureScaling
from unseen.methods.projection.cosine import Cosine
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.ridge import Ridge

AS_THEY_ARE = FeatureScaling(normalize=False)


def at(*degrees: float) -> Any:
    """Return points on the unit circle."""
    angles = np.deg2rad(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


# Two seen classes far away; two unseen ones whose prototypes stand 25 and 35 degrees too far along. Half-way between
# prototypes is at 50 degrees, so nearly all of the second cluster is taken for the first.
P = Prototypes(["west", "south", "east", "north-east"], at(180, 270, 25, 75))
UNSEEN = P.subset(P.names[2:])
X_SEEN, Y_SEEN = at(175, 180, 185, 265, 270, 275), np.repeat(["west", "south"], 3)
X_NEW = np.concatenate([at(*np.linspace(-10, 10, 9)), at(*np.linspace(30, 51, 12))])
Y_NEW = np.repeat(["east", "north-east"], [9, 12])


def circle(**params: Any) -> SelfTraining:
    model = SelfTraining(Cosine(), features=AS_THEY_ARE)
    model.set_params(**params)
    model.fit(X_SEEN, Y_SEEN, prototypes=P)
    return model


def test_clusters_repair_prototypes() -> None:
    before = circle(n_iterations=0)
    assert before.score(X_NEW, Y_NEW, prototypes=UNSEEN) == 10 / 21  # of the second cluster, only what is past 50
    for prototypes in (UNSEEN, P):
        assert circle().score(X_NEW, Y_NEW, prototypes=prototypes) > 0.8
        assert circle(weight=1.0).score(X_NEW, Y_NEW, prototypes=prototypes) == 1.0
    # Without a share of the means nothing moves.
    assert circle(weight=0.0).score(X_NEW, Y_NEW, prototypes=UNSEEN) == 10 / 21


def test_one_round_by_hand() -> None:
    # Cosines alone label (0, 10) and (60, 65) degrees as they should, and 42 as the first class: nearer to 25 than 75.
    model = circle(n_iterations=1, weight=1.0)
    X = at(0, 10, 42, 60, 65)
    means = np.array([at(0, 10, 42).mean(axis=0), at(60, 65).mean(axis=0)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(model.class_scores(X, prototypes=UNSEEN), X @ means.T / model.closeness_)
    # Now 42 is 25 degrees from one mean and 20 from the other: a second round moves it.
    labels = circle(n_iterations=5, weight=1.0).predict(X, prototypes=UNSEEN)
    assert labels.tolist() == ["east"] * 2 + ["north-east"] * 3


def plain_loop(model: SelfTraining, X: Any, prototypes: Prototypes) -> Any:
    """Score sample by sample and class by class."""
    base = model.method_.class_scores(X, prototypes=prototypes) / model.spread_
    Z = model.features_.transform(X)
    Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    seen = model.seen_prototypes_.names
    scores = base
    for _ in range(model.n_iterations):
        labels = scores.argmax(axis=1)
        scores = base.copy()
        for c, name in enumerate(prototypes.names):
            if name in seen:
                mean = model.means_[seen.index(name)]
            elif (labels == c).any():
                mean = Z[labels == c].mean(axis=0)
            else:
                continue
            for i in range(len(X)):
                cosine = Z[i] @ mean / np.linalg.norm(mean)
                scores[i, c] = (1 - model.weight) * base[i, c] + model.weight * cosine / model.closeness_
    return scores


def problem(n_classes: int = 8) -> tuple[Any, Any, Any, Any, Prototypes]:
    rng = np.random.default_rng(0)
    p = Prototypes([f"c{i}" for i in range(n_classes)], rng.normal(size=(n_classes, 3)))
    y = np.repeat(p.names, 10)
    X = p.vectors.repeat(10, axis=0) @ rng.normal(size=(3, 6)) + 0.4 * rng.normal(size=(len(y), 6)) + 3
    seen = np.isin(y, p.names[:5])
    return X[seen], y[seen], X[~seen], y[~seen], p


@pytest.mark.parametrize("n_iterations", [1, 2, 7])
@pytest.mark.parametrize("weight", [0.3, 1.0])
@pytest.mark.parametrize("features", [None, FeatureScaling(), FeatureScaling(n_components=2)])
def test_scores_are_those_of_a_plain_loop(n_iterations: int, weight: float, features: Any) -> None:
    X, y, X_new, _, p = problem()
    model = SelfTraining(Ridge(), features=features, n_iterations=n_iterations, weight=weight)
    model.fit(X, y, prototypes=p)
    for prototypes in (p, p.subset(p.names[5:]), p.subset(p.names[::-1])):
        everything = np.concatenate([X_new, X[::3]])
        expected = plain_loop(model, everything, prototypes)
        np.testing.assert_allclose(model.class_scores(everything, prototypes=prototypes), expected, rtol=1e-9)


def test_what_is_learned_in_fit() -> None:
    X, y, *_, p = problem()
    model = SelfTraining(Ridge()).fit(X, y, prototypes=p)
    scaling = FeatureScaling(shrinkage=1.0).fit(X, y)
    Z = scaling.transform(X)
    np.testing.assert_allclose(model.means_, [Z[y == name].mean(axis=0) for name in p.names[:5]], atol=1e-12)
    means = np.array([X[y == name].mean(axis=0) for name in p.names[:5]])
    plain = Ridge().fit(X, y, prototypes=p)
    assert model.spread_ == pytest.approx(spread(plain.class_scores(means)))
    unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    directions = model.means_ / np.linalg.norm(model.means_, axis=1, keepdims=True)
    assert model.closeness_ == pytest.approx(spread(unit @ directions.T))


@pytest.mark.parametrize("params", [{}, {"balance": 1.0}, {"weight": 1.0}])
def test_without_unseen_classes_it_is_the_method(params: dict[str, Any]) -> None:
    X, y, X_new, _, p = problem()
    model, plain = SelfTraining(Ridge(), **params).fit(X, y, prototypes=p), Ridge().fit(X, y, prototypes=p)
    for prototypes in (None, p.subset(p.names[:5]), p.subset(["c3", "c1"])):
        expected = plain.class_scores(X_new, prototypes=prototypes) / model.spread_
        np.testing.assert_array_equal(model.class_scores(X_new, prototypes=prototypes), expected)


def test_without_rounds_or_company_it_is_the_method() -> None:
    X, y, X_new, _, p = problem()
    plain = Ridge().fit(X, y, prototypes=p).class_scores(X_new, prototypes=p)
    off = SelfTraining(Ridge(), n_iterations=0, balance=1.0).fit(X, y, prototypes=p)
    np.testing.assert_array_equal(off.class_scores(X_new, prototypes=p), plain / off.spread_)
    on = SelfTraining(Ridge()).fit(X, y, prototypes=p)
    np.testing.assert_allclose(on.class_scores(X_new[:1], prototypes=p), plain[:1] / on.spread_)
    default = SelfTraining(n_iterations=0).fit(X, y, prototypes=p).predict(X_new, prototypes=p)
    assert (default == KernelRidge().fit(X, y, prototypes=p).predict(X_new, prototypes=p)).all()


def test_seen_classes_keep_their_means_whatever_is_scored() -> None:
    model = circle(weight=1.0)
    alone = model.class_scores(np.concatenate([X_NEW, X_SEEN]), prototypes=P)
    many = model.class_scores(np.concatenate([X_NEW, X_SEEN, at(200, 210, 220)]), prototypes=P)
    np.testing.assert_allclose(many[: len(alone), :2], alone[:, :2])
    expected = np.concatenate([X_NEW, X_SEEN]) @ at(180, 270).T / model.closeness_
    np.testing.assert_allclose(alone[:, :2], expected, atol=1e-12)


def test_nothing_of_the_scored_vectors_is_kept() -> None:
    model = circle()
    before = {name: np.array(value) for name, value in vars(model).items() if name in {"means_", "spread_"}}
    first = model.class_scores(X_NEW, prototypes=P)
    model.class_scores(at(*np.linspace(0, 90, 50)), prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X_NEW, prototypes=P), first)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(model, name), value)
    order = np.random.default_rng(0).permutation(len(X_NEW))
    np.testing.assert_allclose(model.class_scores(X_NEW[order], prototypes=P), first[order], rtol=1e-9)


def test_a_class_that_nobody_chooses_keeps_the_methods_score() -> None:
    model = circle()
    more = Prototypes([*UNSEEN.names, "nowhere"], np.vstack([UNSEEN.vectors, at(130)]))
    scores = model.class_scores(X_NEW, prototypes=more)
    np.testing.assert_allclose(scores[:, 2], (X_NEW @ at(130).T)[:, 0] / model.spread_, rtol=1e-6, atol=1e-7)


def test_balance_keeps_a_class_from_taking_all() -> None:
    # All vectors are nearest to one prototype: no label for the other, unless shares are pushed towards equal ones.
    X = np.concatenate([at(*np.linspace(-10, 10, 9)), at(*np.linspace(32, 47, 9))])
    y = np.repeat(["east", "north-east"], 9)
    assert (circle().predict(X, prototypes=UNSEEN) == "east").all()
    assert circle(balance=1.0, weight=1.0).score(X, y, prototypes=UNSEEN) == 1.0


def test_classes_of_one_example_and_a_single_class() -> None:
    X, y, X_new, _, p = problem()
    first = [int(np.flatnonzero(y == name)[0]) for name in p.names[:5]]
    for rows in (first, first[:1], np.flatnonzero(y == "c0").tolist()):
        model = SelfTraining(Ridge()).fit(X[rows], y[rows], prototypes=p)
        assert np.isfinite(model.class_scores(X_new, prototypes=p)).all()


def test_prepared_goes_inside() -> None:
    X, y, X_new, _, p = problem()
    model = SelfTraining(Prepared(Ridge(), features=FeatureScaling())).fit(X, y, prototypes=p)
    np.testing.assert_allclose(model.class_scores(X_new, prototypes=p), plain_loop(model, X_new, p), rtol=1e-9)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"method": 3}, "SelfTraining: method must be an inductive method or None; got 3. Pass an instance"),
        ({"method": Ridge}, "method must be an inductive method or None"),
        ({"method": BalancedAssignment()}, "method must be an inductive method or None; got Balanced"),
        ({"features": 3}, "SelfTraining: features must be a FeatureScaling or None; got 3. Pass an instance"),
        ({"features": FeatureScaling}, "features must be a FeatureScaling or None"),
        ({"n_iterations": -1}, "SelfTraining: n_iterations must be a whole number at least 0; got -1"),
        ({"n_iterations": 1.5}, "n_iterations must be a whole number at least 0; got 1.5"),
        ({"weight": 1.1}, "SelfTraining: weight must be a number at least 0 and at most 1; got 1.1"),
        ({"balance": -0.1}, "SelfTraining: balance must be a number at least 0 and at most 1; got -0.1"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        circle(**params)
