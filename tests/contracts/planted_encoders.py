"""A sound encoder, small enough to read, and faulty variants of it."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from threading import Lock
from time import sleep
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from unseen.encoders.base import Encoder, Similarity
from unseen.errors import InputError, ItemError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = np.ndarray[Any, Any]


class Sound(Encoder):
    """Images become the colours of a coarse grid, texts become bytes of their digest."""

    def __init__(self) -> None:
        self.name = "sound"
        self.modalities = frozenset({"image", "text"})
        self.image_dim, self.text_dim = 12, 16
        self.image_size = 8
        self.shared_space = False

    @property
    def fingerprint(self) -> str:
        return "0123456789abcdef"

    def prepare_image(self, content: Any) -> Array:
        try:
            image = Image.open(BytesIO(Path(content).read_bytes())) if isinstance(content, str | Path) else content
            image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
            return np.array(image.convert("RGB").resize((self.image_size, self.image_size)))
        except OSError as error:
            raise ItemError(str(error)) from None

    def _encode_pixels(self, pixels: Array) -> Array:
        grid: Array = pixels.reshape(-1, 2, 4, 2, 4, 3).mean(axis=(2, 4)).reshape(-1, 12) + 1
        return grid.astype(np.float32)

    def _encode_texts(self, texts: Sequence[str]) -> Array:
        digests = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        return np.array([list(digest) for digest in digests], dtype=np.float32)

    def encode_images(self, images: Any) -> Array:
        self._need("image")
        prepared = [self.prepare_image(image) for image in images]
        return self._encode_pixels(np.stack(prepared)) if prepared else np.zeros((0, 12), np.float32)


class Fault:
    """An encoder with a fault, the check that must catch it, and what that check must say."""

    def __init__(self, encoder: Encoder, check: str, says: str) -> None:
        self.encoder, self.check, self.says = encoder, check, says


FAULTS: list[Fault] = []


def caught_by(check: str, says: str) -> Callable[[type[Sound]], type[Sound]]:
    def register(cls: type[Sound]) -> type[Sound]:
        FAULTS.append(Fault(cls(), check, says))
        return cls

    return register


def declares(check: str, says: str, **attributes: Any) -> None:
    """Register a sound encoder that declares these attributes instead."""
    encoder = Sound()
    for name, value in attributes.items():
        setattr(encoder, name, value)
    FAULTS.append(Fault(encoder, check, says))


declares("name_is_declared", "name is ''", name="")
declares("modalities_are_known", r"modalities is \['image', 'text'\], not a frozenset", modalities=["image", "text"])
declares("modalities_are_known", "not of 'image' and 'text'", modalities=frozenset({"image", "sound"}))
declares("dimensions_fit_modalities", "text_dim is None, not a positive whole number", text_dim=None)
declares(
    "dimensions_fit_modalities",
    "text_dim is 16 though the encoder takes no text",
    modalities=frozenset({"image"}),
)
declares("shared_space_has_one_dimension", "shared_space is 1, not a boolean", shared_space=1)
declares("shared_space_has_one_dimension", "shared_space is declared, and dimensions are 12 and 16", shared_space=True)
declares(
    "shared_space_has_one_dimension",
    "shared_space is declared without both modalities",
    shared_space=True,
    modalities=frozenset({"text"}),
)
declares(
    "templates_have_a_place_for_names",
    "templates is 'a photo of a {name}', not a tuple",
    templates="a photo of a {name}",
)
declares(
    "templates_have_a_place_for_names", r"templates is \('a photo of it',\), not a tuple", templates=("a photo of it",)
)
declares("templates_have_a_place_for_names", r"templates is \(\), not a tuple", templates=())
declares(
    "similarity_fits_unit_vectors",
    "similarity is declared without a shared space",
    similarity=Similarity("softmax", 100.0),
)
ONE_SPACE: dict[str, Any] = {"shared_space": True, "text_dim": 12}
declares(
    "similarity_fits_unit_vectors",
    r"similarity.activation is 'relu', not 'softmax' or 'sigmoid'",
    similarity=Similarity("relu", 100.0),  # type: ignore[arg-type]
    **ONE_SPACE,
)
declares(
    "similarity_fits_unit_vectors",
    "similarity has scale -1.0 and bias 0.0",
    similarity=Similarity("sigmoid", -1.0),
    **ONE_SPACE,
)
declares("image_vectors_are_as_declared", r"image vectors: shape \(7, 12\), not \(7, 13\)", image_dim=13)
declares("no_images_give_no_rows", r"vectors of no images: shape \(0, 12\), not \(0, 13\)", image_dim=13)


@caught_by("fingerprint_is_stable", "fingerprint is '.*-.*', not 16 or more hexadecimal digits in lower case")
class NamedFingerprint(Sound):
    @property
    def fingerprint(self) -> str:
        return "sound-encoder-of-2026"


@caught_by("fingerprint_is_stable", "the fingerprint changed by encoding")
class ChangingFingerprint(Sound):
    seen = 0

    @property
    def fingerprint(self) -> str:
        return f"{self.seen:016x}"

    def _encode_texts(self, texts: Sequence[str]) -> Array:
        self.seen += len(texts)
        return super()._encode_texts(texts)


@caught_by("similarity_fits_unit_vectors", r"similarity is declared, and vectors have lengths \[")
class LongVectors(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.shared_space, self.text_dim = True, 12
        self.similarity = Similarity("softmax", 100.0)

    def _encode_texts(self, texts: Sequence[str]) -> Array:
        return super()._encode_texts(texts)[:, :12]


class _OneKind(Sound):
    kind: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.modalities = frozenset({self.kind})

    def _need(self, modality: str) -> None:
        pass


@caught_by("other_modalities_are_refused", "encode_texts without texts: nothing was raised, not InputError")
class TakesTextsToo(_OneKind):
    kind = "image"


@caught_by("other_modalities_are_refused", "encode_images without images: nothing was raised, not InputError")
class TakesImagesToo(_OneKind):
    kind = "text"


# -- faults that images and texts share ----------------------------------------------------------------------


class _Twists(Sound):
    """Changes the vectors of a whole call, of images and of texts."""

    def twist(self, vectors: Array) -> Array:
        raise NotImplementedError

    def encode_images(self, images: Any) -> Array:
        return self.twist(super().encode_images(images))

    def encode_texts(self, texts: Sequence[str]) -> Array:
        return self.twist(super().encode_texts(texts))


def both(images: tuple[str, str], texts: tuple[str, str]) -> Callable[[type[Sound]], type[Sound]]:
    return lambda cls: caught_by(*texts)(caught_by(*images)(cls))


@both(
    ("image_vectors_are_as_declared", "image vectors: float64, not float32"),
    ("text_vectors_are_as_declared", "text vectors: float64, not float32"),
)
class DoublePrecision(_Twists):
    def twist(self, vectors: Array) -> Array:
        return vectors.astype(np.float64)


@both(
    ("image_vectors_are_as_declared", "image vectors: got list, not an array"),
    ("no_texts_give_no_rows", "vectors of no texts: got list, not an array"),
)
class Lists(_Twists):
    def twist(self, vectors: Array) -> Any:
        return vectors.tolist()


@both(
    ("image_vectors_are_as_declared", "image vectors are not finite"),
    ("text_vectors_are_as_declared", "text vectors are not finite"),
)
class NotFinite(_Twists):
    def twist(self, vectors: Array) -> Array:
        return np.where(np.arange(len(vectors)) == 2, np.nan, vectors.T).T.astype(np.float32)


@both(
    ("images_are_encoded_alone", "encoding images together changed vectors: a cosine fell to"),
    ("texts_are_encoded_alone", "encoding texts together changed vectors: a cosine fell to"),
)
class CentresBatch(_Twists):
    def twist(self, vectors: Array) -> Array:
        return vectors - vectors.mean(axis=0) / 2 if len(vectors) else vectors


@both(
    ("images_are_encoded_alone", "encoding images together changed vectors: the vectors' lengths changed"),
    ("texts_are_encoded_alone", "encoding texts together changed vectors: the vectors' lengths changed"),
)
class ScalesByBatch(_Twists):
    def twist(self, vectors: Array) -> Array:
        return vectors / np.float32(len(vectors)) if len(vectors) else vectors


@both(
    ("image_order_is_kept", "reordering images changed vectors: a cosine fell to"),
    ("text_order_is_kept", "reordering texts changed vectors: a cosine fell to"),
)
class Sorts(_Twists):
    def twist(self, vectors: Array) -> Array:
        return vectors[np.argsort(vectors[:, 0])]


@both(
    ("no_images_give_no_rows", r"vectors of no images: shape \(0,\), not \(0, 12\)"),
    ("no_texts_give_no_rows", r"vectors of no texts: shape \(0,\), not \(0, 16\)"),
)
class ForgetsDimension(_Twists):
    def twist(self, vectors: Array) -> Array:
        return vectors if len(vectors) else np.zeros(0, np.float32)


@both(
    ("images_are_encoded_alike_twice", "the same images gave other vectors the second time"),
    ("texts_are_encoded_alike_twice", "the same texts gave other vectors the second time"),
)
class Drifts(_Twists):
    calls = 0

    def twist(self, vectors: Array) -> Array:
        self.calls += 1
        return vectors + np.float32(self.calls / 100)


@both(
    ("different_images_differ", "images 0 and 1 have one vector"), ("different_texts_differ", "texts 0 and 1 have one")
)
class TellsNothingApart(_Twists):
    def twist(self, vectors: Array) -> Array:
        return np.ones_like(vectors)


@both(
    ("image_threads_agree", "encoding images in two threads changed vectors: a cosine fell to"),
    ("text_threads_agree", "encoding texts in two threads changed vectors: a cosine fell to"),
)
class SharesBuffer(_Twists):
    busy = 0
    lock = Lock()

    def twist(self, vectors: Array) -> Array:
        with self.lock:
            self.busy += 1
        sleep(0.05)  # long enough for another thread to come in
        crowded = self.busy > 1
        with self.lock:
            self.busy -= 1
        return vectors[::-1] if crowded else vectors


# -- faults with images --------------------------------------------------------------------------------------


@caught_by("image_arrays_are_left_alone", "an image was changed")
class DrawsOnImages(Sound):
    def prepare_image(self, content: Any) -> Array:
        pixels = super().prepare_image(content)
        if isinstance(content, np.ndarray) and content.flags.writeable:
            content[0, 0] = 255 - content[0, 0]
        return pixels


@caught_by("image_arrays_are_left_alone", "ValueError: .*read-only")
class NeedsWritableImages(Sound):
    def prepare_image(self, content: Any) -> Array:
        content[0, 0] = content[0, 0]
        return super().prepare_image(content)


@caught_by("image_arrays_are_left_alone", "the list of images was changed")
class EmptiesList(Sound):
    def encode_images(self, images: Any) -> Array:
        vectors = super().encode_images(images)
        images.clear()
        return vectors


@caught_by("images_may_be_a_generator", "TypeError: .* has no len")
class NeedsList(Sound):
    def encode_images(self, images: Any) -> Array:
        return super().encode_images([images[i] for i in range(len(images))])


@caught_by("images_may_be_a_generator", r"a generator changed vectors: shape \(0, 12\), not \(3, 12\)")
class WalksTwice(Sound):
    def encode_images(self, images: Any) -> Array:
        for _ in images:
            pass
        return super().encode_images(images)


@caught_by("image_kinds_agree", "array, PIL image, Path and str of one picture differ: a cosine fell to")
class SwapsColours(Sound):
    def prepare_image(self, content: Any) -> Array:
        pixels = super().prepare_image(content)
        return pixels[..., ::-1] if isinstance(content, str | Path) else pixels


@caught_by("odd_images_are_handled", "ValueError: needs colours")
class NeedsColours(Sound):
    def prepare_image(self, content: Any) -> Array:
        if getattr(content, "mode", "RGB") == "L":
            raise ValueError("needs colours")
        return super().prepare_image(content)


@caught_by("odd_images_are_handled", "vectors of odd images are not finite")
class DividesBySide(Sound):
    def encode_images(self, images: Any) -> Array:
        images = list(images)
        vectors = super().encode_images(images)
        small = [getattr(image, "size", None) == (1, 1) for image in images]
        return np.where(np.array(small)[:, None], np.float32("nan"), vectors).astype(np.float32)


@caught_by("bad_images_are_refused", "the file text.png: raised UnidentifiedImageError .*, not ItemError")
class LeaksErrors(Sound):
    def prepare_image(self, content: Any) -> Array:
        opened = Image.open(BytesIO(Path(content).read_bytes())) if isinstance(content, str | Path) else content
        return super().prepare_image(opened)


@caught_by("bad_images_are_refused", "the file missing.png: raised FileNotFoundError .*, not InputError")
class LeaksMissing(Sound):
    def prepare_image(self, content: Any) -> Array:
        if isinstance(content, str | Path):
            Path(content).stat()
        return super().prepare_image(content)


@caught_by("bad_images_are_refused", "the file text.png: nothing was raised, not ItemError")
class Shrugs(Sound):
    def prepare_image(self, content: Any) -> Array:
        try:
            return super().prepare_image(content)
        except InputError:
            return np.zeros((8, 8, 3), np.uint8)


# -- faults with texts ---------------------------------------------------------------------------------------


@caught_by("text_lists_are_left_alone", "the list of texts was changed")
class LowersInPlace(Sound):
    def encode_texts(self, texts: Any) -> Array:
        for i, text in enumerate(texts):
            texts[i] = text.upper()
        return super().encode_texts(texts)


@caught_by("hostile_texts_are_handled", "ValueError: too long")
class RefusesLongTexts(Sound):
    def _encode_texts(self, texts: Sequence[str]) -> Array:
        if any(len(text) > 512 for text in texts):
            raise ValueError("too long")
        return super()._encode_texts(texts)


@caught_by("hostile_texts_are_handled", "the vector of '' is not finite")
class DividesByLength(Sound):
    def _encode_texts(self, texts: Sequence[str]) -> Array:
        empty = np.array([not text for text in texts])
        return np.where(empty[:, None], np.float32("nan"), super()._encode_texts(texts))


@caught_by("one_string_is_refused", r"encode_texts\('zebra'\): nothing was raised, not InputError")
class SpellsStrings(Sound):
    def encode_texts(self, texts: Any) -> Array:
        return super().encode_texts(list(texts))
