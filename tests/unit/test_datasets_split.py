"""A split proves that its parts are apart, refuses what leaks, and is made in several ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen import InputError, Prototypes
from unseen.datasets import (
    Dataset,
    Split,
    distant_classes,
    random_classes,
    rare_classes,
    read_class_list,
    read_class_lists,
    resplit,
    split_by_classes,
    validation_fold,
)
from unseen.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("cat", "dog", "owl", "emu")
#: Two samples each of cat and dog, then two of owl, one of emu.
Y = np.array([0, 0, 1, 1, 2, 2, 3])


def test_positions_are_sorted_and_read_only() -> None:
    split = Split([2, 0], [1, 3], [6, 4])
    assert split.trainval.tolist() == [0, 2]
    assert split.test_unseen.tolist() == [4, 6]
    assert not split.trainval.flags.writeable
    assert split.train is None


def test_what_is_proven_is_said() -> None:
    proven = Split([0, 2], [1, 3], [4, 5, 6], train=[0], val=[2]).check(Y, NAMES)
    assert proven == (
        "no sample is in two parts: 2 to learn from, 2 of seen and 3 of unseen classes to test on",
        "the validation fold holds no test sample: 1 and 1 samples",
        "no class is both seen and unseen: 2 seen, 2 unseen",
        "every class of the seen test part is learned: 2 of 2",
        "the validation fold shares no class with training: 1 and 1",
    )


def test_a_split_without_a_seen_test_part_is_one() -> None:
    assert len(Split([0, 1], [], [4]).check(Y, NAMES)) == 2


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        # owl (2) is learned from sample 4 and tested on sample 5.
        (
            {"trainval": [0, 2, 4], "test_unseen": [5, 6]},
            "classes of trainval and test_unseen must be disjoint; got 1 shared: 'owl'. Unseen classes must not be "
            "learned from",
        ),
        (
            {"trainval": [0, 1, 2]},
            "samples of trainval and test_seen must be disjoint; got 1 in both, such as position 1",
        ),
        ({"trainval": [0, 2, 4]}, "samples of trainval and test_unseen must be disjoint; got 1 in both, such as posi"),
        ({"test_seen": [1, 6]}, "samples of test_seen and test_unseen must be disjoint; got 1 in both, such as positi"),
        ({"trainval": [0]}, "classes of test_seen must be among those of trainval; got 1 that are not: 'dog'"),
        (
            {"trainval": [0, 7]},
            "positions must be below 7, the number of samples; got position 7 (counted from 0) in t",
        ),
        ({"trainval": []}, "trainval must be at least one sample; got none"),
        ({"test_unseen": []}, "test_unseen must be at least one sample; got none"),
        # The leaky public files: train and val hold all of test_seen.
        (
            {"train": [0, 1], "val": [2, 3]},
            "train and val must be free of samples of test_seen; got 2 of its 2: 1 in train, 1 in val. Parameters "
            "chosen on them have seen the test",
        ),
        ({"train": [0], "val": [6]}, "train and val must be free of samples of test_unseen; got 1 of its 3: 0 in trai"),
        (
            {"trainval": [0], "test_seen": [1], "train": [0], "val": [2]},
            "must be parts of trainval; got 0 and 1 outside",
        ),
        ({"train": [0, 2], "val": []}, "train and val must be parts of trainval; got an empty one"),
        ({"train": [0, 2], "val": [2]}, "samples of train and val must be disjoint; got 1 in both, such as position 2"),
        (
            {"trainval": [0, 1, 2], "test_seen": [3], "train": [0], "val": [1, 2]},
            "classes of train and val must be disjoint; got 1 shared: 'cat'. Hold out whole classes",
        ),
    ],
)
def test_what_leaks_is_refused(parts: dict[str, Any], message: str) -> None:
    given = {"trainval": [0, 2], "test_seen": [1, 3], "test_unseen": [4, 5, 6], **parts}
    with pytest.raises(DatasetError, match="^birds.mat: .*" + re.escape(message)):
        Split(**given, source="birds.mat").check(Y, NAMES)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0.5], "trainval must be positions of shape (n,); got [0.5]. Pass whole numbers, counted from 0."),
        ([[0]], "trainval must be positions of shape (n,); got [[0]]"),
        ([[0], [1, 2]], "trainval must be positions of shape (n,); got [[0], [1, 2]]"),
        ([True, False], "trainval must be positions of shape (n,)"),
        ([-1], "trainval must be positions from 0; got -1. Count samples from 0."),
        (np.array([2**63], dtype=np.uint64), "trainval must be positions from 0"),
        ([1, 1, 0], "trainval must be positions without repetition; got 1 listed twice, such as position 1."),
    ],
)
def test_positions_that_are_none(given: Any, message: str) -> None:
    with pytest.raises(DatasetError, match="^Split: " + re.escape(message)):
        Split(given, [], [1])


def test_labels_and_folds_that_are_none() -> None:
    with pytest.raises(DatasetError, match=r"Split: train and val must be given both or neither; got one of them"):
        Split([0], [], [1], train=[0])
    with pytest.raises(DatasetError, match=r"Split: y must be class positions of shape \(n,\)"):
        Split([0], [], [1]).check(["cat", "dog"])
    with pytest.raises(DatasetError, match="shared: 'class 0'"):
        Split([0], [], [1]).check([0, 0])


def test_equal_splits_are_equal_whatever_their_source() -> None:
    assert Split([0, 1], [], [2], source="a") == Split([1, 0], [], [2], source="b")
    assert hash(Split([0], [], [2])) == hash(Split([0], [], [2]))
    assert Split([0], [1], [2]) != Split([0], [], [1, 2])
    assert Split([0], [1], [2]) != 3


# -- making splits --------------------------------------------------------------------------------------------


def test_split_by_classes_leaves_a_sample_to_learn() -> None:
    # Shares of .4: of two samples round(.8) = 1 is held out, of one sample none.
    split = split_by_classes(Y, NAMES, ["owl"], seen_test_share=0.4, validation_folds=None)
    split.check(Y, NAMES)
    assert split.test_unseen.tolist() == [4, 5]
    assert np.bincount(Y[split.test_seen], minlength=4).tolist() == [1, 1, 0, 0]
    assert 6 in split.trainval
    assert split.train is None
    everything = split_by_classes(Y, NAMES, ["owl"], seen_test_share=0, validation_folds=None)
    assert len(everything.test_seen) == 0


def test_split_by_classes_holds_out_validation_classes() -> None:
    split = split_by_classes(Y, NAMES, ["owl"], validation_folds=3)
    assert split.train is not None
    assert split.val is not None
    split.check(Y, NAMES)
    assert len(np.unique(Y[split.val])) == 1
    assert sorted([*split.train, *split.val]) == split.trainval.tolist()
    assert split_by_classes(Y, NAMES, ["owl"], validation_folds=4).train is None  # more folds than seen classes


def test_the_seed_decides() -> None:
    y = np.repeat(np.arange(6), 10)
    names = [str(i) for i in range(6)]
    first, again, other = (split_by_classes(y, names, ["0"], random_state=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("unseen", "message"),
    [
        (["owll"], "split_by_classes: unseen must be names of classes; got 'owll'. Known and near: 'owl'."),
        (["qqq"], "got 'qqq'. There are 4 classes."),
        ([], "unseen must be some of the classes, not all; got none with samples. Leave classes on both sides."),
        (NAMES, "unseen must be some of the classes, not all; got all that have samples."),
    ],
)
def test_unseen_classes_that_are_none(unseen: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        split_by_classes(Y, NAMES, unseen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"seen_test_share": 1},
            "split_by_classes: seen_test_share must be a number at least 0 and at most 0.9; got 1",
        ),
        ({"validation_folds": 1}, "split_by_classes: validation_folds must be a whole number at least 2; got 1"),
        ({"random_state": -1}, "split_by_classes: random_state must be None, a whole number"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        split_by_classes(Y, NAMES, ["owl"], **options)


def test_validation_folds_cover_the_seen_classes_once() -> None:
    split = split_by_classes(Y, NAMES, ["owl"], validation_folds=None)
    folds = [validation_fold(split, Y, n_splits=3, fold=i) for i in range(3)]
    assert sorted(int(i) for fold in folds for i in np.unique(Y[fold.val])) == [0, 1, 3]
    with pytest.raises(
        InputError, match="validation_fold: fold must be a whole number at least 0 and at most 2; got 3"
    ):
        validation_fold(split, Y, fold=3)
    with pytest.raises(InputError, match="ClassWiseSplit: n_splits must be at most the number of classes, 3; got 4"):
        validation_fold(split, Y, n_splits=4)


def test_random_classes() -> None:
    drawn = random_classes(Y, NAMES, n_unseen=2)
    assert drawn == random_classes(Y, NAMES, share=0.5)
    assert len(set(drawn)) == 2
    assert random_classes(Y[:4], NAMES, share=0.01) in (["cat"], ["dog"])  # only classes with samples; at least one
    assert len(random_classes(Y, NAMES, share=1)) == 3  # at least one is left


def test_rare_classes_of_equals_take_the_earlier() -> None:
    # Samples: 2, 2, 2, 1.
    assert rare_classes(Y, NAMES, n_unseen=1) == ["emu"]
    assert rare_classes(Y, NAMES, n_unseen=2) == ["cat", "emu"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_unseen": 4}, "random_classes: n_unseen must be a whole number at least 1 and at most 3; got 4"),
        ({"share": 0}, "random_classes: share must be a number above 0 and at most 1; got 0"),
        ({"share": 0.5, "n_unseen": 1}, "random_classes: n_unseen and share must be given one at a time; got both"),
    ],
)
def test_numbers_of_classes_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        random_classes(Y, NAMES, **options)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 0], "random_classes: classes with samples must be at least 2; got 1"),
        ([0, 9], "random_classes: y must be positions of 4 classes; got 9"),
        ([], "random_classes: y must be class positions of shape (n,)"),
    ],
)
def test_labels_that_are_none(y: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        random_classes(y, NAMES)


#: Four corners of a square around the origin, each with a twin beside it, and one class far along the third axis.
_XY = [[1, 0.1, 0], [1, -0.1, 0], [-1, 0.1, 0], [-1, -0.1, 0], [0.1, 1, 0], [-0.1, 1, 0], [0.1, -1, 0], [-0.1, -1, 0]]
TWINS = Prototypes([f"{side}{i}" for side in "enws" for i in (1, 2)], _XY)


def _mean_distance(prototypes: Prototypes, unseen: list[str]) -> float:
    """J of the docstring, written out."""
    p = prototypes.vectors.astype(float)
    p = p - p.mean(axis=0)
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    held = [prototypes.names.index(name) for name in unseen]
    seen = [i for i in range(len(p)) if i not in held]
    return float(np.mean([min(((p[u] - p[s]) ** 2).sum() for s in seen) for u in held]))


def test_easy_keeps_a_twin_seen_and_hard_takes_both() -> None:
    y = np.arange(8)
    easy = distant_classes(y, TWINS, hard=False, n_unseen=4)
    assert sorted(name[0] for name in easy) == ["e", "n", "s", "w"]
    hard = distant_classes(y, TWINS, hard=True, n_unseen=2)
    assert len({name[0] for name in hard}) == 1
    # Far: about the squared distance of two corners of a square, 2; near: of twins, (2 sin .0997)^2 = .0396.
    assert _mean_distance(TWINS, hard) > 1.5
    assert _mean_distance(TWINS, easy) == pytest.approx(4 * 0.1**2 / 1.01, rel=1e-5)


def test_the_greedy_choice_is_the_documented_one() -> None:
    rng = np.random.default_rng(0)
    p = Prototypes([str(i) for i in range(9)], rng.normal(size=(9, 4)))
    for hard in (True, False):
        chosen: list[str] = []
        for _ in range(4):
            left = [name for name in p.names if name not in chosen]
            best = (max if hard else min)(left, key=lambda name: _mean_distance(p, [*chosen, name]))
            chosen.append(best)
        assert distant_classes(np.arange(9), p, hard=hard, n_unseen=4) == sorted(chosen)


def test_distant_classes_of_equal_prototypes_go_by_order() -> None:
    same = Prototypes(["a", "b", "c"], np.ones((3, 2)))
    assert distant_classes([0, 1, 2], same, n_unseen=2) == ["a", "b"]
    assert distant_classes([1, 2], same, n_unseen=1) == ["b"]  # only classes with samples


def _dataset() -> Dataset:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(8), 5)
    return Dataset(
        rng.normal(size=(40, 3)), y, prototypes=TWINS, split=split_by_classes(y, TWINS.names, ["e1"]), name="corners"
    )


@pytest.mark.parametrize("how", ["random", "rare", "hard", "easy"])
def test_resplit_counts_as_an_opening(how: str) -> None:
    data = _dataset()
    other = resplit(data, how=how, n_unseen=2, random_state=3)
    assert other.summary()["unseen_classes"] == 2
    assert other.split.source == f"unseen classes chosen: {how}"
    assert dict(other.openings) == dict(data.openings) == {"with_split": 1}


def test_resplit_by_names() -> None:
    other = resplit(_dataset(), unseen=["n1", "w2"])
    assert sorted({str(name) for name in other.open_test("test").y_unseen}) == ["n1", "w2"]
    with pytest.raises(
        InputError, match="resplit: unseen must be given alone; got a list of classes and a number or s"
    ):
        resplit(_dataset(), unseen=["n1"], share=0.5)
    with pytest.raises(InputError, match="resplit: how must be one of random, rare, hard, easy; got 'far'"):
        resplit(_dataset(), how="far")


# -- lists of classes -----------------------------------------------------------------------------------------


def test_a_list_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "unseen.txt"
    path.write_bytes("\ufeff# the unseen ones\r\nowl\r\n\r\n  Größe, mit Komma  \r\n".encode())
    assert read_class_list(path) == ("owl", "Größe, mit Komma")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "the file must be a list of classes; got an empty one. Write one class name per line."),
        (b"owl\nowl\n", "unseen.txt, line 2: classes must be listed once; got 'owl'. Remove one of the two."),
        (b"owl\noowl\n", "line 2: a class must be one of the data set's; got 'oowl'. Known and near: 'owl'."),
        (b"\xff\xfeo\0", "unseen.txt: the file must be UTF-8 text; got UTF-16."),
        (
            b"owl\x1b[2J\n",
            "unseen.txt, line 1: the file must be UTF-8 text without control characters; got character U+001B",
        ),
    ],
)
def test_a_list_of_classes_that_is_none(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "unseen.txt"
    path.write_bytes(text)
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_class_list(path, names=NAMES)


def _write_lists(folder: Path, **lists: str) -> None:
    for name, text in {"trainvalclasses": "cat\ndog\nemu", "testclasses": "owl", **lists}.items():
        (folder / f"{name}.txt").write_text(text)


def test_class_lists(tmp_path: Path) -> None:
    _write_lists(tmp_path, trainclasses1="cat\nemu", valclasses1="dog", trainclasses2="cat\ndog", valclasses2="emu")
    lists = read_class_lists(tmp_path, names=NAMES)
    assert lists.test == ("owl",)
    assert lists.folds == ((("cat", "emu"), ("dog",)), (("cat", "dog"), ("emu",)))


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"testclasses": "owl\ncat"},
            "classes of trainvalclasses.txt and testclasses.txt must be disjoint; got 1 shared: 'cat'.",
        ),
        (
            {"trainclasses1": "cat", "valclasses1": "cat"},
            "classes of trainclasses1.txt and valclasses1.txt must be disjoint; got 1 shared: 'cat'.",
        ),
        ({"trainclasses1": "cat", "valclasses1": "owl"}, "classes of fold 1 must be among trainvalclasses.txt; got 1"),
    ],
)
def test_class_lists_that_leak(tmp_path: Path, lists: dict[str, str], message: str) -> None:
    _write_lists(tmp_path, **lists)
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_class_lists(tmp_path)
