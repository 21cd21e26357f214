"""Unknown detection: whether items of no known class can be told by how little speaks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.metrics.checks import check_flags, check_values
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["auroc", "fpr_at_tpr"]

Array = np.ndarray[Any, Any]


def auroc(known: npt.ArrayLike, evidence: npt.ArrayLike) -> float:
    """Return how probably a known item shows more evidence than an unknown one, in [0, 1].

    The area under the curve of accepted known against accepted unknown items, over all thresholds.

    Parameters
    ----------
    known : array of bool of shape (n,)
        Whether an item is of a known class; both kinds must be there.
    evidence : array of shape (n,)
        How much speaks for its being known, such as the highest score; higher means known.

    Returns
    -------
    float
        1 where every known item is above every unknown one, 0.5 for guessing, below it where evidence points the
        wrong way. A tie between a known and an unknown item counts one half.

    Raises
    ------
    InputError
        When shapes disagree, evidence is not finite, or one kind of item is missing.

    Notes
    -----
    O(n log n). The shares of known and unknown items do not matter.

    References
    ----------
    Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks",
    ICLR 2017.

    Examples
    --------
    >>> from unseen.metrics import auroc
    >>> auroc([True, True, False, False], [0.9, 0.4, 0.4, 0.1])  # three of four pairs, and a tie
    0.875
    """
    from sklearn.metrics import roc_auc_score

    flags, values = _check("auroc", known, evidence)
    return float(roc_auc_score(flags, values))


def fpr_at_tpr(known: npt.ArrayLike, evidence: npt.ArrayLike, *, tpr: float = 0.95) -> float:
    """Return the share of unknown items taken for known where at least `tpr` of the known ones are, in [0, 1].

    At the default, it is what the literature calls FPR95: lower is better.

    Parameters
    ----------
    known : array of bool of shape (n,)
        Whether an item is of a known class; both kinds must be there.
    evidence : array of shape (n,)
        How much speaks for its being known; higher means known.
    tpr : float in (0, 1], default 0.95
        Share of known items that must be accepted.

    Returns
    -------
    float
        At the highest threshold that accepts enough known items. Items with the same evidence are accepted together,
        so more than `tpr` may be; there is no interpolation.

    Raises
    ------
    InputError
        When shapes disagree, evidence is not finite, or one kind of item is missing.

    References
    ----------
    Liang, Li and Srikant, "Enhancing the Reliability of Out-of-Distribution Image Detection in Neural Networks",
    ICLR 2018.

    Examples
    --------
    >>> from unseen.metrics import fpr_at_tpr
    >>> fpr_at_tpr([True, True, False, False], [0.9, 0.4, 0.4, 0.1])  # 0.4 accepts both known items, and an unknown
    0.5
    """
    share = check_number("fpr_at_tpr", "tpr", tpr, low=0, high=1, low_open=True)
    flags, values = _check("fpr_at_tpr", known, evidence)
    accepted = np.sort(values[flags])[::-1]
    # Compared as fractions: 0.07 * 100 is a little more than 7.
    needed = int(np.searchsorted(np.arange(1, len(accepted) + 1) / len(accepted), share))
    return float((values[~flags] >= accepted[needed]).mean())


def _check(owner: str, known: npt.ArrayLike, evidence: npt.ArrayLike) -> tuple[Array, Array]:
    values = check_values(owner, "evidence", evidence)
    remedy = "Say of every item whether it is of a known class"
    flags = check_flags(owner, "known", known, values.shape, "one per item of evidence", remedy)
    if flags.all() or not flags.any():
        kind = "known" if flags.all() else "unknown"
        expected = "of both kinds, known and unknown"
        raise InputError(message(owner, "items", expected, verbatim(f"{kind} ones only"), "Add items of the other"))
    return flags, values
