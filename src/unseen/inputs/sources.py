"""Anything people pass as "images", as one stream of items.

What is wrong with the request itself (a path mistyped, an empty folder) is an `InputError` at once. What is wrong
with one item among many becomes that item's row.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError
from unseen.inputs.files import input_error, os_reason, printable, quoted, similar_names
from unseen.inputs.walking import Found, has_wildcard, match, reach, walk
from unseen.validation import verbatim

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    Content = Path | bytes | Image.Image | npt.NDArray[Any]

__all__ = ["Item", "count_images", "iter_images"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WHAT = "a path, a folder, a pattern, bytes, a PIL image, an array, or an ordered collection of these"


@dataclass(frozen=True, eq=False)
class Item:
    """One photo of a stream.

    Parameters
    ----------
    name : str
        What the output row says: the path as given, printable; ``image-3`` for the stream's item 3 (counted from
        0, so ``source[3]`` of a list of arrays).
    content : Path, PIL.Image.Image, ndarray, bytes or None
        What :func:`unseen.inputs.open_image` decodes; None where nothing usable was handed in.
    error : str or None, default None
        Why there is nothing to decode, known before decoding.
    """

    name: str
    content: Content | None
    error: str | None = None


def iter_images(source: Any, *, recursive: bool = True) -> Iterator[Item]:
    """Stream the photos that `source` names or holds.

    Parameters
    ----------
    source : path, str, bytes, PIL image, array, or an ordered iterable of these
        - A folder gives its image files, sorted by name, sub-folders included: by suffix, or by their first bytes
          where a name has no suffix. Hidden names are passed over. Links to folders are followed, each real
          folder once.
        - A file is taken whatever its suffix.
        - A string with ``*``, ``?``, ``[]`` or ``**`` that names no file is a pattern.
        - An array is a photo, (H, W) or (H, W, channels), or with four dimensions a batch of them.
        - A list, tuple, generator or other ordered iterable gives its elements in turn; one more level of
          nesting is opened.
    recursive : bool, default True
        Whether to enter sub-folders.

    Yields
    ------
    Item
        In a fixed order. Dangling links, folders that cannot be listed, pipes and devices come with `error` set.

    Raises
    ------
    InputError
        At the call, when a path (given alone, in a list or in a tuple) does not exist or is a URL, or when there
        is no photo at all. From any other iterable, which may be long and lazy, a path that does not exist comes
        as an item with its error instead.

    Notes
    -----
    Lazy: memory is bounded by the names in one chain of folders. The first item is fetched at the call. A
    readable-looking file that turns out to be none is found out by decoding, not here.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.inputs import iter_images
    >>> [item.name for item in iter_images([np.zeros((8, 8), np.uint8), b"..."])]
    ['image-0', 'image-1']
    """
    items = _number(_expand(source, recursive))
    first = next(items, None)
    if first is None:
        raise _nothing(source)
    return chain([first], items)


def count_images(source: Any, *, recursive: bool = True) -> int | None:
    """Count the items that :func:`iter_images` will give, decoding nothing.

    Returns
    -------
    int or None
        None where counting would consume the source: generators and other iterables that are no list or tuple.

    Raises
    ------
    InputError
        As :func:`iter_images`, but for an empty source, which counts 0.
    """
    if not (_is_path(source) or _is_content(source) or _is_batch(source) or isinstance(source, list | tuple)):
        return None
    if isinstance(source, list | tuple) and any(
        not (_is_path(element) or _is_content(element) or _is_batch(element) or isinstance(element, list | tuple))
        and isinstance(element, Iterable)
        for element in source
    ):
        return None
    return sum(1 for _ in _expand(source, recursive))


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


def _is_content(value: object) -> bool:
    if isinstance(value, bytes | bytearray | memoryview):
        return True
    # Whoever hands in an image or an array has imported its library; nobody else should pay for it.
    pil = sys.modules.get("PIL.Image")
    # A worker thread may be importing Pillow right now: a class that is not there yet has no instances.
    picture = getattr(pil, "Image", None)
    return (picture is not None and isinstance(value, picture)) or (_is_array(value) and not _is_batch(value))


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    # Arrays of objects are collections (of paths, of images), as pandas hands them out.
    return numpy is not None and isinstance(value, numpy.ndarray) and value.dtype.kind not in "OUT"


def _is_batch(value: Any) -> bool:
    return _is_array(value) and value.ndim == 4


def _number(stream: Iterable[Found | Content | _Bad]) -> Iterator[Item]:
    for row, element in enumerate(stream):
        if isinstance(element, Found):
            yield Item(printable(element.path), element.path, element.error)
        elif isinstance(element, _Bad):
            yield Item(element.name or f"image-{row}", None, element.error)
        else:
            yield Item(f"image-{row}", element)


@dataclass(frozen=True)
class _Bad:
    """An element of an iterable that is no photo."""

    error: str
    name: str | None = None


def _expand(source: Any, recursive: bool) -> Iterator[Found | Content | _Bad]:
    if _is_path(source):
        _check_path(source)
        yield from _from_path(source, recursive)
        return
    if _is_content(source):
        yield _own(source)
        return
    elements = _elements(source)
    if isinstance(source, list | tuple):
        for element in source:
            if _is_path(element):
                _check_path(element)
    for element in elements:
        if _is_path(element) or _is_content(element):
            yield from _one(element, recursive)
        elif isinstance(element, Iterable) and not _is_unordered(element):
            for inner in element:
                yield from _one(inner, recursive)
        else:
            yield _Bad(f"must be {_WHAT}; got {type(element).__name__}")


def _elements(source: Any) -> Iterator[Any]:
    if not isinstance(source, Iterable) or _is_unordered(source):
        remedy = "Pass its path or its .read()" if _is_stream(source) else "Pass a list of photos"
        raise input_error("iter_images", "source", _WHAT, verbatim(type(source).__name__), remedy)
    return iter(source)


def _is_stream(value: object) -> bool:
    # An open file is iterable, but its lines are no photos.
    return hasattr(value, "read")


def _is_unordered(value: object) -> bool:
    # A set's order changes from run to run, a mapping's keys are seldom what was meant.
    return isinstance(value, Mapping | AbstractSet) or _is_stream(value)


def _own(content: Any) -> Content:
    owned: Content = bytes(content) if isinstance(content, bytearray | memoryview) else content
    return owned


def _one(element: Any, recursive: bool) -> Iterator[Found | Content | _Bad]:
    """Expand one element of an iterable; whatever is wrong with it becomes its row."""
    if _is_content(element):
        yield _own(element)
        return
    if not _is_path(element):
        yield _Bad(f"must be a path, bytes, a PIL image or an array; got {type(element).__name__}")
        return
    try:
        first = None
        for first in _from_path(element, recursive):
            yield first
        problem = None if first else "no images found in it"
    except FileNotFoundError as error:
        problem = os_reason(error)
    except InputError as error:
        problem = str(error)
    if problem:
        yield _Bad(problem, printable(os.fsdecode(element)))


def _from_path(source: str | os.PathLike[str], recursive: bool) -> Iterator[Found]:
    """Yield what a path leads to; raise `FileNotFoundError` where there is nothing."""
    path, pattern = _resolve(source)
    if pattern is not None:
        yield from match(pattern, recursive=recursive)
    elif (found := reach(path)) is None:
        yield from walk(path, recursive=recursive)
    else:
        yield found


def _check_path(source: str | os.PathLike[str]) -> None:
    """Raise `InputError`, with near names, when a path leads nowhere."""
    try:
        _resolve(source)
    except FileNotFoundError:
        text = os.fsdecode(source)
        remedy = similar_names(Path(text))
        raise input_error("iter_images", "source", "a path that exists", quoted(text), remedy) from None


def _resolve(source: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """Return the path and, where it names nothing but reads as one, the pattern."""
    text = os.fsdecode(source)
    if not text or "\0" in text:
        raise input_error("iter_images", "source", "a path", text, "Pass the path of a photo or a folder")
    if _URL.match(text):
        raise input_error(
            "iter_images", "source", "a path on this machine", text, "unseen works offline: download the photo first"
        )
    path = Path(text)
    try:
        reach(path)
    except FileNotFoundError:
        if isinstance(source, str) and has_wildcard(text):
            return path, text
        raise
    return path, None


def _nothing(source: Any) -> InputError:
    if not _is_path(source):
        return input_error(
            "iter_images", "source", "at least one photo", verbatim("none: no images found"), "Pass a photo or a path"
        )
    text = os.fsdecode(source)
    if Path(text).is_dir():
        expected, remedy = "a folder with photos", "files count by their suffix; name others one by one"
    else:
        expected, remedy = "a pattern that some photo matches", "check it against the names in the folder"
    return input_error("iter_images", "source", expected, quoted(text), f"There were no images found: {remedy}")
