"""Every registered tracker passes the battery, and checks of the battery catch the faults they were written for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unseen.registry import TRACKERS
from unseen.testing.running import run
from unseen.testing.trackers import MINIMUM_TRACKER_CHECKS, all_tracker_checks, tracker_checks
from unseen.tracking.base import FrameBoxes, FrameTracks, Tracker
from unseen.tracking.tracker import AppearanceTracker, MotionTracker

if TYPE_CHECKING:
    from collections.abc import Callable

CHECKS = [
    pytest.param(check.run, id=f"{name}-{check.name}")
    for name in TRACKERS
    for check in tracker_checks(TRACKERS.get(name))
]


@pytest.mark.parametrize("check", CHECKS)
def test_check(check: Callable[[], None]) -> None:
    check()


def test_the_battery_is_whole() -> None:
    assert len(all_tracker_checks()) >= MINIMUM_TRACKER_CHECKS
    assert set(TRACKERS) == {"botsort", "bytetrack", "motion", "ocsort", "sort", "unseen"}


class Forgetful(MotionTracker):
    """Does not forget when told to."""

    def reset(self) -> None:
        if not hasattr(self, "_ids"):
            super().reset()


class Ageless(MotionTracker):
    """Does nothing on empty frames."""

    def _update(self, frame: FrameBoxes) -> FrameTracks:
        if not len(frame.boxes):
            return FrameTracks(np.zeros(0, np.int64), np.zeros((0, 4), np.float32), np.zeros(0, np.intp))
        return super()._update(frame)


class Reusing(MotionTracker):
    """Begins at 1 again when nothing is left."""

    def _update(self, frame: FrameBoxes) -> FrameTracks:
        found = super()._update(frame)
        if not len(self._ids):
            self._next = 1
        return found


class Hoarding(MotionTracker):
    """Keeps every frame."""

    def _update(self, frame: FrameBoxes) -> FrameTracks:
        self.kept = [*getattr(self, "kept", []), np.zeros(1000) + frame.elapsed]
        return super()._update(frame)


class Credulous(AppearanceTracker):
    """Takes NaN for a perfect match."""

    def _ask(self, frame: FrameBoxes, asked: np.ndarray) -> np.ndarray:
        raise ValueError("NaN")


class Scribbling(MotionTracker):
    """Writes to what it is handed."""

    def update(self, frame: FrameBoxes) -> FrameTracks:
        found = super().update(frame)
        frame.boxes[:] = 0
        return found


class Doubling(MotionTracker):
    """Gives out each track twice."""

    def _update(self, frame: FrameBoxes) -> FrameTracks:
        found = super()._update(frame)
        return replace(
            found,
            ids=np.repeat(found.ids, 2),
            boxes=np.repeat(found.boxes, 2, axis=0),
            detections=np.repeat(found.detections, 2),
        )


class Unchecked(MotionTracker):
    """Takes what comes."""

    def update(self, frame: FrameBoxes) -> FrameTracks:
        return self._update(frame)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (Forgetful, "reset_forgets"),
        (Ageless, "ages_advance_on_empty_frames"),
        (Reusing, "numbers_are_never_used_again"),
        (Hoarding, "memory_is_bounded"),
        (Credulous, "missing_looks_are_no_match"),
        (Scribbling, "arguments_are_left_alone"),
        (Doubling, "numbers_are_unique"),
        (Unchecked, "bad_boxes_are_refused"),
    ],
)
def test_a_planted_fault_is_caught(fault: type[Tracker], check: str) -> None:
    [named] = [one for one in tracker_checks(fault) if one.name == check]
    assert set(run(fault.__name__, [named]).failed) == {check}
