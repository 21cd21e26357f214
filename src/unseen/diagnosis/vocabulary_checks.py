"""Checks of a recogniser on a vocabulary and photos that nobody has labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.diagnosis.duplicates import duplicate_finding
from unseen.diagnosis.finding import Finding, Severity
from unseen.diagnosis.hubness import measure_hubness
from unseen.diagnosis.out_of_reach import measure_reach
from unseen.diagnosis.reach import Reach
from unseen.errors import InputError
from unseen.methods.linalg import unit_rows
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from unseen.prototypes import Prototypes
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["check_recognizer", "check_vectors"]

Array = np.ndarray[Any, Any]

# Fewer photos have no usual distance that one of them could stand out from.
_FEWEST = 30
# The distance of the tenth nearest: a handful of strays of one kind, near each other, cannot hide one another.
_NEIGHBOURS = 10
# Modified z-score beyond which Iglewicz and Hoaglin call a value an outlier.
_ODD = 3.5
_LISTED = 10


def check_recognizer(
    recognizer: Recognizer,
    vocabulary: Vocabulary,
    items: Any,
    *,
    reach: Reach | None = None,
    near: float = 0.95,
    level: float = 0.99,
) -> list[Finding]:
    """Look for what will hurt when these photos are recognised with this vocabulary; needs no label.

    Parameters
    ----------
    recognizer : Recognizer
        With an ``"image"`` head: the embedded one, or one whose images and texts share a space.
    vocabulary : Vocabulary
        The classes.
    items : path, folder, PIL image, array, or an iterable of those
        Photos like those that are to be recognised, at least one that can be used; others are left out.
    reach : Reach or None, default None
        Fitted to vectors of photos that are known to be all right, from the same encoder. None compares the photos
        with each other and names the odd ones out, which finds single strays and nothing that all have in common.
    near : float, default 0.95
        Cosine from which two prototypes are nearly one, in (0, 1].
    level : float, default 0.99
        As for `Reach.within`.

    Returns
    -------
    list of Finding
        Hubness of the answers; near-duplicate prototypes; photos out of reach. Without labels a class that is the
        answer to many photos may be a hub, or simply frequent; only looking tells.

    Raises
    ------
    InputError
        When no photo can be used, or the reach is of another encoder.

    Notes
    -----
    Odd is a photo whose tenth nearest is much farther than usual, 3.5 times the usual spread. Of five pictures
    that were no photos, put among 400 photos of birds, all five were found, and nothing else; among 1,000 photos of 51
    very different things one was, but all five were among the ten least usual, which the rows always name.

    Encodes every photo once. The measures are those of :func:`~unseen.diagnosis.hubness.measure_hubness`,
    :func:`~unseen.vocabulary.check_vocabulary` and :func:`~unseen.diagnosis.out_of_reach.measure_reach`.

    References
    ----------
    Ramaswamy, Rastogi and Shim, "Efficient Algorithms for Mining Outliers from Large Data Sets", SIGMOD 2000.
    Iglewicz and Hoaglin, "How to Detect and Handle Outliers", ASQC 1993: modified z-scores, here of one side.

    Examples
    --------
    >>> import numpy as np
    >>> import unseen
    >>> photos = [np.full((8, 8, 3), 40 * i, dtype=np.uint8) for i in range(3)]
    >>> classes = unseen.Vocabulary.from_names(["cat", "dog", "car"])
    >>> [f.title for f in check_recognizer(unseen.Recognizer.load(), classes, photos)]
    ['Hubness', 'Near-duplicate prototypes', 'Odd ones out']
    """
    owner = "check_recognizer"
    check_number(owner, "near", near, low=0, high=1, low_open=True)
    _check_reach(owner, reach)
    names, X = _encoded(owner, recognizer, items)
    return check_vectors(recognizer, vocabulary, names, X, reach=reach, near=near, level=level)


def check_vectors(
    recognizer: Recognizer,
    vocabulary: Vocabulary,
    names: Sequence[str],
    X: Array,
    *,
    reach: Reach | None = None,
    near: float = 0.95,
    level: float = 0.99,
) -> list[Finding]:
    """Look for what :func:`check_recognizer` looks for, in vectors (n, d) of photos that were encoded before.

    Parameters
    ----------
    recognizer, vocabulary, reach, near, level
        As for :func:`check_recognizer`.
    names : sequence of str
        Names of the n photos.
    X : ndarray of shape (n, d)
        Their vectors, from the recogniser's encoder.
    """
    from unseen.vocabulary import check_vocabulary

    owner = "check_recognizer"
    closeness = check_number(owner, "near", near, low=0, high=1, low_open=True)
    _check_reach(owner, reach)
    if not len(X):
        found = verbatim("none")
        raise InputError(message(owner, "items", "at least one vector", found, "Check the errors of the run"))
    prototypes: Prototypes = recognizer.prototypes(vocabulary)
    if reach is not None and getattr(reach, "n_features_in_", X.shape[1]) != X.shape[1]:
        found = verbatim(f"one of {reach.n_features_in_} dimensions")
        expected = f"fitted to vectors of {X.shape[1]} dimensions, like this encoder's"
        raise InputError(message(owner, "reach", expected, found, "Fit it with this recogniser's encode_images"))
    hubs = measure_hubness(recognizer.class_scores(X, prototypes), prototypes.names)
    pairs = check_vocabulary(vocabulary, prototypes, near=closeness).nearest_pairs
    rows = [{"first": pair.first, "second": pair.second, "cosine": pair.cosine} for pair in pairs]
    away = _odd_ones_out(X, names) if reach is None else measure_reach(reach, X, level=level, names=names)
    return [hubs, duplicate_finding(rows, closeness, prototypes), away]


def _check_reach(owner: str, reach: Any) -> None:
    if reach is not None and not isinstance(reach, Reach):
        raise InputError(message(owner, "reach", "a fitted Reach or None", reach, "Pass Reach().fit(vectors)"))


def _encoded(owner: str, recognizer: Recognizer, items: Any) -> tuple[list[str], Array]:
    """Return names and vectors of the photos that can be used."""
    from unseen.inputs.sources import iter_images

    recognizer.head("image")
    names: list[str] = []
    vectors: list[Array] = []
    for batch in recognizer.encoder.stream_images(iter_images(items)):
        names += [item.name for item, error in zip(batch.items, batch.errors, strict=True) if error is None]
        vectors.append(batch.vectors)
    if not names:
        remedy = "Check the folder, or look at the errors of Recognizer.classify"
        raise InputError(message(owner, "items", "photos of which one at least can be used", verbatim("none"), remedy))
    return names, np.concatenate(vectors)


def _odd_ones_out(X: Array, names: Sequence[str]) -> Finding:
    """Name photos that are farther from their nearest neighbours than is usual among these photos."""
    title = "Odd ones out"
    if len(X) < _FEWEST:
        said = f"{len(X)} photos are too few to tell which of them is unusual; it takes {_FEWEST}, or a Reach."
        return Finding("domain_shift", title, "none", said, {"out": 0.0, "share": 0.0})
    from sklearn.neighbors import NearestNeighbors

    directions = unit_rows(X.astype(np.float64))
    # Asked for no vectors, it leaves each one's own out.
    distances = NearestNeighbors(n_neighbors=_NEIGHBOURS, algorithm="brute").fit(directions).kneighbors()[0][:, -1]
    centre = float(np.median(distances))
    beyond = distances[distances > centre] - centre
    # Of the upper half alone: photos with copies among the others make the lower one wide.
    usual = float(np.median(beyond)) / 0.6745 if len(beyond) > 0.25 * len(distances) else 0.0
    # Where most photos are copies of one there is no spread, and whatever is not a copy stands out.
    scores = (distances - centre) / (usual or max(1e-6, 1e-6 * centre))
    order = np.argsort(-scores, kind="stable")
    out = int((scores > _ODD).sum())
    rows = [
        {"item": names[i], "times_usual_spread": round(float(scores[i]), 2), "odd": bool(scores[i] > _ODD)}
        for i in order[:_LISTED]
    ]
    share = out / len(X)
    severity: Severity = "none" if not out else "strong" if share >= 0.2 else "mild"
    verdict = f"{out} of {len(X)} photos are unlike all others"
    verdict += f", such as {rows[0]['item']}. Look at them." if out else "; the rows name the least usual ones."

    def draw(axes: Axes) -> None:
        axes.hist(scores, bins=40, color="0.75", edgecolor="0.2", linewidth=0.6)
        axes.axvline(_ODD, color="black", linestyle="--", label="odd from here on")
        axes.set_xlabel("distance from the nearest photos,\nin units of its usual spread")
        axes.set_ylabel("photos")
        axes.set_title("Odd ones out")
        axes.legend()

    return Finding("domain_shift", title, severity, verdict, {"out": float(out), "share": share}, rows, draw)
