"""The loop of every export: labelled rows in, files of another tool's layout out."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError, ItemError
from unseen.exports.base import Exported, Sample
from unseen.exports.draft import draft
from unseen.exports.originals import LINKS, Originals
from unseen.labelling.manifest import VOCABULARY
from unseen.labelling.reading import LabelledFolder, StoredFolder, open_labels
from unseen.registry import EXPORTS
from unseen.validation import check_choice, check_number, check_switch, message, verbatim

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from unseen.exports.base import Export
    from unseen.labelling.reading import Rows

__all__ = ["convert"]

_EXAMPLES = 20
#: Beside what other tools read: hidden, so that they pass it over.
CARD = ".unseen.json"
_ERRORS, _UNKNOWN, _UNSURE = "that could not be labelled", "called unknown", "less likely than asked for"
_NO_FILE = "whose file could not be had"


def convert(
    folder: str | os.PathLike[str] | LabelledFolder,
    to: str,
    out: str | os.PathLike[str],
    *,
    links: str = "symlink",
    min_probability: float = 0.0,
    include_unknown: bool = False,
    base: str | os.PathLike[str] = "",
    verify: bool = False,
    advance: Callable[[int], None] | None = None,
    **options: Any,
) -> Exported:
    """Write the labels of a folder in the layout that another tool reads.

    Parameters
    ----------
    folder : path or LabelledFolder
        What `unseen label` wrote.
    to : str
        A format of :data:`unseen.registry.EXPORTS`: "folders", "csv", "coco", "yolo", "label-studio", "fiftyone".
    out : path
        The folder (for "csv" the file) to write: new, or an empty folder. Nothing is overwritten.
    links : {"symlink", "hard", "copy"}, default "symlink"
        How photos get there. What is no file of its own (in an archive, a frame of a video) is copied out.
    min_probability : float, default 0.0
        Items whose likeliest class is less likely than this are left out, in [0, 1].
    include_unknown : bool, default False
        Whether items that were called unknown are in it too, as the format can say that.
    base : path, default ""
        Where relative names of items, and of the run's source, start; "" for the current folder.
    verify : bool, default False
        Whether photos are held against their digests before they are linked to, which reads them; copies always are.
    advance : callable or None, default None
        Called with the number of rows that were read since the last call.
    **options
        What the format takes besides: "yolo" takes ``val_share``.

    Returns
    -------
    Exported
        How many items it holds, and why others are not in it.

    Raises
    ------
    InputError
        When an argument cannot be used, there is something at `out`, or the system refuses (a full disk); then
        nothing is left there.

    Notes
    -----
    Memory holds a few thousand rows. The output appears under its name when it is complete. An item whose file is
    gone, has changed, or is behind an address is left out and told; links are made without reading the photo.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from unseen.labelling import label
    >>> photos = (np.full((32, 32, 3), shade, np.uint8) for shade in (0, 255))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = label(photos, ["night", "snow"], folder + "/labels")
    ...     exported = convert(folder + "/labels", "csv", folder + "/labels.csv")
    >>> exported.items
    2
    """
    check_choice("convert", "to", to, tuple(EXPORTS.names()))
    check_choice("convert", "links", links, LINKS)
    least = check_number("convert", "min_probability", min_probability, low=0, high=1)
    include_unknown = check_switch("convert", "include_unknown", include_unknown)
    verify = check_switch("convert", "verify", verify)
    kind: type[Export] = EXPORTS.get(to)
    strange = [name for name in options if name not in kind.options]
    if strange:
        expected = f"one that {to!r} takes ({', '.join(kind.options) or 'none'})"
        raise InputError(message("convert", "option", expected, strange[0], "Leave it out"))
    labels = folder if isinstance(folder, StoredFolder) else open_labels(folder)
    if not isinstance(labels, LabelledFolder):
        found = verbatim("a folder of embeddings")
        remedy = "Label them first: unseen classify DIR --classes FILE, or unseen label"
        raise InputError(message("convert", "folder", "one that `unseen label` wrote", found, remedy))
    target = Path(out)
    if kind.suffix is not None and target.suffix.lower() != kind.suffix:
        raise InputError(message("convert", "out", f"a file that ends in {kind.suffix}", target.name, "Rename it"))
    classes = _classes(labels)
    known = frozenset(classes)
    originals = Originals(links, base, verify, labels.settings)
    with draft(target, folder=kind.suffix is None) as place, closing(originals):
        export = kind(place, classes, originals, labels.settings, options)
        with closing(export):
            loop = _Loop(export, least, include_unknown)
            export.begin()
            for rows in labels.iter_rows():
                _check_names(rows, known, labels.folder)
                loop.add(rows)
                if advance is not None:
                    advance(len(rows))
            folders = export.end()
        if kind.suffix is None:
            card = _card(to, labels, loop, folders)
            (place / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return Exported(target, loop.items, dict(loop.left_out), tuple(loop.examples))


class _Loop:
    """Which items go in, and what became of the others."""

    def __init__(self, export: Export, least: float, include_unknown: bool) -> None:
        self._export = export
        self._least = least
        self._several = bool(export.settings.get("multi_label"))
        self._include_unknown = include_unknown and export.takes_unknown
        self.items = 0
        self.left_out: Counter[str] = Counter()
        self.examples: list[tuple[str, str]] = []

    def add(self, rows: Rows) -> None:
        for sample in _samples(rows, self._several):
            if sample is None:
                self.left_out[_ERRORS] += 1
            elif sample.unknown and not self._include_unknown:
                self.left_out[_UNKNOWN] += 1
            elif not sample.unknown and sample.probabilities[0] < self._least:
                self.left_out[_UNSURE] += 1
            else:
                self._try(sample)

    def _try(self, sample: Sample) -> None:
        try:
            self._export.add(sample)
        except ItemError as error:
            self.left_out[_NO_FILE] += 1
            if len(self.examples) < _EXAMPLES:
                self.examples.append((sample.item, str(error)))
        else:
            self.items += 1


def _samples(rows: Rows, several: bool) -> Iterator[Sample | None]:
    """Yield each row as a sample; None where it holds an error. Where `several` classes may hold, all of a row do."""
    for i, item in enumerate(rows.items):
        if rows.errors[i] is not None:
            yield None
            continue
        n = len(rows.names[i])
        answers = 0 if rows.unknown[i] else n if several else min(n, 1)
        # Through str(): the shortest decimal that is this float32, not its 17-digit expansion.
        shares = tuple(float(str(np.float32(share))) for share in rows.probabilities[i])
        yield Sample(rows.first + i, item, rows.shas[i], *rows.sizes[i], rows.names[i], shares, answers)


def _check_names(rows: Rows, known: frozenset[str], folder: Path) -> None:
    strange = next((name for names in rows.names for name in names if name not in known), None)
    if strange is not None:
        expected, remedy = f"those that {folder} was labelled with", "Restore it, or remove it to do without"
        found = verbatim(f"others: {strange!r:.60} is not among them")
        raise InputError(message("convert", f"the classes in {VOCABULARY}", expected, found, remedy))


def _classes(labels: LabelledFolder) -> tuple[str, ...]:
    """Return the classes of the run; those that were given as answers where the vocabulary is missing."""
    if labels.vocabulary is not None:
        return labels.vocabulary.names
    found: dict[str, None] = {}
    for rows in labels.iter_rows():
        for names in rows.names:
            found.update(dict.fromkeys(names))
    return tuple(sorted(found))


def _card(to: str, labels: LabelledFolder, loop: _Loop, folders: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": "unseen-export",
        "version": 1,
        "to": to,
        "labels": labels.folder.name,
        "complete": labels.complete,
        "settings": labels.settings,
        "items": loop.items,
        "left_out": dict(loop.left_out),
        "examples": [{"item": item, "reason": reason} for item, reason in loop.examples],
        "classes": dict(folders),
    }
