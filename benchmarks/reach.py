"""What `Reach` finds to be out of reach: photos of other things, and pictures that are no photos.

    python benchmarks/reach.py --data "$UNSEEN_DATA"

The embedded encoder, level 0.99, 50 made-up pictures of each kind. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

import unseen
from unseen.diagnosis.reach import Reach

Array = np.ndarray[Any, Any]
SIDE, COUNT = 224, 50
WORDS = [
    "the",
    "of",
    "and",
    "a",
    "to",
    "in",
    "is",
    "you",
    "that",
    "it",
    "he",
    "was",
    "for",
    "on",
    "are",
    "as",
    "with",
    "his",
    "they",
    "at",
    "be",
    "this",
    "have",
    "from",
    "or",
    "one",
    "had",
    "by",
]


def noise(rng: np.random.Generator) -> Array:
    """Return a colour for each pixel."""
    return rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def clouds(rng: np.random.Generator) -> Array:
    """Return noise that is blurred over a tenth of the picture and spread over all shades."""
    smooth = gaussian_filter(rng.random((SIDE, SIDE, 3)), (SIDE / 10, SIDE / 10, 0))
    low, high = smooth.min(axis=(0, 1)), smooth.max(axis=(0, 1))
    return np.asarray(255 * (smooth - low) / (high - low)).astype(np.uint8)


def text(rng: np.random.Generator) -> Array:
    """Return a page of words, black on white."""
    page = Image.new("RGB", (SIDE, SIDE), "white")
    for top in range(8, SIDE - 12, 13):
        ImageDraw.Draw(page).text((8, top), " ".join(rng.choice(WORDS, 9)), fill="black")
    return np.asarray(page)


def chart(rng: np.random.Generator) -> Array:
    """Return bars of one colour on axes."""
    page = Image.new("RGB", (SIDE, SIDE), "white")
    pen, n = ImageDraw.Draw(page), int(rng.integers(3, 9))
    colour, width = tuple(rng.integers(0, 200, 3).tolist()), (SIDE - 40) / n
    for i, height in enumerate(rng.uniform(20, SIDE - 50, n)):
        left = 25 + i * width
        pen.rectangle((left, SIDE - 20 - height, left + 0.7 * width, SIDE - 20), fill=colour)
    pen.line((20, 10, 20, SIDE - 20, SIDE - 10, SIDE - 20), fill="black", width=2)
    return np.asarray(page)


def colour(rng: np.random.Generator) -> Array:
    """Return one colour."""
    return np.full((SIDE, SIDE, 3), rng.integers(0, 256, 3), np.uint8)


MADE: dict[str, Callable[[np.random.Generator], Array]] = {
    "noise": noise,
    "blurred coloured clouds": clouds,
    "pages of text": text,
    "bar charts": chart,
    "plain colours": colour,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What is out of reach.")
    parser.add_argument("--data", type=Path, required=True, help="the data pack ($UNSEEN_DATA)")
    folder = parser.parse_args().data / "photos"
    recognizer, rng = unseen.Recognizer.load(), np.random.default_rng(0)
    vectors = {name: recognizer.encode_images(folder / name) for name in ("imagenet500", "caltech51", "cub100_x4")}
    vectors |= {name: recognizer.encode_images([make(rng) for _ in range(COUNT)]) for name, make in MADE.items()}
    for reference in ("imagenet500", "cub100_x4"):
        print(
            f"| reference: {reference}, {len(vectors[reference])} photos | as it is | not normalised |\n|---|---|---|"
        )
        reaches = [Reach(normalize=normalize).fit(vectors[reference]) for normalize in (True, False)]
        for name, X in vectors.items():
            if name != reference:
                shares = " | ".join(f"{(~reach.within(X)).mean():.0%}" for reach in reaches)
                print(f"| {name}, {len(X)} | {shares} |", flush=True)
        print()


if __name__ == "__main__":
    main()
