"""Our own format: a folder whose tables people can read, written as a whole or not at all.

::

    dataset.json           format, name, how it was made, fingerprint
    features.safetensors   "features" (n, d), float32
    samples.csv            item, class, part
    classes.csv            class, seen, and a column per dimension of the prototypes
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen._version import __version__
from unseen.datasets.attributes import read_rows
from unseen.datasets.dataset import Dataset
from unseen.datasets.problems import Array, frozen, open_file, problem
from unseen.datasets.readers import DatasetReader, check_folder, other_prototypes
from unseen.datasets.split import PARTS, Split
from unseen.errors import InputError
from unseen.inputs.files import os_reason
from unseen.prototypes import Prototypes
from unseen.validation import shorten, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CARD", "OwnReader", "read_features_tensor", "write_dataset", "written_whole"]

CARD = "dataset.json"
_FORMAT, _VERSION = "unseen-dataset", 1
_PARTS = (*PARTS, "")
_MAX_CARD = 1 << 20


class OwnReader(DatasetReader):
    """The format that `write_dataset` and ``unseen dataset build`` write."""

    looks_like = f"{CARD}, written by `unseen dataset build`"

    @staticmethod
    def recognises(folder: Path) -> bool:
        """Whether the card is there."""
        return (folder / CARD).is_file()

    def read(self, folder: Path, *, prototypes: str | Path | Prototypes | None = None) -> Dataset:
        """Read the folder. Parts may have been changed by hand: the split is proven anew."""
        card = _read_card(check_folder(folder, CARD))
        names, own, columns = _read_classes(check_folder(folder, "classes.csv"))
        features = read_features_tensor(check_folder(folder, "features.safetensors"))
        items, labels, parts = _read_samples(check_folder(folder, "samples.csv"), names, len(features))
        rows = {part: np.flatnonzero(np.array(parts) == part) for part in _PARTS}
        fold = bool(len(rows["train"]) or len(rows["val"]))
        split = Split(
            np.concatenate([rows["trainval"], rows["train"], rows["val"]]),
            rows["test_seen"],
            rows["test_unseen"],
            train=rows["train"] if fold else None,
            val=rows["val"] if fold else None,
            source=str(folder / "samples.csv"),
        )
        chosen, shown = (own, columns) if prototypes is None else other_prototypes(folder, prototypes, own)
        made = card.get("made")
        return Dataset(
            features,
            labels,
            prototypes=chosen,
            split=split,
            name=str(card.get("name") or folder.resolve().name),
            items=items if card.get("items") else None,
            attribute_names=shown if card.get("attribute_names") or prototypes is not None else None,
            made={**(made if isinstance(made, dict) else {}), "written_fingerprint": card.get("fingerprint")},
        )


def write_dataset(dataset: Dataset, folder: str | Path) -> None:
    """Write a data set into a new folder that `read_dataset` reads, with exactly the same numbers.

    Parameters
    ----------
    dataset : Dataset
    folder : path
        Must be new, or empty. Nothing is left of a write that is interrupted.

    Raises
    ------
    DatasetError
        When the folder holds something, or cannot be written.
    """
    with written_whole(folder) as draft:
        # Through bytes: save_file would make the file readable by its owner alone.
        safetensors = importlib.import_module("safetensors.numpy")
        (draft / "features.safetensors").write_bytes(safetensors.save({"features": dataset._features}))
        p = dataset.prototypes
        seen = np.zeros(p.n_classes, np.bool_) if p.seen is None else p.seen
        columns = dataset.attribute_names or [f"dimension {i + 1}" for i in range(p.n_dimensions)]
        _write_csv(
            draft / "classes.csv",
            ["class", "seen", *columns],
            (
                [name, str(bool(s)).lower(), *map(_exact, v)]
                for name, s, v in zip(p.names, seen, p.vectors, strict=True)
            ),
        )
        items = dataset._items or [f"sample {i + 1}" for i in range(dataset.n_samples)]
        labels = [p.names[i] for i in dataset._classes]
        rows = zip(items, labels, _parts(dataset), strict=True)
        _write_csv(draft / "samples.csv", ["item", "class", "part"], ([*row] for row in rows))
        card = {
            "format": _FORMAT,
            "version": _VERSION,
            "name": dataset.name,
            "samples": dataset.n_samples,
            "features": dataset.n_features,
            "classes": p.n_classes,
            "items": dataset._items is not None,
            "attribute_names": dataset.attribute_names is not None,
            "fingerprint": dataset.fingerprint,
            "unseen": __version__,
            "made": {key: value for key, value in dataset.made.items() if key != "written_fingerprint"},
        }
        (draft / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")


@contextmanager
def written_whole(folder: str | Path) -> Iterator[Path]:
    """Hand out a folder to write into, which takes its name when the block ends well and vanishes when it does not.

    Raises
    ------
    DatasetError
        When a folder of that name holds something, or the system refuses.
    """
    target = Path(folder).absolute()
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            found = verbatim("one that holds something" if target.is_dir() else "a file")
            raise problem(Path(folder), "the output folder", "new or empty", found, "Choose another name")
        draft.mkdir(parents=True)
        yield draft
        if target.is_dir():
            target.rmdir()  # empty, or this raises
        draft.rename(target)
    except OSError as error:
        if isinstance(error, UnicodeError):
            raise
        reason = os_reason(error)
        found = verbatim(reason.removeprefix("cannot be read: "))
        raise problem(Path(folder), "the output folder", "writable", found, "Choose another place") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read_features_tensor(path: Path) -> Array:
    """Return the float32 tensor "features" (n, d) of a safetensors file."""
    open_file(path).close()
    safetensors = importlib.import_module("safetensors")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            features = file.get_tensor("features")
    except Exception as error:  # noqa: BLE001  the library has no exception that it documents
        found = verbatim(" ".join(str(error).split()) or type(error).__name__)
        raise problem(path, "features", "readable", found, "Build the data set again; the file is damaged") from None
    if features.dtype != np.float32 or features.ndim != 2:
        raise problem(path, "features", "float32 of shape (n, d)", features, "Build the data set again")
    return frozen(features)


def _read_card(path: Path) -> dict[str, Any]:
    with open_file(path) as stream:
        data = stream.read(_MAX_CARD)
    try:
        card = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        remedy = "Build the data set again; the file is damaged"
        raise problem(path, "the file", "JSON", verbatim(" ".join(str(error).split())), remedy) from None
    if not isinstance(card, dict) or card.get("format") != _FORMAT or card.get("version") != _VERSION:
        found = (card.get("format"), card.get("version")) if isinstance(card, dict) else card
        raise problem(path, "the format", f"{_FORMAT!r}, version {_VERSION}", found, "Update unseen, or check the path")
    return card


def _read_classes(path: Path) -> tuple[tuple[str, ...], Prototypes, tuple[str, ...]]:
    rows = read_rows(path)
    _, header = next(rows, (1, []))
    if header[:2] != ["class", "seen"] or len(header) < 3:
        expected = "class, seen, and a column per dimension"
        raise problem(
            path, "the header", expected, verbatim(shorten(header[:4])), "Do not change the first two columns"
        )
    names: list[str] = []
    vectors: list[list[float]] = []
    for line, row in rows:
        where = f"{path.name}, line {line}"
        if len(row) != len(header):
            found = verbatim(f"{len(row)} cells")
            raise problem(where, "the row", f"{len(header)} cells long, like the header", found, "Mend the row")
        try:
            vectors.append([float(cell) for cell in row[2:]])
        except ValueError:
            wrong = next(cell for cell in row[2:] if not _is_number(cell))
            found = wrong if wrong else verbatim("an empty cell")
            raise problem(where, f"the numbers of {row[0]!r}", "numbers", found, "Write a number") from None
        names.append(row[0])
    try:
        return tuple(names), Prototypes(names, np.array(vectors, dtype=np.float64)), tuple(header[2:])
    except InputError as error:
        raise problem(path, "the classes", "usable", verbatim(str(error)), "Mend the table") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_samples(path: Path, names: Sequence[str], n: int) -> tuple[list[str], Array, list[str]]:
    rows = read_rows(path)
    _, header = next(rows, (1, []))
    if header != ["item", "class", "part"]:
        raise problem(path, "the header", "item, class, part", verbatim(shorten(header[:4])), "Restore it")
    known = {name: i for i, name in enumerate(names)}
    items, labels, parts = [], [], []
    for line, row in rows:
        where = f"{path.name}, line {line}"
        if len(row) != 3:
            raise problem(where, "the row", "3 cells long", verbatim(f"{len(row)} cells"), "Mend the row")
        if row[1] not in known:
            raise problem(where, "the class", "one of classes.csv", row[1], "Write it as it is there")
        if row[2] not in _PARTS:
            raise problem(where, "the part", "train, val, trainval, test_seen, test_unseen or empty", row[2], "Mend it")
        items.append(row[0])
        labels.append(known[row[1]])
        parts.append(row[2])
    if len(items) != n:
        found = verbatim(f"{len(items)} rows for {n} vectors")
        remedy = "Do not add or remove rows; to leave a sample out, empty its part"
        raise problem(path, "the table", "one row per vector of features.safetensors", found, remedy)
    return items, np.array(labels, dtype=np.intp), parts


def _parts(dataset: Dataset) -> list[str]:
    parts = np.full(dataset.n_samples, "", dtype="U11")
    for name in PARTS:  # the fold after trainval, which it lies in
        rows = getattr(dataset.split, name)
        if rows is not None:
            parts[rows] = name
    return parts.tolist()


def _exact(value: np.float32) -> str:
    """Return the shortest decimal that reads back as the same float32 by way of a float64."""
    short = str(value)
    return short if np.float32(float(short)) == value else repr(float(value))


def _write_csv(path: Path, header: Sequence[str], rows: Iterator[list[str]] | Any) -> None:
    # The csv module of Python 3.11 leaves a carriage return unquoted unless it belongs to the line's end.
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_text(text.getvalue(), "utf-8", newline="")
