"""The main job on real photos and sentences, where UNSEEN_DATA names them: what RESULTS says must stay true."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

import unseen
from unseen.benchmark.evaluation import evaluate
from unseen.datasets import read_xlsa
from unseen.methods.projection.ridge import Ridge
from unseen.metrics import expected_calibration_error, per_class_top_k

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def rec() -> unseen.Recognizer:
    return unseen.Recognizer.load()


def test_photos_by_the_names_of_their_folders(rec: unseen.Recognizer, data: Path) -> None:
    folder = data / "photos" / "caltech51"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    vocabulary = unseen.Vocabulary.from_names([name.replace("_", " ") for name in names])
    result = rec.classify(folder, vocabulary, top_k=len(names))
    assert set(result.errors) == {None}
    probabilities = np.zeros(result.top.shape)
    np.put_along_axis(probabilities, result.top, result.probabilities, axis=1)
    y = np.array([names.index(item.split("/")[-2]) for item in result.items])
    assert per_class_top_k(y, probabilities) >= 0.68
    assert expected_calibration_error(y, probabilities) <= 0.1


def test_unknown_photos_look_less_known(rec: unseen.Recognizer, data: Path) -> None:
    folder = data / "photos" / "caltech51"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    vocabulary = unseen.Vocabulary.from_names([name.replace("_", " ") for name in names[::2]])
    files = [file for name in names for file in sorted((folder / name).glob("*.jpg"))[:4]]
    known = rec.classify(files, vocabulary, top_k=1).known
    inside = np.array([names.index(file.parent.name) % 2 == 0 for file in files])
    ranks = (known[inside][:, None] > known[~inside][None]).mean()
    assert ranks >= 0.8  # AUROC


def test_requests_by_the_names_of_their_intents(rec: unseen.Recognizer, data: Path) -> None:
    texts, labels, names = [], [], []
    for number, path in enumerate(sorted((data / "text/snips").glob("validate_*.json"))):
        intent = path.stem.removeprefix("validate_")
        names.append(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", intent).lower())
        for entry in json.loads(path.read_text("latin-1"))[intent][:40]:
            texts.append("".join(part["text"] for part in entry["data"]))
            labels.append(number)
    result = rec.classify_text(texts, unseen.Vocabulary.from_names(names), top_k=1)
    assert (result.top[:, 0] == labels).mean() >= 0.7


def test_ridge_on_birds_it_has_no_examples_of(data: Path) -> None:
    birds = read_xlsa(data / "zsl" / "CUB100")
    method = Ridge().fit(*birds.learnable(), prototypes=birds.prototypes)
    found = evaluate(method, birds, by="test_real_data", protocol="zsl")
    assert found.t1 >= 0.45  # 27 classes: chance is 0.04
    assert found.test_openings == 1
