"""Outputs that must not take the place of inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unseen.errors import InputError
from unseen.inputs.walking import has_wildcard

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["spare_files", "spare_photos"]

#: Outputs that a later run over the same folder would take for photos.
_PHOTOS = frozenset({".jpeg", ".jpg", ".png"})


def spare_files(command: str, target: Path | None, inputs: Sequence[str]) -> None:
    """Raise when an output would take the place of an input.

    Raises
    ------
    InputError
        Naming the output.
    """
    if target is None or not target.exists():
        return
    place = target.resolve()
    for name in inputs:
        source = Path(name)
        try:
            inside = source.is_dir() and place.is_relative_to(source.resolve()) and target.suffix in _PHOTOS
            same = source.exists() and source.samefile(target)
        except (OSError, ValueError):
            continue  # names of classes, or a pattern: no file
        if same or inside:
            raise InputError(
                f"{command}: {target} would be overwritten, and it is part of the input. Choose another name."
            )


def spare_photos(command: str, folder: Path | None, paths: Sequence[str]) -> None:
    """Raise when a folder of results would be one of photos: they would be overwritten, or read by the next run.

    Raises
    ------
    InputError
        Naming the folder.
    """
    if folder is None:
        return
    place = folder.resolve()
    for name in paths:
        try:
            source = Path(name)
            if has_wildcard(name) and not source.exists():
                base = Path(name.partition("**")[0] or ".").resolve()
                inside = "**" in name and not has_wildcard(str(base)) and place.is_relative_to(base)
                beside = place.match(str(source.absolute().parent))
            else:
                inside = source.is_dir() and place.is_relative_to(source.resolve())
                beside = source.is_file() and source.resolve().parent == place
        except (OSError, ValueError):
            continue  # no path at all, which reading it tells
        if inside or beside:
            raise InputError(f"{command}: {folder} holds the photos that are read. Choose a folder of its own.")
