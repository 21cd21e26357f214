"""From the name of a tracker to the tracker."""

from __future__ import annotations

import inspect

from unseen.errors import InputError
from unseen.registry import TRACKERS
from unseen.tracking.base import Tracker
from unseen.validation import message

__all__ = ["load_tracker"]


def load_tracker(
    tracker: str | Tracker, *, high_score: float | None = None, max_unseen: float | None = None
) -> Tracker:
    """Return a tracker by its name, or the one that was handed in, made new.

    Parameters
    ----------
    tracker : str or Tracker
        A name of :data:`unseen.registry.TRACKERS`, or a tracker.
    high_score, max_unseen : float or None, default None
        For our own trackers: see :class:`~unseen.tracking.tracker.MotionTracker`; None for its defaults.

    Raises
    ------
    UnknownNameError
        When there is no tracker of that name.
    InputError
        When a setting is given to a tracker that does not have it.
    """
    given = {"high_score": high_score, "max_unseen": max_unseen}
    options = {name: value for name, value in given.items() if value is not None}
    if isinstance(tracker, Tracker):
        tracker.reset()
        return tracker
    if not isinstance(tracker, str):
        raise InputError(
            message("track", "tracker", "a tracker or the name of one", tracker, "Pass for example 'unseen'")
        )
    kind = TRACKERS.get(tracker)
    known = inspect.signature(kind).parameters
    if options and "low_score" in known and "high_score" in options:
        low = known["low_score"].default
        options["low_score"] = min(low, options["high_score"])
    for name in list(options):
        if name not in known:
            remedy = "Leave it out, or choose the trackers unseen or motion"
            raise InputError(message("track", name, f"left out with tracker {tracker!r}", options[name], remedy))
    made: Tracker = kind(**options)
    return made
