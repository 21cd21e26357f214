"""The four failures of one method on one data set: each measured, pictured, and with what would help."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.decision.stacking import CalibratedStacking
from unseen.diagnosis.bias import measure_bias
from unseen.diagnosis.domain_shift import measure_domain_shift
from unseen.diagnosis.duplicates import near_duplicates
from unseen.diagnosis.effects import Effect, compare, mended
from unseen.diagnosis.hubness import measure_hubness
from unseen.diagnosis.projection_error import measure_projection_error
from unseen.diagnosis.semantic_loss import measure_semantic_loss
from unseen.diagnosis.synthesis import measure_synthesis
from unseen.diagnosis.training import measure_training
from unseen.errors import InputError
from unseen.methods.attribute_weights import AttributeWeights
from unseen.methods.base import Method
from unseen.methods.meta.aligned import Aligned
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.selection import ClassWiseSplit
from unseen.methods.simulation import simulate
from unseen.methods.synthesis.generative import _Generative
from unseen.methods.synthesis.synthesizer import Synthesizer
from unseen.registry import REMEDIES
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unseen.datasets import Dataset
    from unseen.decision.remedy import Competition
    from unseen.diagnosis.finding import Finding
    from unseen.prototypes import Prototypes

__all__ = ["Diagnosis", "diagnose"]

Array = np.ndarray[Any, Any]

# Which figure a remedy of a failure is judged by.
_FIGURE = {"bias": "H", "hubness": "T1", "domain_shift": "T1", "semantic_loss": "T1"}
_SPELLED = {"H": "H", "T1": "the accuracy of unseen classes among themselves"}


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes
    ----------
    title : str
        What was looked at.
    findings : tuple of Finding
        Failures, in the order of the house: bias, hubness, domain shift, semantic loss; of a method that makes up
        examples, these too.
    effects : tuple of Effect
        What each remedy does on held-out training classes; empty where there are no labels.
    settings : mapping
        What it came from.
    """

    title: str
    findings: tuple[Finding, ...]
    effects: tuple[Effect, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, as JSON can hold it."""
        return {
            "title": self.title,
            "findings": [one.to_dict() for one in self.findings],
            "effects": [one.to_dict() for one in self.effects],
            "settings": dict(self.settings),
        }


def diagnose(dataset: Dataset, method: Method | None = None, *, open_test: bool = False, seed: int = 0) -> Diagnosis:
    """Measure the four failures of a method, and what each remedy would do about them.

    Parameters
    ----------
    dataset : Dataset
        What the method learns from. Its test part stays closed unless `open_test`.
    method : Method or None, default None
        Cloned, never fitted itself, inductive; None takes `KernelRidge` with its defaults.
    open_test : bool, default False
        Whether bias and hubness are measured on the test part too, which counts as one opening. Remedies are
        measured on held-out training classes in any case.
    seed : int, default 0
        Seed of folds, samples and resamples.

    Returns
    -------
    Diagnosis

    Raises
    ------
    InputError
        When there are fewer than nine seen classes, of which three folds could not be made, or the method is not an
        inductive one.

    Notes
    -----
    Three folds of training classes are held out; the method is fitted to the others each time. A remedy is fitted to
    two of the folds and judged on the third. Figures and pictures of bias and hubness show the first fold, the penalty
    on seen classes comes from the others; effects of remedies are over all three. Of a method that makes up examples,
    those are compared with real ones, and of one that is trained by epochs, the training is looked at; such a slow one
    is not tried with remedies that it would have to be fitted again for.
    """
    from unseen.methods.projection.kernel_ridge import KernelRidge

    base = KernelRidge() if method is None else method
    if not isinstance(base, Method) or base.capabilities.transductive:
        raise InputError(message("diagnose", "method", "an inductive method or None", method, "Pass an instance"))
    X, y = dataset.learnable()
    seen = dataset.seen_prototypes
    if seen.n_classes < 9:
        raise InputError(
            message("diagnose", "dataset", "of at least 9 seen classes", seen.n_classes, "Fewer tell nothing of others")
        )

    def contests_of(variant: Method) -> list[Competition]:
        split = ClassWiseSplit(3, random_state=seed)
        return simulate(variant, X, y, prototypes=seen, split=split, max_per_class=100, random_state=seed)

    contests = contests_of(base)
    if not all(one.seen[one.y].any() for one in contests):
        found = verbatim("fewer, so that none could be kept to judge seen classes by")
        raise InputError(
            message("diagnose", "dataset", "of at least three training samples of some classes", found, "Add photos")
        )
    effects = []
    for name in REMEDIES:
        remedy = REMEDIES.get(name)()
        figure = _FIGURE[remedy.failure]
        effects.append(compare(name, remedy.failure, contests, mended(remedy, contests), figure=figure))
    # A slow method is not fitted fifteen times more to say what it would do with other vectors and prototypes.
    for name, failure, variant in () if base.slow else _variants(base, seed):
        after = contests_of(variant)
        transductive = variant.capabilities.transductive
        effects.append(compare(name, failure, contests, after, figure="T1", transductive=transductive))
    findings = [*_of_scores(contests), *_of_vectors(dataset, base, contests[0], X, y, seed)]
    if isinstance(base, Synthesizer):
        findings += _of_made_up(base, X, y, seen, seed)
    if open_test:
        findings += _of_test(dataset, base, contests)
    return Diagnosis(
        f"{type(base).__name__} on {dataset.name}",
        tuple(
            _with_advice(one, effects) if one.failure not in {before.failure for before in findings[:i]} else one
            for i, one in enumerate(findings)
        ),
        tuple(effects),
        {
            "data set": dataset.name,
            "fingerprint": dataset.fingerprint,
            "method": " ".join(repr(base).split()),
            "seed": seed,
            "test part": "opened once" if open_test else "not opened",
        },
    )


def _variants(base: Method, seed: int) -> list[tuple[str, str, Method]]:
    """Return the remedies that act on vectors or prototypes: the method, dressed."""
    aligned: list[tuple[str, str, Method]] = [
        (f"aligned, {kind}", "domain_shift", Aligned(base, alignment=kind)) for kind in ("mean", "standardize", "coral")
    ]
    return [
        *aligned,
        ("self_training", "domain_shift", SelfTraining(base)),
        ("attribute weights", "semantic_loss", Prepared(base, prototypes=AttributeWeights(random_state=seed))),
    ]


def _of_scores(contests: Sequence[Competition]) -> list[Finding]:
    contest, *others = contests
    alone, y = contest.held_out()
    names = [name for name, known in zip(contest.names, contest.seen, strict=True) if not known]
    penalty = CalibratedStacking().fit(others).gamma_
    bias = measure_bias(contest.y, contest.scores, contest.seen, contest.names, penalty=penalty)
    return [bias, measure_hubness(alone, names, y)]


def _of_vectors(dataset: Dataset, base: Method, contest: Competition, X: Array, y: Array, seed: int) -> list[Finding]:
    names = np.array(contest.names)
    target = contest.X[~contest.seen[contest.y]]
    shift = measure_domain_shift(contest.bank.X, target, y_train=names[contest.bank.y], random_state=seed)
    seen = dataset.seen_prototypes
    error = measure_projection_error(base, X, y, prototypes=seen, random_state=seed)
    loss = measure_semantic_loss(X, y, prototypes=dataset.prototypes, names=dataset.attribute_names, random_state=seed)
    return [shift, error, loss, near_duplicates(dataset.prototypes)]


def _of_made_up(base: Synthesizer, X: Array, y: Array, seen: Prototypes, seed: int) -> list[Finding]:
    found = [measure_synthesis(base, X, y, prototypes=seen, random_state=seed)]
    if isinstance(base, _Generative):
        found.append(measure_training(clone(base).fit(X, y, prototypes=seen)))
    return found


def _of_test(dataset: Dataset, base: Method, contests: Sequence[Competition]) -> list[Finding]:
    X, y = dataset.learnable()
    model: Method = clone(base).fit(X, y, prototypes=dataset.seen_prototypes)
    part = dataset.open_test("diagnose")
    penalty = CalibratedStacking().fit(contests).gamma_
    prototypes = dataset.prototypes
    unseen = prototypes.subset([name for name in prototypes.names if name in set(part.y_unseen.tolist())])
    alone = model.class_scores(part.X_unseen, prototypes=unseen)
    found = [measure_hubness(alone, unseen.names, unseen.positions(part.y_unseen))]
    if len(part.X_seen):
        scores = model.class_scores(np.concatenate([part.X_unseen, part.X_seen]), prototypes=prototypes)
        columns = prototypes.positions([*part.y_unseen, *part.y_seen])
        mask = np.asarray(prototypes.seen, dtype=bool)
        found.insert(0, measure_bias(columns, scores, mask, prototypes.names, penalty=penalty))
    return [replace(one, title=f"{one.title}, on the test part") for one in found]


def _with_advice(finding: Finding, effects: Sequence[Effect]) -> Finding:
    """Add what the best remedy would do, by its measured effect."""
    mine = [one for one in effects if one.failure == finding.failure]
    if not mine:
        return finding
    best = max([one for one in mine if one.clear] or mine, key=lambda one: one.gain.estimate)
    if best.clear:
        advice = (
            f"On training classes that were held out, '{best.remedy}' takes {_SPELLED[best.figure]} from "
            f"{best.before:.2f} to {best.after:.2f} (95 % interval of the gain: {best.gain.low:+.2f} to "
            f"{best.gain.high:+.2f})."
        )
        if best.transductive:
            advice += " It looks at all images that are recognised together."
    else:
        advice = (
            f"Of the remedies tried on held-out training classes, none clearly raises {_SPELLED[best.figure]}; "
            f"'{best.remedy}' changes it by {best.gain.estimate:+.2f} ({best.gain.low:+.2f} to {best.gain.high:+.2f})."
        )
    return replace(finding, verdict=f"{finding.verdict} {advice}")
