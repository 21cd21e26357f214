"""Attribute weights and combined views: what shows counts more, and nothing unseen is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods import state
from unseen.methods.attribute_weights import AttributeWeights, held_out_parts, predict_held_out
from unseen.methods.meta.prepared import Prepared
from unseen.methods.preprocessing import PrototypeScaling
from unseen.methods.projection.ridge import Ridge
from unseen.methods.samples import Samples
from unseen.methods.selection import select
from unseen.prototypes import combine_views

if TYPE_CHECKING:
    from pathlib import Path


def problem(n_classes: int = 24, seed: int = 0) -> tuple[Any, Any, Prototypes]:
    """Make vectors that show the first two of four attributes."""
    rng = np.random.default_rng(seed)
    p = Prototypes([f"c{i:02d}" for i in range(n_classes)], rng.normal(size=(n_classes, 4)))
    y = np.repeat(p.names, 5)
    X = np.repeat(p.vectors[:, :2] @ rng.normal(size=(2, 6)), 5, axis=0) + 0.1 * rng.normal(size=(len(y), 6))
    return X, y, p


# -- weights -----------------------------------------------------------------------------------------------------


def test_every_class_is_held_out_once() -> None:
    X, y, p = problem(7)
    samples = Samples(X, p.positions(y), 7)
    held: list[int] = []
    for part, known, out in held_out_parts(samples, 3, 0):
        assert not set(known) & set(out)
        assert part.n_classes == len(known) == 7 - len(out)
        np.testing.assert_allclose(part.means, samples.means[known])
        held += out.tolist()
    assert sorted(held) == list(range(7))


def test_weights_are_those_of_a_plain_loop() -> None:
    X, y, p = problem()
    weights = AttributeWeights(1.0, floor=0.1, alpha=0.3, n_splits=3, random_state=2).fit(X, y, prototypes=p)
    S = p.vectors.astype(float)
    truth, guess = np.zeros_like(S), np.zeros_like(S)
    for _, known, held in held_out_parts(Samples(X, p.positions(y), 24), 3, 2):
        rows = np.isin(y, np.array(p.names)[known])
        ridge = Ridge(0.3).fit(X[rows], y[rows], prototypes=p)
        for c in held:
            mean = X[y == p.names[c]].mean(axis=0)
            truth[c] = S[c] - S[known].mean(axis=0)
            guess[c] = (mean - ridge.feature_mean_) @ ridge.coef_ + ridge.semantic_mean_ - S[known].mean(axis=0)
    expected = [np.corrcoef(truth[:, j], guess[:, j])[0, 1] for j in range(4)]
    np.testing.assert_allclose(weights.correlations_, expected, atol=1e-6)
    raw = np.maximum(expected, 0.1)
    np.testing.assert_allclose(weights.weights_, raw / np.sqrt((raw**2).mean()), atol=1e-6)


def test_what_shows_counts_more() -> None:
    X, y, p = problem()
    weights = AttributeWeights(1.0).fit(X, y, prototypes=p).weights_
    assert weights[:2].min() > 2 * weights[2:].max()
    assert np.square(weights).mean() == pytest.approx(1)
    np.testing.assert_allclose(AttributeWeights(0.0).fit(X, y, prototypes=p).weights_, np.ones(4))


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 12), st.integers(0, 50), st.floats(0, 2), st.floats(0.01, 1))
def test_weights_are_positive_and_of_mean_square_one(n: int, seed: int, power: float, floor: float) -> None:
    X, y, p = problem(n, seed)
    weights = AttributeWeights(power, floor=floor).fit(X, y, prototypes=p).weights_
    assert (weights > 0).all()
    assert np.square(weights).mean() == pytest.approx(1)


def test_unseen_prototypes_are_not_looked_at() -> None:
    X, y, p = problem()
    others = Prototypes([*p.names, "new"], np.concatenate([p.vectors, np.full((1, 4), 1e6)]))
    one, other = (AttributeWeights().fit(X, y, prototypes=q) for q in (p, others))
    np.testing.assert_array_equal(one.weights_, other.weights_)
    plain, more = (Prepared(Ridge(), prototypes=AttributeWeights()).fit(X, y, prototypes=q) for q in (p, others))
    np.testing.assert_array_equal(plain.class_scores(X, prototypes=p), more.class_scores(X, prototypes=p))


def test_too_few_classes_weigh_alike() -> None:
    X, y, p = problem(3)
    np.testing.assert_array_equal(AttributeWeights().fit(X, y, prototypes=p).weights_, np.ones(4))
    X, y, p = problem(5)
    np.testing.assert_array_equal(AttributeWeights(n_splits=6).fit(X, y, prototypes=p).weights_, np.ones(4))


def test_constant_attributes_get_the_floor() -> None:
    X, y, p = problem()
    flat = Prototypes(p.names, np.column_stack([p.vectors, np.full(24, 0.7)]))
    weights = AttributeWeights().fit(X, y, prototypes=flat)
    assert weights.correlations_[4] == 0
    assert weights.weights_[4] == weights.weights_.min()
    # One-hot prototypes cannot be predicted at all: all weigh alike.
    alone = AttributeWeights().fit(X, y, prototypes=Prototypes(p.names, np.eye(24)))
    assert np.isfinite(alone.weights_).all()


def test_transform_takes_prototypes_and_arrays() -> None:
    X, y, p = problem()
    marked = Prototypes(p.names, p.vectors, seen=np.arange(24) < 20)
    weights = AttributeWeights().fit(X, y, prototypes=marked)
    out = weights.transform(marked)
    assert out.names == p.names
    np.testing.assert_array_equal(out.seen, marked.seen)
    np.testing.assert_allclose(out.vectors, p.vectors * weights.weights_, rtol=1e-6)
    np.testing.assert_allclose(weights.transform(p.vectors), p.vectors * weights.weights_, rtol=1e-6)
    with pytest.raises(InputError, match=r"AttributeWeights: prototypes must be of shape \(C, 4\), like those of fit"):
        weights.transform(np.ones((2, 3)))


def test_scaling_comes_first() -> None:
    X, y, p = problem()
    weights = AttributeWeights(scaling=PrototypeScaling(center="center", normalize=False)).fit(X, y, prototypes=p)
    centred = p.vectors - p.vectors.mean(axis=0)
    np.testing.assert_allclose(weights.transform(p.vectors), centred * weights.weights_, atol=1e-6)


def test_inside_prepared_it_is_what_it_is_before_a_method() -> None:
    X, y, p = problem()
    inside = Prepared(Ridge(), prototypes=AttributeWeights()).fit(X, y, prototypes=p)
    weights = AttributeWeights().fit(X, y, prototypes=p)
    before = Ridge().fit(X, y, prototypes=weights.transform(p))
    np.testing.assert_allclose(
        inside.class_scores(X, prototypes=p), before.class_scores(X, prototypes=weights.transform(p)), atol=1e-6
    )
    found = select(
        Prepared(Ridge(), prototypes=AttributeWeights()),
        X,
        y,
        prototypes=p,
        space={"prototypes__power": [0.0, 1.0], "method__alpha": [0.1, 1]},
    )
    assert set(found.params) == {"prototypes__power", "method__alpha"}


def test_weights_help_where_attributes_do_not_show() -> None:
    X, y, p = problem(40)
    seen = np.isin(y, p.names[:30])
    new = p.subset(p.names[30:])
    plain = Ridge().fit(X[seen], y[seen], prototypes=p).score(X[~seen], y[~seen], prototypes=new)
    weighted = Prepared(Ridge(), prototypes=AttributeWeights(1.0)).fit(X[seen], y[seen], prototypes=p)
    assert weighted.score(X[~seen], y[~seen], prototypes=new) > plain + 0.05


def test_saved_inside_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(state._SCALINGS, "attribute_weights", AttributeWeights)
    X, y, p = problem()
    weights = AttributeWeights(scaling=PrototypeScaling(), random_state=3)
    model = Prepared(Ridge(), prototypes=weights).fit(X, y, prototypes=p)
    state.save_method(model, tmp_path / "method.safetensors")
    loaded = state.load_method(tmp_path / "method.safetensors")
    np.testing.assert_array_equal(loaded.class_scores(X, prototypes=p), model.class_scores(X, prototypes=p))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"power": -1}, "AttributeWeights: power must be a number at least 0; got -1"),
        ({"floor": 0}, "AttributeWeights: floor must be a number above 0 and at most 1; got 0"),
        ({"floor": 1.5}, "AttributeWeights: floor must be a number above 0 and at most 1; got 1.5"),
        ({"alpha": -1}, "AttributeWeights: alpha must be a number at least 0; got -1"),
        ({"n_splits": 1}, "AttributeWeights: n_splits must be a whole number at least 2; got 1"),
        ({"scaling": 3}, "AttributeWeights: scaling must be a PrototypeScaling or None; got 3. Pass an instance"),
        ({"random_state": "x"}, "AttributeWeights: random_state must be None, a whole number"),
    ],
)
def test_parameters(params: dict[str, Any], words: str) -> None:
    X, y, p = problem()
    with pytest.raises(InputError, match=words):
        AttributeWeights(**params).fit(X, y, prototypes=p)


def test_inputs_that_do_not_fit() -> None:
    X, y, p = problem()
    with pytest.raises(InputError, match=r"AttributeWeights: prototypes must be an unseen.Prototypes; got 3"):
        AttributeWeights().fit(X, y, prototypes=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="names must be names of the prototypes' classes; got 'c23'"):
        AttributeWeights().fit(X, y, prototypes=p.subset(p.names[:23]))
    with pytest.raises(ValueError, match="contains NaN"):
        AttributeWeights().fit(np.where(X > 1, np.nan, X), y, prototypes=p)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        AttributeWeights().fit(X[1:], y, prototypes=p)


def test_predictions_are_of_classes_left_out() -> None:
    # A prototype that only one class has cannot be predicted from the others.
    S = np.zeros((8, 1))
    S[3] = 1
    X = np.eye(8)
    predicted, without = predict_held_out(Samples(X, np.arange(8), 8), S, alpha=0.01, n_splits=8, random_state=0)
    assert predicted[3, 0] == pytest.approx(0)
    np.testing.assert_allclose(without[:, 0], [1 / 7] * 3 + [0] + [1 / 7] * 4)


# -- views -------------------------------------------------------------------------------------------------------


def test_views_by_hand() -> None:
    # View one: 0, 4, of mean 2, squared offsets 4. View two: (0, 0), (0, 2), of mean (0, 1), squared offsets 1. Each is
    # divided by the root of its own and multiplied by the root of a half.
    first, second = Prototypes(["a", "b"], [[0.0], [4.0]]), Prototypes(["a", "b"], [[0.0, 0.0], [0.0, 2.0]])
    half = 0.5**0.5
    np.testing.assert_allclose(combine_views([first, second]).vectors, [[-half, 0, -half], [half, 0, half]], rtol=1e-6)
    # Shares 3 to 1: roots of 3/4 and of 1/4.
    weighted = combine_views([first, second], weights=[3, 1]).vectors
    np.testing.assert_allclose(weighted[1], [0.75**0.5, 0, 0.5], rtol=1e-6)
    # Not centred: mean squared lengths 8 and 2.
    plain = combine_views([first, second], center=False).vectors
    np.testing.assert_allclose(plain[1], [4 / 8**0.5 * half, 0, 2 / 2**0.5 * half], rtol=1e-6)
    assert combine_views([first, second], weights=[1, 0]).vectors[1].tolist() == [1.0, 0.0, 0.0]


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.lists(st.floats(0.1, 5), min_size=1, max_size=3), st.integers(0, 99))
def test_views_share_as_they_are_told(n: int, weights: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"c{i}" for i in range(n)]
    views = [Prototypes(names, 10.0**v * rng.normal(size=(n, v + 2)) + 7) for v in range(len(weights))]
    vectors = combine_views(views, weights=weights).vectors.astype(float)
    at = np.cumsum([0, *(view.n_dimensions for view in views)])
    for v, share in enumerate(np.array(weights) / sum(weights)):
        part = vectors[:, at[v] : at[v + 1]]
        assert np.square(part - part.mean(axis=0)).sum(axis=1).mean() == pytest.approx(share, rel=1e-3)


def test_unseen_classes_move_no_other() -> None:
    rng = np.random.default_rng(0)
    seen = np.array([True, True, True, False])
    vectors, other = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    names = list("abcd")
    one = combine_views([Prototypes(names, vectors, seen=seen), Prototypes(names, other)])
    vectors[3] = 1e6
    two = combine_views([Prototypes(names, vectors, seen=seen), Prototypes(names, other)])
    np.testing.assert_array_equal(one.vectors[:3], two.vectors[:3])
    np.testing.assert_array_equal(one.seen, seen)


def test_order_is_that_of_the_first_view_and_flat_views_stay_zero() -> None:
    first = Prototypes(["a", "b"], [[0.0], [1.0]])
    out = combine_views([first, Prototypes(["b", "a"], [[5.0], [5.0]])])
    assert out.names == ("a", "b")
    np.testing.assert_array_equal(out.vectors[:, 1], [0, 0])


@pytest.mark.parametrize(
    ("views", "options", "words"),
    [
        ([], {}, "combine_views: views must be a list of unseen.Prototypes; got"),
        (Prototypes(["a"], [[1]]), {}, "combine_views: views must be a list of unseen.Prototypes; got Prototypes"),
        ([3], {}, "combine_views: views must be a list of unseen.Prototypes"),
        (
            [Prototypes(["horse"], [[1]]), Prototypes(["horses"], [[1]])],
            {},
            "views must be of the same classes; got 'horse' in one. Known and near: horse",
        ),
        ([Prototypes(["a"], [[1]])], {"weights": [1, 2]}, "combine_views: weights must be 1 numbers, one per view"),
        ([Prototypes(["a"], [[1]])], {"weights": [-1]}, "combine_views: weights must be a number at least 0; got -1"),
        ([Prototypes(["a"], [[1]])], {"weights": [0.0]}, "weights must be above 0 for one view at least"),
        ([Prototypes(["a"], [[1]])], {"weights": ["x"]}, "combine_views: weights must be a number at least 0; got 'x'"),
        ([Prototypes(["a"], [[1]])], {"center": 1}, "combine_views: center must be True or False; got 1"),
    ],
)
def test_views_that_cannot_be_combined(views: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        combine_views(views, **options)
