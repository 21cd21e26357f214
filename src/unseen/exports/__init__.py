"""Exports: what `unseen label` wrote, in the layouts that other tools read.

::

    names.py         names of strangers' files and classes, made safe for a folder of ours
    originals.py     the file of an item: linked, or copied, or taken out of its archive
    draft.py         an output that is there whole or not at all
    base.py          what every format is handed
    conversion.py    the loop: rows in, files out
    folders.py, csv_table.py, coco.py, yolo.py, label_studio.py, fiftyone.py   one format each

A format is a class with `begin`, `add` and `end`, and a line in :data:`unseen.registry.EXPORTS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unseen.exports.base import Export, Exported, Sample
    from unseen.exports.conversion import convert

__all__ = ["Export", "Exported", "Sample", "convert"]

_HOME = {"Export": "base", "Exported": "base", "Sample": "base", "convert": "conversion"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
