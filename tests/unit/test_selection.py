"""Searching parameters on held-out classes: against plain loops, and without leaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Binarizer, StandardScaler

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.correspondence.eszsl import ESZSL
from unseen.methods.folds import make_folds, score_fold
from unseen.methods.meta.balanced_assignment import BalancedAssignment
from unseen.methods.meta.ensemble import Ensemble
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.ridge import Ridge
from unseen.methods.selection import ClassWiseSplit, Selection, select
from unseen.methods.synthesis.gaussian_synthesis import GaussianSynthesis
from unseen.metrics import harmonic_mean

ALPHAS = {"alpha": [1e-3, 0.3, 30.0]}


def problem(n_classes: int = 12, per_class: int = 6, noise: float = 0.8, seed: int = 0) -> tuple[Any, Any, Prototypes]:
    rng = np.random.default_rng(seed)
    p = Prototypes([f"class {i:02d}" for i in range(n_classes)], rng.normal(size=(n_classes, 4)))
    y = np.repeat(p.names, per_class)
    X = np.repeat(p.vectors @ rng.normal(size=(4, 8)), per_class, axis=0) + noise * rng.normal(size=(len(y), 8))
    order = rng.permutation(len(y))
    return X[order] + 2, y[order], p


X, Y, P = problem()


# -- folds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_splits", "n_repeats"), [(2, 1), (3, 1), (5, 3), (12, 1)])
def test_folds_share_no_class_and_hold_each_out_once(n_splits: int, n_repeats: int) -> None:
    split = ClassWiseSplit(n_splits, n_repeats=n_repeats)
    pairs = list(split.split(X, Y))
    assert len(pairs) == split.get_n_splits() == n_splits * n_repeats
    for repeat in range(n_repeats):
        held = [set(Y[out]) for _, out in pairs[repeat * n_splits : (repeat + 1) * n_splits]]
        assert sorted(name for names in held for name in names) == sorted(P.names)
        assert max(map(len, held)) - min(map(len, held)) <= 1
    for train, out in pairs:
        assert not set(Y[train]) & set(Y[out])
        assert sorted([*train, *out]) == list(range(len(Y)))


def test_repeats_differ_and_seeds_decide() -> None:
    def folds(**params: Any) -> list[list[int]]:
        return [out.tolist() for _, out in ClassWiseSplit(**params).split(X, Y)]

    assert folds(random_state=1) == folds(random_state=1)
    assert folds(random_state=1) != folds(random_state=2)
    repeated = folds(n_repeats=2, random_state=1)
    assert repeated[:3] == folds(random_state=1)
    assert repeated[3:] != repeated[:3]
    assert folds(random_state=np.random.RandomState(1)) == folds(random_state=1)


def test_any_labels_can_be_split() -> None:
    train, out = next(ClassWiseSplit(2).split(None, [3, 3, 7, 3]))
    assert sorted([*train, *out]) == [0, 1, 2, 3]
    assert {len(train), len(out)} == {1, 3}


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_splits": 1}, "ClassWiseSplit: n_splits must be a whole number at least 2; got 1"),
        ({"n_splits": 2.0}, r"n_splits must be a whole number at least 2; got 2\.0"),
        ({"n_repeats": 0}, "ClassWiseSplit: n_repeats must be a whole number at least 1; got 0"),
        ({"n_splits": 13}, "ClassWiseSplit: n_splits must be at most the number of classes, 12; got 13. Use fewer fo"),
        ({"random_state": "x"}, r"ClassWiseSplit: random_state must be None, a whole number from 0 .*; got 'x'"),
    ],
)
def test_split_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        next(ClassWiseSplit(**params).split(X, Y))


def among_held_out(estimator: Any, X: Any, y: Any) -> float:
    """Score an estimator on the classes that occur in y alone; every class counts the same."""
    prediction = estimator.predict(X, prototypes=P.subset(np.unique(y)))
    return float(np.mean([np.mean(prediction[y == name] == name) for name in np.unique(y)]))


def test_scikit_learn_takes_the_folds() -> None:
    found = select(Ridge(), X, Y, prototypes=P, space=ALPHAS, seen_share=0)
    search = GridSearchCV(Ridge(), ALPHAS, cv=ClassWiseSplit(), scoring=among_held_out).fit(X, Y, prototypes=P)
    assert search.best_params_ == found.params
    expected = [row["accuracy"] for row in found.rows]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, rtol=1e-12)
    scores = cross_validate(
        Ridge(), X, Y, cv=ClassWiseSplit(4), scoring=among_held_out, params={"prototypes": P}, error_score="raise"
    )
    assert scores["test_score"].shape == (4,)


# -- the search against plain loops --------------------------------------------------------------------------


def plain_accuracies(method: Any, space: Any, pairs: Any) -> list[list[float]]:
    """Return accuracies per setting and fold: a clone is fitted to each, and nothing is shared."""
    rows = []
    for params in ParameterGrid(space):
        row = []
        for train, out in pairs:
            model = clone(method).set_params(**params)
            if isinstance(model, Pipeline):
                known = {f"{model.steps[-1][0]}__prototypes": P.subset(np.unique(Y[train]))}
            else:
                known = {"prototypes": P.subset(np.unique(Y[train]))}
            row.append(among_held_out(model.fit(X[train], Y[train], **known), X[out], Y[out]))
        rows.append(row)
    return rows


PIPELINE = make_pipeline(StandardScaler(), Ridge())
SEARCHES = [
    pytest.param(Ridge(), {"alpha": np.logspace(-3, 3, 7)}, id="ridge"),
    pytest.param(ESZSL(), {"gamma": [0.01, 1.0, 100.0], "lam": [0.01, 1.0, 100.0]}, id="eszsl"),
    pytest.param(PIPELINE, {"ridge__alpha": [1e-3, 1.0, 1e3]}, id="pipeline"),
    pytest.param(
        PIPELINE,
        {"standardscaler__with_mean": [True, False], "standardscaler__with_std": [True, False], "ridge__alpha": [1, 9]},
        id="pipeline, both parts",
    ),
    pytest.param(make_pipeline(Binarizer(threshold=2.0), Ridge()), {"binarizer__threshold": [1.0, 2, 3]}, id="binary"),
    pytest.param(make_pipeline(Ridge()), {"ridge__alpha": [1e-3, 1.0]}, id="pipeline of one"),
    pytest.param(
        Prepared(Ridge(), features=FeatureScaling(), prototypes=PrototypeScaling()),
        {
            "features__power": [0.5, 1.0],
            "features__shrinkage": [None, 1.0],
            "prototypes__center": ["none", "center"],
            "method__alpha": [0.01, 1.0],
            "standardize": [False, True],
        },
        id="prepared",
    ),
    pytest.param(
        Prepared(Ridge()),
        {"features": [None, FeatureScaling(0.5), FeatureScaling(n_components=3)], "method": [Ridge(), ESZSL()]},
        id="prepared, whole parts",
    ),
    pytest.param(
        make_pipeline(StandardScaler(), Prepared(Ridge(), features=FeatureScaling())),
        {"prepared__features__normalize": [True, False], "standardscaler__with_std": [True, False]},
        id="prepared in a pipeline",
    ),
    pytest.param(
        Ensemble([Ridge(), ESZSL()]), [{"n_splits": [2]}, {"methods": [[KernelRidge()], [Ridge(1e-3)]]}], id="ensemble"
    ),
    pytest.param(
        SelfTraining(Ridge()), {"n_iterations": [0, 5], "weight": [0.5, 1.0], "balance": [0, 0.5]}, id="transductive"
    ),
    pytest.param(
        Prepared(GaussianSynthesis(random_state=0), features=FeatureScaling()),
        {"method__alpha": GaussianSynthesis.search_space["alpha"][:2]},
        id="generative behind a scaling",
    ),
]


@pytest.mark.parametrize(("method", "space"), SEARCHES)
def test_a_search_finds_what_a_plain_loop_finds(method: Any, space: Any) -> None:
    pairs = list(ClassWiseSplit(3).split(X, Y))
    before = repr(method)
    found = select(method, X, Y, prototypes=P, space=space, seen_share=0)
    expected = plain_accuracies(method, space, pairs)
    settings = list(ParameterGrid(space))
    assert [row["params"] for row in found.rows] == settings
    for row, accuracies in zip(found.rows, expected, strict=True):
        assert row["accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-12)
        assert row["spread"] == pytest.approx(np.std(accuracies, ddof=1) / np.sqrt(3), abs=1e-12)
    figures = [row["accuracy"] for row in found.rows]
    assert found.params == settings[int(np.argmax(figures))]
    assert repr(method) == before  # never changed
    assert not any(name.endswith("_") for name in vars(method))


def test_the_chosen_setting_is_fitted_to_everything() -> None:
    for method, prefix in ((Ridge(), ""), (PIPELINE, "ridge__"), (Prepared(Ridge()), "method__")):
        space = {f"{prefix}alpha": [0.01, 1.0]}
        found = select(method, X, Y, prototypes=P, space=space)
        given = {"ridge__prototypes" if method is PIPELINE else "prototypes": P}
        expected = clone(method).set_params(**found.params).fit(X, Y, **given)
        np.testing.assert_array_equal(found.estimator.predict(X), expected.predict(X))
        assert type(found.estimator) is type(method)
        off = select(method, X, Y, prototypes=P, space=space, refit=False)
        assert (off.params, off.rows) == (found.params, found.rows)
        assert not any(name.endswith("_") for name in vars(off.estimator))


@pytest.mark.parametrize(
    ("method", "prefix", "n"),
    [(Ridge(), "", None), (Prepared(Ridge()), "method__", None), (PIPELINE, "ridge__", None)],
)
def test_without_a_space_the_methods_own_is_searched(method: Any, prefix: str, n: None) -> None:
    found = select(method, X, Y, prototypes=P, refit=False)
    assert len(found.rows) == np.prod([len(values) for values in Ridge.search_space.values()])
    assert set(found.params) == {f"{prefix}{name}" for name in Ridge.search_space}


def test_a_default_inside_prepared_can_be_searched() -> None:
    found = select(Prepared(), X, Y, prototypes=P, space={"method__alpha": [0.1, 1.0]})
    inside = select(Prepared(KernelRidge()), X, Y, prototypes=P, space={"method__alpha": [0.1, 1.0]})
    assert found.rows == inside.rows
    assert isinstance(found.estimator.method, KernelRidge)
    assert len(select(Prepared(), X, Y, prototypes=P, refit=False).rows) == 30


def test_settings_that_tie_go_to_the_first() -> None:
    found = select(Ridge(), X, Y, prototypes=P, space=[{"alpha": [2.0]}, {"alpha": [1.0]}, {"alpha": [2.0, 1.0]}])
    best = max(row["accuracy"] for row in found.rows)
    first = next(row for row in found.rows if row["accuracy"] == best)
    assert found.params == first["params"]
    one = select(Ridge(), X, Y, prototypes=P, space=[{"alpha": [2.0]}, {"alpha": [2.0]}])
    assert one.rows[0] == one.rows[1]


def test_an_empty_setting_is_the_method_as_given() -> None:
    found = select(Ridge(7.0), X, Y, prototypes=P, space={})
    assert (found.params, found.estimator.alpha, len(found.rows)) == ({}, 7.0, 1)
    assert "| (as given) |" in found.to_markdown()


def test_self_training_can_be_switched_off() -> None:
    """Where unlabelled vectors form no groups, the method itself wins, and its figures are its own."""
    found = select(SelfTraining(Ridge()), X, Y, prototypes=P, space={"n_iterations": [0, 10], "weight": [1.0]})
    alone = select(Ridge(), X, Y, prototypes=P, space={})
    off = found.rows[0]
    assert off["params"]["n_iterations"] == 0
    assert off["accuracy"] == alone.rows[0]["accuracy"]
    assert off["harmonic_mean"] == pytest.approx(alone.rows[0]["harmonic_mean"], abs=1e-12)
    assert found.params["n_iterations"] == (0 if off["accuracy"] >= found.rows[1]["accuracy"] else 10)
    balanced = select(BalancedAssignment(Ridge()), X, Y, prototypes=P)
    assert balanced.rows[0]["accuracy"] == alone.rows[0]["accuracy"]


# -- seen and held-out classes in competition ----------------------------------------------------------------


def plain_competition(scores: Any, y: Any, seen: Any) -> tuple[float, float]:
    """Return the best harmonic mean over penalties and the area under the curve, by trying all penalties."""
    leads = np.unique(scores[:, seen].max(axis=1) - scores[:, ~seen].max(axis=1))
    points = []
    for penalty in [leads[0] - 1, *(leads[1:] + leads[:-1]) / 2, leads[-1] + 1]:
        hits = (scores - penalty * seen).argmax(axis=1) == y
        u, s = (np.mean([hits[y == c].mean() for c in np.unique(y[seen[y] == kind])]) for kind in (False, True))
        points.append((u, s))
    u, s = np.array(points).T
    return max(harmonic_mean(*point) for point in points), float(np.trapezoid(u[::-1], s[::-1]))


@pytest.mark.parametrize("method", [Ridge(), ESZSL()])
@pytest.mark.parametrize("objective", ["harmonic_mean", "ausuc"])
def test_competition_is_what_a_plain_loop_finds(method: Any, objective: str) -> None:
    space = {"alpha": [0.01, 10.0]} if isinstance(method, Ridge) else {"gamma": [0.01, 10.0]}
    found = select(method, X, Y, prototypes=P, space=space, objective=objective, random_state=5)
    expected: dict[str, list[float]] = {"harmonic_mean": [], "ausuc": []}
    for params in ParameterGrid(space):
        figures = []
        for fold in make_folds(X, Y, P, ClassWiseSplit().split(X, Y), 0.2, 5):
            names = np.array(fold.prototypes.names)
            known = fold.prototypes.subset(names[: fold.n_seen])
            model = clone(method).set_params(**params)
            model.fit(fold.samples.X, names[fold.samples.y], prototypes=known)
            scores = model.class_scores(np.concatenate([fold.X_unseen, fold.X_seen]), prototypes=fold.prototypes)
            y = np.concatenate([fold.y_unseen, fold.y_seen])
            figures.append(plain_competition(scores, y, np.arange(len(names)) < fold.n_seen))
        for name, values in zip(expected, np.transpose(figures), strict=True):
            expected[name].append(float(values.mean()))
    for name, values in expected.items():
        np.testing.assert_allclose([row[name] for row in found.rows], values, atol=1e-9)
    best = int(np.argmax(expected[objective]))
    assert found.params == list(ParameterGrid(space))[best]
    assert found.objective == objective
    assert found.penalty == found.rows[best]["penalty"]
    for row in found.rows:
        assert 0 <= row["harmonic_mean"] <= max(row["u"], row["s"]) <= 1


def test_kept_samples_are_a_share_of_each_training_class() -> None:
    for share, kept in ((0, 0), (0.2, 1), (0.34, 2), (0.5, 3)):
        for fold in make_folds(X, Y, P, ClassWiseSplit().split(X, Y), share, 0):
            assert np.bincount(fold.y_seen, minlength=8).tolist() == [kept] * 8
            assert fold.samples.counts.tolist() == [6 - kept] * 8
            learned = {row.tobytes() for row in fold.samples.X}
            assert not learned & {row.tobytes() for row in np.concatenate([fold.X_seen, fold.X_unseen])}
            names = np.array(fold.prototypes.names)
            rows = {row.tobytes(): name for row, name in zip(X, Y, strict=True)}
            for vectors, positions in ((fold.X_seen, fold.y_seen), (fold.X_unseen, fold.y_unseen)):
                assert [rows[v.tobytes()] for v in vectors] == names[positions].tolist()
            assert [rows[v.tobytes()] for v in fold.samples.X] == names[fold.samples.y].tolist()


def test_classes_of_one_sample_keep_it_for_learning() -> None:
    pairs = [([0, 1], [2, 3])]
    (fold,) = make_folds(X[:4], np.array(["class 00", "class 01", "class 02", "class 03"]), P, pairs, 0.5, 0)
    assert len(fold.X_seen) == 0
    assert fold.samples.n == 2


def test_seen_share_zero_leaves_the_competition_out() -> None:
    found = select(Ridge(), X, Y, prototypes=P, space=ALPHAS, seen_share=0)
    for row in found.rows:
        assert row["accuracy"] > 0
        assert np.isnan([row["u"], row["s"], row["harmonic_mean"], row["ausuc"]]).all()
    assert found.penalty == 0.0


def test_fewer_samples_can_take_part() -> None:
    sizes = [
        (fold.samples.counts.max(), np.bincount(fold.y_unseen).max())
        for fold in make_folds(X, Y, P, ClassWiseSplit().split(X, Y), 0.0, 0, max_per_class=2, max_learned=3)
    ]
    assert sizes == [(3, 2)] * 3
    few = select(Ridge(), X, Y, prototypes=P, space=ALPHAS, max_per_class=3)
    np.testing.assert_array_equal(few.estimator.feature_mean_, X.mean(axis=0))  # the final fit takes all
    assert few.rows != select(Ridge(), X, Y, prototypes=P, space=ALPHAS).rows
    assert select(Ridge(), X, Y, prototypes=P, space=ALPHAS, max_per_class=3).rows == few.rows


def test_seeds_decide_which_samples_are_kept() -> None:
    def rows(seed: Any) -> Any:
        return select(Ridge(), X, Y, prototypes=P, space=ALPHAS, random_state=seed).rows

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


# -- leaks ---------------------------------------------------------------------------------------------------


def test_samples_outside_the_folds_are_never_looked_at() -> None:
    inside = np.flatnonzero(np.isin(Y, P.names[:8]))
    pairs = [(inside[train], inside[out]) for train, out in ClassWiseSplit().split(X[inside], Y[inside])]
    garbage = X.copy()
    garbage[np.setdiff1d(np.arange(len(X)), inside)] = 1e9
    for method in (Ridge(), PIPELINE, Prepared(Ridge(), features=FeatureScaling(shrinkage=1.0))):
        name = {Ridge: "alpha", Pipeline: "ridge__alpha", Prepared: "method__alpha"}[type(method)]
        rows = [
            select(method, vectors, Y, prototypes=P, space={name: [0.1, 1]}, split=pairs, refit=False).rows
            for vectors in (X, garbage)
        ]
        assert rows[0] == rows[1]


def test_held_out_vectors_do_not_touch_what_is_learned() -> None:
    """The scalings of a fold come from its training samples: held-out vectors far away change no score of others."""
    (pair,) = list(ClassWiseSplit(2).split(X, Y))[:1]
    other = X.copy()
    other[pair[1]] = other[pair[1]][::-1] * 1e3
    pipeline = make_pipeline(StandardScaler(), Ridge())
    prepared = Prepared(Ridge(), features=FeatureScaling(0.5, shrinkage=1.0), prototypes=PrototypeScaling())
    for method in (Ridge(), pipeline, prepared):
        found = []
        for vectors in (X, other):
            (fold,) = make_folds(vectors, Y, P, [pair], 0.2, 0)
            found.append(score_fold(method, fold, {}))
        np.testing.assert_array_equal(found[0].seen, found[1].seen)
        assert (found[0].unseen != found[1].unseen).any()


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        ([([0, 1, 2], [2, 3])], r"select: split must be pairs with disjoint classes; got \d shared, such as .*'class "),
        (list(KFold(3).split(X)), "disjoint classes; got .* shared"),
        ([(np.flatnonzero(Y != "class 00"), [])], "disjoint classes; got an empty side. Split by class"),
        ([([], [0])], "got an empty side"),
        ([], "select: split must be at least one fold; got none. Pass pairs of positions"),
        (3, "select: split must be a ClassWiseSplit, pairs of positions or None; got 3. Pass one of them"),
    ],
)
def test_leaking_folds_are_refused(pairs: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        select(Ridge(), X, Y, prototypes=P, split=pairs, space=ALPHAS)


def test_one_fold_as_positions_or_as_masks() -> None:
    train, out = next(ClassWiseSplit().split(X, Y))
    found = select(Ridge(), X, Y, prototypes=P, space=ALPHAS, split=[(train, out)])
    assert [row["spread"] for row in found.rows] == [0.0] * 3
    masks = [(np.isin(np.arange(len(Y)), train), np.isin(np.arange(len(Y)), out))]
    assert select(Ridge(), X, Y, prototypes=P, space=ALPHAS, split=masks).rows == found.rows
    lists = [(train.tolist(), out.tolist())]
    assert select(Ridge(), X, Y, prototypes=P, space=ALPHAS, split=iter(lists)).rows == found.rows


# -- arguments -----------------------------------------------------------------------------------------------


def test_the_kind_of_numbers_does_not_matter() -> None:
    whole = np.round(X * 10)
    for method in (Ridge(), SelfTraining(Ridge()), Prepared(Ridge(), features=FeatureScaling())):
        expected = select(method, whole, Y, prototypes=P, space={}).rows
        assert select(method, whole.astype(int), Y, prototypes=P, space={}).rows == expected
        assert select(method, whole.astype(int).tolist(), Y.tolist(), prototypes=P, space={}).rows == expected
    single = select(Ridge(), whole.astype(np.float32), Y, prototypes=P, space={})
    assert single.rows[0]["accuracy"] == select(Ridge(), whole, Y, prototypes=P, space={}).rows[0]["accuracy"]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"objective": "f1"}, "select: objective must be one of accuracy, harmonic_mean, ausuc; got 'f1'. Pass one"),
        ({"seen_share": 0.6}, r"select: seen_share must be a number at least 0 and at most 0.5; got 0\.6"),
        (
            {"seen_share": 0, "objective": "ausuc"},
            "select: seen_share must be above 0 for objective='ausuc'; got 0. Keep some samples",
        ),
        (
            {"seen_share": 0.05, "objective": "harmonic_mean"},
            "select: seen_share must be enough to keep samples for objective='harmonic_mean'; got 0.05. Raise it",
        ),
        (
            {"space": {"beta": [1]}},
            r"select: space must be parameters of the method; got \['beta'\]. scikit-learn says: Invalid",
        ),
        ({"space": {"method__alpha": [1]}}, r"must be parameters of the method; got \['method__alpha'\]"),
        ({"space": {"alpha": 1.0}}, "select: space must be a mapping of parameters to sequences of values, or a list"),
        ({"space": {"alpha": []}}, "or a list of such mappings; got .*'alpha': .*. scikit-learn says: .*non-empty"),
        ({"space": 3}, "space must be a mapping of parameters .*; got 3. scikit-learn says"),
        ({"space": []}, r"space must be a mapping .*; got \[\]\. Pass at least one setting, such as \{\}"),
        ({"prototypes": [[1.0]]}, r"Ridge: prototypes must be an unseen.Prototypes; got \[\[1.0\]\]"),
        ({"prototypes": P.subset(P.names[:5])}, "Prototypes: names must be names of the prototypes' classes; got"),
        ({"random_state": "x"}, "select: random_state must be None, a whole number from 0"),
        ({"max_per_class": 0}, "select: max_per_class must be a .*number at least 1; got 0"),
        (
            {"method": Ridge},
            "select: method must be a method, or a Pipeline that ends in one; got .* Pass an instance, n",
        ),
        ({"method": LogisticRegression()}, "select: method must be a method, or a Pipeline that ends in one"),
        ({"method": make_pipeline(Ridge(), LogisticRegression())}, "a Pipeline that ends in one"),
        (
            {"method": Prepared(Ridge()).set_params(features=3)},
            "Prepared: features must be a FeatureScaling or None; got 3",
        ),
        ({"method": Prepared(Ridge()), "space": {"features__power": [1]}}, "must be parameters of the method"),
        ({"method": Prepared(Ridge()), "space": {"method": [3]}}, "Prepared: method must be a Method or None; got 3"),
        ({"space": {"alpha": [-1]}}, "Ridge: alpha must be a number at least 0; got -1"),
        ({"split": ClassWiseSplit(13)}, "n_splits must be at most the number of classes, 12; got 13"),
    ],
)
def test_messages(changes: dict[str, Any], match: str) -> None:
    arguments: dict[str, Any] = {"method": Ridge(), "prototypes": P, "space": ALPHAS} | changes
    with pytest.raises(InputError, match=match):
        select(arguments.pop("method"), X, Y, **arguments)


def test_vectors_and_labels_are_checked() -> None:
    broken = X.copy()
    broken[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        select(Ridge(), broken, Y, prototypes=P)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        select(Ridge(), X, Y[1:], prototypes=P)
    with pytest.raises(ValueError, match="2D array"):
        select(Ridge(), X[0], Y[:1], prototypes=P)


def test_the_table_holds_the_best_settings() -> None:
    found = select(Ridge(), X, Y, prototypes=P, space=ALPHAS)
    lines = found.to_markdown().split("\n")
    assert lines[0] == "| setting | accuracy | u | s | harmonic_mean | ausuc | spread |"
    assert lines[1] == "|---|---|---|---|---|---|---|"
    assert len(lines) == 5
    assert lines[2].startswith(f"| alpha={found.params['alpha']!r} | {max(r['accuracy'] for r in found.rows):.3f} |")
    assert len(found.to_markdown(1).split("\n")) == 3
    # Values that print over several lines, or with a bar, stay in their cell.
    value = Prepared(Ridge(), features=FeatureScaling(0.5, shrinkage=1.0), prototypes=PrototypeScaling(2.0))
    assert "\n" in repr(value)
    row = {**found.rows[0]} | {"params": {"method": value, "a": "x|y"}}
    table = Selection(None, {}, 0.0, [row], "accuracy").to_markdown().split("\n")
    assert len(table) == 3
    assert "features=FeatureScaling(power=0.5, shrinkage=1.0)" in table[2]
    assert r"a='x\|y'" in table[2]
