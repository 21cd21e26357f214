"""The examples: photos open and are small, every one is credited, class lists load."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unseen import Recognizer
from unseen.vocabulary import Vocabulary

EXAMPLES = Path(__file__).parents[2] / "examples"
PHOTOS = sorted((EXAMPLES / "photos").glob("*.jpg"))


def test_there_are_ten_to_fourteen_photos_below_a_megabyte() -> None:
    assert 10 <= len(PHOTOS) <= 14
    assert sum(photo.stat().st_size for photo in PHOTOS) < 800_000


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda photo: photo.stem)
def test_photo_opens_and_is_small(photo: Path) -> None:
    with Image.open(photo) as picture:
        picture.load()
        assert picture.format == "JPEG"
        assert picture.mode == "RGB"
        assert 200 <= max(picture.size) <= 640
        # No position, no camera, no owner.
        assert not picture.getexif()


def test_no_photo_lies_on_the_line_that_the_readme_draws() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text("utf-8")
    found = re.search(r"examples/classes\.yaml --unknown-below ([\d.]+)", readme)
    assert found
    classes = Vocabulary.load(EXAMPLES / "classes.yaml")
    known = np.asarray(Recognizer.load().classify(EXAMPLES / "photos", classes).known)
    # Another processor's rounding must not change what the picture in the README shows.
    assert np.abs(known - float(found[1])).min() > 0.02


def test_every_photo_is_credited_under_a_free_licence() -> None:
    text = (EXAMPLES / "photos" / "CREDITS.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| \w+\.jpg", line)]
    assert [row[0].strip() for row in rows] == [photo.name for photo in PHOTOS]
    for row in rows:
        assert len(row) == 6
        assert all(cell.strip() for cell in row)
        assert row[3].strip() in {"CC0 1.0", "public domain"}


@pytest.mark.parametrize(("name", "classes"), [("classes.yaml", range(10, 15)), ("topics.yaml", range(5, 7))])
def test_class_lists_load_and_describe_each_class(name: str, classes: range) -> None:
    vocabulary = Vocabulary.parse(str(EXAMPLES / name))
    assert len(vocabulary.names) in classes
    described = re.findall(r"^  [\w ]+: \S.*\.$", (EXAMPLES / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(described) == len(vocabulary.names)


def test_sentences_are_short_and_one_a_line() -> None:
    sentences = (EXAMPLES / "sentences.txt").read_text(encoding="utf-8").splitlines()
    assert 10 <= len(sentences) <= 15
    assert all(20 < len(sentence) < 100 for sentence in sentences)
