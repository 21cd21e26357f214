"""Tracks against the truth: HOTA, CLEAR MOT and identity scores, computed by TrackEval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_number, import_extra, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["TrackBoxes", "TrackScores", "evaluate_tracks"]

#: Tracks times true objects that are compared at most: TrackEval keeps 19 tables of that size.
_MOST_PAIRS = 20_000_000
#: Boxes of one frame times true boxes of it.
_MOST_IN_FRAME = 25_000_000


class TrackBoxes(Protocol):
    """Numbered boxes of a video, such as :func:`unseen.tracking.mot.read_mot` returns.

    Attributes
    ----------
    frames, ids : int arrays of shape (n,)
        Which frame each box is in, and whose it is.
    boxes : float array of shape (n, 4)
        Left, top, right and bottom edge.
    """

    @property
    def frames(self) -> npt.NDArray[np.int64]:
        """Which frame each box is in."""

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Whose each box is."""

    @property
    def boxes(self) -> npt.NDArray[np.float64]:
        """Left, top, right and bottom edge of each."""


@dataclass(frozen=True)
class TrackScores:
    """How well tracks fit the truth; shares are in [0, 1], of `mota` and `motp` as TrackEval defines them.

    Attributes
    ----------
    hota, deta, assa, loca : float
        Higher order tracking accuracy, its detection and its association part, and how exact matched boxes are; the
        mean over IoU thresholds 0.05 to 0.95.
    mota : float
        1 - (misses + false positives + identity switches) / true boxes; may be below 0.
    motp : float
        Mean IoU of matched boxes.
    idf1, idp, idr : float
        F1, precision and recall of boxes with the right identity.
    id_switches, fragments, false_positives, misses, matches : int
        Counts at the IoU threshold.
    mostly_tracked, mostly_lost : int
        True objects that are followed for over 80 % and under 20 % of their boxes.
    true_objects, tracks, true_boxes, boxes : int
        How many there were.
    """

    hota: float
    deta: float
    assa: float
    loca: float
    mota: float
    motp: float
    idf1: float
    idp: float
    idr: float
    id_switches: int
    fragments: int
    false_positives: int
    misses: int
    matches: int
    mostly_tracked: int
    mostly_lost: int
    true_objects: int
    tracks: int
    true_boxes: int
    boxes: int

    def to_dict(self) -> dict[str, float | int]:
        """Return all of it as a dictionary."""
        return asdict(self)


@overload
def evaluate_tracks(hypotheses: TrackBoxes, truth: TrackBoxes, *, threshold: float = ...) -> TrackScores: ...


@overload
def evaluate_tracks(
    hypotheses: Mapping[str, TrackBoxes], truth: Mapping[str, TrackBoxes], *, threshold: float = ...
) -> dict[str, TrackScores]: ...


@overload
def evaluate_tracks(
    hypotheses: TrackBoxes | Mapping[str, TrackBoxes],
    truth: TrackBoxes | Mapping[str, TrackBoxes],
    *,
    threshold: float = ...,
) -> dict[str, TrackScores] | TrackScores: ...


def evaluate_tracks(
    hypotheses: TrackBoxes | Mapping[str, TrackBoxes],
    truth: TrackBoxes | Mapping[str, TrackBoxes],
    *,
    threshold: float = 0.5,
) -> dict[str, TrackScores] | TrackScores:
    r"""Compare tracks with the truth.

    .. math:: \mathrm{MOTA} = 1 - \frac{FN + FP + IDSW}{\text{true boxes}}, \qquad
       \mathrm{IDF_1} = \frac{2\,IDTP}{2\,IDTP + IDFP + IDFN}, \qquad
       \mathrm{HOTA}_\alpha = \sqrt{\mathrm{DetA}_\alpha\,\mathrm{AssA}_\alpha}

    Parameters
    ----------
    hypotheses, truth : TrackBoxes, or mappings of sequence names to them
        What was found and what is there. A sequence of the truth that has no hypotheses counts as all missed.
    threshold : float, default 0.5
        IoU from which a box fits, for CLEAR and identity scores; HOTA goes through all.

    Returns
    -------
    TrackScores, or a dictionary of them
        For mappings one per sequence, and ``"all"``: counts pooled over the sequences, as the benchmarks do.

    Raises
    ------
    InputError
        When a track has two boxes in one frame, a sequence is not in the truth, or there is no truth.
    MissingExtraError
        When trackeval is not installed.

    Notes
    -----
    Every row of the truth counts; rows of distractors and ignored regions (a 0 in the seventh column) are to be left
    out before, as ``unseen track-eval`` does. Boxes at exactly the threshold fit.

    References
    ----------
    Luiten, Osep, Dendorfer, Torr, Geiger, Leal-Taixé and Leibe, "HOTA: A Higher Order Metric for Evaluating
    Multi-Object Tracking", IJCV 2021.
    Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", EURASIP
    Journal on Image and Video Processing 2008.
    Ristani, Solera, Zou, Cucchiara and Tomasi, "Performance Measures and a Data Set for Multi-Target, Multi-Camera
    Tracking", ECCV Workshops 2016.
    """
    threshold = check_number("evaluate_tracks", "threshold", threshold, low=0, high=1, low_open=True)
    measures = _measures(threshold)
    if not isinstance(truth, Mapping):
        if isinstance(hypotheses, Mapping):
            got = verbatim("sequences by name for hypotheses alone")
            raise InputError(message("evaluate_tracks", "truth", "sequences by name too", got, "Pass both alike"))
        return _scores(*_measured({"": hypotheses}, {"": truth}, measures))[""]
    if not isinstance(hypotheses, Mapping):
        got = verbatim("sequences by name for the truth alone")
        raise InputError(message("evaluate_tracks", "hypotheses", "sequences by name too", got, "Pass both alike"))
    if strange := sorted(set(hypotheses) - set(truth)):
        known = ", ".join(sorted(truth)) or "none"
        remedy = f"The truth has: {known}"
        raise InputError(message("evaluate_tracks", "hypotheses", "of sequences of the truth", strange[0], remedy))
    if not truth:
        raise InputError(message("evaluate_tracks", "truth", "at least one sequence", verbatim("none"), "Pass some"))
    return _scores(*_measured(hypotheses, truth, measures), together="all")


def _measures(threshold: float) -> dict[str, Any]:
    import_extra("trackeval", extra="trackers", purpose="Evaluating tracks")
    from trackeval.metrics import CLEAR, HOTA, Identity

    config = {"THRESHOLD": threshold, "PRINT_CONFIG": False}
    return {"hota": HOTA(), "clear": CLEAR(config), "identity": Identity(config)}


def _measured(
    hypotheses: Mapping[str, TrackBoxes], truth: Mapping[str, TrackBoxes], measures: dict[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, int]], dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    counts: dict[str, dict[str, int]] = {}
    for name, true in truth.items():
        data = _data(name, hypotheses.get(name), true)
        found[name] = {key: measure.eval_sequence(data) for key, measure in measures.items()}
        counts[name] = {
            "true_objects": data["num_gt_ids"],
            "tracks": data["num_tracker_ids"],
            "true_boxes": data["num_gt_dets"],
            "boxes": data["num_tracker_dets"],
        }
    return found, counts, measures


def _scores(
    found: dict[str, dict[str, Any]],
    counts: dict[str, dict[str, int]],
    measures: dict[str, Any],
    *,
    together: str | None = None,
) -> dict[str, TrackScores]:
    scores = {name: _worded(one, counts[name]) for name, one in found.items()}
    if together is not None:
        pooled = {
            key: measure.combine_sequences({name: one[key] for name, one in found.items()})
            for key, measure in measures.items()
        }
        summed = {key: sum(one[key] for one in counts.values()) for key in next(iter(counts.values()))}
        scores[together] = _worded(pooled, summed)
    return scores


def _worded(found: dict[str, Any], counts: dict[str, int]) -> TrackScores:
    hota, clear, identity = found["hota"], found["clear"], found["identity"]
    return TrackScores(
        hota=float(np.mean(hota["HOTA"])),
        deta=float(np.mean(hota["DetA"])),
        assa=float(np.mean(hota["AssA"])),
        loca=float(np.mean(hota["LocA"])),
        mota=float(clear["MOTA"]),
        motp=float(clear["MOTP"]),
        idf1=float(identity["IDF1"]),
        idp=float(identity["IDP"]),
        idr=float(identity["IDR"]),
        id_switches=int(clear["IDSW"]),
        fragments=int(clear["Frag"]),
        false_positives=int(clear["CLR_FP"]),
        misses=int(clear["CLR_FN"]),
        matches=int(clear["CLR_TP"]),
        mostly_tracked=int(clear["MT"]),
        mostly_lost=int(clear["ML"]),
        true_objects=counts["true_objects"],
        tracks=counts["tracks"],
        true_boxes=counts["true_boxes"],
        boxes=counts["boxes"],
    )


def _data(name: str, hypotheses: TrackBoxes | None, truth: TrackBoxes) -> dict[str, Any]:
    """Return what TrackEval's measures read: per frame the ids, numbered from 0, and the IoU of every pair."""
    where = f" of {name!r}" if name else ""
    true_frames, true_ids, true_boxes, n_true = _checked(truth, f"truth{where}")
    frames, ids, boxes, n_ids = _checked(hypotheses, f"hypotheses{where}")
    if n_true * n_ids > _MOST_PAIRS:
        got = verbatim(f"{n_true:,} objects and {n_ids:,} tracks")
        raise InputError(message("evaluate_tracks", f"truth{where}", "of fewer objects", got, "Evaluate it in pieces"))
    data: dict[str, Any] = {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    for frame in np.union1d(true_frames, frames):
        a = slice(*np.searchsorted(true_frames, [frame, frame + 1]))
        b = slice(*np.searchsorted(frames, [frame, frame + 1]))
        data["gt_ids"].append(true_ids[a])
        data["tracker_ids"].append(ids[b])
        data["similarity_scores"].append(_iou(true_boxes[a], boxes[b]))
    return data | {
        "num_timesteps": len(data["gt_ids"]),
        "num_gt_dets": len(true_ids),
        "num_tracker_dets": len(ids),
        "num_gt_ids": n_true,
        "num_tracker_ids": n_ids,
    }


def _checked(
    given: TrackBoxes | None, what: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], int]:
    """Return frames, ids from 0, boxes in order of frames, and the number of ids."""
    if given is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4)), 0
    boxes, frames, ids = np.asarray(given.boxes, np.float64), np.asarray(given.frames), np.asarray(given.ids)
    boxes = boxes if boxes.size else boxes.reshape(-1, 4)
    fits = boxes.ndim == 2 and boxes.shape[1] == 4 and frames.shape == ids.shape == (len(boxes),)
    if not fits or not np.isfinite(boxes).all():
        raise InputError(message("evaluate_tracks", what, "frames, ids and finite boxes", boxes, "Give every box one"))
    order = np.argsort(frames, kind="stable")
    frames, ids = frames[order].astype(np.int64), ids[order]
    names, numbers = np.unique(ids, return_inverse=True)
    # One frame and id at most once: a track that is in two places fits any truth.
    pairs = np.stack([frames, numbers.astype(np.int64)], axis=1)
    unique, count = np.unique(pairs, axis=0, return_counts=True)
    if (count > 1).any():
        frame, number = unique[np.argmax(count > 1)]
        got = verbatim(f"{count.max()} boxes of id {names[number]} in frame {frame + 1}")
        raise InputError(message("evaluate_tracks", what, "one box for each id and frame", got, "Mend the file"))
    return frames, numbers.astype(np.int64), boxes[order], len(names)


def _iou(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the IoU (n, m) of boxes."""
    if len(a) * len(b) > _MOST_IN_FRAME:
        got = verbatim(f"{len(a):,} and {len(b):,} boxes in one frame")
        raise InputError(message("evaluate_tracks", "a frame", "of fewer boxes", got, "Leave out what is no object"))
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    size = np.clip(np.minimum(a[:, None, 2:], b[None, :, 2:]) - corner, 0, None)
    both = size[..., 0] * size[..., 1]
    areas = [np.clip(x[:, 2] - x[:, 0], 0, None) * np.clip(x[:, 3] - x[:, 1], 0, None) for x in (a, b)]
    whole = areas[0][:, None] + areas[1][None] - both
    shares: npt.NDArray[np.float64] = np.divide(both, whole, out=np.zeros_like(both), where=whole > 0)
    return shares
