"""Checks of recognisers without labels: the embedded one, and one whose photos and texts share a space."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unseen
from unseen.decision.calibration import Decision
from unseen.diagnosis.reach import Reach
from unseen.diagnosis.vocabulary_checks import check_recognizer
from unseen.encoders.base import Encoder
from unseen.errors import InputError
from unseen.inputs.images import open_image
from unseen.methods.projection.cosine import Cosine
from unseen.recognizer import Head, Recognizer

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = {"red": [1.0, 0, 0], "green": [0, 1.0, 0], "blue": [0, 0, 1.0], "crimson": [0.99, 0.05, 0.05]}


class Colours(Encoder):
    """Photos become their mean colour, names of colours that colour: one space for both."""

    name, modalities = "colours", frozenset({"image", "text"})
    image_dim = text_dim = 3
    image_size, shared_space = 4, True

    @property
    def fingerprint(self) -> str:
        return "colours"

    def prepare_image(self, content: Any) -> Any:
        return np.asarray(open_image(content).resize((4, 4)))

    def _encode_pixels(self, pixels: Any) -> Any:
        return pixels.reshape(len(pixels), -1, 3).mean(axis=1).astype(np.float32) / 255

    def _encode_texts(self, texts: Any) -> Any:
        return np.array([COLOURS[text] for text in texts], np.float32)


REC = Recognizer(Colours(), heads={"image": Head(Cosine(), Decision())})
NAMES = unseen.Vocabulary.from_names(list(COLOURS))


def photo(*rgb: int) -> Any:
    return np.full((8, 8, 3), rgb, dtype=np.uint8)


def photos(n: int = 30, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [photo(*rng.integers(200, 255, 1), *rng.integers(0, 30, 2)) for _ in range(n)]


def test_hubs_pairs_and_odd_ones_of_a_shared_space() -> None:
    strays = [photo(0, 0, 255), photo(0, 255, 0)]
    hubs, pairs, odd = check_recognizer(REC, NAMES, [*photos(), *strays])
    assert (hubs.failure, pairs.failure, odd.failure) == ("hubness", "semantic_loss", "domain_shift")
    assert hubs.rows[0]["class"] in {"red", "crimson"}
    assert (pairs.rows[0]["first"], pairs.rows[0]["second"]) == ("red", "crimson")
    assert pairs.severity == "mild"
    assert {row["item"] for row in odd.rows if row["odd"]} == {"image-30", "image-31"}
    assert len(odd.rows) == 10
    assert odd.severity == "mild"
    assert json.dumps([finding.to_dict() for finding in (hubs, pairs, odd)])


def test_a_reach_finds_what_all_photos_have_in_common() -> None:
    reach = Reach(normalize=False).fit(REC.encode_images(photos(120, seed=1)))
    blue = [photo(i, 0, 250) for i in range(30)]
    assert check_recognizer(REC, NAMES, blue)[2].figures["share"] < 0.2  # alike among themselves
    finding = check_recognizer(REC, NAMES, blue, reach=reach)[2]
    assert (finding.title, finding.severity, finding.figures["share"]) == ("Out of reach", "strong", 1.0)
    assert finding.rows[0]["item"].startswith("image-")
    assert check_recognizer(REC, NAMES, photos(), reach=reach)[2].severity == "none"


def test_few_photos_and_copies() -> None:
    few = check_recognizer(REC, NAMES, photos(3))[2]
    assert few.severity == "none"
    assert "3 photos are too few" in few.verdict
    copies = check_recognizer(REC, NAMES, [photo(255, 0, 0)] * 35)[2]
    assert copies.figures["out"] == 0
    stray = check_recognizer(REC, NAMES, [*[photo(255, 0, 0)] * 35, photo(0, 0, 255)])[2]
    assert [row["item"] for row in stray.rows if row["odd"]] == ["image-35"]


def test_photos_that_cannot_be_used_are_left_out() -> None:
    findings = check_recognizer(REC, NAMES, [b"no photo", *photos(35), photo(0, 0, 255)])
    assert sum(row["occurrence"] for row in findings[0].rows) == 36
    assert [row["item"] for row in findings[2].rows if row["odd"]] == ["image-36"]
    with pytest.raises(InputError, match="check_recognizer: items must be photos of which one at least can be used"):
        check_recognizer(REC, NAMES, [b"no photo"])


def test_errors() -> None:
    with pytest.raises(InputError, match=r"check_recognizer: reach must be a fitted Reach or None; got 3"):
        check_recognizer(REC, NAMES, photos(), reach=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"reach must be fitted to vectors of 3 dimensions.*got one of 5 dimensions"):
        check_recognizer(REC, NAMES, photos(), reach=Reach().fit(np.random.default_rng(0).normal(size=(200, 5))))
    with pytest.raises(InputError, match=r"check_recognizer: near must be a number above 0 and at most 1; got 0"):
        check_recognizer(REC, NAMES, photos(), near=0)
    with pytest.raises(InputError, match=r"level must be at most 0.95"):
        check_recognizer(REC, NAMES, photos(), reach=Reach().fit(np.random.default_rng(0).normal(size=(20, 3))))


def test_pictures() -> None:
    figure = pytest.importorskip("matplotlib.figure", reason="matplotlib draws the pictures")
    for finding in check_recognizer(REC, NAMES, photos()):
        axes = figure.Figure().subplots()
        assert finding.draw is not None
        finding.draw(axes)
        assert axes.get_xlabel()


def test_noise_among_birds_is_found_by_the_embedded_model(data: Path) -> None:
    rec = unseen.Recognizer.load()
    files = sorted((data / "photos" / "cub100_x4").rglob("*.jpg"))[::8]
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    hubs, pairs, odd = check_recognizer(rec, unseen.Vocabulary.from_names(["wren", "gull", "tern"]), [*files, noise])
    assert odd.rows[0]["times_usual_spread"] > 3.5
    assert odd.rows[0]["item"] == f"image-{len(files)}"
    assert odd.figures["out"] <= 2
    assert pairs.severity == "none"
    assert sum(row["occurrence"] for row in hubs.rows) == len(files) + 1
