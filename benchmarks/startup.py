"""How long starting takes: `import unseen`, `unseen --help`, and a first answer, each in fresh processes.

    python benchmarks/startup.py [--repeats 9]

Prints Markdown; times include starting Python, whose own time is the first row.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Start-up times.")
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)).save(photo)
        commands = {
            "python -c pass": ["-c", "pass"],
            "import unseen": ["-c", "import unseen"],
            "unseen --help": ["-m", "unseen", "--help"],
            "unseen classify, one photo, three names": ["-m", "unseen", "classify", str(photo), "-c", "cat, dog, car"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for repeat in range(repeats + 1):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, *command], check=True, capture_output=True)
                if repeat:  # the first round fills the file cache and the text cache
                    seconds[name].append(time.perf_counter() - start)
    print("| | median ms | slowest ms |\n|---|---|---|")
    for name, values in seconds.items():
        print(f"| `{name}` | {1000 * float(np.median(values)):.0f} | {1000 * max(values):.0f} |")


if __name__ == "__main__":
    main()
