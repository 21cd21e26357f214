"""How fast `classify` is on JPEG photos, against the network alone on prepared batches, in one run.

    python benchmarks/throughput.py photos/ [--count 2000] [--repeats 5]

"Bare" is onnxruntime on batches of pixels that are ready in memory, in two configurations: as its documentation has it
(one session with its default options, all cores inside one call) and the fastest we know (one single-threaded call per
core at a time). "End to end" is `Recognizer.classify` from files on disk to predictions. The rounds alternate, so that
a machine whose speed drifts does so for all. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import unseen
from unseen.encoders.base import available_cores
from unseen.encoders.default import default_folder
from unseen.encoders.onnx import open_session

BATCH = 8


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the wall and processor seconds that some work takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Throughput of classify on photos.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=2000, help="photos to classify; the folder is taken repeatedly")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    files = sorted(arguments.photos.rglob("*.jpg"))
    files = (files * (1 + arguments.count // len(files)))[: arguments.count]
    recognizer = unseen.Recognizer.load()
    encoder = recognizer.encoder
    vocabulary = unseen.Vocabulary.from_names(["zebra", "okapi", "piano", "lighthouse", "teapot"])
    pixels = np.stack([encoder.prepare_image(file) for file in files])
    batches = [pixels[i : i + BATCH] for i in range(0, len(pixels), BATCH)]
    cores = available_cores()

    network = default_folder() / "encoder" / "image.onnx"
    single = open_session(network, threads=1)
    import onnxruntime as ort  # after open_session, which turns its telemetry off

    plain = ort.InferenceSession(str(network), providers=["CPUExecutionProvider"])

    def bare_plain() -> None:
        for batch in batches:
            plain.run(None, {"images": batch})

    def bare_best() -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(lambda batch: single.run(None, {"images": batch}), batches))

    def decode() -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(encoder.prepare_image, files))

    kinds = {
        "bare onnxruntime, default session": bare_plain,
        "bare onnxruntime, one thread per core": bare_best,
        "decoding alone": decode,
        "end to end, `classify`": lambda: recognizer.classify(files, vocabulary),
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for repeat in range(arguments.repeats + 1):
        for name, work in kinds.items():
            measured = timed(work)
            if repeat:  # the first round warms up
                seconds[name].append(measured)
    ours = [wall for wall, _ in seconds["end to end, `classify`"]]
    print(f"{len(files)} photos, {cores} cores, median of {arguments.repeats} rounds\n")
    print("| | photos/s | processor ms/photo | end to end is … of it |\n|---|---|---|---|")
    for name, pairs in seconds.items():
        wall, cpu = (float(np.median(column)) for column in zip(*pairs, strict=True))
        ratio = float(np.median([own / mine for (own, _), mine in zip(pairs, ours, strict=True)]))
        print(f"| {name} | {len(files) / wall:.0f} | {1000 * cpu / len(files):.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
