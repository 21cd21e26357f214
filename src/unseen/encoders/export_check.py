"""What an exported encoder loses against its source, measured on real photos and on texts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError, ItemError
from unseen.inputs.sources import iter_images
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

    from unseen.encoders.base import Encoder
    from unseen.inputs.sources import Item

__all__ = ["CLASSES", "TEXTS", "Loss", "measure", "some_photos"]

Array = np.ndarray[Any, Any]

#: Fewer photos say little; more say little more.
FEWEST, MOST = 4, 64
_SEARCHED = 10_000
#: What photos show: the classes of the comparison of best classes.
CLASSES = (
    "person", "child", "crowd", "hand", "dog", "cat", "horse", "cow", "sheep", "bird", "fish", "insect", "butterfly",
    "spider", "elephant", "zebra", "tree", "flower", "grass", "forest", "mountain", "beach", "sea", "lake", "river",
    "waterfall", "desert", "snow", "sky", "cloud", "sunset", "star", "galaxy", "rocket", "aeroplane", "car", "bus",
    "lorry", "train", "ship", "bicycle", "motorcycle", "street", "bridge", "house", "tower", "church", "room",
    "kitchen", "bed", "chair", "table", "lamp", "clock", "computer", "telephone", "camera", "book", "text", "map",
    "painting", "drawing", "statue", "tool", "machine", "bottle", "cup of coffee", "plate of food", "bread", "fruit",
    "vegetable", "cake", "shoe", "hat", "dress", "ball", "game", "guitar", "piano", "toy", "brick wall", "gravel",
    "microscope image", "X-ray image", "retina", "cell", "logo", "screenshot",
)  # fmt: skip
#: What tokenizers disagree about when they do: case, accents, marks, digits, other scripts, nothing, too much.
TEXTS = (
    "",
    " ",
    "A PHOTO of two Dogs",
    "it's a cat, isn't it? (3/4 empty: 50%)",
    "  naïve   café\n“quoted”\tÜBER-Größe  ",
    "résumé e\u0301tude ñandú",
    "снег и горы",
    "一张猫的照片。",
    "シマウマ 🦓👩‍🔬",
    "red_car #1 @night http://example.org/a?b=c&d",
    "the striped legs of a giraffe's only living relative, seen at dusk in the forest beside a lake",
    "a very long description of a very ordinary thing " * 40,
)


@dataclass(frozen=True)
class Loss:
    """How near the exported vectors are to the source's.

    Attributes
    ----------
    items : int
        Photos or texts compared.
    cosine_min, cosine_mean : float
        Of the cosines between an item's two vectors.
    worst : str
        The item whose cosine is least.
    """

    items: int
    cosine_min: float
    cosine_mean: float
    worst: str

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, without the item's name."""
        return {key: value for key, value in asdict(self).items() if key != "worst"}


def some_photos(photos: Any) -> list[Item]:
    """Return up to 64 usable photos, spread evenly over those given.

    Raises
    ------
    InputError
        When fewer than four can be used.
    """
    from unseen.inputs.images import prepare_image

    found = list(islice(iter_images(photos), _SEARCHED))
    steps = np.unique(np.linspace(0, len(found) - 1, min(MOST, len(found))).round().astype(int))
    usable, reason = [], ""
    for item in (found[step] for step in steps):
        try:
            if item.error is not None:
                raise ItemError(item.error)
            prepare_image(item.content, size=32)
            usable.append(item)
        except ItemError as error:
            reason = f". One that cannot, {item.name}: {error}"
    if len(usable) < FEWEST:
        remedy = f"Pass a folder of real photos, of the kind that the model is for{reason}"
        value = verbatim(f"{len(usable)} of {len(found)}")
        raise InputError(message("export_onnx", "photos", f"at least {FEWEST} that can be read", value, remedy))
    return usable


def measure(source: Encoder, exported: Encoder, photos: list[Item]) -> tuple[dict[str, Loss], float | None]:
    """Compare two encoders from file to vector, each with its own preparation of photos and texts.

    Returns
    -------
    losses : dict
        For ``"image"`` and ``"text"``, as far as both encode them.
    agreement : float or None
        Share of photos for which both find the same class likeliest, among 88 things that photos show; None where
        images and texts share no space.
    """
    losses, vectors = {}, {}
    classes = [template.replace("{name}", name) for name in CLASSES for template in source.templates[:1]]
    names = {"image": [item.name for item in photos], "text": [*classes, *TEXTS]}
    for kind in sorted(source.modalities):
        if kind == "image":
            contents = [item.content for item in photos]
            pair = source.encode_images(contents), exported.encode_images(contents)
        else:
            pair = source.encode_texts(names["text"]), exported.encode_texts(names["text"])
        vectors[kind] = pair
        losses[kind] = _loss(*pair, names[kind])
    if not source.shared_space:
        return losses, None
    best = [vectors["image"][side] @ vectors["text"][side][: len(classes)].T for side in (0, 1)]
    return losses, float((best[0].argmax(axis=1) == best[1].argmax(axis=1)).mean())


def _loss(source: npt.NDArray[np.float32], exported: npt.NDArray[np.float32], names: list[str]) -> Loss:
    a, b = source.astype(np.float64), exported.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = np.einsum("ij,ij->i", a, b) / np.maximum(lengths, 1e-30)
    return Loss(len(a), float(cosines.min()), float(cosines.mean()), names[int(cosines.argmin())])
