"""SORT, ByteTrack, OC-SORT and BoT-SORT of the package `trackers`, behind our contract, to compare with."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.tracking.base import FrameTracks, Tracker
from unseen.validation import check_number, check_switch, import_extra

if TYPE_CHECKING:
    from unseen.tracking.base import FrameBoxes

__all__ = ["OCSORT", "SORT", "BoTSORT", "ByteTrack"]


class _Borrowed(Tracker):
    """A tracker of the package `trackers`; its numbers start at 0, ours at 1."""

    extra: ClassVar[str | None] = "trackers"
    #: What the class is called there.
    _theirs: ClassVar[str]

    def _start(self) -> None:
        """Check what every one of them takes, and make it."""
        owner = type(self).__name__
        self.lost_track_buffer = int(
            check_number(owner, "lost_track_buffer", self.lost_track_buffer, low=0, integer=True)
        )
        self.frame_rate = check_number(owner, "frame_rate", self.frame_rate, low=0, low_open=True)
        least = self.minimum_consecutive_frames
        self.minimum_consecutive_frames = int(
            check_number(owner, "minimum_consecutive_frames", least, low=1, integer=True)
        )
        for name in self._shares():
            setattr(self, name, check_number(owner, name, getattr(self, name), low=0, high=1))
        self.reset()

    lost_track_buffer: int
    frame_rate: float
    minimum_consecutive_frames: int

    @abstractmethod
    def _shares(self) -> tuple[str, ...]:
        """Return the names of parameters in [0, 1]."""

    def reset(self) -> None:
        """Forget everything, as if newly made."""
        module = import_extra("trackers", extra="trackers", purpose=f"the tracker {type(self).__name__}")
        self._tracker: Any = getattr(module, self._theirs)(**self.parameters())

    def _update(self, frame: FrameBoxes) -> FrameTracks:
        supervision = import_extra("supervision", extra="trackers", purpose=f"the tracker {type(self).__name__}")
        # Their result keeps rows in another order; the position rides along.
        handed = supervision.Detections(
            xyxy=frame.boxes.copy(),
            confidence=frame.scores.copy(),
            data={"position": np.arange(len(frame.boxes))},
        )
        found = self._call(handed, frame)
        ids = np.asarray(found.tracker_id, np.int64)
        positions = np.asarray(found.data.get("position", np.zeros(0)), np.intp)
        numbered = np.flatnonzero(ids >= 0)
        numbered = numbered[np.argsort(ids[numbered])]
        where = positions[numbered]
        return FrameTracks(ids[numbered] + 1, frame.boxes[where], where)

    def _call(self, handed: Any, frame: FrameBoxes) -> Any:
        return self._tracker.update(handed)


class SORT(_Borrowed):
    """SORT: a Kalman filter and the best assignment by overlap.

    Parameters
    ----------
    lost_track_buffer : int, default 30
        Frames, at 30 a second, that a track outlives its last sight.
    frame_rate : float, default 30.0
        Frames a second; scales `lost_track_buffer`.
    track_activation_threshold : float in [0, 1], default 0.25
        Least score of a box that begins a track.
    minimum_consecutive_frames : int, default 3
        Sights before a track gets a number.
    minimum_iou_threshold : float in [0, 1], default 0.3
        Least overlap of a track and its box.

    References
    ----------
    A. Bewley et al. Simple online and realtime tracking. ICIP 2016.
    """

    _theirs = "SORTTracker"

    def __init__(
        self,
        lost_track_buffer: int = 30,
        *,
        frame_rate: float = 30.0,
        track_activation_threshold: float = 0.25,
        minimum_consecutive_frames: int = 3,
        minimum_iou_threshold: float = 0.3,
    ) -> None:
        self.lost_track_buffer = lost_track_buffer
        self.frame_rate = frame_rate
        self.track_activation_threshold = track_activation_threshold
        self.minimum_consecutive_frames = minimum_consecutive_frames
        self.minimum_iou_threshold = minimum_iou_threshold
        self._start()

    def _shares(self) -> tuple[str, ...]:
        return ("track_activation_threshold", "minimum_iou_threshold")


class ByteTrack(_Borrowed):
    """ByteTrack: SORT with a second round for boxes of low score.

    Parameters
    ----------
    lost_track_buffer : int, default 30
        Frames, at 30 a second, that a track outlives its last sight.
    frame_rate : float, default 30.0
        Frames a second; scales `lost_track_buffer`.
    track_activation_threshold : float in [0, 1], default 0.7
        Least score of a box that begins a track.
    minimum_consecutive_frames : int, default 2
        Sights running before a track gets a number.
    minimum_iou_threshold : float in [0, 1], default 0.1
        Least overlap of a track and its box.
    high_conf_det_threshold : float in [0, 1], default 0.6
        Least score of the first round.

    References
    ----------
    Y. Zhang et al. ByteTrack: multi-object tracking by associating every detection box. ECCV 2022.
    """

    _theirs = "ByteTrackTracker"

    def __init__(
        self,
        lost_track_buffer: int = 30,
        *,
        frame_rate: float = 30.0,
        track_activation_threshold: float = 0.7,
        minimum_consecutive_frames: int = 2,
        minimum_iou_threshold: float = 0.1,
        high_conf_det_threshold: float = 0.6,
    ) -> None:
        self.lost_track_buffer = lost_track_buffer
        self.frame_rate = frame_rate
        self.track_activation_threshold = track_activation_threshold
        self.minimum_consecutive_frames = minimum_consecutive_frames
        self.minimum_iou_threshold = minimum_iou_threshold
        self.high_conf_det_threshold = high_conf_det_threshold
        self._start()

    def _shares(self) -> tuple[str, ...]:
        return ("track_activation_threshold", "minimum_iou_threshold", "high_conf_det_threshold")


class OCSORT(_Borrowed):
    """OC-SORT: SORT that trusts what it saw more than what it guessed.

    Parameters
    ----------
    lost_track_buffer : int, default 30
        Frames, at 30 a second, that a track outlives its last sight.
    frame_rate : float, default 30.0
        Frames a second; scales `lost_track_buffer`.
    minimum_consecutive_frames : int, default 3
        Sights running before a track gets a number.
    minimum_iou_threshold : float in [0, 1], default 0.3
        Least overlap of a track and its box.
    direction_consistency_weight : float in [0, 1], default 0.2
        What going on in the same direction is worth.
    high_conf_det_threshold : float in [0, 1], default 0.6
        Boxes of lower score are not looked at.
    delta_t : int, default 3
        Frames back that the direction is taken from.

    References
    ----------
    J. Cao et al. Observation-centric SORT: rethinking SORT for robust multi-object tracking. CVPR 2023.
    """

    _theirs = "OCSORTTracker"

    def __init__(
        self,
        lost_track_buffer: int = 30,
        *,
        frame_rate: float = 30.0,
        minimum_consecutive_frames: int = 3,
        minimum_iou_threshold: float = 0.3,
        direction_consistency_weight: float = 0.2,
        high_conf_det_threshold: float = 0.6,
        delta_t: int = 3,
    ) -> None:
        self.lost_track_buffer = lost_track_buffer
        self.frame_rate = frame_rate
        self.minimum_consecutive_frames = minimum_consecutive_frames
        self.minimum_iou_threshold = minimum_iou_threshold
        self.direction_consistency_weight = direction_consistency_weight
        self.high_conf_det_threshold = high_conf_det_threshold
        self.delta_t = int(check_number("OCSORT", "delta_t", delta_t, low=1, integer=True))
        self._start()

    def _shares(self) -> tuple[str, ...]:
        return ("minimum_iou_threshold", "direction_consistency_weight", "high_conf_det_threshold")


class BoTSORT(_Borrowed):
    """BoT-SORT without its re-identification network: ByteTrack that makes up for the camera's motion.

    The camera's motion is the one that comes with the frame (see :mod:`unseen.tracking.camera`), not one of its own
    finding; `cmc_method` and `cmc_downscale` are therefore not among the parameters.

    Parameters
    ----------
    lost_track_buffer : int, default 30
        Frames, at 30 a second, that a track outlives its last sight.
    frame_rate : float, default 30.0
        Frames a second; scales `lost_track_buffer`.
    track_activation_threshold : float in [0, 1], default 0.7
        Least score of a box that begins a track.
    minimum_consecutive_frames : int, default 2
        Sights before a track gets a number.
    minimum_iou_threshold_first_assoc : float in [0, 1], default 0.2
        Least overlap, times the score, in the first round.
    minimum_iou_threshold_second_assoc : float in [0, 1], default 0.5
        Least overlap in the second round.
    minimum_iou_threshold_unconfirmed_assoc : float in [0, 1], default 0.3
        Least overlap, times the score, for tracks without a number.
    high_conf_det_threshold : float in [0, 1], default 0.6
        Least score of the first round.
    enable_cmc : bool, default True
        Whether to make up for the camera's motion.
    instant_first_frame_activation : bool, default True
        Whether tracks of the first frame get their number at once.

    References
    ----------
    N. Aharon, R. Orfaig, B. Bobrovsky. BoT-SORT: robust associations multi-pedestrian tracking. arXiv 2206.14651,
    2022.
    """

    _theirs = "BoTSORTTracker"
    uses_motion = True

    def __init__(
        self,
        lost_track_buffer: int = 30,
        *,
        frame_rate: float = 30.0,
        track_activation_threshold: float = 0.7,
        minimum_consecutive_frames: int = 2,
        minimum_iou_threshold_first_assoc: float = 0.2,
        minimum_iou_threshold_second_assoc: float = 0.5,
        minimum_iou_threshold_unconfirmed_assoc: float = 0.3,
        high_conf_det_threshold: float = 0.6,
        enable_cmc: bool = True,
        instant_first_frame_activation: bool = True,
    ) -> None:
        self.lost_track_buffer = lost_track_buffer
        self.frame_rate = frame_rate
        self.track_activation_threshold = track_activation_threshold
        self.minimum_consecutive_frames = minimum_consecutive_frames
        self.minimum_iou_threshold_first_assoc = minimum_iou_threshold_first_assoc
        self.minimum_iou_threshold_second_assoc = minimum_iou_threshold_second_assoc
        self.minimum_iou_threshold_unconfirmed_assoc = minimum_iou_threshold_unconfirmed_assoc
        self.high_conf_det_threshold = high_conf_det_threshold
        self.enable_cmc = check_switch("BoTSORT", "enable_cmc", enable_cmc)
        first = instant_first_frame_activation
        self.instant_first_frame_activation = check_switch("BoTSORT", "instant_first_frame_activation", first)
        self._start()

    def _shares(self) -> tuple[str, ...]:
        return (
            "track_activation_threshold",
            "minimum_iou_threshold_first_assoc",
            "minimum_iou_threshold_second_assoc",
            "minimum_iou_threshold_unconfirmed_assoc",
            "high_conf_det_threshold",
        )

    def reset(self) -> None:
        """Forget everything, as if newly made."""
        super().reset()
        self._motion = _Motion()
        if self._tracker.cmc is not None:
            self._tracker.cmc = self._motion

    def _call(self, handed: Any, frame: FrameBoxes) -> Any:
        self._motion.matrix = frame.motion
        return self._tracker.update(handed, None if frame.motion is None else _NO_PICTURE)


#: Stands for the picture, which nobody looks at.
_NO_PICTURE = np.zeros((1, 1, 3), np.uint8)


class _Motion:
    """Hands BoT-SORT the motion that came with the frame in place of one it would find in the picture."""

    matrix: Any = None

    def estimate(self, picture: Any, boxes: Any) -> Any:
        return self.matrix

    def reset(self) -> None:
        self.matrix = None
