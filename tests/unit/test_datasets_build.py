"""Photos in class folders become a data set; a build that was stopped goes on; hostile folders do no harm."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.corpus import build_image_corpus, encode, quadrants

from unseen import InputError, ItemError
from unseen.datasets import AttributeTable, build_dataset, read_dataset, read_xlsa_split
from unseen.encoders.base import Encoder
from unseen.errors import DatasetError
from unseen.inputs import open_image
from unseen.vocabulary import ClassEntry, Vocabulary
from unseen.writers import open_alone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unseen.datasets.build import Built

CLASSES = ("cat", "dog", "emu", "owl")
TABLE = AttributeTable(("Owl", "Emu", "Dog", "Cat"), ("wings", "size"), np.array([[1, 1], [1, 3], [0, 2], [0, 1]]))


class MeanColour(Encoder):
    """The mean colour of a photo; the lengths of a text's words."""

    name = "mean-colour"
    modalities = frozenset({"image", "text"})
    image_dim = 3
    text_dim = 2
    image_size = 4
    shared_space = False
    fingerprint = "mean-colour-1"

    def __init__(self, stop_after: int | None = None) -> None:
        self.seen = 0
        self.stop_after = stop_after

    def prepare_image(self, content: Any) -> Any:
        return np.asarray(open_image(content).resize((4, 4)))

    def _encode_pixels(self, pixels: Any) -> Any:
        if self.stop_after is not None and self.seen >= self.stop_after:
            raise KeyboardInterrupt
        self.seen += len(pixels)
        return pixels.reshape(len(pixels), -1, 3).mean(axis=1).astype(np.float32)

    def _encode_texts(self, texts: Sequence[str]) -> Any:
        return np.array([[len(text), len(text.split())] for text in texts], dtype=np.float32)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five photos for each of four classes, each of another colour."""
    folder = tmp_path / "photos"
    for i, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for j in range(5):
            Image.new("RGB", (8, 8), (50 * i, 40 * j, 7)).save(folder / name / f"{j}.png")
    return folder


def build(photos: Path, **options: Any) -> Built:
    return build_dataset(photos, **{"attributes": TABLE, "model": MeanColour(), "unseen": ["emu"], **options})


def test_from_photos_to_a_benchmark(photos: Path, tmp_path: Path) -> None:
    done: list[int] = []
    built = build(photos, out=tmp_path / "birds", advance=done.append)
    data = built.dataset
    assert built.skipped == ()
    assert built.notes == ()
    assert sum(done) == 20
    assert data.prototypes.names == ("Owl", "Emu", "Dog", "Cat")  # as in the table
    assert data.prototypes.vectors.tolist() == TABLE.values.tolist()
    assert data.attribute_names == ("wings", "size")
    X, y = data.learnable()
    # Of each class's five photos one is held out: 12 to learn from; a cat's red is 0, a dog's 50, an owl's 150.
    assert len(X) == 12
    assert {(str(name), float(x[0])) for name, x in zip(y, X, strict=True)} == {("Cat", 0), ("Dog", 50), ("Owl", 150)}
    assert data.items is not None
    assert all(item.split("/")[0] == name.lower() for item, name in zip(data.items, y, strict=True))
    assert data.open_test("test").y_unseen.tolist() == ["Emu"] * 5
    assert data.made["encoder_fingerprint"] == "mean-colour-1"
    assert read_dataset(tmp_path / "birds").fingerprint == data.fingerprint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["birds", "photos"]  # nothing is left over


def test_the_same_call_gives_the_same_data_set(photos: Path) -> None:
    assert build(photos).dataset.fingerprint == build(photos).dataset.fingerprint
    assert build(photos, random_state=1).dataset.fingerprint != build(photos).dataset.fingerprint


def test_texts_as_prototypes(photos: Path) -> None:
    vocabulary = Vocabulary([ClassEntry(name.upper(), ("It has a head.",)) for name in CLASSES])
    built = build(photos, attributes=None, vocabulary=vocabulary)
    assert built.dataset.prototypes.names == ("CAT", "DOG", "EMU", "OWL")
    assert built.dataset.made["prototypes"] == "texts"
    assert built.dataset.attribute_names is None
    named = build(photos, attributes=None, vocabulary="cat, dog, emu, owl, yak")
    assert named.notes == ("classes of the vocabulary without photos left out: 'yak'",)


def test_folder_names_as_prototypes(photos: Path) -> None:
    (photos / "owl").rename(photos / "snowy_owl")
    data = build(photos, attributes=None, unseen=["Snowy Owl"]).dataset
    assert data.prototypes.names == ("cat", "dog", "emu", "snowy owl")


@pytest.mark.parametrize("how", ["random", "rare", "hard", "easy"])
def test_unseen_classes_are_chosen(photos: Path, how: str) -> None:
    data = build(photos, unseen=None, how=how, unseen_share=0.5).dataset
    assert data.summary()["unseen_classes"] == 2
    assert data.made["split"] == how


def test_unseen_classes_from_a_file(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "unseen.txt").write_text("OWL\n012.Emu\n")
    data = build(photos, unseen=tmp_path / "unseen.txt").dataset
    assert sorted(set(data.open_test("test").y_unseen)) == ["Emu", "Owl"]
    (tmp_path / "unseen.txt").write_text("oowl\n")
    with pytest.raises(
        DatasetError, match=r"unseen.txt: the classes named must be among the classes that have photos; "
    ):
        build(photos, unseen=tmp_path / "unseen.txt")


def test_what_is_left_out_is_said(photos: Path) -> None:
    table = AttributeTable((*TABLE.names, "yak"), TABLE.columns, np.vstack([TABLE.values, [0, 4]]))
    (photos / "empty").mkdir()
    (photos / "stray.png").write_bytes((photos / "cat" / "0.png").read_bytes())
    (photos / "notes.txt").write_text("no photo")
    for photo in (photos / "dog").iterdir():
        photo.write_bytes(b"no photo")
    built = build(photos, attributes=table)
    assert built.notes == (
        "class folders without a photo left out: 'empty'",
        "classes of the table without photos left out: 'yak'",
        "classes without a usable photo left out: 'Dog'",
    )
    assert built.skipped[0] == ("stray.png", "lies beside the class folders, not in one")
    assert [item for item, _ in built.skipped[1:]] == [f"dog/{i}.png" for i in range(5)]
    assert built.dataset.prototypes.names == ("Owl", "Emu", "Cat")
    with pytest.raises(
        ItemError, match=r"build_dataset: dog/0.png: is text, not a photo. Leave it out, or run without s"
    ):
        build(photos, attributes=table, strict=True)


def test_folders_without_a_class(photos: Path) -> None:
    (photos / "owl").rename(photos / "Owwl")
    with pytest.raises(
        DatasetError, match=r"photos: the class folders must be among the classes of the table; got 'Ow"
    ):
        build(photos)
    with pytest.raises(DatasetError, match="Near: 'Owl'"):
        build(photos)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary": "cat"}, "build_dataset: attributes and vocabulary must be given one at a time; got both."),
        ({"photos": None}, "build_dataset: photos must be a folder; got None. Pass photos, a feature file, or both."),
        ({"unseen": ["emu"], "unseen_share": 0.5}, "resplit: unseen must be given alone"),
        ({"unseen": CLASSES}, "unseen must be some of the classes, not all; got all that have samples."),
        (
            {"model": "defalt"},
            "Recognizer: model must be 'default', scheme:name, or a folder that Recognizer.save wrote; got 'defalt'",
        ),
        ({"seen_test_share": 1}, "seen_test_share must be a number at least 0 and at most 0.9; got 1."),
    ],
)
def test_requests_that_cannot_be_met(photos: Path, options: dict[str, Any], message: str) -> None:
    encoder = MeanColour()
    with pytest.raises(InputError, match=re.escape(message)):
        build(options.pop("photos", photos), **{"model": encoder, **options})
    assert encoder.seen == 0  # nothing is encoded first


def test_folders_that_are_none(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"build_dataset: photos must be a folder that exists; got '.*fotos'. Near"):
        build(tmp_path / "fotos")
    with pytest.raises(
        DatasetError, match="photos must be a folder with one folder of photos per class; got none with"
    ):
        build(photos / "cat")
    with pytest.raises(DatasetError, match="the output folder must be new or empty; got one in use"):
        build(photos, out=photos)
    for photo in photos.rglob("*.png"):
        photo.write_bytes(b"")
    with pytest.raises(DatasetError, match="photos must be some that can be used; got none of 20; the first: is empty"):
        build(photos)


# -- hostile folders ------------------------------------------------------------------------------------------


def test_links_that_lead_in_circles(photos: Path) -> None:
    before = build(photos).dataset.fingerprint
    (photos / "circle").symlink_to(photos, target_is_directory=True)
    (photos / "cat" / "itself").symlink_to(photos / "cat", target_is_directory=True)
    (photos / "cat" / "loop.png").symlink_to("loop.png")
    (photos / "cat" / "again.png").symlink_to("0.png")
    built = build(photos)
    assert built.dataset.fingerprint == before
    reasons = dict(built.skipped)
    assert reasons["circle"] == "is a link to a folder that holds this one"
    assert reasons["cat/loop.png"].startswith("cannot be read")
    assert reasons["cat/again.png"] == "is the same file as cat/0.png"


def test_a_photo_in_two_classes_is_refused(photos: Path) -> None:
    (photos / "dog" / "cat.png").symlink_to(photos / "cat" / "0.png")
    with pytest.raises(
        DatasetError, match=r"each in one class folder; got 'cat/0.png' and 'dog/cat.png' are the same fi"
    ):
        build(photos)
    (photos / "dog" / "cat.png").unlink()
    (photos / "dog" / "cat.png").write_bytes((photos / "cat" / "0.png").read_bytes())
    with pytest.raises(DatasetError, match=r"got 'cat/0.png' and 'dog/cat.png' are copies of one photo"):
        build(photos)
    (photos / "dog" / "cat.png").unlink()
    (photos / "dog" / "up").symlink_to(photos, target_is_directory=True)  # every photo, under "dog"
    with pytest.raises(DatasetError, match="A photo has one class, or test and training would share it: remove one of"):
        build(photos)


def test_hostile_photos_are_reported_and_the_build_goes_on(photos: Path, tmp_path: Path) -> None:
    cases = build_image_corpus(photos / "cat")
    built = build(photos, out=tmp_path / "birds")
    reasons = {item.removeprefix("cat/"): reason for item, reason in built.skipped}
    for case in cases:
        if case.expected == "ok":
            assert case.name not in reasons
        elif case.name in reasons:
            assert case.expected in reasons[case.name]
        else:
            assert case.name.startswith("folder")
    names = read_dataset(tmp_path / "birds")._items or ()
    assert "cat/new\\nline.jpg" in names
    assert "cat/schön – 猫.jpg" in names


def test_awkward_class_names(tmp_path: Path) -> None:
    names = ["a, b", "Größe", "two\nlines", "=1+1"]
    for i, name in enumerate(names):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for j in range(3):
            Image.new("RGB", (8, 8), (40 * i, 9, 40 * j)).save(tmp_path / "photos" / name / f"{j}.png")
    table = AttributeTable(tuple(names), ("x",), np.arange(4.0)[:, None])
    built = build(tmp_path / "photos", attributes=table, unseen=["two\nlines"], out=tmp_path / "out")
    again = read_dataset(tmp_path / "out")
    assert again.prototypes.names == tuple(names)
    assert again.fingerprint == built.dataset.fingerprint


# -- going on -------------------------------------------------------------------------------------------------


def test_a_stopped_build_goes_on(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.datasets.photos._SHARD", 2)
    monkeypatch.setattr("unseen.encoders.base.available_cores", lambda: 1)
    whole = build(photos).dataset
    with pytest.raises(KeyboardInterrupt):
        build(photos, model=MeanColour(stop_after=9), out=tmp_path / "birds")
    assert not (tmp_path / "birds").exists()
    kept = sorted((tmp_path / "birds.partial").glob("*.safetensors"))
    assert kept
    kept[0].write_bytes(b"damaged")  # is made again
    Image.new("RGB", (8, 8), (1, 2, 3)).save(photos / "cat" / "0.png")  # changed since: is made again
    encoder = MeanColour()
    done: list[int] = []
    built = build(photos, model=encoder, out=tmp_path / "birds", advance=done.append)
    assert 0 < built.n_kept < 19
    assert encoder.seen == 20 - built.n_kept
    assert sum(done) == 20
    assert not (tmp_path / "birds.partial").exists()
    Image.new("RGB", (8, 8), (0, 0, 7)).save(photos / "cat" / "0.png")
    assert build(photos).dataset.fingerprint == whole.fingerprint
    changed = built.dataset._features != whole._features
    assert np.unique(np.flatnonzero(changed.any(axis=1))).tolist() == [0]


def test_vectors_of_another_encoder_are_not_kept(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.datasets.photos._SHARD", 2)
    with pytest.raises(KeyboardInterrupt):
        build(photos, model=MeanColour(stop_after=9), out=tmp_path / "birds")
    other = MeanColour()
    monkeypatch.setattr(MeanColour, "fingerprint", "mean-colour-2")
    assert build(photos, model=other, out=tmp_path / "birds").n_kept == 0


def test_two_builds_of_one_name(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "birds.partial").mkdir()
    lock = open_alone(tmp_path / "birds.partial" / "lock")
    try:
        with pytest.raises(DatasetError, match="the output folder must be free; got one that another run is writing"):
            build(photos, out=tmp_path / "birds")
    finally:
        os.close(lock)
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        DatasetError, match=r"the output folder must be writable; got not a directory. Choose another pl"
    ):
        build(photos, out=tmp_path / "file" / "birds")


# -- feature files --------------------------------------------------------------------------------------------


def test_vectors_from_a_file(photos: Path, tmp_path: Path) -> None:
    items = [f"{name}/{i}.jpg" for name in CLASSES for i in range(5)]  # another suffix than the photos'
    X = np.random.default_rng(0).normal(size=(22, 4)).astype(np.float32)
    np.savez(tmp_path / "f.npz", items=[*items[::-1], "yak/1.png", "yak/2.png"], features=X)
    encoder = MeanColour()
    built = build(photos, features=tmp_path / "f.npz", model=encoder, out=tmp_path / "birds")
    assert encoder.seen == 0
    assert built.notes == ("2 items of f.npz belong to no photo: 'yak/1.png', 'yak/2.png'",)
    assert built.dataset._items is not None
    assert built.dataset._items[0] == "cat/0.png"
    np.testing.assert_array_equal(built.dataset._features, X[:20][::-1])
    assert built.dataset.made["features"] == "f.npz"
    np.savez(tmp_path / "f.npz", items=items[:18], features=X[:18])
    assert build(photos, features=tmp_path / "f.npz").skipped == (
        ("owl/3.png", "has no vector in f.npz"),
        ("owl/4.png", "has no vector in f.npz"),
    )
    np.savez(tmp_path / "f.npz", items=[f"{i}.jpg" for i in range(18)], features=X[:18])
    with pytest.raises(
        DatasetError, match=r"f.npz: items must be names of the photos, such as class/file.jpg; got '0.jp"
    ):
        build(photos, features=tmp_path / "f.npz")
    with pytest.raises(
        DatasetError, match=r"items must be called class/file where there is no folder of photos; got '0"
    ):
        build_dataset(None, features=tmp_path / "f.npz", attributes=TABLE)


# -- the real thing -------------------------------------------------------------------------------------------


def test_birds_end_to_end(data: Path, tmp_path: Path) -> None:
    """Photos of two classes get the features that the CUB100 file has for them: it was made with the same encoder."""
    published = read_dataset(data / "zsl" / "CUB100")
    items = published.items or ()
    chosen = [item for item in items if item.endswith("/0000.jpg")][:4]
    for item in chosen:
        (tmp_path / "photos" / item).parent.mkdir(parents=True)
        (tmp_path / "photos" / item).symlink_to(data / "photos" / "cub100_x4" / item)
    names = [item.split("/")[0] for item in chosen]
    table = AttributeTable(tuple(names), ("x",), np.arange(4.0)[:, None])
    built = build_dataset(tmp_path / "photos", attributes=table, unseen=names[:1], validation_folds=None)
    X, _ = published.learnable()
    theirs = {item: X[i] for i, item in enumerate(items)}
    mine = dict(zip(built.dataset._items or (), built.dataset._features, strict=True))
    for item in chosen:
        cosine = mine[item] @ theirs[item] / np.linalg.norm(mine[item]) / np.linalg.norm(theirs[item])
        assert cosine > 0.9
    assert read_xlsa_split(data / "zsl" / "CUB100").split == published.split


def test_photos_need_no_table(data: Path, tmp_path: Path) -> None:
    for name in ("ceiling_fan", "barrel", "beaver"):
        (tmp_path / name).mkdir()
        for i, photo in enumerate(sorted((data / "photos" / "caltech51" / name).iterdir())[:2]):
            (tmp_path / name / f"{i}.jpg").symlink_to(photo)
    built = build_dataset(tmp_path, unseen=["ceiling fan"], seen_test_share=0.5)
    assert built.dataset.prototypes.names == ("barrel", "beaver", "ceiling fan")
    assert built.dataset.prototypes.n_dimensions == 384


def test_the_encoder_of_the_tests_is_one() -> None:
    assert MeanColour().encode_images([encode(quadrants(), "PNG")]).shape == (1, 3)
