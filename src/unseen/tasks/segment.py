"""Segmentation: the class of every pixel of each image, as they come, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen._version import __version__
from unseen.detection.base import Picture
from unseen.encoders.prompts import check_vocabulary
from unseen.errors import InputError, ItemError
from unseen.inputs.images import open_image
from unseen.inputs.sources import iter_images
from unseen.registry import SEGMENTERS
from unseen.segmentation.base import BoundSegmenter, Segmenter
from unseen.segmentation.refine import cut_out, guided_filter, with_colours
from unseen.segmentation.result import Segmentation
from unseen.validation import check_choice, check_number, message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt
    from PIL import Image

    from unseen.inputs.sources import Item
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["REFINEMENTS", "load_segmenter", "segment_images"]

Array = np.ndarray[Any, Any]

#: What `refine` may be.
REFINEMENTS = ("colours", "guided", "grabcut", "none")
#: Longer side that shares are refined at; the answer is enlarged to the picture's own size.
_LONGEST = 768
#: Classes that are refined; the others have next to nothing.
_MOST_CLASSES = 32
#: Enlarging is done so many rows at a time.
_STRIP = 256


def load_segmenter(spec: str | Segmenter, **options: Any) -> Segmenter:
    """Return a segmenter by its name: ``default``, ``hf:<id or folder>``, or one that another package registers.

    Parameters
    ----------
    spec : str or Segmenter
        The name; a segmenter is returned as it is.
    **options
        Keyword arguments of the segmenter's class.

    Raises
    ------
    InputError
        When there is none of that name, or what follows its colon is missing or too much.
    """
    if isinstance(spec, Segmenter):
        return spec
    owner = "segment"
    if not isinstance(spec, str):
        raise InputError(message(owner, "segmenter", "a name or a Segmenter", spec, "Pass for example 'default'"))
    scheme, colon, argument = spec.partition(":")
    cls = SEGMENTERS.get(scheme)
    takes = getattr(cls, "takes", None)
    if (takes is None and colon) or (takes is not None and not argument):
        expected = f"{scheme!r} alone" if takes is None else f"{scheme!r} with a model after a colon"
        remedy = "Leave out what follows it" if takes is None else f"Write {scheme}:{takes}"
        raise InputError(message(owner, "segmenter", expected, spec, remedy))
    made: Segmenter = cls(**options) if takes is None else cls(argument, **options)
    made.spec = spec
    return made


def segment_images(
    recognizer: Recognizer,
    images: Any,
    vocabulary: Vocabulary,
    *,
    segmenter: str | Segmenter = "default",
    background: Sequence[str] | None = None,
    threshold: float = 0.2,
    refine: str = "colours",
    strict: bool = False,
) -> Iterator[Segmentation]:
    """Yield which class each pixel of images is of, one image after another.

    Parameters
    ----------
    recognizer : Recognizer
        What recognises.
    images : path, folder, PIL image, array, bytes, or an iterable or generator of those
        What to look at.
    vocabulary : Vocabulary
        The classes.
    segmenter : str or Segmenter, default "default"
        What looks: ``"default"``, the recogniser at every place; ``"hf:<id or folder>"``, a CLIPSeg.
    background : sequence of str or None, default None
        What an image may show besides the classes, written like class names. Empty: nothing else, so that every
        pixel is of a class. None: a few general words where the model asks for some.
    threshold : float, default 0.2
        A class that is less likely to be in the image than this gets no pixels, in [0, 1].
    refine : {"colours", "guided", "grabcut", "none"}, default "colours"
        How answers are drawn to the edges of objects: by the colours of the image and its edges, by edges alone,
        by both and then by GrabCut (extra ``vision``; finer outlines, slower), or not at all.
    strict : bool, default False
        Raise at the first image that cannot be used, in place of reporting it and going on.

    Yields
    ------
    Segmentation

    Raises
    ------
    InputError
        When an argument is out of range or a path does not exist.
    ItemError
        With `strict`, when an image cannot be used.
    """
    threshold = check_number("segment", "threshold", threshold, low=0, high=1)
    check_choice("segment", "refine", refine, REFINEMENTS)
    names = check_vocabulary(vocabulary).names
    if len(names) > np.iinfo(np.int16).max:
        raise InputError(message("segment", "vocabulary", "of at most 32,767 classes", len(names), "Leave some out"))
    chosen = load_segmenter(segmenter)
    bound = chosen.bind(recognizer, vocabulary, background=background)
    settings = {
        "unseen": __version__,
        "segmenter": chosen.spec,
        "model": recognizer.encoder.name,
        "model_fingerprint": recognizer.fingerprint,
        "classes": len(names),
        "vocabulary_fingerprint": vocabulary.fingerprint,
        "threshold": threshold,
        "refine": refine,
    }
    if background is not None:
        settings["background"] = list(background)
    # An empty background says that there is nothing else: every pixel is of the likeliest class.
    everything = background is not None and not len(background)
    return _stream(bound, iter_images(images), names, settings, 0.0 if everything else threshold, refine, strict)


def _stream(
    bound: BoundSegmenter,
    items: Iterable[Item],
    names: tuple[str, ...],
    settings: dict[str, Any],
    threshold: float,
    refine: str,
    strict: bool,
) -> Iterator[Segmentation]:
    try:
        for item in items:
            try:
                if item.error is not None:
                    raise ItemError(item.error)
                image = open_image(item.content)  # type: ignore[arg-type]  # content is there where no error is
                labels, probabilities = _segment(bound, item.name, image, len(names), threshold, refine)
            except (ItemError, MemoryError) as problem:
                reason = str(problem) if isinstance(problem, ItemError) else "too large: not enough memory for it"
                if strict:
                    raise ItemError(f"segment: {item.name}: {reason}. Leave it out, or run without strict.") from None
                nothing = np.zeros((0, 0))
                yield Segmentation(item.name, names, nothing.astype(np.int16), nothing, reason, settings)
                continue
            yield Segmentation(item.name, names, labels, probabilities, None, settings)
    finally:
        bound.close()


def _segment(
    bound: BoundSegmenter, name: str, image: Image.Image, n_classes: int, threshold: float, refine: str
) -> tuple[Array, Array]:
    from PIL import Image as PILImage

    zoom = min(1.0, _LONGEST / max(image.size))
    small = image
    if zoom < 1:
        size = (max(1, round(image.width * zoom)), max(1, round(image.height * zoom)))
        small = image.resize(size, PILImage.Resampling.BOX)
    picture = Picture(name, np.asarray(small))
    shares = _checked(bound.propose(picture), n_classes)
    if threshold > 0:
        presence = bound.presence(picture, shares)
        shares = _without(_weighed(shares, presence), presence < threshold)
    kept = _likeliest(shares)
    part = np.concatenate([shares[kept], 1 - shares[kept].sum(axis=0, keepdims=True)]).clip(0, 1)
    pixels = refined(picture.pixels, part, refine)
    positions = np.array([*kept, -1], np.int16)
    # The last row is of none; where there is none it has no share to win with.
    if not shares[n_classes].any() and len(kept) == n_classes:
        pixels, positions = pixels[:-1], positions[:-1]
    return _enlarged(pixels, positions, image.size)


def refined(picture: npt.NDArray[np.uint8], shares: npt.NDArray[np.float32], refine: str) -> npt.NDArray[np.float32]:
    """Return shares (n, h, w) of a picture's pixels, given those (n, gh, gw) of its places."""
    size = (picture.shape[1], picture.shape[0])
    large = np.stack([_resized(share, size) for share in shares])
    if refine == "none" or len(shares) == 1:
        return large
    if refine != "guided":
        large = with_colours(picture, large)
    radius = max(2, round(max(size) / 50))
    smooth = np.clip(guided_filter(picture, large, radius=radius), 0, 1)
    return cut_out(picture, smooth) if refine == "grabcut" else smooth


def _resized(values: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.float32)


def _checked(shares: npt.NDArray[np.float32], n_classes: int) -> npt.NDArray[np.float32]:
    if shares.ndim != 3 or len(shares) != n_classes + 1 or not shares.size or not np.isfinite(shares).all():
        expected = f"finite shares of shape ({n_classes + 1}, gh, gw)"
        raise InputError(
            message("segment", "what the segmenter says", expected, shares, "Mend or change the segmenter")
        )
    return shares


def _weighed(shares: npt.NDArray[np.float32], presence: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return shares in which classes that are likelier to be in the picture have more of what the classes have."""
    classes = shares[:-1] * presence[:, None, None]
    total = classes.sum(axis=0)
    scale = np.divide(shares[:-1].sum(axis=0), total, out=np.zeros_like(total), where=total > 1e-12)
    return np.concatenate([classes * scale, shares[-1:] + (shares[:-1].sum(axis=0) * (total <= 1e-12))])


def _without(shares: npt.NDArray[np.float32], absent: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return shares in which the absent classes' go to the background: what they were seen in is of none."""
    if not absent.any():
        return shares
    out = shares.copy()
    out[-1] += out[:-1][absent].sum(axis=0)
    out[:-1][absent] = 0
    return out


def _likeliest(shares: npt.NDArray[np.float32]) -> list[int]:
    """Return the classes with the largest shares, in order."""
    most = shares[:-1].max(axis=(1, 2))
    return sorted(np.argsort(-most, kind="stable")[:_MOST_CLASSES].tolist())


def _enlarged(shares: npt.NDArray[np.float32], positions: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Return each pixel's class and its share, at the picture's own size."""
    from PIL import Image

    width, height = size
    rows, columns = shares.shape[1:]
    labels, best = np.empty((height, width), np.int16), np.empty((height, width), np.float16)
    if (columns, rows) == size:
        winner = shares.argmax(axis=0)
        return positions[winner], np.take_along_axis(shares, winner[None], axis=0)[0].astype(np.float16)
    images = [Image.fromarray(np.ascontiguousarray(share)) for share in shares]
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        box = (0.0, top * rows / height, float(columns), bottom * rows / height)
        most = np.full((bottom - top, width), -1, np.float32)
        label = np.zeros((bottom - top, width), np.int16)
        for image, position in zip(images, positions, strict=True):
            share = np.asarray(image.resize((width, bottom - top), Image.Resampling.BILINEAR, box=box), np.float32)
            better = share > most
            most[better], label[better] = share[better], position
        labels[top:bottom], best[top:bottom] = label, most
    return labels, best
