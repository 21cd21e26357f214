"""Inputs: photos and texts as people hand them in, treated as hostile until decoded.

::

    files.py     names that print, files that open without harm
    walking.py   folders and patterns as a sorted stream
    sources.py   anything people pass as "images" -> a stream of Item
    formats.py   what a file's first bytes say; files stripped to what decoding needs
    images.py    one Item's content -> pixels
    resampling.py  a decoded photo -> the square an encoder reads
    texts.py     anything people pass as "texts" -> a stream of TextItem
    tables.py    the readers of text files behind it

Nothing here imports numpy, Pillow or pyarrow until pixels or rows are asked for.
"""

from __future__ import annotations

from unseen.inputs.images import MAX_PIXELS, RESIZES, open_image, prepare_image
from unseen.inputs.sources import Item, count_images, iter_images
from unseen.inputs.texts import TextItem, count_texts, iter_texts

__all__ = [
    "MAX_PIXELS",
    "RESIZES",
    "Item",
    "TextItem",
    "count_images",
    "count_texts",
    "iter_images",
    "iter_texts",
    "open_image",
    "prepare_image",
]
