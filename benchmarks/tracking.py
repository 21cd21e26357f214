"""Our trackers against SORT, ByteTrack, OC-SORT and BoT-SORT, fed the very same detections.

    python benchmarks/tracking.py compare $UNSEEN_DATA [--first 0] [--last 19] [--cache FOLDER]
    python benchmarks/tracking.py speed

`compare` runs on the scenes of benchmarks/scenes.py: of each seed one with objects that look different and one with
copies of one object. Looks come from the embedded model, the camera's motion from unseen.tracking.camera; the others
have the default parameters of the package `trackers`. Prints means, and paired differences with 95 % bootstrap
intervals over scenes, as Markdown. `speed` measures association alone, 20 objects, one core; nothing else should run.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import scenes
from unseen.metrics.tracks import TrackScores, evaluate_tracks
from unseen.registry import TRACKERS
from unseen.tracking.base import FrameBoxes, Tracker
from unseen.tracking.camera import CameraMotion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = np.ndarray[Any, Any]

OURS, OTHERS = ("unseen", "motion"), ("sort", "bytetrack", "ocsort", "botsort")
MEASURES = ("hota", "idf1", "mota", "assa")


@dataclass(frozen=True, eq=False)
class Numbered:
    """Numbered boxes of a video, as `evaluate_tracks` reads them."""

    frames: Array
    ids: Array
    boxes: Array


@dataclass(frozen=True, eq=False)
class Prepared:
    """A scene without its pictures: detections, their vectors, the camera's motion, and the truth."""

    boxes: list[Array]
    scores: list[Array]
    vectors: list[Array]
    motion: list[Array]
    truth: Numbered


def numbered(frames: Sequence[tuple[Array, Array]]) -> Numbered:
    """Put (ids, boxes) of all frames into one table."""
    return Numbered(
        np.concatenate([np.full(len(ids), t) for t, (ids, _) in enumerate(frames)]),
        np.concatenate([ids for ids, _ in frames]).astype(np.int64),
        np.concatenate([boxes for _, boxes in frames]).astype(np.float64),
    )


def prepare(data: Path, seed: int, kind: str, encoder: Any, cache: Path | None) -> Prepared:
    """Make a scene, encode all its detections and find the camera's motion; kept in `cache`, where given."""
    kept = None if cache is None else cache / f"{kind}-{seed}.npz"
    if kept is not None and kept.exists():
        with np.load(kept) as found:
            cuts = np.cumsum(found["counts"])[:-1]
            boxes, scores, vectors = (np.split(found[key], cuts) for key in ("boxes", "scores", "vectors"))
            truth = Numbered(found["t_frames"], found["t_ids"], found["t_boxes"])
            return Prepared(boxes, scores, vectors, list(found["motion"]), truth)
    camera = CameraMotion()
    boxes, scores, vectors, motion, truth_frames = [], [], [], [], []
    for frame in scenes.frames(data, seed=seed, kind=kind):
        motion.append(camera.update(frame.picture, frame.boxes).matrix)
        crops = [
            Image.fromarray(frame.picture[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))])
            for x1, y1, x2, y2 in frame.boxes.tolist()
        ]
        encoded = encoder.encode_images(crops) if crops else np.zeros((0, encoder.image_dim), np.float32)
        encoded = encoded / np.linalg.norm(encoded, axis=1, keepdims=True)
        boxes.append(frame.boxes)
        scores.append(frame.scores)
        vectors.append(encoded)
        truth_frames.append((frame.ids, frame.truth))
    truth = numbered(truth_frames)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        table = {"t_frames": truth.frames, "t_ids": truth.ids, "t_boxes": truth.boxes, "motion": np.stack(motion)}
        table |= {"boxes": np.concatenate(boxes), "scores": np.concatenate(scores), "vectors": np.concatenate(vectors)}
        table["counts"] = np.array([len(b) for b in boxes])
        np.savez(kept, allow_pickle=False, **table)
    return Prepared(boxes, scores, vectors, motion, truth)


def follow(tracker: Tracker, scene: Prepared) -> tuple[TrackScores, int]:
    """Return the scores of a tracker on a scene, and how many vectors it asked for."""
    asked = 0

    def look(vectors: Array) -> Callable[[Array], Array]:
        def give(rows: Array) -> Array:
            nonlocal asked
            asked += len(rows)
            return np.asarray(vectors[rows])

        return give

    tracker.reset()
    found = []
    for boxes, scores, vectors, motion in zip(scene.boxes, scene.scores, scene.vectors, scene.motion, strict=True):
        frame = FrameBoxes(
            boxes,
            scores,
            look(vectors) if tracker.uses_appearance else None,
            motion if tracker.uses_motion else None,
        )
        tracks = tracker.update(frame)
        found.append((tracks.ids, tracks.boxes))
    result = evaluate_tracks(numbered(found), scene.truth)
    if not isinstance(result, TrackScores):
        raise TypeError(type(result).__name__)
    return result, asked


def interval(differences: Array, *, rounds: int = 10_000) -> tuple[float, float, float]:
    """Return the mean of paired differences and its 95 % bootstrap interval over scenes."""
    random = np.random.default_rng(0)
    means = differences[random.integers(len(differences), size=(rounds, len(differences)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(differences.mean()), float(low), float(high)


def compare(data: Path, first: int, last: int, cache: Path | None) -> None:
    """Print the tables of both kinds of scenes."""
    from unseen.encoders.default import DefaultEncoder

    encoder = DefaultEncoder()
    trackers: dict[str, Tracker] = {name: TRACKERS.get(name)() for name in (*OURS, *OTHERS)}
    for kind in scenes.KINDS:
        found: dict[str, list[TrackScores]] = {name: [] for name in trackers}
        asked = total = 0
        for seed in range(first, last + 1):
            scene = prepare(data, seed, kind, encoder, cache)
            total += sum(map(len, scene.boxes))
            for name, tracker in trackers.items():
                result, n = follow(tracker, scene)
                found[name].append(result)
                asked += n
        n = last - first + 1
        print(
            f"\n{n} scenes of {kind} objects, seeds {first}-{last}; {asked / total:.0%} of the boxes were looked at\n"
        )
        print("| tracker | HOTA | IDF1 | MOTA | AssA | identity switches | fragments |\n|---|---|---|---|---|---|---|")
        for name, scores in found.items():
            means = [f"{100 * np.mean([getattr(one, key) for one in scores]):.1f}" for key in MEASURES]
            counts = [f"{sum(getattr(one, key) for one in scores)}" for key in ("id_switches", "fragments")]
            print(f"| {name} | {' | '.join(means + counts)} |")
        print("\n| `unseen` minus | HOTA | IDF1 | MOTA | identity switches a scene |\n|---|---|---|---|---|")
        for name in trackers:
            if name == OURS[0]:
                continue
            cells = []
            for key, scale, form in (
                ("hota", 100, "+.1f"),
                ("idf1", 100, "+.1f"),
                ("mota", 100, "+.1f"),
                ("id_switches", 1, "+.2f"),
            ):
                pairs = zip(found[OURS[0]], found[name], strict=True)
                values = interval(np.array([scale * (getattr(a, key) - getattr(b, key)) for a, b in pairs]))
                cells.append("{0:{3}} [{1:{3}}, {2:{3}}]".format(*values, form))
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def speed(n: int = 20, length: int = 1000, rounds: int = 5) -> None:
    """Print frames a second of association alone: n objects that cross now and then, vectors at hand."""
    random = np.random.default_rng(0)
    place = random.uniform((0, 0), (1800, 1000), (n, 2))
    pace = random.normal(0, 4, (n, 2))
    looks = random.normal(size=(n, 1280)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    video = []
    for _ in range(length):
        place = place + pace
        pace = np.where((place < 0) | (place > (1800, 1000)), -pace, pace)
        size = np.array([50.0, 90.0])
        boxes = np.concatenate([place, place + size], axis=1) + random.normal(0, 1.5, (n, 4))
        seen = random.uniform(size=n) > 0.03
        video.append((boxes[seen].astype(np.float32), random.uniform(0.6, 1, n).astype(np.float32)[seen], looks[seen]))
    print("| tracker | frames a second | times ByteTrack's time |\n|---|---|---|")
    best: dict[str, float] = {}
    names = ("bytetrack", *OURS, "sort", "ocsort", "botsort")
    for _ in range(rounds):
        for name in names:
            tracker: Tracker = TRACKERS.get(name)()
            frames = [
                FrameBoxes(boxes, scores, partial(np.take, vectors, axis=0) if tracker.uses_appearance else None)
                for boxes, scores, vectors in video
            ]
            begun = time.perf_counter()
            for frame in frames:
                tracker.update(frame)
            best[name] = min(best.get(name, np.inf), time.perf_counter() - begun)
    for name in names:
        print(f"| {name} | {length / best[name]:,.0f} | {best[name] / best['bytetrack']:.2f} |")


def main() -> None:
    """Compare, or measure speed."""
    parser = argparse.ArgumentParser(description="Trackers side by side.")
    parser.add_argument("what", choices=["compare", "speed"])
    parser.add_argument("data", type=Path, nargs="?", default=os.environ.get("UNSEEN_DATA"))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=19)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    if given.what == "speed":
        speed()
    else:
        compare(Path(given.data), given.first, given.last, given.cache)


if __name__ == "__main__":
    main()
