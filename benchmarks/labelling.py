"""What labelling costs beyond classifying, what going on after a kill costs, and how much memory it takes.

    python benchmarks/labelling.py speed photos/ [--count 20000] [--repeats 3]
    python benchmarks/labelling.py resume photos/ [--count 20000]
    python benchmarks/labelling.py memory [--counts 10000 100000 1000000]
    python benchmarks/labelling.py bytes photos/

"speed": `label` into a folder against `Recognizer.classify` on the same files with the default model, rounds in turn.
"resume": a run is killed (SIGKILL) in its middle and gone on with; both together against an undisturbed one, each a
process of its own that reports the seconds from its first item on, so that loading the model is left out. "memory":
the peak of a process that labels so many made-up photos with a model that costs nothing, above what it took before.
"bytes": the size of the parts per photo, with the classes of examples/classes.yaml. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CLASSES = "zebra, okapi, piano, lighthouse, teapot"
HERE = str(Path(__file__).resolve())


def linked(photos: Path, count: int, folder: Path) -> Path:
    """Fill a folder with so many links to the photos, taken repeatedly."""
    files = sorted(path for path in photos.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    assert files, f"no photos in {photos}"
    for number in range(count):
        file = files[number % len(files)]
        target = folder / f"{number // 1000:04}" / f"{number:08}{file.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(file.resolve())
    return folder


def speed(photos: Path, count: int, repeats: int) -> None:
    import unseen
    from unseen.labelling import label

    recognizer, vocabulary = unseen.Recognizer.load(), unseen.Vocabulary.parse(CLASSES)
    with tempfile.TemporaryDirectory() as scratch:
        source = linked(photos, count, Path(scratch) / "photos")
        seconds: dict[str, list[float]] = {"classify": [], "label": [], "label --embeddings": []}
        for repeat in range(repeats + 1):
            for kind, taken in seconds.items():
                out = Path(scratch) / "out"
                began = time.perf_counter()
                if kind == "classify":
                    recognizer.classify(source, vocabulary, top_k=5)
                else:
                    label(source, vocabulary, out, recognizer=recognizer, embeddings="--" in kind)
                if repeat:  # the first round warms up
                    taken.append(time.perf_counter() - began)
                shutil.rmtree(out, ignore_errors=True)
    print(f"{count} photos, median of {repeats} rounds\n\n| | photos/s | of classify's rate |\n|---|---|---|")
    for kind, taken in seconds.items():
        ratio = np.median([a / b for a, b in zip(seconds["classify"], taken, strict=True)])
        print(f"| {kind} | {count / np.median(taken):.0f} | {ratio:.3f} |")


def labelled(source: str, out: str) -> None:
    """Label in this process; print the seconds from the first item on."""
    from unseen.labelling import label

    report = label(source, CLASSES, out, resume=True)
    print(json.dumps({"seconds": report.seconds, "kept": report.kept}))


def resume(photos: Path, count: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source = str(linked(photos, count, Path(scratch) / "photos"))
        calm = _run(source, f"{scratch}/calm")
        out = Path(scratch) / "out"
        killed = subprocess.Popen([sys.executable, HERE, "labelled", source, str(out)], stdout=subprocess.DEVNULL)
        while not (out / "manifest.jsonl").exists():
            time.sleep(0.005)
        began = time.perf_counter()
        time.sleep(calm["seconds"] * 0.45)
        os.kill(killed.pid, signal.SIGKILL)
        before = time.perf_counter() - began
        killed.wait()
        after = _run(source, str(out))
    whole = before + after["seconds"]
    print(f"{count} photos; killed after {before:.1f} s\n\n| | seconds |\n|---|---|")
    print(f"| undisturbed | {calm['seconds']:.2f} |\n| until the kill, and from there on | {whole:.2f} |")
    print(f"\nOverhead: {100 * (whole / calm['seconds'] - 1):.2f} % of the run.")


def _run(source: str, out: str) -> dict[str, float]:
    ran = subprocess.run([sys.executable, HERE, "labelled", source, out], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def made_up(count: int) -> None:
    """Label made-up photos in this process; print the peak of its memory before and after."""
    import resource

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.labelling_kit import CLASSES as COLOURS
    from tests.labelling_kit import colours
    from tests.labelling_kit import made_up as photos

    from unseen.labelling import label

    recognizer = colours()
    with tempfile.TemporaryDirectory() as scratch:
        label(photos(5000), COLOURS, f"{scratch}/warm", recognizer=recognizer, embeddings=True)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        report = label(photos(count), COLOURS, f"{scratch}/out", recognizer=recognizer, embeddings=True)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"before": before, "after": after, "rate": report.rate}))


def memory(counts: list[int]) -> None:
    print("| items | peak, MiB | above the first 5,000 items, MiB | items/s |\n|---|---|---|---|")
    for count in counts:
        command = [sys.executable, HERE, "made-up", str(count)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(ran.stdout)
        above = (found["after"] - found["before"]) / 1024
        print(f"| {count:,} | {found['after'] / 1024:.0f} | {above:.1f} | {found['rate']:,.0f} |", flush=True)


def row_bytes(photos: Path) -> None:
    from unseen import Recognizer, Vocabulary
    from unseen.labelling import label, read_manifest

    recognizer = Recognizer.load()
    vocabulary = Vocabulary.load(Path(__file__).resolve().parents[1] / "examples" / "classes.yaml")
    os.chdir(photos)  # names are those below the folder
    with tempfile.TemporaryDirectory() as scratch:
        sizes = {}
        for kind in ("label", "label --embeddings"):
            out = f"{scratch}/{kind}"
            label(".", vocabulary, out, recognizer=recognizer, embeddings="--" in kind)
            manifest = read_manifest(out)
            sizes[kind] = sum(part.bytes for part in manifest.parts.values()) / manifest.items
    print(f"{manifest.items:,} photos, {len(vocabulary)} classes\n\n| | bytes a row |\n|---|---|")
    for kind, size in sizes.items():
        print(f"| {kind} | {size:,.0f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description="Labelling: speed, going on after a kill, memory, size of what is written."
    )
    parser.add_argument("what", choices=["speed", "resume", "memory", "bytes", "labelled", "made-up"])
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    given = parser.parse_args()
    if given.what == "speed":
        speed(Path(given.arguments[0]), given.count, given.repeats)
    elif given.what == "resume":
        resume(Path(given.arguments[0]), given.count)
    elif given.what == "memory":
        memory(given.counts)
    elif given.what == "bytes":
        row_bytes(Path(given.arguments[0]))
    elif given.what == "labelled":
        labelled(*given.arguments)
    else:
        made_up(int(given.arguments[0]))


if __name__ == "__main__":
    main()
