"""From photos in class folders to a benchmark, in one call."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.datasets.attributes import AttributeTable, read_attributes
from unseen.datasets.class_lists import read_class_list
from unseen.datasets.class_names import find_names, match_names
from unseen.datasets.dataset import Dataset
from unseen.datasets.feature_files import read_features
from unseen.datasets.own_format import write_dataset
from unseen.datasets.photos import Photos, encode_photos, kept_vectors, list_photos
from unseen.datasets.problems import Array, problem, some
from unseen.datasets.split_makers import make_split
from unseen.errors import InputError
from unseen.inputs.sources import Item
from unseen.prototypes import Prototypes
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from unseen.encoders.base import Encoder
    from unseen.vocabulary import Vocabulary

__all__ = ["Built", "build_dataset"]

_OWNER = "build_dataset"


@dataclass(frozen=True)
class Built:
    """What a build made.

    Attributes
    ----------
    dataset : Dataset
    skipped : tuple of (str, str)
        Photos that could not be used, and why.
    notes : tuple of str
        What else was left out, a sentence each.
    n_kept : int
        How many vectors came from an earlier run that was stopped.
    """

    dataset: Dataset
    skipped: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    n_kept: int = 0


def build_dataset(
    photos: str | Path | None,
    *,
    out: str | Path | None = None,
    attributes: str | Path | AttributeTable | None = None,
    vocabulary: str | Path | Vocabulary | None = None,
    features: str | Path | None = None,
    model: str | Path | Encoder = "default",
    unseen: str | Path | Sequence[str] | None = None,
    how: str = "random",
    n_unseen: int | None = None,
    unseen_share: float | None = None,
    seen_test_share: float = 0.2,
    validation_folds: int | None = 3,
    random_state: Any = 0,
    name: str | None = None,
    strict: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Built:
    """Encode photos and split their classes: a benchmark of one's own.

    Parameters
    ----------
    photos : path or None
        A folder with one folder of photos per class. None where `features` holds everything: items are then called
        ``class/file``.
    out : path or None, default None
        Where to write the data set (`write_dataset`); a new or empty folder. Beside it, ``OUT.partial`` keeps the
        vectors until the build is done, and the same call goes on with them. None writes nothing.
    attributes : path, AttributeTable or None, default None
        A table (CSV) with a row per class and a column per attribute: the prototypes, as they are in the table.
    vocabulary : path, text, Vocabulary or None, default None
        A vocabulary, whose texts are encoded as prototypes. Without either, the folders' names are.
    features : path or None, default None
        A feature file (`read_features`) to take vectors from in place of encoding photos, matched by item name.
    model : str, path or Encoder, default "default"
        The model that encodes: a name of ``unseen models``, a saved folder, or an encoder.
    unseen : path, sequence of str or None, default None
        The unseen classes: a text file with one per line, or names. None chooses them by `how`.
    how : {"random", "rare", "hard", "easy"}, default "random"
        How unseen classes are chosen; see :func:`resplit`.
    n_unseen : int or None, default None
        How many are chosen.
    unseen_share : float or None, default None
        Or which share; 0.25 where neither is given.
    seen_test_share : float, default 0.2
        Share of each seen class's photos that is held out for the seen test part, in [0, 0.9].
    validation_folds : int or None, default 3
        One of so many shares of the seen classes is set aside as validation fold; None for none.
    random_state : int, RandomState or None, default 0
        Seed of all that is drawn.
    name : str or None, default None
        What to call it; None takes the folder's name.
    strict : bool, default False
        Raise at the first photo that cannot be used, in place of reporting it and going on.
    advance : callable or None, default None
        Called with the number of photos done, for a progress bar.

    Returns
    -------
    Built

    Raises
    ------
    DatasetError
        When folders and classes do not match, one photo lies in two class folders, a table or a feature file is
        wrong, or `out` holds something.
    ItemError
        With `strict`, when a photo cannot be used.

    Notes
    -----
    Folder names and class names are matched exactly, else without regard to case, underscores and hyphens, else
    without leading numbers (``007.Parakeet_Auklet``). The model must not have learned the unseen classes: the
    default model's image encoder knows the 1,000 classes of ImageNet-1k, so animals among them are not unseen to it.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.datasets import AttributeTable, build_dataset
    >>> items = [f"{name}/{i}.jpg" for name in ("cat", "dog", "owl", "emu") for i in range(4)]
    >>> np.savez("features.npz", items=items, features=np.arange(32.0).reshape(16, 2))
    >>> values = np.array([[0, 1], [0, 2], [1, 1], [1, 3]])
    >>> table = AttributeTable(("Cat", "Dog", "Owl", "Emu"), ("wings", "size"), values)
    >>> built = build_dataset(None, features="features.npz", attributes=table, unseen=["emu"])
    >>> built.dataset.summary()["unseen_classes"], built.dataset.learnable()[0].shape
    (1, (9, 2))
    """
    if attributes is not None and vocabulary is not None:
        raise InputError(
            message(_OWNER, "attributes and vocabulary", "given one at a time", verbatim("both"), "Leave one out")
        )
    if photos is None and features is None:
        raise InputError(message(_OWNER, "photos", "a folder", None, "Pass photos, a feature file, or both"))
    if out is not None and Path(out).exists() and (not Path(out).is_dir() or any(Path(out).iterdir())):
        # Again when it is written; but an hour of encoding should not end so.
        raise problem(Path(out), "the output folder", "new or empty", verbatim("one in use"), "Choose another name")
    given = None if features is None else read_features(features)
    notes: list[str] = []
    if photos is not None:
        listed = list_photos(Path(photos))
        if listed.empty:
            notes.append(f"class folders without a photo left out: {some(listed.empty)}")
    else:
        listed = _from_items(Path(str(features)), given[0] if given else ())
    encoder = _encoder(model) if given is None or attributes is None else None
    prototypes, columns, classes = _prototypes(listed, attributes, vocabulary, encoder, photos or features, notes)
    where = {name: i for i, name in enumerate(prototypes.names)}
    labels = np.array([where[classes[folder]] for folder in listed.folders])
    names = _unseen_names(unseen, prototypes)

    def split_of(y: Array) -> Any:
        return make_split(
            y,
            prototypes,
            unseen=names,
            how=how,
            n_unseen=n_unseen,
            share=unseen_share,
            seen_test_share=seen_test_share,
            validation_folds=validation_folds,
            random_state=random_state,
        )

    split_of(labels)  # what cannot be split should not be encoded first
    with ExitStack() as stack:
        if given is not None:
            vectors, errors, n_kept = *_look_up(listed, *given, Path(str(features)), notes), 0
        elif encoder is not None:
            keep = None if out is None else stack.enter_context(kept_vectors(Path(out)))
            vectors, errors, n_kept = encode_photos(encoder, listed.items, keep=keep, strict=strict, advance=advance)
        skipped = [*listed.skipped, *((item.name, e) for item, e in zip(listed.items, errors, strict=True) if e)]
        usable = np.array([error is None for error in errors])
        if not usable.any():
            first = verbatim(f"none of {len(usable)}; the first: {skipped[-len(usable)][1]}")
            raise problem(_OWNER, "photos", "some that can be used", first, "Check the photos")
        prototypes, labels = _with_samples(prototypes, labels[usable], notes)
        if names is not None:
            names = [name for name in names if name in prototypes.names]
        dataset = Dataset(
            vectors[usable],
            labels,
            prototypes=prototypes,
            split=split_of(labels),
            name=name or (Path(photos).resolve().name if photos is not None else Path(str(features)).stem),
            items=[item.name for item, ok in zip(listed.items, usable, strict=True) if ok],
            attribute_names=columns,
            made={
                "encoder": None if given is not None or encoder is None else encoder.name,
                "encoder_fingerprint": None if given is not None or encoder is None else encoder.fingerprint,
                "features": None if features is None else Path(str(features)).name,
                "prototypes": "attributes" if attributes is not None else "texts",
                "split": "named" if names is not None else how,
                "seen_test_share": float(seen_test_share),
                "random_state": random_state if isinstance(random_state, int) else None,
            },
        )
        if out is not None:
            write_dataset(dataset, out)
    return Built(dataset, tuple(skipped), tuple(notes), n_kept)


def _encoder(model: str | Path | Encoder) -> Encoder:
    from unseen.encoders.base import Encoder
    from unseen.recognizer import Recognizer
    from unseen.registry import ENCODERS

    if isinstance(model, Encoder):
        return model
    if str(model) in ENCODERS:
        registered: Encoder = ENCODERS.get(str(model))()
        return registered
    return Recognizer.load(model).encoder


def _from_items(path: Path, items: Sequence[str]) -> Photos:
    """Take classes from item names where there are no photos to look at."""
    found = Photos()
    for item in items:
        parts = PurePosixPath(item).parts
        if len(parts) < 2:
            expected = "called class/file where there is no folder of photos"
            raise problem(path, "items", expected, item, "Rename them, or pass the folder of photos too")
        found.items.append(Item(item, None))
        found.folders.append(parts[-2])
    return found


def _prototypes(
    listed: Photos,
    attributes: str | Path | AttributeTable | None,
    vocabulary: Any,
    encoder: Encoder | None,
    source: str | Path | None,
    notes: list[str],
) -> tuple[Prototypes, tuple[str, ...] | None, dict[str, str]]:
    """Return prototypes of the classes that have photos, their columns, and the class of every folder."""
    from unseen.vocabulary import Vocabulary

    folders = list(dict.fromkeys(listed.folders))
    owner = Path(str(source))
    if attributes is not None:
        table = attributes if isinstance(attributes, AttributeTable) else read_attributes(attributes)
        called = "the table" if isinstance(attributes, AttributeTable) else Path(attributes).name
        classes = match_names(owner, folders, table.names, "class folders", f"classes of {called}")
        rows = _present(table.names, classes, called, notes)
        own = Prototypes([table.names[i] for i in rows], np.asarray(table.values)[rows])
        return own, table.columns, classes
    if encoder is None:
        raise InputError(message(_OWNER, "model", "one that encodes texts", None, "Pass attributes or a model"))
    from unseen.encoders.prompts import vocabulary_prototypes

    if vocabulary is None:
        names = [" ".join(folder.replace("_", " ").split()) for folder in folders]
        vocabulary = Vocabulary.from_names(names)
        called = "the folders"
    else:
        called = "the vocabulary"
        if not isinstance(vocabulary, Vocabulary):
            vocabulary = Vocabulary.parse(str(vocabulary))
    classes = match_names(owner, folders, vocabulary.names, "class folders", f"classes of {called}")
    kept = [vocabulary.names[i] for i in _present(vocabulary.names, classes, called, notes)]
    return vocabulary_prototypes(encoder, vocabulary.subset(kept)), None, classes


def _present(names: Sequence[str], classes: dict[str, str], called: str, notes: list[str]) -> list[int]:
    used = set(classes.values())
    absent = [name for name in names if name not in used]
    if absent:
        notes.append(f"classes of {called} without photos left out: {some(absent)}")
    return [i for i, name in enumerate(names) if name in used]


def _unseen_names(unseen: str | Path | Iterable[str] | None, prototypes: Prototypes) -> list[str] | None:
    if unseen is None:
        return None
    owner: Any = _OWNER
    if isinstance(unseen, str | Path):
        owner = Path(unseen)
        unseen = read_class_list(owner)
    return find_names(owner, list(dict.fromkeys(unseen)), prototypes.names, "classes that have photos")


def _look_up(
    listed: Photos, items: Sequence[str], features: Array, path: Path, notes: list[str]
) -> tuple[Array, list[str | None]]:
    """Return the vector of each photo from a feature file; by its name, else by its name without suffix."""
    rows = {item: i for i, item in enumerate(items)}
    stems = {str(PurePosixPath(item).with_suffix("")): i for i, item in reversed(list(enumerate(items))) if item}
    found = [rows.get(item.name, stems.get(str(PurePosixPath(item.name).with_suffix("")))) for item in listed.items]
    known = [i for i in found if i is not None]
    if not known:
        shown = verbatim(f"{items[0][:30]!r}, where photos are called {listed.items[0].name[:30]!r}")
        raise problem(path, "items", "names of the photos, such as class/file.jpg", shown, "Rename the items")
    extra = sorted(set(range(len(items))) - set(known))
    if extra:
        notes.append(f"{len(extra)} items of {path.name} belong to no photo: {some([items[i] for i in extra])}")
    vectors = np.zeros((len(found), features.shape[1]), np.float32)
    usable = [row for row, i in enumerate(found) if i is not None]
    vectors[usable] = features[known]
    return vectors, [None if i is not None else f"has no vector in {path.name}" for i in found]


def _with_samples(prototypes: Prototypes, labels: Array, notes: list[str]) -> tuple[Prototypes, Array]:
    """Leave out classes all of whose photos were skipped."""
    present = np.unique(labels)
    if len(present) == prototypes.n_classes:
        return prototypes, labels
    gone = [prototypes.names[i] for i in np.setdiff1d(np.arange(prototypes.n_classes), present)]
    notes.append(f"classes without a usable photo left out: {some(gone)}")
    return prototypes.subset([prototypes.names[i] for i in present]), np.searchsorted(present, labels)
