"""Segmentation from photos to files: a segmenter told by hand, the default one on photos, and the command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import unseen
from unseen.errors import InputError, ItemError
from unseen.metrics import mask_iou
from unseen.segmentation import BoundSegmenter, Segmentation, Segmenter
from unseen.segmentation.files import MaskWriter, Names
from unseen.segmentation.pictures import overlay, voc_palette
from unseen.segmentation.refine import cut_out
from unseen.segmentation.rle import decode_rle
from unseen.tasks.segment import load_segmenter

if TYPE_CHECKING:
    from pathlib import Path

CATS = unseen.Vocabulary.from_names(["cat", "horse"])


class Halves(Segmenter):
    """Says that the left half is a cat, and a little of it a horse."""

    spec = "halves"

    def bind(self, recognizer: Any, vocabulary: Any, *, background: Any = None) -> BoundSegmenter:
        class Bound(BoundSegmenter):
            def propose(self, picture: Any) -> Any:
                return np.array([[[0.9, 0.0]], [[0.1, 0.1]], [[0.0, 0.9]]], np.float32)

        return Bound()


@pytest.fixture(scope="module")
def rec() -> unseen.Recognizer:
    return unseen.Recognizer.load()


@pytest.fixture
def found() -> Segmentation:
    labels = np.full((6, 8), -1)
    labels[1:4, 1:5], labels[4:, 5:] = 0, 1
    return Segmentation("a.png", ["cat", "horse"], labels, np.full((6, 8), 0.75))


def test_labels_go_to_the_picture_s_own_size(rec: unseen.Recognizer) -> None:
    for shape in ((20, 40), (400, 1000)):
        picture = np.zeros((*shape, 3), np.uint8)
        (one,) = rec.segment([picture], CATS, segmenter=Halves(), refine="none")
        assert one.size == shape[::-1]
        middle, margin = shape[1] // 2, 1 + shape[1] // 50
        assert (one.labels[:, : middle - margin] == 0).all()
        assert (one.labels[:, middle + margin :] == -1).all()
        assert one.settings["segmenter"] == "halves"


def test_a_class_that_is_not_there_gets_no_pixels(rec: unseen.Recognizer) -> None:
    picture = np.zeros((20, 40, 3), np.uint8)
    (one,) = rec.segment([picture], CATS, segmenter=Halves(), refine="none", threshold=0.95)
    assert one.present() == []


def test_bad_images_are_rows(rec: unseen.Recognizer, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    bad, good = rec.segment([tmp_path / "bad.jpg", np.zeros((9, 9, 3), np.uint8)], CATS, segmenter=Halves())
    assert bad.error is not None
    assert bad.labels.shape == (0, 0)
    assert good.error is None
    with pytest.raises(ItemError, match=r"bad\.jpg.*Leave it out"):
        list(rec.segment([tmp_path / "bad.jpg"], CATS, segmenter=Halves(), strict=True))


def test_the_default_segmenter_finds_the_cat(rec: unseen.Recognizer, root: Path) -> None:
    photo = root / "examples" / "photos" / "cat.jpg"
    (one,) = rec.segment(photo, unseen.Vocabulary.from_names(["cat", "rocket"]))
    assert one.fractions()["cat"] > 0.3
    assert one.fractions()["rocket"] == 0
    assert one.labels.shape == (300, 451)
    (all_of_it,) = rec.segment(photo, unseen.Vocabulary.from_names(["cat", "rocket"]), background=[])
    assert (all_of_it.labels >= 0).all()


def test_result_becomes_what_people_use(found: Segmentation, tmp_path: Path) -> None:
    assert found.fractions() == {"cat": 12 / 48, "horse": 6 / 48}
    found.to_png(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert (np.asarray(image) == found.labels + 1).all()
        assert (image.getpalette() or [])[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
    cat, horse = found.to_rle()
    assert (cat["category_id"], cat["bbox"], cat["area"], cat["score"]) == (1, [1, 1, 4, 3], 12, 0.75)
    assert (decode_rle(horse["segmentation"]) == found.mask("horse")).all()
    assert found.to_polygons()["cat"][0][0].tolist() == [[1, 1], [5, 1], [5, 4], [1, 4]]
    boxes = found.to_detections()
    assert boxes.boxes.tolist() == [[1, 1, 5, 4], [5, 4, 8, 6]]
    assert boxes.best() == ["cat", "horse"]
    picture = found.overlay(np.zeros((6, 8, 3), np.uint8))
    assert picture.width == 8
    assert picture.height > 6


def test_supervision(found: Segmentation) -> None:
    pytest.importorskip("supervision")
    theirs = found.to_supervision()
    assert theirs.mask.sum(axis=(1, 2)).tolist() == [12, 6]
    assert theirs.class_id.tolist() == [0, 1]


def test_palette_is_voc_s() -> None:
    assert voc_palette()[[0, 1, 2, 15, 20]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [0, 64, 128],
    ]


def test_more_classes_than_a_byte_holds(tmp_path: Path) -> None:
    many = Segmentation("a", [f"c{i}" for i in range(300)], [[299, -1]], [[1.0, 1.0]])
    many.to_png(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == [[300, 0]]


@pytest.mark.parametrize("kind", ["png", "coco", "polygons"])
def test_writer(found: Segmentation, tmp_path: Path, kind: str) -> None:
    empty = np.zeros((0, 0), np.int16)
    with MaskWriter(tmp_path / "out", kind, found.names) as writer:
        writer.write(found)
        writer.write(Segmentation("b.png", found.names, empty, empty, "is empty"))
    lines = [json.loads(line) for line in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    assert [line["error"] for line in lines] == [None, "is empty"]
    assert not list((tmp_path / "out").glob("*.partial"))
    if kind == "coco":
        coco = json.loads((tmp_path / "out" / "annotations.json").read_text())
        assert [one["category_id"] for one in coco["annotations"]] == [1, 2]
        assert coco["images"][0] == {"id": 1, "file_name": "a.png", "width": 8, "height": 6}
        assert [one["name"] for one in coco["categories"]] == ["cat", "horse"]
    if kind == "polygons":
        line = json.loads((tmp_path / "out" / "polygons.jsonl").read_text())
        assert line["classes"]["horse"]["coordinates"] == [[[[5, 4], [8, 4], [8, 6], [5, 6], [5, 4]]]]


def test_shares_must_fit_the_vocabulary(rec: unseen.Recognizer) -> None:
    class Odd(Segmenter):
        def bind(self, recognizer: Any, vocabulary: Any, *, background: Any = None) -> Any:
            class Bound(BoundSegmenter):
                def propose(self, picture: Any) -> Any:
                    return np.full((9, 4, 4), 1 / 9, np.float32)

            return Bound()

    with pytest.raises(
        InputError, match=rf"what the segmenter says must be finite shares of shape \({len(CATS) + 1}, "
    ):
        list(rec.segment(np.zeros((8, 8, 3), np.uint8), CATS, segmenter=Odd()))


def test_a_small_overlay_has_the_same_classes(found: Segmentation) -> None:
    pixels = np.zeros((found.size[1], found.size[0], 3), np.uint8)
    side = max(found.size) // 2
    small = overlay(found, pixels, side=side, legend=False)
    assert max(small.size) == side
    assert max(overlay(found, pixels, side=10_000, legend=False).size) == max(found.size)


def test_names_are_safe_and_unique() -> None:
    names = Names()
    given = [names.of(item, ".png") for item in ("a/x.jpg", "b/x.jpg", "../..", "a/X.jpg")]
    assert given[0] == "x.png"
    assert len({name.casefold() for name in given}) == 4
    assert not any("/" in name or name.startswith(".") for name in given)


def test_command(root: Path, tmp_path: Path) -> None:
    from unseen.cli.app import app

    photo = root / "examples" / "photos" / "cat.jpg"
    words = ["segment", str(photo), "-c", "cat", "-o", str(tmp_path / "m"), "--overlay", str(tmp_path / "o"), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    line = json.loads(done.stdout)
    assert line["size"] == [451, 300]
    assert line["fractions"]["cat"] > 0.3
    assert (tmp_path / "m" / "cat.png").is_file()
    assert (tmp_path / "o" / "cat.jpg").is_file()
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["segment", str(photo), "-c", "cat, rocket", "--report", str(page)])
    assert done.exit_code == 0, done.output
    assert f"written: {page}" in done.output
    assert "In 1 photo. The figure is the share of the photo that it covers." in page.read_text()
    assert 'width="451" height="' in page.read_text()
    with pytest.raises(InputError, match="holds the photos that are read"):
        CliRunner().invoke(app, ["segment", str(photo), "-c", "cat", "-o", str(photo.parent)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda rec, _: rec.segment([], CATS, threshold=2), r"segment: threshold must be a number"),
        (
            lambda rec, _: rec.segment([], CATS, refine="x"),
            r"segment: refine must be one of colours, guided, grabcut, none",
        ),
        (lambda rec, _: rec.segment([], CATS, segmenter="default:x"), r"segmenter must be 'default' alone"),
        (lambda rec, _: rec.segment([], CATS, segmenter=3), r"segmenter must be a name or a Segmenter"),
        (lambda rec, _: load_segmenter("defalt"), r"no segmenter is called 'defalt'"),
        (lambda rec, f: f.mask("cta"), r"name must be a class of the vocabulary.*Did you mean 'cat'"),
        (lambda rec, f: f.overlay(np.zeros((3, 3, 3), np.uint8)), r"image must be the one that was segmented"),
        (lambda rec, f: f.to_png("a.gif"), r"suffix must be \.png"),
        (lambda rec, f: Segmentation("a", ["b"], [[1]], [[1.0]]), r"labels must be positions from -1 to 0"),
        (lambda rec, f: Segmentation("a", ["b"], [[0]], [1.0]), r"labels and probabilities must be of one shape"),
    ],
)
def test_wrong_input_is_told(rec: unseen.Recognizer, found: Segmentation, call: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        call(rec, found)


def test_an_object_is_cut_out_at_its_edges() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 60, (120, 160, 3), np.uint8)
    truth = np.zeros((120, 160), bool)
    truth[30:90, 40:110] = True
    picture[truth] = rng.integers(180, 240, (int(truth.sum()), 3), np.uint8)
    # A blob that misses the corners of the object, and takes in some of what is beside it.
    y, x = np.mgrid[:120, :160]
    share = np.exp(-(((x - 80) / 45) ** 2) - ((y - 60) / 40) ** 2).astype(np.float32)
    shares = np.stack([share, 1 - share])
    before = shares.copy()
    cut = cut_out(picture, shares)
    assert mask_iou(truth, share > 0.5) < 0.8
    assert mask_iou(truth, cut[0] > cut[1]) > 0.97
    np.testing.assert_allclose(cut.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(cut, cut_out(picture, shares))
    np.testing.assert_array_equal(shares, before)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (20, 20), (500, 30)])
def test_cuts_bear_odd_pictures_and_several_classes(shape: tuple[int, int]) -> None:
    even = np.zeros((*shape, 3), np.uint8)
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], shape).astype(np.float32)
    shares = np.moveaxis(shares, 2, 0)
    cut = cut_out(even, shares)
    assert np.isfinite(cut).all()
    np.testing.assert_allclose(cut.sum(axis=0), 1, atol=1e-4)
    # With no background there is none afterwards.
    nothing_else = np.stack([shares[0], 1 - shares[0], np.zeros(shape, np.float32)])
    assert cut_out(even, nothing_else)[2].max() == 0


def test_grabcut_draws_the_outline_of_a_real_object(rec: unseen.Recognizer, data: Path) -> None:
    frame = data / "video_davis7" / "JPEGImages" / "dog" / "00000.jpg"
    truth = np.asarray(Image.open(data / "video_davis7" / "Annotations" / "dog" / "00000.png").convert("L")) > 0
    dogs = unseen.Vocabulary.from_names(["dog"])
    (plain,) = rec.segment([frame], dogs)
    (fine,) = rec.segment([frame], dogs, refine="grabcut")
    assert fine.settings["refine"] == "grabcut"
    assert mask_iou(truth, fine.mask("dog")) > max(0.7, mask_iou(truth, plain.mask("dog")))
