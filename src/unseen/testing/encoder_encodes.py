"""Checks of what an encoder declares and of how it encodes."""

from __future__ import annotations

import math
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from unseen.errors import InputError, ItemError
from unseen.testing.running import require, require_raises

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.encoders.base import Encoder

__all__ = ["DECLARATION_CHECKS", "IMAGE_CHECKS", "TEXT_CHECKS"]

Array = np.ndarray[Any, Any]

#: Largest loss of cosine that another batch may cause.
_COSINE = 1e-4

TEXTS = [
    "a photo of an okapi",
    "zebra",
    "the striped legs of a giraffe's only living relative, seen at dusk in the Ituri forest",
    "grey",
    "a machine for making coffee",
    "sorrow",
    "a small red bird on a wire",
]
HOSTILE_TEXTS = [
    "",
    " ",
    "\n\t",
    "okapi " * 5000,
    "x" * 5000,
    "オカピ、シマウマ",
    "окапи ضأن 🦓👩‍🔬",
    "e\u0301\u200d\ufeff\x00",
    "[CLS] [SEP] [MASK] <|endoftext|>",
]


def sample_images() -> list[Array]:
    """Return seven different pictures of different sizes, (h, w, 3) uint8."""
    images = []
    for i, (height, width) in enumerate([(64, 64), (48, 80), (90, 41), (120, 120), (33, 47), (64, 200), (70, 70)]):
        rng = np.random.default_rng(i)
        coarse = rng.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
        images.append(np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)))
    return images


def _require_vectors(vectors: Any, n: int, dim: int | None, what: str) -> None:
    require(isinstance(vectors, np.ndarray), f"{what}: got {type(vectors).__name__}, not an array")
    require(vectors.shape == (n, dim), f"{what}: shape {vectors.shape}, not {(n, dim)}")
    require(vectors.dtype == np.float32, f"{what}: {vectors.dtype}, not float32")


def _require_same(got: Array, expected: Array, message: str) -> None:
    require(got.shape == expected.shape, f"{message}: shape {got.shape}, not {expected.shape}")
    lengths = np.linalg.norm(got, axis=1), np.linalg.norm(expected, axis=1)
    cosines = np.einsum("ij,ij->i", got, expected) / np.maximum(lengths[0] * lengths[1], 1e-30)
    # Written so that NaN fails.
    require((cosines >= 1 - _COSINE).all(), f"{message}: a cosine fell to {cosines.min():.6f}")
    require(np.allclose(*lengths, rtol=1e-3), f"{message}: the vectors' lengths changed")


def _require_different(vectors: Array, what: str) -> None:
    for i in range(len(vectors)):
        for j in range(i):
            require(not np.allclose(vectors[i], vectors[j], rtol=1e-3), f"{what} {j} and {i} have one vector")


# -- declarations --------------------------------------------------------------------------------------------


def name_is_declared(encoder: Encoder) -> None:
    """`name` is a non-empty string on one line."""
    name = getattr(encoder, "name", None)
    require(isinstance(name, str) and name.strip() and "\n" not in name, f"name is {name!r}")


def modalities_are_known(encoder: Encoder) -> None:
    """`modalities` is a frozenset of "image" and "text", not empty."""
    kinds = getattr(encoder, "modalities", None)
    require(isinstance(kinds, frozenset), f"modalities is {kinds!r}, not a frozenset")
    require(kinds and kinds <= {"image", "text"}, f"modalities is {kinds!r}, not of 'image' and 'text'")


def dimensions_fit_modalities(encoder: Encoder) -> None:
    """A dimension is a positive whole number where the encoder takes that kind, and None where it does not."""
    for kind, dim in (("image", encoder.image_dim), ("text", encoder.text_dim)):
        if kind in encoder.modalities:
            require(isinstance(dim, int) and dim > 0, f"{kind}_dim is {dim!r}, not a positive whole number")
        else:
            require(dim is None, f"{kind}_dim is {dim!r} though the encoder takes no {kind}")


def shared_space_has_one_dimension(encoder: Encoder) -> None:
    """`shared_space` is a boolean, and true only for two modalities of one dimension."""
    require(isinstance(encoder.shared_space, bool), f"shared_space is {encoder.shared_space!r}, not a boolean")
    if encoder.shared_space:
        require(encoder.modalities == {"image", "text"}, "shared_space is declared without both modalities")
        dims = encoder.image_dim, encoder.text_dim
        require(dims[0] == dims[1], f"shared_space is declared, and dimensions are {dims[0]} and {dims[1]}")


def templates_have_a_place_for_names(encoder: Encoder) -> None:
    """`templates` is a tuple of strings, not empty, each with ``{name}``."""
    templates = encoder.templates
    good = isinstance(templates, tuple) and templates and all(isinstance(t, str) and "{name}" in t for t in templates)
    require(good, f"templates is {templates!r}, not a tuple of strings with {{name}}")


def similarity_fits_unit_vectors(encoder: Encoder) -> None:
    """`similarity` is None, or there is a shared space, its scale is above 0 and vectors have length 1."""
    similarity = encoder.similarity
    if similarity is None:
        return
    require(encoder.shared_space, "similarity is declared without a shared space")
    known = similarity.activation in ("softmax", "sigmoid")
    require(known, f"similarity.activation is {similarity.activation!r}, not 'softmax' or 'sigmoid'")
    good = math.isfinite(similarity.scale) and similarity.scale > 0 and math.isfinite(similarity.bias)
    require(good, f"similarity has scale {similarity.scale!r} and bias {similarity.bias!r}")
    vectors = np.concatenate([encoder.encode_images(sample_images()[:2]), encoder.encode_texts(TEXTS[:2])])
    lengths = np.linalg.norm(vectors, axis=1)
    require(np.allclose(lengths, 1, atol=1e-3), f"similarity is declared, and vectors have lengths {lengths.round(3)}")


def fingerprint_is_stable(encoder: Encoder) -> None:
    """`fingerprint` is at least 16 hexadecimal digits, the same before and after encoding."""
    before = encoder.fingerprint
    plain = isinstance(before, str) and len(before) >= 16 and set(before) <= set("0123456789abcdef")
    require(plain, f"fingerprint is {before!r}, not 16 or more hexadecimal digits in lower case")
    if "text" in encoder.modalities:
        encoder.encode_texts(TEXTS[:1])
    if "image" in encoder.modalities:
        encoder.encode_images(sample_images()[:1])
    require(encoder.fingerprint == before, "the fingerprint changed by encoding")


def other_modalities_are_refused(encoder: Encoder) -> None:
    """What the encoder does not declare to take raises InputError."""
    missing = {"image", "text"} - encoder.modalities
    if "image" in missing:
        require_raises(InputError, lambda: encoder.encode_images(sample_images()), "encode_images without images")
    if "text" in missing:
        require_raises(InputError, lambda: encoder.encode_texts(TEXTS), "encode_texts without texts")


# -- images --------------------------------------------------------------------------------------------------


def image_vectors_are_as_declared(encoder: Encoder) -> None:
    """`encode_images` returns finite float32 of shape (n, image_dim)."""
    vectors = encoder.encode_images(sample_images())
    _require_vectors(vectors, len(sample_images()), encoder.image_dim, "image vectors")
    require(np.isfinite(vectors).all(), "image vectors are not finite")


def images_are_encoded_alone(encoder: Encoder) -> None:
    """An image's vector does not depend on the images encoded with it, nor on how many they are."""
    images = sample_images()
    many = encoder.encode_images((images * 3)[:19])
    alone = np.concatenate([encoder.encode_images([image]) for image in images])
    for start in (0, len(images)):
        _require_same(many[start : start + len(images)], alone, "encoding images together changed vectors")


def image_order_is_kept(encoder: Encoder) -> None:
    """Reordering images reorders their vectors and nothing else."""
    images = sample_images()
    _require_same(
        encoder.encode_images(images[::-1])[::-1], encoder.encode_images(images), "reordering images changed vectors"
    )


def no_images_give_no_rows(encoder: Encoder) -> None:
    """No images give an array of shape (0, image_dim)."""
    _require_vectors(encoder.encode_images([]), 0, encoder.image_dim, "vectors of no images")


def images_are_encoded_alike_twice(encoder: Encoder) -> None:
    """The same images give the same vectors the second time."""
    images = sample_images()[:3]
    first, second = encoder.encode_images(images), encoder.encode_images(images)
    require(np.array_equal(first, second), "the same images gave other vectors the second time")


def image_arrays_are_left_alone(encoder: Encoder) -> None:
    """The caller's images and list are not changed, and may be read-only."""
    images = sample_images()[:3]
    for image in images:
        image.flags.writeable = False
    before, listed = [image.copy() for image in images], list(images)
    encoder.encode_images(listed)
    require(len(listed) == len(images), "the list of images was changed")
    writable = [image.copy() for image in before]
    encoder.encode_images(writable)
    changed = any(not np.array_equal(a, b) for a, b in zip(writable, before, strict=True))
    require(not changed, "an image was changed")


def different_images_differ(encoder: Encoder) -> None:
    """Different images have different vectors."""
    _require_different(encoder.encode_images(sample_images()), "images")


def images_may_be_a_generator(encoder: Encoder) -> None:
    """Any iterable of images will do, also one that can be walked once."""
    images = sample_images()[:3]
    _require_same(
        encoder.encode_images(image for image in images), encoder.encode_images(images), "a generator changed vectors"
    )


def image_kinds_agree(encoder: Encoder) -> None:
    """A PIL image, an array and a file hold the same picture, and so get the same vector."""
    image = sample_images()[1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a photo é.png"
        Image.fromarray(image).save(path)
        kinds = [image, Image.fromarray(image), path, str(path)]
        vectors = np.concatenate([encoder.encode_images([kind]) for kind in kinds])
    _require_same(vectors, np.repeat(vectors[:1], 4, axis=0), "array, PIL image, Path and str of one picture differ")


def odd_images_are_handled(encoder: Encoder) -> None:
    """Grey, transparent, palette, one-pixel and very long images get finite vectors."""
    base = Image.fromarray(sample_images()[0])
    odd: list[Any] = [base.convert(mode) for mode in ("L", "1", "P", "RGBA", "LA", "CMYK")]
    odd += [base.resize((1, 1)), base.resize((600, 2)), np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8)]
    vectors = encoder.encode_images(odd)
    _require_vectors(vectors, len(odd), encoder.image_dim, "vectors of odd images")
    require(np.isfinite(vectors).all(), "vectors of odd images are not finite")


def bad_images_are_refused(encoder: Encoder) -> None:
    """A file that holds no whole picture raises ItemError; one that is missing raises InputError of any kind."""
    with tempfile.TemporaryDirectory() as folder:
        broken, cut, missing = (Path(folder) / name for name in ("text.png", "cut.png", "missing.png"))
        broken.write_text("not a picture")
        Image.fromarray(sample_images()[3]).save(cut)
        cut.write_bytes(cut.read_bytes()[:200])
        for path, kind in ((broken, ItemError), (cut, ItemError), (missing, InputError)):
            require_raises(kind, lambda path=path: encoder.encode_images([path]), f"the file {path.name}")  # type: ignore[misc]


def _threads_agree(encode: Callable[[], Array], message: str) -> None:
    expected = encode()
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(encode) for _ in range(4)]:
            _require_same(future.result(), expected, message)


def image_threads_agree(encoder: Encoder) -> None:
    """Two threads that share an encoder get the vectors that one gets."""
    images = sample_images()[:4]
    _threads_agree(lambda: encoder.encode_images(images), "encoding images in two threads changed vectors")


# -- texts ---------------------------------------------------------------------------------------------------


def text_vectors_are_as_declared(encoder: Encoder) -> None:
    """`encode_texts` returns finite float32 of shape (n, text_dim)."""
    vectors = encoder.encode_texts(TEXTS)
    _require_vectors(vectors, len(TEXTS), encoder.text_dim, "text vectors")
    require(np.isfinite(vectors).all(), "text vectors are not finite")


def texts_are_encoded_alone(encoder: Encoder) -> None:
    """A text's vector does not depend on the texts encoded with it, nor on how many they are."""
    many = encoder.encode_texts(TEXTS * 6)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    for start in (0, 5 * len(TEXTS)):
        _require_same(many[start : start + len(TEXTS)], alone, "encoding texts together changed vectors")


def text_order_is_kept(encoder: Encoder) -> None:
    """Reordering texts reorders their vectors and nothing else."""
    _require_same(
        encoder.encode_texts(TEXTS[::-1])[::-1], encoder.encode_texts(TEXTS), "reordering texts changed vectors"
    )


def no_texts_give_no_rows(encoder: Encoder) -> None:
    """No texts give an array of shape (0, text_dim)."""
    _require_vectors(encoder.encode_texts([]), 0, encoder.text_dim, "vectors of no texts")


def texts_are_encoded_alike_twice(encoder: Encoder) -> None:
    """The same texts give the same vectors the second time."""
    first, second = encoder.encode_texts(TEXTS), encoder.encode_texts(TEXTS)
    require(np.array_equal(first, second), "the same texts gave other vectors the second time")


def text_lists_are_left_alone(encoder: Encoder) -> None:
    """The caller's list of texts is not changed, and may be a tuple."""
    given = list(TEXTS)
    encoder.encode_texts(given)
    require(given == TEXTS, "the list of texts was changed")
    encoder.encode_texts(tuple(TEXTS))


def different_texts_differ(encoder: Encoder) -> None:
    """Different texts have different vectors."""
    _require_different(encoder.encode_texts(TEXTS), "texts")


def hostile_texts_are_handled(encoder: Encoder) -> None:
    """Empty, very long and unusual texts get finite vectors; what is too long is cut off."""
    for text in HOSTILE_TEXTS:
        vectors = encoder.encode_texts([text])
        _require_vectors(vectors, 1, encoder.text_dim, f"vector of {text[:20]!r}")
        require(np.isfinite(vectors).all(), f"the vector of {text[:20]!r} is not finite")


def one_string_is_refused(encoder: Encoder) -> None:
    """One string in place of a list raises InputError, and so does a list of other things."""
    wrong: list[Any] = ["zebra", [1, 2], [b"zebra"], [None]]
    for texts in wrong:
        require_raises(InputError, lambda texts=texts: encoder.encode_texts(texts), f"encode_texts({texts!r})")  # type: ignore[misc]


def text_threads_agree(encoder: Encoder) -> None:
    """Two threads that share an encoder get the vectors that one gets."""
    _threads_agree(lambda: encoder.encode_texts(TEXTS), "encoding texts in two threads changed vectors")


DECLARATION_CHECKS = (
    name_is_declared,
    modalities_are_known,
    dimensions_fit_modalities,
    shared_space_has_one_dimension,
    templates_have_a_place_for_names,
    similarity_fits_unit_vectors,
    fingerprint_is_stable,
    other_modalities_are_refused,
)
IMAGE_CHECKS = (
    image_vectors_are_as_declared,
    images_are_encoded_alone,
    image_order_is_kept,
    no_images_give_no_rows,
    images_are_encoded_alike_twice,
    image_arrays_are_left_alone,
    different_images_differ,
    images_may_be_a_generator,
    image_kinds_agree,
    odd_images_are_handled,
    bad_images_are_refused,
    image_threads_agree,
)
TEXT_CHECKS = (
    text_vectors_are_as_declared,
    texts_are_encoded_alone,
    text_order_is_kept,
    no_texts_give_no_rows,
    texts_are_encoded_alike_twice,
    text_lists_are_left_alone,
    different_texts_differ,
    hostile_texts_are_handled,
    one_string_is_refused,
    text_threads_agree,
)
