"""Made-up videos with real looks and known truth, to measure trackers on.

    python benchmarks/scenes.py $UNSEEN_DATA --seed 100 --kind different --out scene.mp4

Cut-outs of real objects (the masks of DAVIS over its frames, so that looks change; boxes of VOC photos) move over a
real photo: they cross, pass behind each other and behind posts, leave and come back, while the camera pans and shakes.
The made-up detector misses objects now and then and in bursts, is unsure of what is half hidden, places boxes
inexactly and sees what is not there. Everything follows from the seed.

Seeds from 100 on are for development, those below for reporting: the two draw their VOC cut-outs and photos from
separate halves of the data.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

Array = np.ndarray[Any, Any]

KINDS = ("different", "identical")
WIDTH, HEIGHT, LENGTH = 640, 360, 150
#: First seed of those for development.
DEVELOPMENT = 100
#: Share of an object that must be seen for it to count as there.
VISIBLE = 0.2


@dataclass(frozen=True, eq=False)
class SceneFrame:
    """One frame: the picture, what is there, and what the detector found."""

    picture: Array
    ids: Array
    truth: Array
    boxes: Array
    scores: Array


# -- cut-outs ------------------------------------------------------------------------------------------------


def _read(path: Path) -> Array:
    picture: Array = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR))
    return np.ascontiguousarray(picture[..., ::-1])


@cache
def davis(data: Path) -> list[list[Array]]:
    """Return for each sequence every fourth frame of its object, as (h, w, 4) with its mask."""
    objects = []
    for folder in sorted((data / "video_davis7" / "Annotations").iterdir()):
        looks = []
        for path in sorted(folder.glob("*.png"))[::4]:
            mask: Array = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) > 0
            if np.count_nonzero(mask) < 400:
                continue
            ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            inside = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
            picture = _read(data / "video_davis7" / "JPEGImages" / folder.name / f"{path.stem}.jpg")
            looks.append(np.dstack([picture[inside], mask[inside].astype(np.uint8) * 255]))
        objects.append(looks)
    return objects


@cache
def voc(data: Path, part: int) -> list[list[Array]]:
    """Return boxes of one half of the VOC photos, rounded off, as (h, w, 4); each seen alike in all frames."""
    root = data / "detection_voc100"
    found = []
    for path in sorted((root / "gts" / "pascalvoc_format").glob("*.xml"))[part::2]:
        picture = _read(root / "images" / f"{path.stem}.jpg")
        for thing in ET.parse(path).getroot().iter("object"):  # noqa: S314  our own data pack
            box = thing.find("bndbox")
            if box is None or thing.findtext("truncated") == "1" or thing.findtext("difficult") == "1":
                continue
            x1, y1, x2, y2 = (int(float(box.findtext(key) or 0)) for key in ("xmin", "ymin", "xmax", "ymax"))
            if min(x2 - x1, y2 - y1) < 60 or not 0.4 < (x2 - x1) / (y2 - y1) < 2.5:
                continue
            crop = picture[y1:y2, x1:x2]
            h, w = crop.shape[:2]
            y, x = np.mgrid[0:h, 0:w]
            mask = ((2 * x / w - 1) ** 4 + (2 * y / h - 1) ** 4 <= 1).astype(np.uint8) * 255
            found.append([np.dstack([crop, mask])])
    return found


@cache
def photos(data: Path, part: int) -> list[Path]:
    """Return the backgrounds of one half."""
    streets = sorted((data / "segmentation_camvid50" / "images").iterdir())
    return (streets + sorted((data / "detection_voc100" / "images").iterdir()))[part::2]


# -- motion --------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Thing:
    looks: list[Array]
    places: Array  # (LENGTH, 2) centres in the world
    heights: Array  # (LENGTH,)
    light: Array  # (LENGTH,) factor of brightness
    depth: float  # larger is nearer
    phase: int


def _walk(random: np.random.Generator, n: int, step: float, hold: float) -> Array:
    """Return n values that wander about 0: steps that fade."""
    value, out = 0.0, np.zeros(n)
    for t in range(n):
        value = hold * value + random.normal(0, step)
        out[t] = value
    return out


def _path(random: np.random.Generator) -> Array:
    """Return centres over time: across the picture, to and fro, or out and in again."""
    style = random.choice(["across", "return", "roam"], p=[0.4, 0.35, 0.25])
    y = random.uniform(0.35, 0.8) * HEIGHT
    side = random.choice([-1.0, 1.0])
    time = np.arange(LENGTH)
    if style == "across":
        speed = random.uniform(2.0, 5.5)
        start = random.uniform(0, LENGTH / 2)
        x = WIDTH / 2 - side * WIDTH * 0.55 + side * speed * (time - start)
    elif style == "return":
        # Turns round outside the picture: gone for some dozens of frames.
        turn = random.uniform(0.35, 0.6) * LENGTH
        speed = random.uniform(3.0, 6.0)
        beyond = random.uniform(40, 130)
        edge = WIDTH + beyond if side > 0 else -beyond
        x = edge - side * speed * np.abs(time - turn)
    else:
        x = random.uniform(0.2, 0.8) * WIDTH + random.uniform(60, 180) * np.sin(
            time / random.uniform(14, 30) + random.uniform(0, 6)
        )
    wander = np.cumsum(_walk(random, LENGTH, 0.15, 0.95))
    bob = random.uniform(2, 20) * np.sin(time / random.uniform(10, 30) + random.uniform(0, 6))
    return np.stack([x + wander, y + bob], axis=1)


def _things(random: np.random.Generator, data: Path, part: int, kind: str) -> list[_Thing]:
    n = int(random.integers(6, 11))
    pool = davis(data) + voc(data, part)
    moving = len(davis(data))
    first = random.permutation(moving)[: max(2, n // 2)]
    rest = moving + random.permutation(len(pool) - moving)[: n - len(first)]
    chosen = [int(i) for i in np.concatenate([first, rest])]
    if kind == "identical":
        chosen = [chosen[0]] * n
    things = []
    for which in chosen:
        height = random.uniform(50, 120)
        swell = 1 + random.uniform(0.0, 0.25) * np.sin(np.arange(LENGTH) / random.uniform(20, 50))
        light = 1 + np.clip(np.cumsum(random.normal(0, 0.01, LENGTH)), -0.25, 0.25)
        phase = 0 if kind == "identical" else int(random.integers(1000))
        things.append(_Thing(pool[which], _path(random), height * swell, light, random.uniform(), phase))
    if kind == "identical":
        # Copies in every respect but place and time.
        for thing in things[1:]:
            thing.heights, thing.light = things[0].heights, things[0].light
    return things


def _camera(random: np.random.Generator) -> Array:
    """Return (LENGTH, 2) where the camera points: a slow pan, a tremble and some knocks."""
    pan = np.cumsum(np.stack([_walk(random, LENGTH, 0.25, 0.95), _walk(random, LENGTH, 0.08, 0.95)], axis=1), axis=0)
    tremble = random.normal(0, random.uniform(0.5, 3.0), (LENGTH, 2))
    knocks = np.zeros((LENGTH, 2))
    for _ in range(int(random.integers(1, 5))):
        start = int(random.integers(5, LENGTH - 10))
        blow = random.normal(0, 22, 2)
        for t in range(start, min(LENGTH, start + 8)):
            knocks[t] += blow * np.cos((t - start) * 1.3) * 0.7 ** (t - start)
    return np.clip(pan + tremble + knocks, -110, 110)


# -- the video -----------------------------------------------------------------------------------------------


def frames(data: Path, *, seed: int, kind: str = "different") -> Iterator[SceneFrame]:
    """Yield the frames of the scene of this seed."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    part = int(seed >= DEVELOPMENT)
    margin = 140
    places = photos(data, part)
    world = cv2.resize(_read(places[int(random.integers(len(places)))]), (WIDTH + 2 * margin, HEIGHT + 2 * margin))
    posts = []
    for _ in range(int(random.integers(1, 3))):
        texture = _read(places[int(random.integers(len(places)))])
        wide = int(random.integers(45, 100))
        at = int(random.uniform(0.15, 0.85) * WIDTH)
        posts.append((at, cv2.resize(texture, (wide, HEIGHT + 2 * margin))))
    things = sorted(_things(random, data, part, kind), key=lambda thing: thing.depth)
    names = random.permutation(len(things)) + 1
    camera = _camera(random)
    detector = _Detector(random, len(things))
    for t in range(LENGTH):
        x, y = (int(v) for v in np.round(camera[t]))
        picture = world[margin + y : margin + y + HEIGHT, margin + x : margin + x + WIDTH].copy()
        owner = np.zeros((HEIGHT, WIDTH), np.int16)  # whose each pixel is, from 1
        whole = np.zeros(len(things))
        edges = np.zeros((len(things), 4))
        for i, thing in enumerate(things):
            whole[i], edges[i] = _paint(picture, owner, thing, t, thing.places[t] - (x, y), i + 1)
        for at, texture in posts:
            left, right = max(0, at - x), min(WIDTH, at - x + texture.shape[1])
            if left < right:
                part_of = texture[margin + y : margin + y + HEIGHT, left - (at - x) : right - (at - x)]
                picture[:, left:right] = part_of
                owner[:, left:right] = -1
        seen = np.bincount(np.maximum(owner, 0).ravel(), minlength=len(things) + 1)[1:]
        share = seen / np.maximum(whole, 1)
        there = np.flatnonzero(share >= VISIBLE)
        truth = np.clip(edges[there], 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
        boxes, scores = detector.find(owner, share)
        yield SceneFrame(picture, names[there], truth.astype(np.float32), boxes, scores)


def _paint(picture: Array, owner: Array, thing: _Thing, t: int, place: Array, number: int) -> tuple[float, Array]:
    """Draw a thing; return its pixels, hidden and outside ones too, and its edges."""
    steps = len(thing.looks)
    turn = (t // 3 + thing.phase) % max(1, 2 * steps - 2)
    look = thing.looks[turn if turn < steps else 2 * steps - 2 - turn]
    height = max(8, round(float(thing.heights[t])))
    width = max(8, round(look.shape[1] * height / look.shape[0]))
    small = cv2.resize(look, (width, height), interpolation=cv2.INTER_AREA)
    left, top = round(float(place[0]) - width / 2), round(float(place[1]) - height / 2)
    mask = small[..., 3] > 127
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    edges = np.array([left + xs[0], top + ys[0], left + xs[-1] + 1, top + ys[-1] + 1], np.float64)
    x1, y1, x2, y2 = max(0, left), max(0, top), min(WIDTH, left + width), min(HEIGHT, top + height)
    if x1 < x2 and y1 < y2:
        inside = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
        drawn = mask[inside]
        shade = np.clip(small[inside][..., :3].astype(np.float32) * thing.light[t], 0, 255).astype(np.uint8)
        picture[y1:y2, x1:x2][drawn] = shade[drawn]
        owner[y1:y2, x1:x2][drawn] = number
    return float(np.count_nonzero(mask)), edges


class _Detector:
    """Finds what is there as a real detector would: not always, not exactly, and not only that."""

    def __init__(self, random: np.random.Generator, n: int) -> None:
        self.random = random
        self.blind = np.zeros(n, int)  # frames for which each will still be missed
        self.ghost = np.zeros(4)
        self.haunt = 0

    def find(self, owner: Array, share: Array) -> tuple[Array, Array]:
        random = self.random
        boxes: list[Array] = []
        scores: list[float] = []
        for i, part in enumerate(share):
            # Drawn for all, so that what befalls one does not hang on the others.
            miss, bad, length, unsure = random.uniform(size=4)
            noise = random.normal(0, 0.035, 4)
            if self.blind[i] == 0 and bad < 0.012:
                self.blind[i] = int(3 + 12 * length)
            blind = self.blind[i] > 0
            self.blind[i] = max(0, self.blind[i] - 1)
            if part < 0.25 or blind:
                continue
            hidden = part < 0.65
            if miss < (0.3 if hidden else 0.04):
                continue
            ys, xs = np.nonzero(owner == i + 1)
            box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float64)
            size = np.tile(box[2:] - box[:2], 2)
            boxes.append(box + noise * size)
            scores.append(0.15 + 0.4 * unsure if hidden else 0.97 - 0.42 * unsure**2)
        for _ in range(int(random.poisson(0.25))):
            boxes.append(self._anything())
            scores.append(float(0.1 + 0.55 * random.uniform() ** 2))
        if self.haunt == 0 and random.uniform() < 0.02:
            self.haunt, self.ghost = int(random.integers(1, 5)), self._anything()
        if self.haunt > 0:
            self.haunt -= 1
            boxes.append(self.ghost + random.normal(0, 2, 4))
            scores.append(float(random.uniform(0.5, 0.85)))
        if not boxes:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        found = np.clip(np.stack(boxes), 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
        solid = (found[:, 2] - found[:, 0] >= 4) & (found[:, 3] - found[:, 1] >= 4)
        order = random.permutation(int(solid.sum()))
        return found[solid][order].astype(np.float32), np.array(scores, np.float32)[solid][order]

    def _anything(self) -> Array:
        w, h = self.random.uniform(30, 120, 2)
        x, y = self.random.uniform(0, WIDTH - w), self.random.uniform(0, HEIGHT - h)
        return np.array([x, y, x + w, y + h])


def main() -> None:
    """Write one scene as a video, truth in green and detections in red."""
    parser = argparse.ArgumentParser(description="Make a scene.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=DEVELOPMENT)
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0])
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    writer = cv2.VideoWriter(str(given.out), cv2.VideoWriter.fourcc(*"mp4v"), 25, (WIDTH, HEIGHT))
    for frame in frames(given.data, seed=given.seed, kind=given.kind):
        shown = np.ascontiguousarray(frame.picture[..., ::-1])
        for boxes, color in ((frame.truth, (0, 255, 0)), (frame.boxes, (0, 0, 255))):
            for x1, y1, x2, y2 in np.round(boxes).astype(int).tolist():
                cv2.rectangle(shown, (x1, y1), (x2, y2), color, 1)
        writer.write(shown)
    writer.release()


if __name__ == "__main__":
    main()
