"""Remedies by hand: each against the arithmetic of its formula, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from unseen import Prototypes
from unseen.datasets import read_dataset
from unseen.decision.csls import CSLS
from unseen.decision.gate import EVIDENCE, SeenUnseenGate
from unseen.decision.globally_corrected import GloballyCorrected
from unseen.decision.inverted_softmax import InvertedSoftmax
from unseen.decision.local_scaling import LocalScaling
from unseen.decision.mutual_proximity import MutualProximity
from unseen.decision.prior import PriorAdjustment
from unseen.decision.remedy import Bank, Competition
from unseen.decision.stacking import CalibratedStacking
from unseen.errors import InputError
from unseen.methods.projection.reverse_ridge import ReverseRidge
from unseen.methods.projection.ridge import Ridge
from unseen.methods.selection import ClassWiseSplit, select
from unseen.methods.simulation import simulate
from unseen.metrics import k_occurrence, seen_unseen_curve, skewness
from unseen.testing.competitions import make_competitions

if TYPE_CHECKING:
    from pathlib import Path

Array = np.ndarray[Any, Any]

# Two classes, three reference samples of neither.
USUAL = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.2]])
BANK = Bank(USUAL, np.zeros((3, 1)), np.array([-1, -1, -1]))
UNSEEN = [False, False]


def contest(y: list[int], scores: Any, seen: list[bool]) -> Competition:
    S, columns = np.array(scores, dtype=float), np.array(y)
    names = tuple(f"c{i}" for i in range(S.shape[1]))
    return Competition(
        columns, S, np.array(seen), names, np.zeros((len(S), 1)), Bank(S, np.zeros((len(S), 1)), columns)
    )


# -- stacking --------------------------------------------------------------------------------------------------


def test_stacking_by_hand() -> None:
    # Seen class 0. Leads of 0 over 1: sample 0 (seen) 3 - 1 = 2, sample 1 (unseen) 2 - 1 = 1. From a penalty of 1 the
    # unseen sample is right, from 2 on the seen one is wrong: H is 1 between, and 1.5 is its middle.
    first = contest([0, 1], [[3, 1], [2, 1]], [True, False])
    # Leads 4 and 1: the middle of 1 to 4 is 2.5.
    second = contest([0, 1], [[5, 1], [2, 1]], [True, False])
    remedy = CalibratedStacking().fit([first, second])
    assert remedy.gammas_.tolist() == [1.5, 2.5]
    assert remedy.gamma_ == 2.0  # their mean
    assert remedy.apply([[3.0, 2.0]], seen=[True, False]).tolist() == [[1.0, 2.0]]
    assert CalibratedStacking(0.5).fit([first]).gamma_ == 0.5


def test_stacking_is_the_penalty_of_a_selection() -> None:
    rng = np.random.default_rng(0)
    p = Prototypes([f"c{i}" for i in range(9)], rng.normal(size=(9, 5)))
    y = np.repeat(p.names, 10)
    X = np.repeat(p.vectors @ rng.normal(size=(5, 8)), 10, axis=0) + rng.normal(size=(90, 8))
    found = select(Ridge(), X, y, prototypes=p, space=[{}], split=ClassWiseSplit(3))
    remedy = CalibratedStacking().fit(simulate(Ridge(), X, y, prototypes=p))
    assert remedy.gamma_ == pytest.approx(found.penalty)


# -- hubness ---------------------------------------------------------------------------------------------------


def test_csls_by_hand() -> None:
    # Means of the two highest: (.9 + .7) / 2 = .8 and (.3 + .2) / 2 = .25.
    mended = CSLS(2, strength=1.0).apply([[0.8, 0.6]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(mended, [[1.6 - 0.8, 1.2 - 0.25]])
    # A third of three is one: the highest, .9 and .3, times 2.
    mended = CSLS(1 / 3, strength=2.0).apply([[0.8, 0.6]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(mended, [[1.6 - 1.8, 1.2 - 0.6]])
    # More than there are is all: means .6 and .2.
    mended = CSLS(99, strength=1.0).apply([[0.8, 0.6]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(mended, [[1.6 - 0.6, 1.2 - 0.2]])


def test_samples_of_a_class_do_not_count_for_it() -> None:
    own = Bank(USUAL, BANK.X, np.array([0, -1, 1]))
    assert own.foreign.tolist() == [[False, True], [True, True], [True, False]]
    # Without its own .9 the highest of the first is .7; without its own .2 that of the second is still .3.
    mended = CSLS(1, strength=1.0).apply([[0.8, 0.6]], seen=[True, True], bank=own)
    np.testing.assert_allclose(mended, [[1.6 - 0.7, 1.2 - 0.3]])
    # A class that has nothing but its own samples keeps them.
    assert Bank(USUAL, BANK.X, np.array([0, 0, 0])).foreign.all()


def test_inverted_softmax_by_hand() -> None:
    # log of the mean of e^(2 z): (e^1.8 + e^1.4 + e^.4) / 3 and (e^.2 + e^.6 + e^.4) / 3, halved.
    first = np.log((np.exp(1.8) + np.exp(1.4) + np.exp(0.4)) / 3) / 2
    second = np.log((np.exp(0.2) + np.exp(0.6) + np.exp(0.4)) / 3) / 2
    mended = InvertedSoftmax(2.0).apply([[0.8, 0.6]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(mended, [[0.8 - first, 0.6 - second]])
    # A large beta takes the highest away, a small one the mean.
    large, small = (InvertedSoftmax(b).apply([[0.8, 0.6]], seen=UNSEEN, bank=BANK) for b in (1e4, 1e-6))
    np.testing.assert_allclose(large, [[0.8 - 0.9, 0.6 - 0.3]], atol=1e-3)
    np.testing.assert_allclose(small, [[0.8 - 0.6, 0.6 - 0.2]], atol=1e-5)


def test_inverted_softmax_learns_the_spread() -> None:
    # Rows deviate from their means by 1: (3 1) from 2, (2 4) from 3.
    one = contest([0, 1], [[3, 1], [2, 4]], [True, False])
    assert InvertedSoftmax(sharpness=3.0).fit([one]).beta_ == pytest.approx(3.0)
    assert InvertedSoftmax(7.0).fit([one]).beta_ == 7.0


def test_globally_corrected_by_hand() -> None:
    # .8 is outranked by .9 only: -1/3, and .8 / 1.8 / 6. .6 is outranked by none: 0, and .6 / 1.6 / 6.
    mended = GloballyCorrected().apply([[0.8, 0.6], [0.1, -0.6]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(mended[0], [-1 / 3 + 0.8 / 1.8 / 6, 0.6 / 1.6 / 6])
    # .1 and -.6 are outranked by all.
    np.testing.assert_allclose(mended[1], [-1 + 0.1 / 1.1 / 6, -1 - 0.6 / 1.6 / 6])
    # An even score does not outrank.
    mended = GloballyCorrected().apply([[0.9, 0.3]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(mended, [[0.9 / 1.9 / 6, 0.3 / 1.3 / 6]])


def test_mutual_proximity_by_hand() -> None:
    from scipy.stats import norm

    # Columns: means .6 and .2, deviations sqrt((.09 + .01 + .16) / 3) and sqrt((.01 + .01 + 0) / 3). Row: mean .7,
    # deviation .1, so its own terms are 1 and -1.
    deviations = np.sqrt([0.26 / 3, 0.02 / 3])
    columns = norm.cdf(([0.8, 0.6] - np.array([0.6, 0.2])) / deviations)
    mended = MutualProximity().apply([[0.8, 0.6]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(np.exp(mended), [columns * norm.cdf([1, -1])])
    # With one seen class the row's own distribution is that class's score, and deviates by nothing: 1 is taken.
    mended = MutualProximity().apply([[0.8, 0.6]], seen=[True, False], bank=BANK)
    np.testing.assert_allclose(np.exp(mended), [columns * norm.cdf([0, -0.2])])


def test_local_scaling_by_hand() -> None:
    # Squared distances: 1 - .8 = .2 and 1 - .6 = .4. The second nearest scores .7 and .2: units sqrt(.3), sqrt(.8).
    mended = LocalScaling(2, ceiling=1.0, strength=1.0).apply([[0.8, 0.6]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(mended, [[-0.2 / np.sqrt(0.3), -0.4 / np.sqrt(0.8)]])
    mended = LocalScaling(2, ceiling=1.0).apply([[0.8, 0.6]], seen=UNSEEN, bank=BANK)
    np.testing.assert_allclose(mended, [[-0.2 / 0.3, -0.4 / 0.8]])
    one = contest([0, 1], [[3, 1], [2, 4]], [True, False])
    assert LocalScaling().fit([one]).ceiling_ == 4.0
    assert LocalScaling(ceiling=9.0).fit([one]).ceiling_ == 9.0


@pytest.mark.parametrize("kind", [CSLS, InvertedSoftmax, GloballyCorrected, MutualProximity, LocalScaling])
def test_transductive_is_the_batch_as_its_own_bank(kind: Any) -> None:
    one = make_competitions(n=1)[0]
    batch = Bank(one.scores, one.X, np.full(len(one.scores), -1))
    inductive, transductive = kind().fit([one]), kind(transductive=True).fit([one])
    assert (inductive.transductive, transductive.transductive) == (False, True)
    expected = inductive.apply(one.scores, seen=one.seen, bank=batch)
    np.testing.assert_array_equal(transductive.apply(one.scores, seen=one.seen), expected)


# -- prior -----------------------------------------------------------------------------------------------------


def test_prior_is_half_on_the_competitions() -> None:
    contests = make_competitions()
    remedy = PriorAdjustment().fit(contests)
    shares = []
    for one in contests:
        mended = remedy.apply(one.scores, seen=one.seen)
        mass = np.exp(mended) / np.exp(mended).sum(axis=1, keepdims=True)
        on_seen = mass[:, one.seen].sum(axis=1)
        of_class = np.array([on_seen[one.y == c].mean() for c in range(10)])
        shares.append([of_class[one.seen == kind].mean() for kind in (True, False)])
    assert np.mean(shares) == pytest.approx(0.5, abs=1e-4)


def test_prior_of_more_unseen_samples_shifts_by_the_log_odds() -> None:
    contests = make_competitions()
    half, more = (PriorAdjustment(share).fit(contests) for share in (0.5, 0.9))
    shift = [remedy.apply([[1.0, 1.0]], seen=[True, False]) @ [-1, 1] for remedy in (half, more)]
    assert shift[1] - shift[0] == pytest.approx(np.log(9))  # odds of 9 to 1


def test_prior_of_scores_that_are_never_wrong_stays_finite() -> None:
    remedy = PriorAdjustment().fit([contest([0, 1], [[9, 0], [0, 9]], [True, False])])
    assert np.isfinite([remedy.slope_, remedy.offset_]).all()


# -- gate ------------------------------------------------------------------------------------------------------


def gated(far: float) -> Competition:
    """Return a competition whose scores say nothing, and whose vectors of unseen classes lie apart."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2, 3], 30)
    seen = np.array([True, True, False, False])
    X = rng.normal(size=(120, 4)) * 0.1 + np.where(seen[y], 1.0, 0.0)[:, None] + far * np.eye(4)[3] * ~seen[y][:, None]
    scores = rng.normal(size=(120, 4)) + 3 * np.eye(4)[y] + 2 * seen
    bank = Bank(scores[:60], X[:60] + 0.05 * rng.normal(size=(60, 4)), y[:60])
    return Competition(y, scores, seen, tuple("abcd"), X, bank)


def test_the_gate_finds_what_tells_the_kinds_apart() -> None:
    contests = [gated(2.0)] * 3
    for hard in (False, True):
        gate = SeenUnseenGate(hard=hard).fit(contests)
        assert gate.evidence_ in {"neighbour", "class_mean"}
        assert gate.aurocs_[gate.evidence_] == max(gate.aurocs_.values()) > 0.99
        assert list(gate.aurocs_) == list(EVIDENCE if hard else EVIDENCE[1:])
        assert gate.needs_vectors
        assert gate.needs_rivals is hard
        one = contests[0]
        mended = gate.apply(one.scores, seen=one.seen, bank=one.bank, X=one.X)
        stacked = CalibratedStacking().fit(contests).apply(one.scores, seen=one.seen)
        best, other = (seen_unseen_curve(one.y, S, one.seen).at(0.0)[2] for S in (mended, stacked))
        assert best > other


def test_a_hard_gate_on_the_margin_is_stacking() -> None:
    contests, new = make_competitions(), make_competitions(seed=1, n=1)[0]
    gate = SeenUnseenGate("margin", hard=True).fit(contests)
    stacking = CalibratedStacking().fit(contests)
    assert gate.gamma_ == pytest.approx(stacking.gamma_)
    mended = gate.apply(new.scores, seen=new.seen, bank=new.bank)
    assert (mended.argmax(axis=1) == stacking.apply(new.scores, seen=new.seen).argmax(axis=1)).all()


def test_evidence_by_hand() -> None:
    scores, bank = np.array([[2.0, 1.0, 0.5]]), Bank(np.zeros((3, 3)), np.eye(3), np.array([0, 1, 1]))
    seen, X = [True, True, False], np.array([[0.0, 3.0, 0.0]])
    p = np.exp([2, 1]) / np.exp([2, 1]).sum()  # at temperature 1
    expected = {
        "margin": 1.5,  # 2 - .5
        "max_softmax": p[0],
        "entropy": (p * np.log(p)).sum(),
        "energy": np.log(np.exp([2, 1]).sum()),
        "neighbour": 1.0,  # the second reference sample points the same way
        "class_mean": np.sqrt(0.5),  # the second class's mean is at 45 degrees
    }
    for name, value in expected.items():
        gate = SeenUnseenGate(name, hard=True)
        gate.temperature_, gate.weight_, gate.gamma_, gate.evidence_ = 1.0, 1.0, 0.25, name
        mended = gate.apply(scores, seen=seen, bank=bank, X=X)
        # Level, then what the evidence says: seen (0, -1) + e - .25, unseen 0.
        np.testing.assert_allclose(mended, [[value - 0.25, value - 1.25, 0.0]], err_msg=name)


def test_samples_of_no_class_are_no_class() -> None:
    gate = SeenUnseenGate("class_mean", hard=True)
    gate.temperature_, gate.weight_, gate.gamma_, gate.evidence_ = 1.0, 1.0, 0.0, "class_mean"
    X, scores = np.array([[0.0, 1.0]]), np.array([[2.0, 0.5]])
    bank = Bank(np.zeros((3, 2)), np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), np.array([0, -1, -1]))
    # The nearest mean of a class is at a right angle, whatever lies there of no class.
    np.testing.assert_allclose(gate.apply(scores, seen=[True, False], bank=bank, X=X), [[0.0, 0.0]], atol=1e-12)
    with pytest.raises(InputError, match="SeenUnseenGate: bank must be of samples of which some have a class; got"):
        gate.apply(scores, seen=[True, False], bank=replace(bank, y=np.full(3, -1)), X=X)


def test_evidence_that_never_varies_has_no_say() -> None:
    contests = [
        replace(c, X=np.ones_like(c.X), bank=replace(c.bank, X=np.ones_like(c.bank.X))) for c in make_competitions()
    ]
    gate = SeenUnseenGate("neighbour").fit(contests)
    new = contests[0]
    mended = gate.apply(new.scores, seen=new.seen, bank=new.bank, X=new.X)
    np.testing.assert_allclose(mended, new.scores - (new.scores - mended)[0, new.seen.argmax()] * new.seen)


# -- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remedy", "says"),
    [
        (CalibratedStacking("much"), "CalibratedStacking: gamma must be a number; got 'much'"),  # type: ignore[arg-type]
        (PriorAdjustment(0.0), r"PriorAdjustment: unseen_share must be a number above 0 and below 1; got 0\.0"),
        (PriorAdjustment(1.0), r"PriorAdjustment: unseen_share must be a number above 0 and below 1; got 1\.0"),
        (SeenUnseenGate("smell"), "SeenUnseenGate: evidence must be one of max_softmax, .*; got 'smell'"),
        (SeenUnseenGate("margin"), "SeenUnseenGate: evidence must be one of max_softmax, .*; got 'margin'"),
        (SeenUnseenGate(hard=1), "SeenUnseenGate: hard must be True or False; got 1"),  # type: ignore[arg-type]
        (CSLS(0), "CSLS: k must be a whole number at least 1; got 0"),
        (CSLS(1.5), r"CSLS: k must be a number above 0 and at most 1; got 1\.5"),
        (CSLS(strength=-1), "CSLS: strength must be a number at least 0; got -1"),
        (LocalScaling(0), "LocalScaling: k must be a whole number at least 1; got 0"),
        (LocalScaling(strength=-1), "LocalScaling: strength must be a number at least 0; got -1"),
        (LocalScaling(ceiling=np.inf), "LocalScaling: ceiling must be a finite number; got inf"),
        (InvertedSoftmax(0), "InvertedSoftmax: beta must be a number above 0; got 0"),
        (InvertedSoftmax(sharpness=0), "InvertedSoftmax: sharpness must be a number above 0; got 0"),
        (MutualProximity(transductive=2), "MutualProximity: transductive must be True or False; got 2"),  # type: ignore[arg-type]
    ],
)
def test_bad_parameters(remedy: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        remedy.fit(make_competitions(n=1))


def test_bad_competitions() -> None:
    one = make_competitions(n=1)[0]
    with pytest.raises(InputError, match="CalibratedStacking: competitions must be a list of at least one; got none"):
        CalibratedStacking().fit([])
    with pytest.raises(InputError, match="competitions must be a list of at least one; got 3"):
        CalibratedStacking().fit(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="must be of seen and of held-out classes, with samples of both; got one kind"):
        CalibratedStacking().fit([replace(one, seen=~np.zeros(10, dtype=bool))])


def test_bad_scores_and_banks() -> None:
    one = make_competitions(n=1)[0]
    remedy = CSLS()
    with pytest.raises(InputError, match=r"CSLS: seen must be of shape \(C,\)"):
        remedy.apply(one.scores, seen=[[True]], bank=one.bank)
    with pytest.raises(InputError, match=r"CSLS: scores must be finite and of shape \(n, 10\).*; got shape \(120, 9\)"):
        remedy.apply(one.scores[:, 1:], seen=one.seen, bank=one.bank)
    with pytest.raises(InputError, match=r"CSLS: scores must be finite and of shape \(n, 10\).*; got NaN or infinity"):
        remedy.apply(one.scores * np.nan, seen=one.seen, bank=one.bank)
    with pytest.raises(InputError, match=r"CSLS: bank must be a Bank of .* the same 10 classes; got none. Pass Bank\("):
        remedy.apply(one.scores, seen=one.seen)
    with pytest.raises(InputError, match=r"got scores of shape \(60, 9\), \(60,\) vectors and \(60,\) classes"):
        remedy.apply(one.scores, seen=one.seen, bank=replace(one.bank, scores=one.bank.scores[:, 1:]))
    with pytest.raises(InputError, match=r"CSLS: bank must be .*; got scores with NaN or infinity"):
        remedy.apply(one.scores, seen=one.seen, bank=replace(one.bank, scores=one.bank.scores * np.nan))
    with pytest.raises(InputError, match=r"CSLS: X must be one vector per row of scores; got shape \(1, 8\) for 120"):
        remedy.apply(one.scores, seen=one.seen, bank=one.bank, X=one.X[:1])
    gate = SeenUnseenGate("neighbour").fit([one])
    with pytest.raises(InputError, match="SeenUnseenGate: X must be the samples' vectors; got None"):
        gate.apply(one.scores, seen=one.seen, bank=one.bank)
    with pytest.raises(NotFittedError):
        CalibratedStacking().apply(one.scores, seen=one.seen)


# -- competitions ----------------------------------------------------------------------------------------------


def problem() -> tuple[Array, Array, Prototypes]:
    rng = np.random.default_rng(0)
    p = Prototypes([f"c{i}" for i in range(8)], rng.normal(size=(8, 4)))
    y = np.repeat(p.names[:6], 10)
    return np.repeat(p.vectors[:6] @ rng.normal(size=(4, 7)), 10, axis=0) + rng.normal(size=(60, 7)), y, p


def test_competitions_hold_out_whole_classes() -> None:
    X, y, p = problem()
    contests = simulate(Ridge(), X, y, prototypes=p, bank_size=12, split=ClassWiseSplit(2))
    assert [sum(~c.seen) for c in contests] == [3, 3]
    for one in contests:
        assert set(one.names) == set(y)
        assert len(one.y) == 3 * 10 + 3 * 2  # all of the held-out classes, a fifth of the others
        assert len(one.bank.y) == 12
        assert np.bincount(one.bank.y).tolist() == [4, 4, 4]  # evenly many of each class, and of no other
        # Neither is a judged sample in the bank, nor a sample of a held-out class.
        rows = {row.tobytes() for row in one.bank.X}
        assert not rows & {row.tobytes() for row in one.X}


def test_competitions_never_see_held_out_prototypes_or_samples() -> None:
    X, y, p = problem()
    handed: list[tuple[set[str], set[str]]] = []

    class Spy(Ridge):
        def fit(self, X: Any, y: Any, *, prototypes: Any = None) -> Any:
            handed.append((set(y), set(prototypes.names)))
            return super().fit(X, y, prototypes=prototypes)

    contests = simulate(Spy(), X, y, prototypes=p)
    for (labels, names), one in zip(handed, contests, strict=True):
        assert labels == names == {name for name, seen in zip(one.names, one.seen, strict=True) if seen}


def test_competitions_cap_samples() -> None:
    X, y, p = problem()
    one = simulate(Ridge(), X, y, prototypes=p, max_per_class=4)[0]
    assert np.bincount(one.y, minlength=6)[~one.seen].tolist() == [4, 4]
    assert np.bincount(one.bank.y).tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seen_share": 0.0}, "simulate: seen_share must be a number above 0 and at most 0.5; got 0"),
        ({"seen_share": 0.9}, "simulate: seen_share must be a number above 0 and at most 0.5; got 0.9"),
        ({"bank_size": 0}, "simulate: bank_size must be a whole number at least 1; got 0"),
        ({"max_per_class": 1.5}, r"simulate: max_per_class must be a whole number at least 1; got 1\.5"),
        ({"split": 3}, "simulate: split must be a ClassWiseSplit, pairs of positions or None; got 3"),
        ({"split": [([0, 1], [2, 3])]}, "split must be pairs with disjoint classes; got 1 shared"),
        ({"prototypes": np.eye(8)}, "Ridge: prototypes must be an unseen.Prototypes"),
        ({"random_state": "x"}, "simulate: random_state must be None"),
    ],
)
def test_bad_simulations(change: dict[str, Any], says: str) -> None:
    X, y, p = problem()
    with pytest.raises(InputError, match=says):
        simulate(Ridge(), X, y, **{"prototypes": p, **change})


def test_real_birds(data: Path) -> None:
    birds = read_dataset(data / "zsl" / "CUB100")
    (X, labels), prototypes = birds.learnable(), birds.seen_prototypes
    X = X[:, :400]
    split = list(ClassWiseSplit(3).split(X, labels))
    first, second = simulate(Ridge(), X, labels, prototypes=prototypes, split=split[:2], max_per_class=20)
    before = seen_unseen_curve(second.y, second.scores, second.seen).at(0.0)[2]
    mended = CalibratedStacking().fit([first]).apply(second.scores, seen=second.seen)
    assert seen_unseen_curve(second.y, mended, second.seen).at(0.0)[2] >= before + 0.2
    less = InvertedSoftmax().fit([first]).apply(second.scores, seen=second.seen, bank=second.bank)
    other = simulate(ReverseRidge(), X, labels, prototypes=prototypes, split=split[1:2], max_per_class=20)[0]
    held = ~second.seen[second.y]
    found = [skewness(k_occurrence(S[held][:, ~second.seen])) for S in (second.scores, less, other.scores)]
    assert found[1] < found[0]
