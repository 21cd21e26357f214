"""Remedied: a method and its remedies as one estimator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from unseen import Prototypes
from unseen.decision.csls import CSLS
from unseen.decision.gate import SeenUnseenGate
from unseen.decision.inverted_softmax import InvertedSoftmax
from unseen.decision.local_scaling import LocalScaling
from unseen.decision.mutual_proximity import MutualProximity
from unseen.decision.prior import PriorAdjustment
from unseen.decision.remedy import Bank, Remedy
from unseen.decision.stacking import CalibratedStacking
from unseen.errors import InputError, ModelError
from unseen.methods.base import Capabilities
from unseen.methods.meta.ensemble import Ensemble
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.remedied import Remedied
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.ridge import Ridge
from unseen.methods.selection import ClassWiseSplit
from unseen.methods.simulation import simulate
from unseen.methods.state import load_method, save_method
from unseen.metrics import seen_unseen_curve
from unseen.registry import METHODS, REMEDIES
from unseen.testing import check_method

if TYPE_CHECKING:
    from pathlib import Path

Array = np.ndarray[Any, Any]


def problem(per_class: int = 10, noise: float = 1.0) -> tuple[Array, Array, Array, Array, Prototypes]:
    """Return vectors and names of 9 seen classes, new ones of all 13, and prototypes."""
    rng = np.random.default_rng(0)
    p = Prototypes([f"c{i:02d}" for i in range(13)], rng.normal(size=(13, 5)))
    camera, names = rng.normal(size=(5, 16)), np.array(p.names)

    def photos(n_classes: int) -> tuple[Array, Array]:
        y = np.repeat(np.arange(n_classes), per_class)
        return p.vectors[y] @ camera + noise * rng.normal(size=(len(y), 16)), names[y]

    return *photos(9), *photos(13), p


X, Y, X_NEW, Y_NEW, P = problem()
SEEN = np.arange(13) < 9
SPLIT = list(ClassWiseSplit(3).split(X, Y))


def harmonic_mean(method: Any) -> float:
    scores = method.class_scores(X_NEW, prototypes=P)
    return seen_unseen_curve(P.positions(Y_NEW), scores, SEEN).at(0.0)[2]


def test_stacking_is_what_it_does_by_default() -> None:
    model = Remedied(Ridge(), split=SPLIT).fit(X, Y, prototypes=P)
    plain = Ridge().fit(X, Y, prototypes=P)
    contests = simulate(Ridge(), X, Y, prototypes=P, split=SPLIT, max_per_class=100, random_state=0)
    gamma = CalibratedStacking().fit(contests).gamma_
    assert [type(one) for one in model.remedies_] == [CalibratedStacking]
    assert model.remedies_[0].gamma_ == pytest.approx(gamma)
    assert model.n_competitions_ == 3
    expected = plain.class_scores(X_NEW, prototypes=P) - gamma * SEEN
    np.testing.assert_allclose(model.class_scores(X_NEW, prototypes=P), expected)
    unseen = np.isin(Y_NEW, P.names[9:])
    u = [m.score(X_NEW[unseen], Y_NEW[unseen], prototypes=P) for m in (plain, model)]
    assert u[1] > u[0]  # fewer unseen samples get a seen class's name
    assert model.bank_X_.shape == (0, 16)  # nobody needs it
    assert isinstance(Remedied().fit(X, Y, prototypes=P).method_, KernelRidge)


@pytest.mark.parametrize("name", REMEDIES.names())
def test_every_remedy_works_inside(name: str, tmp_path: Path) -> None:
    model = Remedied(Ridge(), remedies=[REMEDIES.get(name)(), CalibratedStacking()]).fit(X, Y, prototypes=P)
    assert 0.5 < harmonic_mean(model) < 1
    save_method(model, tmp_path / "m")
    loaded = load_method(tmp_path / "m")
    for prototypes in (P, P.subset(P.names[9:]), None):
        np.testing.assert_array_equal(
            loaded.class_scores(X_NEW, prototypes=prototypes), model.class_scores(X_NEW, prototypes=prototypes)
        )
    # A seen class's score is the same whatever else is asked for.
    some = P.subset([P.names[0], *P.names[9:]])
    whole = model.class_scores(X_NEW, prototypes=P)[:, [0, *range(9, 13)]]
    np.testing.assert_allclose(model.class_scores(X_NEW, prototypes=some), whole)


@pytest.mark.parametrize("name", [name for name in REMEDIES if name != "gate"])
def test_every_remedy_passes_the_battery_of_methods(name: str) -> None:
    check_method(Remedied(Ridge(), remedies=[REMEDIES.get(name)()]))


@pytest.mark.parametrize("evidence", ["entropy", "class_mean"])
def test_gates_pass_the_battery_of_methods(evidence: str) -> None:
    check_method(Remedied(Ridge(), remedies=[SeenUnseenGate(evidence)]))


@pytest.mark.parametrize(
    "remedy", [SeenUnseenGate("margin", hard=True), CSLS(transductive=True), MutualProximity(transductive=True)]
)
def test_tagged_remedies_pass_the_battery_of_methods(remedy: Remedy) -> None:
    check_method(Remedied(Ridge(), remedies=[remedy]))


def test_later_remedies_see_what_earlier_ones_left() -> None:
    first, second = InvertedSoftmax(), CalibratedStacking()
    model = Remedied(Ridge(), remedies=[first, second], split=SPLIT).fit(X, Y, prototypes=P)
    contests = simulate(Ridge(), X, Y, prototypes=P, split=SPLIT, max_per_class=100)
    softmax = InvertedSoftmax().fit(contests)
    leads = []
    for one in contests:
        mended = softmax.apply(one.scores, seen=one.seen, bank=one.bank)
        leads.append(seen_unseen_curve(one.y, mended, one.seen).best()[0])
    assert model.remedies_[1].gamma_ == pytest.approx(np.mean(leads))
    assert not hasattr(first, "beta_")  # what was handed in stays unfitted
    # The bank at scoring: training vectors, each with its class's column; a softmax down each column.
    plain = Ridge().fit(X, Y, prototypes=P)
    bank = Bank(plain.class_scores(X, prototypes=P), X, np.array(P.positions(Y)))
    expected = softmax.apply(plain.class_scores(X_NEW, prototypes=P), seen=SEEN, bank=bank)
    got = model.class_scores(X_NEW, prototypes=P)
    np.testing.assert_allclose(got, expected - model.remedies_[1].gamma_ * SEEN)


def test_the_bank_has_its_size() -> None:
    model = Remedied(Ridge(), remedies=[CSLS()], bank_size=30).fit(X, Y, prototypes=P)
    assert len(model.bank_X_) == len(model.bank_y_) <= 30
    assert set(np.bincount(model.bank_y_)) == {3}
    alone = Remedied(Ridge(), remedies=[CSLS(transductive=True)]).fit(X, Y, prototypes=P)
    assert len(alone.bank_X_) == 0


def test_seen_classes_are_known_by_name() -> None:
    model = Remedied(Ridge()).fit(X, Y, prototypes=P)
    renamed = Prototypes([f"new {name}" for name in P.names], P.vectors)
    plain = Ridge().fit(X, Y, prototypes=P).class_scores(X_NEW, prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X_NEW, prototypes=renamed), plain)  # nobody is seen
    reworded = Prototypes(P.names, P.vectors * 2)
    np.testing.assert_allclose(
        model.class_scores(X_NEW, prototypes=reworded), model.class_scores(X_NEW, prototypes=P), rtol=1e-6
    )
    assert not hasattr(model, "_names")


def test_inside_another_method_seen_classes_are_known_by_their_prototypes() -> None:
    inner = Remedied(Ridge(), split=SPLIT)
    whole = Prepared(inner).fit(X, Y, prototypes=P)
    expected = Remedied(Ridge(), split=SPLIT).fit(X, Y, prototypes=P).class_scores(X_NEW, prototypes=P)
    np.testing.assert_allclose(whole.class_scores(X_NEW, prototypes=P), expected)
    assert np.isfinite(Ensemble([inner, Ridge()]).fit(X, Y, prototypes=P).class_scores(X_NEW, prototypes=P)).all()


def test_with_seen_classes_alone_stacking_has_no_effect() -> None:
    model, plain = Remedied(Ridge()).fit(X, Y, prototypes=P), Ridge().fit(X, Y, prototypes=P)
    assert (model.predict(X_NEW) == plain.predict(X_NEW)).all()
    one_hot = Remedied(Ridge()).fit(X, Y)
    assert one_hot.remedies_ == []  # classes without descriptions are all equally far apart
    np.testing.assert_array_equal(one_hot.class_scores(X_NEW), Ridge().fit(X, Y).class_scores(X_NEW))


@pytest.mark.parametrize(
    "rows",
    [
        np.flatnonzero(Y[0] == Y),  # one class
        np.flatnonzero(np.isin(Y, P.names[:2])),  # two
        np.arange(0, 90, 10),  # one sample of each
    ],
)
def test_where_nothing_can_be_held_out_nothing_is_mended(rows: Array) -> None:
    model = Remedied(Ridge(), remedies=[CSLS(), CalibratedStacking()]).fit(X[rows], Y[rows], prototypes=P)
    assert (model.remedies_, model.n_competitions_, len(model.bank_X_)) == ([], 0, 0)
    plain = Ridge().fit(X[rows], Y[rows], prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X_NEW, prototypes=P), plain.class_scores(X_NEW, prototypes=P))


def test_no_remedies_is_the_method() -> None:
    model = Remedied(Ridge(), remedies=[]).fit(X, Y, prototypes=P)
    plain = Ridge().fit(X, Y, prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X_NEW, prototypes=P), plain.class_scores(X_NEW, prototypes=P))


def test_tags_are_those_of_the_parts() -> None:
    assert Remedied.capabilities == Capabilities() == Remedied().capabilities
    assert Remedied(remedies=[CSLS(), CSLS(transductive=True)]).capabilities.names() == ["transductive"]
    assert Remedied(remedies=[SeenUnseenGate()]).capabilities == Capabilities()
    assert Remedied(remedies=[SeenUnseenGate(hard=True)]).capabilities.names() == ["generative"]
    assert Remedied(SelfTraining()).capabilities.names() == ["transductive", "generative"]
    assert Remedied(METHODS.get("cosine")()).capabilities.names() == ["shared_space"]


def test_a_transductive_remedy_minds_the_batch() -> None:
    model = Remedied(Ridge(), remedies=[CSLS(transductive=True)]).fit(X, Y, prototypes=P)
    together = model.class_scores(X_NEW, prototypes=P)
    assert not np.allclose(model.class_scores(X_NEW[:5], prototypes=P), together[:5])
    with pytest.raises(InputError, match="a list of inductive methods"):
        Ensemble([model, Ridge()]).fit(X, Y, prototypes=P)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"method": 3}, "Remedied: method must be a Method or None; got 3"),
        ({"remedies": CSLS()}, r"Remedied: remedies must be a list of remedies or None; got CSLS\(\)"),
        ({"remedies": [CSLS]}, "Remedied: remedies must be a list of remedies or None; got"),
        ({"remedies": [CSLS(0)]}, "CSLS: k must be a whole number at least 1; got 0"),
        ({"split": 3}, "Remedied: split must be a ClassWiseSplit, pairs of positions or None; got 3"),
        ({"split": [(np.arange(90), np.arange(5))]}, "pairs with disjoint classes"),
        ({"seen_share": 0}, "Remedied: seen_share must be a number above 0 and at most 0.5; got 0"),
        ({"bank_size": 0}, "Remedied: bank_size must be a whole number at least 1; got 0"),
        ({"max_per_class": 0}, "Remedied: max_per_class must be a whole number at least 1; got 0"),
        ({"random_state": "x"}, "Remedied: random_state must be None"),
    ],
)
def test_bad_parameters(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Remedied(**{"method": Ridge(), **change}).fit(X, Y, prototypes=P)


# -- files -----------------------------------------------------------------------------------------------------


def test_parameters_come_back(tmp_path: Path) -> None:
    remedies = [LocalScaling(5, strength=1.5), PriorAdjustment(0.4)]
    model = Remedied(Ridge(0.5), remedies=remedies, bank_size=50).fit(X, Y, prototypes=P)
    save_method(model, tmp_path / "m")
    loaded: Any = load_method(tmp_path / "m")
    assert repr(loaded) == repr(model)
    assert vars(loaded.remedies_[1]) == vars(model.remedies_[1])


def test_a_remedy_of_ones_own_must_be_registered_to_be_saved(tmp_path: Path) -> None:
    class Own(CalibratedStacking):
        pass

    model = Remedied(Ridge(), remedies=[Own()]).fit(X, Y, prototypes=P)
    with pytest.raises(
        ModelError, match=r"Own must be registered; it is not\. Add an entry point to 'unseen.remedies'"
    ):
        save_method(model, tmp_path / "m")


def test_a_remedy_alone_is_no_method(tmp_path: Path) -> None:
    path = tmp_path / "m"
    save_method(Remedied(Ridge()).fit(X, Y, prototypes=P), path)
    with safe_open(str(path), framework="numpy") as file:
        card = json.loads(file.metadata()["unseen"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
    for name, says in (("remedy:stacking", "remedy:stacking is no method"), ("remedy:magic", "is no method")):
        save_file(tensors, path, metadata={"unseen": json.dumps({**card, "method": name})})
        with pytest.raises(ModelError, match=says):
            load_method(path)
    card["values"]["remedies_"]["estimators"][0]["method"] = "remedy:magic"
    save_file(tensors, path, metadata={"unseen": json.dumps(card)})
    with pytest.raises(
        ModelError, match=r"needs a method that is not installed. Registry: no remedy is called 'magic'"
    ):
        load_method(path)
