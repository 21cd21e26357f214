"""What the tests of labelling share: a model that is instant and exact, photos, and outputs read back."""

from __future__ import annotations

import hashlib
import io
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from unseen import Recognizer
from unseen.decision.calibration import Decision
from unseen.encoders.base import Encoder
from unseen.inputs import prepare_image
from unseen.inputs.sources import Item
from unseen.methods.projection.cosine import Cosine
from unseen.recognizer import Head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

CLASSES = ["red", "green", "blue"]


class Colours(Encoder):
    """The mean colour of a photo, and three words for it: exact in any batch, and instant unless told to sleep."""

    batch_size = 4

    def __init__(self, *, delay: float = 0.0, salt: str = "") -> None:
        self.name, self.modalities, self.image_dim, self.text_dim = "colours", frozenset({"image", "text"}), 3, 3
        self.image_size, self.shared_space, self.spec = 4, True, "colours"
        self.delay, self.salt = delay, salt

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"labelling_kit colours {self.salt}".encode()).hexdigest()

    def prepare_image(self, content: Any) -> npt.NDArray[np.uint8]:
        return prepare_image(content, size=self.image_size, resample="box")

    def _encode_pixels(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        time.sleep(self.delay)
        sums: npt.NDArray[np.int64] = pixels.astype(np.int64).sum(axis=(1, 2))
        return np.asarray(sums / 4080 + 0.01, np.float32)

    def _encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.array([[float(name in text) + 0.01 for name in CLASSES] for text in texts], np.float32)


def colours(*, delay: float = 0.0, salt: str = "") -> Recognizer:
    """Return a recogniser of colours."""
    encoder = Colours(delay=delay, salt=salt)
    return Recognizer(encoder, heads={"image": Head(Cosine(), Decision(temperature=0.1))})


def photo(number: int, size: tuple[int, int] = (12, 8)) -> bytes:
    """Return a small photo of one colour; every number gives another."""
    stream = io.BytesIO()
    shade = (37 * number % 256, 91 * number % 256, 53 * number % 256)
    Image.new("RGB", size, shade).save(stream, "PNG")
    return stream.getvalue()


def write_photos(folder: Path, count: int) -> Path:
    """Write photos 0000.png and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:04}.png").write_bytes(photo(number))
    return folder


def made_up(count: int, *, first: int = 0) -> Iterator[Item]:
    """Yield photos that exist nowhere; every hundredth cannot be used."""
    for number in range(first, first + count):
        content = b"no photo" if number % 100 == 99 else _shade(number)
        yield Item(f"made-up/{number}", content)


def _shade(number: int) -> npt.NDArray[np.uint8]:
    # Never grey: equal scores would be in the order of rounding.
    return np.full((4, 4, 3), (number % 251, 7 * number % 127, (number % 251) ^ 128), np.uint8)


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Whether rows are equal, probabilities to rounding: a product's last bit depends on how many rows it has."""
    if [{**row, "probabilities": None} for row in found] != [{**row, "probabilities": None} for row in expected]:
        return False
    pairs = zip(found, expected, strict=True)
    return all(np.allclose(a["probabilities"], b["probabilities"], atol=1e-6) for a, b in pairs if not a["error"])


def rows(out: Path) -> list[dict[str, Any]]:
    """Return all rows of an output, by the order of its parts."""
    found: list[dict[str, Any]] = []
    for path in sorted(out.glob("part-*.parquet")):
        found += pq.read_table(path).to_pylist()
    return found
