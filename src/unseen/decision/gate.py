"""SeenUnseenGate: is this sample of a seen class at all? Asked before, or beside, which class it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.decision.remedy import Remedy
from unseen.errors import InputError
from unseen.methods.base import Citation
from unseen.methods.linalg import unit_rows
from unseen.methods.meta.weights import spread
from unseen.metrics.gzsl import seen_unseen_curve
from unseen.metrics.unknown import auroc
from unseen.validation import check_choice, check_switch, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unseen.decision.remedy import Bank, Competition
    from unseen.methods.base import Array

__all__ = ["EVIDENCE", "SeenUnseenGate"]

#: What may tell samples of seen classes from others, in the order in which ties are decided.
EVIDENCE = ("margin", "max_softmax", "entropy", "energy", "neighbour", "class_mean")
# Inverse temperature of the softmaxes, in units of 1 / spread of the scores.
_SHARPNESS = 3.0
# Weights of the evidence against the method's own margin that are tried, in deviations of both.
_WEIGHTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)


class SeenUnseenGate(Remedy):
    r"""Novelty detection: evidence that a sample is of a seen class decides, or helps to decide, between the kinds.

    Soft: :math:`f'_c(x) = f_c(x) + (w\, e(x) - \gamma)\,[c \in \text{seen}]`. Hard: as before within either kind, and
    :math:`\max_\text{seen} f' - \max_\text{unseen} f' = e(x) - \gamma`.

    Parameters
    ----------
    evidence : {None, "margin", "max_softmax", "entropy", "energy", "neighbour", "class_mean"}, default None
        What e is. None: the one with the highest area under the ROC curve in the competitions.

        - ``margin``: best seen class's score less best unseen class's (hard gates only);
        - ``max_softmax``, ``entropy``, ``energy``: largest probability, negative entropy and log-sum-exp of the seen
          classes' scores;
        - ``neighbour``: cosine to the nearest of the samples the method was fitted to;
        - ``class_mean``: cosine to the nearest mean of a seen class's samples.
    hard : bool, default False
        Whether the evidence alone decides between the kinds.

    Attributes
    ----------
    evidence_ : str
        What e is.
    auroc_values_ : ndarray of shape (6,)
        Area under the ROC curve of each kind of evidence: alone for a hard gate, at its best weight beside the margin
        for a soft one; -1 for what was not tried. `aurocs_` has them by name.
    weight_ : float
        w, in units of score per evidence; 1 for a hard gate.
    gamma_ : float
        The threshold, the mean over competitions of the one with the best harmonic mean.
    temperature_ : float
        Of the softmaxes.

    Raises
    ------
    InputError
        When a parameter is none of the choices, or bank or vectors are missing.

    Notes
    -----
    Areas are means over competitions of one left out at a time: the scales that evidence and margin are weighed with
    come from the others. The weight is the one with the best harmonic mean, again one competition left out at a time;
    0 is among those tried, and is calibrated stacking. A hard gate on the margin is calibrated stacking too. Where
    only one kind of class is scored nothing changes. A soft gate leaves the scores of unseen classes alone; what it
    does to seen ones depends on which other *seen* classes are scored, and on no unseen one. A hard gate compares the
    kinds, so unseen rivals have a part in it. O(n m d) for a bank of m vectors.

    References
    ----------
    Socher, Ganjoo, Manning and Ng, "Zero-Shot Learning Through Cross-Modal Transfer", NIPS 2013: the hard gate.
    Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks",
    ICLR 2017.
    Liu, Wang, Owens and Li, "Energy-based Out-of-distribution Detection", NeurIPS 2020.
    Sun, Ming, Zhu and Li, "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022.
    Atzmon and Chechik, "Adaptive Confidence Smoothing for Generalized Zero-Shot Learning", CVPR 2019: soft gates.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.decision.gate import SeenUnseenGate
    >>> from unseen.methods.projection.ridge import Ridge
    >>> from unseen.methods.simulation import simulate
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i}" for i in range(9)], rng.normal(size=(9, 5)))
    >>> y = np.repeat(p.names, 10)
    >>> X = np.repeat(p.vectors @ rng.normal(size=(5, 8)), 10, axis=0) + 0.1 * rng.normal(size=(90, 8))
    >>> gate = SeenUnseenGate(hard=True).fit(simulate(Ridge(), X, y, prototypes=p))
    >>> gate.evidence_, max(gate.aurocs_.values()) > 0.9
    ('neighbour', True)
    """

    failure = "bias"
    citation = Citation(
        authors="Socher, Ganjoo, Manning and Ng",
        title="Zero-Shot Learning Through Cross-Modal Transfer",
        venue="NIPS",
        year=2013,
        url="https://arxiv.org/abs/1301.3666",
    )
    needs_bank = True
    needs_seen = True

    def __init__(self, evidence: str | None = None, *, hard: bool = False) -> None:
        self.evidence = evidence
        self.hard = hard

    @property
    def needs_rivals(self) -> bool:  # type: ignore[override]
        """Whether the scores of unseen classes have a part in those of the others: in a hard gate."""
        return bool(self.hard)

    @property
    def needs_vectors(self) -> bool:  # type: ignore[override]
        """Whether it needs the samples' vectors: where the evidence is a distance."""
        return getattr(self, "evidence_", None) in {"neighbour", "class_mean"}

    @property
    def aurocs_(self) -> dict[str, float]:
        """Area under the ROC curve of each kind of evidence that was tried, by name."""
        return {name: float(v) for name, v in zip(EVIDENCE, self.auroc_values_, strict=True) if v >= 0}

    def _check_parameters(self) -> None:
        check_switch("SeenUnseenGate", "hard", self.hard)
        if self.evidence is not None:
            check_choice("SeenUnseenGate", "evidence", self.evidence, EVIDENCE if self.hard else EVIDENCE[1:])

    def _fit(self, competitions: Sequence[Competition]) -> None:
        contests = [_Contest(one) for one in competitions]
        self.temperature_ = float(np.mean([one.spread for one in contests]) / _SHARPNESS)
        tried = [self.evidence] if self.evidence is not None else list(EVIDENCE if self.hard else EVIDENCE[1:])
        weights = (np.inf,) if self.hard else _WEIGHTS
        self.auroc_values_ = np.full(len(EVIDENCE), -1.0)
        found: dict[str, list[Array]] = {}
        for name in tried:
            found[name] = [_evidence(name, self.temperature_, one.seen, one.bank)(one.S, one.X) for one in contests]
            areas = [np.mean(_left_out(contests, found[name], w, _Contest.area)) for w in weights]
            self.auroc_values_[EVIDENCE.index(name)] = max(areas)
        # Of equals the first.
        self.evidence_ = EVIDENCE[int(self.auroc_values_.argmax())]
        evidence = found[self.evidence_]
        if self.hard:
            self.weight_ = 1.0
        else:
            means = [np.mean(_left_out(contests, evidence, w, _Contest.harmonic_mean)) for w in weights]
            self.weight_ = weights[int(np.argmax(means))] * _scale(list(zip(contests, evidence, strict=True)))
        best = [one.best(e, self.weight_, hard=bool(self.hard)) for one, e in zip(contests, evidence, strict=True)]
        self.gamma_ = float(np.mean(best))

    def _applier(self, seen: Array, bank: Bank | None) -> Callable[[Array, Array | None], Array]:
        if seen.all() or not seen.any():
            return lambda S, X: S.copy()
        evidence = _evidence(self.evidence_, self.temperature_, seen, bank)

        def apply(S: Array, X: Array | None) -> Array:
            return _gated(S, seen, self.weight_ * evidence(S, X) - self.gamma_, hard=bool(self.hard))

        return apply


def _gated(S: Array, seen: Array, extra: Array, *, hard: bool) -> Array:
    """Return scores with `extra` on seen classes; where `hard`, the kinds are level first."""
    mended = S.copy()
    if hard:
        mended[:, seen] -= S[:, seen].max(axis=1, keepdims=True)
        mended[:, ~seen] -= S[:, ~seen].max(axis=1, keepdims=True)
    mended[:, seen] += extra[:, None]
    return mended


def _evidence(name: str, temperature: float, seen: Array, bank: Bank | None) -> Callable[[Array, Array | None], Array]:
    """Return what tells from scores and vectors how much a sample looks like one of a seen class, (n,)."""
    from scipy.special import log_softmax, logsumexp

    if name == "margin":
        return lambda S, X: S[:, seen].max(axis=1) - S[:, ~seen].max(axis=1)
    if name == "energy":
        return lambda S, X: temperature * logsumexp(S[:, seen] / temperature, axis=1)
    if name in {"max_softmax", "entropy"}:

        def softness(S: Array, X: Array | None) -> Array:
            logs = log_softmax(S[:, seen] / temperature, axis=1)
            told: Array = np.exp(logs).max(axis=1) if name == "max_softmax" else (np.exp(logs) * logs).sum(axis=1)
            return told

        return softness
    known = np.zeros((1, 1)) if bank is None else unit_rows(np.asarray(bank.X, dtype=np.float64))
    if name == "class_mean" and bank is not None:
        classes = np.unique(bank.y[bank.y >= 0])
        if not len(classes):
            expected, found = "of samples of which some have a class", verbatim("samples of none")
            raise InputError(message("SeenUnseenGate", "bank", expected, found, "Say which, or choose other evidence"))
        known = unit_rows(np.stack([known[bank.y == c].mean(axis=0) for c in classes]))
    return lambda S, X: (unit_rows(np.asarray(X, dtype=np.float64)) @ known.T).max(axis=1)


class _Contest:
    """A competition and what is asked of it over and over."""

    def __init__(self, one: Competition) -> None:
        self.y, self.seen, self.X, self.bank = one.y, np.asarray(one.seen, dtype=bool), one.X, one.bank
        self.S = np.asarray(one.scores, dtype=np.float64)
        self.spread = spread(self.S)
        self.margin = self.S[:, self.seen].max(axis=1) - self.S[:, ~self.seen].max(axis=1)
        self.known = self.seen[self.y]

    def best(self, evidence: Array, weight: float, *, hard: bool) -> float:
        """Return the threshold with the best harmonic mean."""
        mended = _gated(self.S, self.seen, weight * evidence, hard=hard)
        return seen_unseen_curve(self.y, mended, self.seen).best()[0]

    def area(self, evidence: Array, weight: float, others: Sequence[tuple[_Contest, Array]]) -> float:
        """Return the area under the ROC curve of evidence beside the margin, or alone where its weight is infinite."""
        return auroc(self.known, evidence if weight == np.inf else self.margin + weight * _scale(others) * evidence)

    def harmonic_mean(self, evidence: Array, weight: float, others: Sequence[tuple[_Contest, Array]]) -> float:
        """Return the harmonic mean at the threshold that the others find best."""
        weight = weight * _scale(others)
        gamma = float(np.mean([one.best(e, weight, hard=False) for one, e in others]))
        mended = _gated(self.S, self.seen, weight * evidence, hard=False)
        return seen_unseen_curve(self.y, mended, self.seen).at(gamma)[2]


def _scale(pairs: Sequence[tuple[_Contest, Array]]) -> float:
    """Return the deviation of margins over that of evidence; 0 for evidence that never varies."""
    evidence = float(np.mean([e.std() for _, e in pairs]))
    size = float(np.mean([np.abs(e).max() for _, e in pairs]))
    return float(np.mean([one.margin.std() for one, _ in pairs])) / evidence if evidence > 1e-9 * size else 0.0


def _left_out(
    contests: Sequence[_Contest],
    evidence: Sequence[Array],
    weight: float,
    judge: Callable[[_Contest, Array, float, Sequence[tuple[_Contest, Array]]], float],
) -> list[float]:
    """Return the judgement of every competition by the others; by itself where it is the only one."""
    pairs = list(zip(contests, evidence, strict=True))
    rest = [[pair for j, pair in enumerate(pairs) if j != i] or pairs for i in range(len(pairs))]
    return [judge(one, e, weight, others) for (one, e), others in zip(pairs, rest, strict=True)]
