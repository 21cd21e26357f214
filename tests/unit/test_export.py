"""Export to ONNX: every kind of model gives its vectors and answers again, and what would not is refused."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unseen
from unseen.encoders.export import LEAST_COSINE, export_onnx
from unseen.encoders.export_check import CLASSES, TEXTS, some_photos
from unseen.encoders.loading import load_encoder
from unseen.encoders.onnx import OnnxEncoder
from unseen.encoders.transformers import TransformersEncoder
from unseen.errors import InputError, MissingExtraError, ModelError
from unseen.testing import check_encoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("onnxscript")

#: As far apart as two orders of summing up may be, in numbers of size 1.
CLOSE = 1e-5
KINDS = {"clip": "hf", "siglip": "hf", "align": "hf", "chinese_clip": "hf", "open_clip": "open_clip"}
SENTENCES = ["a photo of a cat", "Snow on the mountains, and a lake!", "x", "", "un café noir", "zebra " * 50]


@pytest.fixture(scope="module")
def photos(root: Path) -> list[Path]:
    return sorted((root / "examples" / "photos").glob("*.jpg"))[:6]


@pytest.fixture(scope="module")
def made(
    tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, photos: list[Path]
) -> Callable[[str], Any]:
    """Return what exports each kind once: the source, the export loaded again, the report."""
    done: dict[str, Any] = {}

    def get(kind: str) -> Any:
        if kind not in done:
            source: Any = load_encoder(f"{KINDS[kind]}:{tiny(kind)}")
            folder = tmp_path_factory.mktemp("exported") / kind
            report = export_onnx(source, folder, photos=photos)
            done[kind] = source, load_encoder(f"onnx:{folder}"), report
        return done[kind]

    return get


@pytest.mark.parametrize("kind", KINDS)
def test_networks_equal_the_source(kind: str, made: Callable[[str], Any]) -> None:
    import torch

    source, exported, _ = made(kind)
    size = source.image_size
    pixels = np.random.default_rng(1).integers(0, 256, (5, size, size, 3), np.uint8)
    ids, mask = source.tokenize(SENTENCES)
    with torch.inference_mode():
        images = source.image_module().eval()(torch.from_numpy(pixels)).numpy()
        texts = source.text_module().eval()(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    np.testing.assert_allclose(exported._encode_pixels(pixels), images, atol=CLOSE)
    np.testing.assert_allclose(exported._encode_texts(SENTENCES), texts, atol=CLOSE)
    # Else all of the above could hold of a model that tells nothing apart.
    assert np.ptp(images, axis=0).max() > 0.01
    assert np.ptp(texts, axis=0).max() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_does_not_depend_on_its_batch(kind: str, made: Callable[[str], Any]) -> None:
    _, exported, _ = made(kind)
    pixels = np.random.default_rng(1).integers(0, 256, (7, exported.image_size, exported.image_size, 3), np.uint8)
    together = exported._encode_pixels(pixels)
    np.testing.assert_allclose(
        np.concatenate([exported._encode_pixels(row[None]) for row in pixels]), together, atol=CLOSE
    )
    alone = np.concatenate([exported._encode_texts([text]) for text in SENTENCES])
    np.testing.assert_allclose(alone, exported._encode_texts(SENTENCES), atol=CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_equal_the_source(kind: str, made: Callable[[str], Any], photos: list[Path]) -> None:
    source, exported, _ = made(kind)
    names = ["cat", "astronaut", "cup of coffee", "rocket", "horse", "brick wall"]
    vocabulary = unseen.Vocabulary.from_names(names)
    first, second = (
        unseen.Recognizer.from_encoder(encoder).classify(photos, vocabulary, top_k=6) for encoder in (source, exported)
    )
    # Each prepares the photos by itself, and torch's resampler differs from Pillow's by a level here and there.
    spread = np.zeros((2, len(photos), len(names)))
    for i, predictions in enumerate((first, second)):
        np.put_along_axis(spread[i], predictions.top, predictions.probabilities, axis=1)
    np.testing.assert_allclose(spread[1], spread[0], atol=2e-3)
    clear = np.diff(-first.probabilities[:, :2], axis=1)[:, 0] > 4e-3
    assert (first.top[clear, 0] == second.top[clear, 0]).all()
    assert first.settings["temperature"] == second.settings["temperature"]
    assert exported.similarity == source.similarity
    assert exported.templates == source.templates


def test_open_clip_answers_to_the_digit(made: Callable[[str], Any], photos: list[Path]) -> None:
    """Where the library resamples with Pillow as well, pixels are the same, and so is all that follows."""
    source, exported, _ = made("open_clip")
    for photo in photos:
        np.testing.assert_array_equal(source.prepare_image(photo), exported.prepare_image(photo))
    np.testing.assert_allclose(exported.encode_images(photos), source.encode_images(photos), atol=CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder(kind: str, made: Callable[[str], Any]) -> None:
    source, exported, report = made(kind)
    files = {path.name for path in exported.folder.iterdir()}
    assert files == {"encoder.json", "image.onnx", "text.onnx", "tokenizer.json"} == set(report.sizes)
    card = json.loads((exported.folder / "encoder.json").read_text("utf-8"))
    assert card["export"]["source_fingerprint"] == source.fingerprint
    assert card["export"]["precision"] == "fp32"
    assert card["export"]["losses"]["image"]["cosine_min"] > LEAST_COSINE["fp32"]
    assert card["text"]["input_names"] == ["input_ids", "attention_mask"][: 1 if kind in ("siglip", "open_clip") else 2]
    # Where it was made is nobody's business.
    for path in exported.folder.iterdir():
        content = path.read_bytes()
        assert str(source.folder if KINDS[kind] == "hf" else exported.folder.parent).encode() not in content
        assert b"site-packages" not in content
    assert exported.name == report.model == kind


def test_the_report(made: Callable[[str], Any]) -> None:
    _, exported, report = made("clip")
    text = str(report)
    assert re.match(r"clip as ONNX, fp32, 0\.\d MB\n   6 photos  cosine to the source: least (0\.9999|1\.0)", text)
    assert f"{len(CLASSES) + len(TEXTS)} texts" in text
    assert text.endswith("same likeliest class for 100.0% of the photos")
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["folder"] == str(exported.folder)
    assert plain["losses"]["text"].keys() == {"items", "cosine_min", "cosine_mean"}


def test_an_export_is_a_recogniser_and_is_not_exported_again(made: Callable[[str], Any], tmp_path: Path) -> None:
    _, exported, _ = made("clip")
    assert unseen.Recognizer.load(exported.folder).encoder.fingerprint == exported.fingerprint
    for encoder, name in ((exported, "onnx:"), (load_encoder("default"), "default")):
        with pytest.raises(InputError, match=rf"encoder must be one that runs in torch; got {name}.*Copy its folder"):
            export_onnx(encoder, tmp_path / "out", photos=[])
    with pytest.raises(InputError, match=r"encoder must be one that runs in torch; got 'clip'. Load one of"):
        export_onnx("clip", tmp_path / "out", photos=[])  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("kind", ["open_clip", "align"])
def test_smaller_precisions(kind: str, precision: str, made: Callable[[str], Any], tmp_path: Path) -> None:
    from unseen.encoders.export_network import reduce_precision

    _, full, whole = made(kind)
    folder = shutil.copytree(full.folder, tmp_path / "small")
    card = json.loads((folder / "encoder.json").read_text("utf-8"))
    for part in ("image", "text"):
        card[part]["one_by_one"] = reduce_precision(folder / f"{part}.onnx", precision)
        # ALIGN's images go through convolutions, of which nothing is made int8.
        assert card[part]["one_by_one"] is (precision == "int8" and (kind, part) != ("align", "image"))
    (folder / "encoder.json").write_text(json.dumps(card))
    assert {path.name for path in folder.iterdir()} == set(whole.sizes)
    small = OnnxEncoder(folder)
    assert (folder / "text.onnx").stat().st_size < 0.75 * whole.sizes["text.onnx"]
    pixels = np.random.default_rng(1).integers(0, 256, (5, small.image_size, small.image_size, 3), np.uint8)
    for encode, items in (("_encode_pixels", pixels), ("_encode_texts", SENTENCES)):
        vectors, exact = getattr(small, encode)(items), getattr(full, encode)(items)
        assert LEAST_COSINE[precision] < (vectors * exact).sum(axis=1).min() < 1
        # An item's vector is its own, whatever is beside it.
        alone = np.concatenate([getattr(small, encode)(items[i : i + 1]) for i in range(len(items))])
        np.testing.assert_allclose(alone, vectors, atol=CLOSE)


def test_an_export_runs_where_there_is_no_torch(made: Callable[[str], Any], photos: list[Path]) -> None:
    absent = ("torch", "torchvision", "transformers", "open_clip", "onnx", "onnxscript", "ftfy", "sentencepiece")
    program = f"""
import sys

class Absent:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent)
import unseen
recognizer = unseen.Recognizer.load("onnx:{made("open_clip")[1].folder}")
found = recognizer.classify({[str(photo) for photo in photos]!r}, unseen.Vocabulary.from_names(["cat", "rocket"]))
print(found.probabilities.tolist())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    recognizer = unseen.Recognizer.from_encoder(made("open_clip")[0])
    expected = recognizer.classify(photos, unseen.Vocabulary.from_names(["cat", "rocket"])).probabilities
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=CLOSE)


@pytest.mark.parametrize("kind", ["siglip", "open_clip"])
def test_an_export_passes_the_battery(kind: str, made: Callable[[str], Any]) -> None:
    check_encoder(made(kind)[1])


# -- what is refused ------------------------------------------------------------------------------------------


class Misprepared(TransformersEncoder):
    """Says that photos are squashed, which its own processor does not do."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.modalities, self.shared_space = frozenset({"image"}), False

    def image_layout(self) -> dict[str, Any]:
        return {"size": self.image_size, "resize": {"mode": "squash"}}


def test_another_preparation_is_refused_and_leaves_nothing(
    tiny: Callable[..., Path], tmp_path: Path, photos: list[Path], root: Path
) -> None:
    encoder = Misprepared(str(tiny("clip")))
    expected = (
        r"export_onnx: the cosine of the source's and the exported image vectors must be at least 0\.9999 for fp32; "
        r"got 0\.\d+ for '.*\.jpg', mean 0\.\d+\. Nothing was written\."
    )
    with pytest.raises(ModelError, match=expected):
        export_onnx(encoder, tmp_path / "out", photos=root / "examples" / "photos")
    assert list(tmp_path.iterdir()) == []


class Mistokenized(TransformersEncoder):
    """Hands out a tokenizer that is not the one it uses."""

    def __init__(self, model: str, tokenizer: str | None) -> None:
        super().__init__(model)
        self.modalities, self.shared_space, self.tokenizer = frozenset({"text"}), False, tokenizer

    def tokenizer_json(self) -> str | None:
        return self.tokenizer


def test_another_tokenizer_is_refused(tiny: Callable[..., Path], tmp_path: Path) -> None:
    right = load_encoder(f"hf:{tiny('clip')}").tokenizer_json()  # type: ignore[attr-defined]
    assert "lowercase" in right.lower()
    wrong = json.loads(right)
    wrong["normalizer"] = None  # capitals are no longer made small
    with pytest.raises(ModelError, match=r"exported text vectors must be at least 0.9999 .* Nothing was written"):
        export_onnx(Mistokenized(str(tiny("clip")), json.dumps(wrong)), tmp_path / "out")
    with pytest.raises(ModelError, match=r"tokenizer of hf:.* must be one that the library tokenizers can express"):
        export_onnx(Mistokenized(str(tiny("clip")), None), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


class Unfollowable(TransformersEncoder):
    """Has a network that goes one way or another by what it sees."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.modalities, self.shared_space = frozenset({"image"}), False

    def image_module(self) -> Any:
        import torch

        class Choosy(torch.nn.Module):  # type: ignore[misc]
            def forward(self, pixels: Any) -> Any:
                vectors = pixels.float().flatten(1)[:, :24]
                return vectors if pixels.float().mean() > 99 else vectors.flip(1)

        return Choosy()


def test_a_network_that_cannot_be_followed(tiny: Callable[..., Path], tmp_path: Path, photos: list[Path]) -> None:
    with pytest.raises(ModelError, match=r"the image network must be one that torch.onnx can follow; it could not"):
        export_onnx(Unfollowable(str(tiny("clip"))), tmp_path / "out", photos=photos)
    assert list(tmp_path.iterdir()) == []


def test_options(made: Callable[[str], Any], tmp_path: Path, photos: list[Path]) -> None:
    source, _, _ = made("clip")
    with pytest.raises(InputError, match="precision must be one of fp32, fp16, int8; got 'fp8'"):
        export_onnx(source, tmp_path / "out", precision="fp8", photos=photos)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    for taken in (tmp_path / "full", tmp_path / "full" / "a"):
        with pytest.raises(InputError, match=r"folder must be empty or new; got '.*'. Choose another folder"):
            export_onnx(source, taken, photos=photos)
    with pytest.raises(
        InputError, match=r"photos must be given: the export is verified on them; got None. Pass a folder"
    ):
        export_onnx(source, tmp_path / "out")
    with pytest.raises(InputError, match=r"photos must be at least 4 that can be read; got 3 of 3\. Pass a folder"):
        export_onnx(source, tmp_path / "out", photos=photos[:3])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_the_missing_extra_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs the package '{package}'.*pip install 'unseen\[export\]'"):
        export_onnx(load_encoder("default"), tmp_path / "out")


def test_a_folder_that_cannot_be_written(made: Callable[[str], Any], tmp_path: Path, photos: list[Path]) -> None:
    source, _, _ = made("clip")
    (tmp_path / "file").touch()
    with pytest.raises(
        InputError, match=r"export_onnx: .*file/out cannot be written: Not a directory. Check that there"
    ):
        export_onnx(source, tmp_path / "file" / "out", photos=photos)


def test_texts_alone_into_an_empty_folder(tiny: Callable[..., Path], tmp_path: Path) -> None:
    source = load_encoder(f"sentence-transformers:{tiny('sentence_transformer')}")
    out = tmp_path / "out"
    out.mkdir()
    logger = logging.getLogger()
    handlers = list(logger.handlers)
    report = export_onnx(source, out, precision="int8")
    assert logger.handlers == handlers
    assert logging.root.manager.disable == 0
    assert report.agreement is None
    assert report.losses.keys() == {"text"}
    assert LEAST_COSINE["int8"] < report.losses["text"].cosine_min < 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    card = json.loads((out / "encoder.json").read_text("utf-8"))
    assert "image" not in card
    assert card["name"] == "sentence_transformer int8"
    exported = load_encoder(f"onnx:{out}")
    cosines = (exported.encode_texts([*SENTENCES]) * source.encode_texts(SENTENCES)).sum(axis=1)
    assert cosines.min() > LEAST_COSINE["int8"]


def test_photos_are_spread_and_bad_ones_left_out(tmp_path: Path, photos: list[Path]) -> None:
    for i in range(100):
        (tmp_path / f"{i:03}.jpg").symlink_to(photos[i % len(photos)])
    found = some_photos(tmp_path)
    assert len(found) == 64
    numbers = [int(item.name[-7:-4]) for item in found]
    assert numbers[0] == 0
    assert numbers[-1] == 99
    assert max(np.diff(numbers)) == 2
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    for i in range(3):
        shutil.copy(photos[i], tmp_path / f"{i}.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(InputError, match=r"got 3 of 4\. .* One that cannot, .*broken.jpg: "):
        some_photos(tmp_path)
