"""How fast the whole of `track` is, and whether its memory stays flat over ten thousand frames.

    UNSEEN_DATA=... python benchmarks/track_stream.py speed      # five objects, 640 x 360, YOLOX-nano, default model
    UNSEEN_DATA=... python benchmarks/track_stream.py memory     # 10,000 made frames, boxes given, everything written

`speed` shows five real objects (cut out of photos of the data pack's detection set by their boxes) on a plain ground,
each on its own way, and runs everything: decoding, YOLOX, tracking, recognition, drawing, H.264, all files. The frames
come from an H.264 video that is written first and is not part of the time. `memory` feeds frames as fast as they are
taken, with objects that come and go, so that there are thousands of tracks, and prints the resident memory as it goes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import unseen
from unseen.detection.regions import RegionsDetector
from unseen.tracking.frames import Frames, open_frames
from unseen.tracking.run import track_to_folder
from unseen.tracking.video_writer import VideoWriter

SIZE = (640, 360)


def resident() -> float:
    """Return this process's resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cut_outs(data: Path, n: int) -> list[np.ndarray[Any, Any]]:
    """Return objects of different classes as pictures 110 pixels high, the largest of each class."""
    folder = data / "detection_voc100"
    coco = json.loads(next(folder.rglob("*coco*.json")).read_text())
    files = {one["id"]: one["file_name"] for one in coco["images"]}
    best: dict[int, Any] = {}
    for one in coco["annotations"]:
        if one["category_id"] not in best or one["area"] > best[one["category_id"]]["area"]:
            best[one["category_id"]] = one
    found = []
    for one in sorted(best.values(), key=lambda o: -o["area"])[:n]:
        x, y, w, h = one["bbox"]
        path = next(folder.rglob(Path(files[one["image_id"]]).name))
        part = Image.open(path).convert("RGB").crop((int(x), int(y), int(x + w), int(y + h)))
        found.append(np.asarray(part.resize((max(40, min(180, round(110 * w / h))), 110))))
    return found


def speed(data: Path, frames: int) -> None:
    objects = cut_outs(data, 5)
    recognizer = unseen.Recognizer.load()
    classes = unseen.Vocabulary.from_names(["person", "dog", "cat", "car", "bus", "train", "horse", "bird", "sofa"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.mp4"
        rng = np.random.default_rng(0)
        ground = np.asarray(Image.fromarray(rng.integers(90, 150, (9, 16, 3), np.uint8)).resize(SIZE, 3))
        with VideoWriter(path, rate=25) as video:
            for t in range(frames):
                picture = ground.copy()
                for i, one in enumerate(objects):
                    span = SIZE[0] - one.shape[1]
                    x = abs((int((i + 1) * 0.6 * t) + 120 * i) % (2 * span) - span)
                    y = [5, 125, 245, 60, 190][i]
                    picture[y : y + 110, x : x + one.shape[1]] = one
                video.write(picture, t / 25)
        detector = f"onnx:{data}/models/yolox_nano_coco.onnx"
        seen: list[int] = []
        began: list[float] = []

        def advance(tracked: Any) -> None:
            if not began:  # networks load with the first frame
                began.append(time.perf_counter())
            seen.append(len(tracked))

        report = track_to_folder(
            recognizer, open_frames(path), classes, Path(folder) / "out", detector=detector, advance=advance
        )
        took = time.perf_counter() - began[0]
    print(f"{(report.frames - 1) / took:.1f} frames/s, {np.mean(seen):.1f} tracks a frame, {len(report.tracks)} in all")


class Made(Frames):
    """Frames as fast as they are taken."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.name, self.total, self._n = "made", n, n

    def __iter__(self) -> Any:
        from unseen.tracking.frames import Frame

        rng = np.random.default_rng(0)
        grounds = rng.integers(0, 255, (8, 180, 320, 3), np.uint8)
        for t in range(self._n):
            yield Frame(t, t / 25, f"f{t}", grounds[t % 8])


def memory(n: int) -> None:
    def boxes(picture: Any) -> np.ndarray[Any, Any]:
        t = int(picture.item[1:])
        found = []
        for lane in range(5):  # each lane has a new object every 60 to 100 frames
            step = t % (60 + 10 * lane)
            if step < 50 + 10 * lane:
                found.append((5 + 3 * step, 5 + 34 * lane, 35 + 3 * step, 35 + 34 * lane))
        return np.array(found, np.float32).reshape(-1, 4)

    rows: list[tuple[int, float]] = []

    def advance(tracked: Any) -> None:
        if tracked.frame.index % (n // 10) == n // 10 - 1:
            rows.append((tracked.frame.index + 1, resident()))
            print(f"| {rows[-1][0]:,} | {rows[-1][1]:.1f} |", flush=True)

    print("| frames | resident MB |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        report = track_to_folder(
            unseen.Recognizer.load(),
            Made(n),
            unseen.Vocabulary.from_names(["cat", "dog"]),
            Path(folder) / "out",
            detector=RegionsDetector(boxes),
            classify_every=200,
            tracker="motion",
            advance=advance,
        )
    print(f"\n{len(report.tracks):,} tracks; {rows[-1][1] - rows[1][1]:+.1f} MB from the second to the last tenth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "memory"])
    parser.add_argument("--frames", type=int)
    arguments = parser.parse_args()
    if arguments.what == "speed":
        speed(Path(os.environ["UNSEEN_DATA"]), arguments.frames or 250)
    else:
        memory(arguments.frames or 10_000)


if __name__ == "__main__":
    main()
