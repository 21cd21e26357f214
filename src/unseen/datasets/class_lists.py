"""Lists of classes as text files: the unseen ones of a build, and the folds of the proposed splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.datasets.problems import problem, read_table_text, some
from unseen.validation import nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ClassLists", "read_class_list", "read_class_lists"]


@dataclass(frozen=True)
class ClassLists:
    """Class lists as the proposed splits ship them.

    Attributes
    ----------
    trainval, test : tuple of str
        Seen and unseen classes; disjoint.
    folds : tuple of (tuple of str, tuple of str)
        Training and validation classes of each fold; disjoint, inside `trainval`.
    """

    trainval: tuple[str, ...]
    test: tuple[str, ...]
    folds: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()


def read_class_list(path: str | Path, *, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the class names of a text file, one per line; blank lines and lines that start with # are passed over.

    Raises
    ------
    DatasetError
        When the file cannot be read, holds no name or one twice, or one that is not among `names`.
    """
    path = Path(path)
    lines = [(i, line.strip()) for i, line in enumerate(read_table_text(path).splitlines(), 1)]
    lines = [(i, line) for i, line in lines if line and not line.startswith("#")]
    if not lines:
        raise problem(path, "the file", "a list of classes", verbatim("an empty one"), "Write one class name per line")
    known = None if names is None else set(names)
    found: set[str] = set()
    for i, name in lines:
        if name in found:
            raise problem(f"{path.name}, line {i}", "classes", "listed once", name, "Remove one of the two")
        if known is not None and name not in known:
            near = nearest(name, known)
            remedy = f"Known and near: {', '.join(map(repr, near))}" if near else f"There are {len(known)} classes"
            raise problem(f"{path.name}, line {i}", "a class", "one of the data set's", name, remedy)
        found.add(name)
    return tuple(name for _, name in lines)


def read_class_lists(folder: str | Path, *, names: Sequence[str] | None = None) -> ClassLists:
    """Read ``trainvalclasses.txt``, ``testclasses.txt``, ``trainclasses1.txt``, ``valclasses1.txt`` and so on.

    Raises
    ------
    DatasetError
        When the first two are missing, seen and unseen classes overlap, or a fold shares classes or leaves trainval.
    """
    folder = Path(folder)
    trainval = read_class_list(folder / "trainvalclasses.txt", names=names)
    test = read_class_list(folder / "testclasses.txt", names=names)
    _apart(folder, "classes of trainvalclasses.txt and testclasses.txt", trainval, test)
    folds: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    while (folder / f"trainclasses{len(folds) + 1}.txt").is_file():
        i = len(folds) + 1
        train = read_class_list(folder / f"trainclasses{i}.txt", names=names)
        val = read_class_list(folder / f"valclasses{i}.txt", names=names)
        _apart(folder, f"classes of trainclasses{i}.txt and valclasses{i}.txt", train, val)
        outside = sorted({*train, *val} - set(trainval))
        if outside:
            found = verbatim(f"{len(outside)} that are not: {some(outside, 2)}")
            raise problem(folder, f"classes of fold {i}", "among trainvalclasses.txt", found, "Mend the lists")
        folds.append((train, val))
    return ClassLists(trainval, test, tuple(folds))


def _apart(folder: Path, what: str, first: Sequence[str], second: Sequence[str]) -> None:
    both = sorted(set(first) & set(second))
    if both:
        raise problem(
            folder, what, "disjoint", verbatim(f"{len(both)} shared: {some(both, 2)}"), "List each class on one side"
        )
