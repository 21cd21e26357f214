"""That memory does not grow with the number of photos: peak resident memory of runs of different lengths.

    python benchmarks/memory.py [--counts 500 5000 20000]

Each run is a process of its own that classifies so many JPEG photos from a generator, writing CSV and an HTML report.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import unseen


def run(count: int) -> None:
    """Classify so many photos and print the peak memory in MB."""
    from unseen.report import ReportBuilder
    from unseen.tasks.classify import classify_images
    from unseen.writers import open_writer

    rng = np.random.default_rng(0)
    photos = []
    for _ in range(20):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).resize((640, 480)).save(buffer, "JPEG")
        photos.append(buffer.getvalue())

    def source() -> Iterator[bytes]:
        for i in range(count):
            yield photos[i % len(photos)]

    vocabulary = unseen.Vocabulary.from_names(["cat", "dog", "car"])
    builder = ReportBuilder(vocabulary.names, {})
    with tempfile.TemporaryDirectory() as folder, open_writer(Path(folder) / "rows.csv") as writer:
        for answer in classify_images(unseen.Recognizer.load(), source(), vocabulary):
            writer.write(answer.predictions)
            builder.add(answer.predictions, answer.previews)
        builder.write(Path(folder) / "report.html")
    print(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Peak memory against the number of photos.")
    parser.add_argument("--counts", type=int, nargs="+", default=[500, 5000, 20000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run(arguments.one)
        return
    print("| photos | peak MB |\n|---|---|")
    for count in arguments.counts:
        command = [sys.executable, __file__, "--one", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(f"| {count:,} | {done.stdout.strip()} |", flush=True)


if __name__ == "__main__":
    main()
