"""Auto: what it finds on made-up problems, what it says about it, and when it does not search."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError, MissingExtraError
from unseen.methods.base import Method
from unseen.methods.folds import make_folds
from unseen.methods.meta import auto
from unseen.methods.meta.auto import Auto
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.search import Found, search
from unseen.methods.preprocessing import FeatureScaling
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.ridge import Ridge
from unseen.methods.selection import ClassWiseSplit
from unseen.metrics import seen_unseen_curve


def problem(n_seen: int = 16, n_unseen: int = 8, seed: int = 0) -> tuple[Any, Any, Any, Any, Prototypes]:
    """Class means are linear in prototypes, but features are the sixth power of what is: roots bring it back."""
    rng = np.random.default_rng(seed)
    n_classes = n_seen + n_unseen
    p = Prototypes([f"class {i:02d}" for i in range(n_classes)], rng.random((n_classes, 6)))
    y = np.repeat(p.names, 8)
    Z = np.repeat(p.vectors @ rng.random((6, 12)), 8, axis=0) + 0.15 * rng.normal(size=(len(y), 12))
    X, seen = np.abs(Z) ** 6, np.isin(y, p.names[:n_seen])
    return X[seen], y[seen], X[~seen], y[~seen], p


X, Y, X_NEW, Y_NEW, P = problem()
UNSEEN = P.subset(P.names[16:])


@pytest.fixture(scope="module")
def searched() -> Auto:
    return Auto(random_state=0).fit(X, Y, prototypes=P)


def test_a_search_takes_seconds(searched: Auto) -> None:
    started = time.monotonic()
    again = Auto(random_state=0).fit(X, Y, prototypes=P)
    assert time.monotonic() - started < 30  # two on an idle machine
    # The same seed gives the same answers.
    np.testing.assert_array_equal(again.class_scores(X_NEW, prototypes=P), searched.class_scores(X_NEW, prototypes=P))
    assert again.penalty_ == searched.penalty_


@pytest.mark.parametrize("scores_of", ["unseen", "all"])
def test_it_beats_a_method_that_takes_the_features_as_they_are(searched: Auto, scores_of: str) -> None:
    plain = KernelRidge().fit(X, Y, prototypes=P)
    classes = UNSEEN if scores_of == "unseen" else P
    score = searched.score(X_NEW, Y_NEW, prototypes=classes)
    assert score >= plain.score(X_NEW, Y_NEW, prototypes=classes)
    if scores_of == "unseen":
        assert score > plain.score(X_NEW, Y_NEW, prototypes=classes) + 0.1
        assert score > 0.8


def test_it_finds_that_roots_are_needed(searched: Auto) -> None:
    best = searched.methods_[int(np.argmax(searched.weights_))]
    assert isinstance(best, Prepared)
    assert best.features_ is not None
    assert best.features_.power == 0.5


def test_the_explanation_is_markdown_that_names_what_was_chosen(searched: Auto) -> None:
    lines = searched.explanation_.split("\n")
    assert "settings were tried on 3 folds of held-out classes" in lines[0]
    start = lines.index("|---|---|---|")
    rows = [line for line in lines[start + 1 :] if line.startswith("|")]
    assert all(line.count("|") == 4 for line in (lines[start - 1], *rows))
    for method in searched.methods_:
        assert isinstance(method, Prepared)
        named = [row for row in rows if type(method.method).__name__ in row and not row.endswith("| 0.00 |")]
        assert named
    accuracies = [float(row.split("|")[2]) for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    assert all(0 <= value <= 1 for value in accuracies)
    shares = [float(row.split("|")[3]) for row in rows]
    assert sum(shares) == pytest.approx(1, abs=0.08)  # members that are left out keep theirs
    assert sum(share > 0 for share in shares) == len(searched.methods_)
    assert lines[-1].endswith("was chosen.")


def test_scores_are_the_weighted_sum(searched: Auto) -> None:
    total = sum(
        w * method.class_scores(X_NEW, prototypes=P)
        for w, method in zip(searched.weights_, searched.methods_, strict=True)
    )
    np.testing.assert_allclose(searched.class_scores(X_NEW, prototypes=P), total, rtol=1e-9, atol=1e-12)
    assert (searched.weights_ > 0).all()


def test_the_penalty_helps_where_seen_and_unseen_classes_compete(searched: Auto) -> None:
    vectors, names = np.concatenate([X[::4], X_NEW]), np.concatenate([Y[::4], Y_NEW])
    curve = seen_unseen_curve(P.positions(names), searched.class_scores(vectors, prototypes=P), np.arange(24) < 16)
    assert np.isfinite(searched.penalty_)
    assert curve.at(searched.penalty_)[2] >= curve.at(0.0)[2] - 0.05


@pytest.mark.parametrize("n_seen", [1, 2, 11])
def test_with_few_classes_nothing_is_tried(n_seen: int) -> None:
    known = np.isin(Y, P.names[:n_seen])
    model = Auto().fit(X[known], Y[known], prototypes=P)
    assert [type(method) for method in model.methods_] == [KernelRidge]
    if n_seen > 2:
        assert "fewer than 12 seen classes" in model.explanation_
    assert "`KernelRidge` with its defaults was fitted" in model.explanation_
    plain = KernelRidge().fit(X[known], Y[known], prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X_NEW, prototypes=P), plain.class_scores(X_NEW, prototypes=P))
    assert model.penalty_ == 0.0


def test_with_prototypes_that_say_nothing_nothing_is_tried() -> None:
    model = Auto().fit(X, Y)
    assert "prototypes that say nothing about each other" in model.explanation_
    assert [type(method) for method in model.methods_] == [KernelRidge]
    assert model.score(X, Y) > 0.8


@pytest.mark.parametrize("budget", [1e-9, 1e-3])
def test_without_time_nothing_is_tried_and_that_is_said(budget: float) -> None:
    model = Auto(budget).fit(X, Y, prototypes=P)
    assert [type(method) for method in model.methods_] == [KernelRidge]
    assert f"Nothing could be tried within {budget:g} s" in model.explanation_
    assert "Raise time_budget" in model.explanation_
    assert model.weights_.tolist() == [1.0]


def test_a_budget_leaves_out_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock allows is judged on all folds; a search that is cut short is a search all the same."""
    clock = iter(np.arange(0, 1e6, 1.0))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    model = Auto(100.0).fit(X, Y, prototypes=P)
    assert "settings were tried" in model.explanation_
    tried = int(model.explanation_.split()[0])
    assert 0 < tried < 60
    assert model.score(X_NEW, Y_NEW, prototypes=UNSEEN) > 0.4


def test_neural_generators_are_tried_when_asked_for(searched: Auto) -> None:
    model = Auto(neural=True, random_state=0).fit(X, Y, prototypes=P)
    tried = [int(one.explanation_.split()[0]) for one in (model, searched)]
    assert tried[0] == tried[1] + len(auto._NEURAL)
    assert model.score(X_NEW, Y_NEW, prototypes=UNSEEN) >= searched.score(X_NEW, Y_NEW, prototypes=UNSEEN) - 0.1


def test_without_torch_the_pip_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"Auto with neural=True needs .*pip install 'unseen\[neural\]'"):
        Auto(neural=True).fit(X, Y, prototypes=P)


def test_refitting_forgets(searched: Auto) -> None:
    model = Auto(1e-9).fit(X, Y, prototypes=P)
    model.fit(X[:8], Y[:8], prototypes=P)
    assert "fewer than 12" in model.explanation_ or "say nothing" in model.explanation_
    assert searched.classes_.tolist() == sorted(P.names[:16])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"neural": 1}, "Auto: neural must be True or False; got 1"),
        ({"time_budget": 0}, "Auto: time_budget must be a number above 0; got 0"),
        ({"time_budget": "long"}, "Auto: time_budget must be a number above 0; got 'long'"),
        ({"time_budget": float("nan")}, "time_budget must be a finite number above 0; got nan"),
        ({"n_splits": 1}, "Auto: n_splits must be a whole number at least 2; got 1"),
        ({"random_state": "x"}, "Auto: random_state must be None, a whole number from 0 .*; got 'x'"),
        ({"n_splits": 17}, "n_splits must be at most the number of classes, 16; got 17"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Auto().set_params(**params).fit(X, Y, prototypes=P)


# -- the search itself ---------------------------------------------------------------------------------------


class Slow(Ridge):
    """A Ridge that lets a minute pass."""

    def _fit_samples(self, samples: Any, S: Any) -> None:
        super()._fit_samples(samples, S)
        CLOCK.append(CLOCK[-1] + 60)


CLOCK = [0.0]


def test_candidates_are_judged_on_all_folds_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: CLOCK[-1])
    CLOCK[:] = [0.0]
    folds = list(make_folds(X, Y, P, ClassWiseSplit().split(X, Y), 0.0, 0))
    candidates: list[Method] = [Slow(alpha) for alpha in (0.1, 1.0, 10.0)]
    # Fold by fold: by the deadline, the first has been fitted to all folds and the others have not.
    found = search("Auto", candidates, folds, deadline=370.0)
    assert [one.method for one in found] == candidates[:1]
    assert len(found[0].accuracies) == 3
    CLOCK[:] = [0.0]
    assert search("Auto", candidates, folds, deadline=-1.0) == []
    assert [one.method for one in search("Auto", candidates, folds, deadline=1e9)] == candidates


def test_a_search_finds_what_fitting_one_by_one_finds() -> None:
    folds = list(make_folds(X, Y, P, ClassWiseSplit().split(X, Y), 0.0, 0))
    roots = Prepared(Ridge(), features=FeatureScaling(0.5))
    candidates: list[Method] = [roots, Ridge(), Prepared(KernelRidge(), features=FeatureScaling(0.5), standardize=True)]
    found = search("Auto", candidates, folds, deadline=np.inf)
    assert [one.method for one in found] == candidates
    for one in found:
        for fold, scores, accuracy in zip(folds, one.scores, one.accuracies, strict=True):
            names = np.array(fold.prototypes.names)
            model = type(one.method)(**one.method.get_params(deep=False))
            model.fit(fold.samples.X, names[fold.samples.y], prototypes=fold.prototypes.subset(fold.labels.tolist()))
            held = fold.prototypes.subset(names[fold.n_seen :])
            expected = model.class_scores(fold.X_unseen, prototypes=held)
            np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
            assert scores.dtype == np.float32
            hits = expected.argmax(axis=1) == fold.y_unseen - fold.n_seen
            by_class = [hits[fold.y_unseen == c].mean() for c in np.unique(fold.y_unseen)]
            assert accuracy == pytest.approx(np.mean(by_class))
        assert one.accuracy == pytest.approx(np.mean(one.accuracies))
    assert Found(Ridge()).accuracy == 0.0


def test_the_candidates_are_registered_and_can_be_made() -> None:
    for name in (*auto._CLOSED, *auto._ITERATIVE):
        _, grid = (auto._CLOSED | auto._ITERATIVE)[name]
        method = Auto()._new(name, {key: values[0] for key, values in grid.items()})
        assert isinstance(method, Method)
        assert not method.capabilities.transductive
