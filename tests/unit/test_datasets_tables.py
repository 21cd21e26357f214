"""Tables of attributes, feature files, names of folders, and our own format on disk."""

from __future__ import annotations

import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from unseen import Prototypes
from unseen.datasets import (
    AttributeTable,
    Dataset,
    Split,
    read_attributes,
    read_dataset,
    read_features,
    write_dataset,
)
from unseen.datasets.class_names import match_names
from unseen.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

# -- attributes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "class,striped,size\nokapi,1,0.5\nzebra,yes,-1e-3\n",
        "\ufeffclass;striped;size\r\nokapi;1;0.5\r\n\r\nzebra;true;-0.001\r\n",
        "Name\tstriped\tsize\nokapi\t1\t0.5\nzebra\t1\t-0.001\n",
        "striped,seen,class,attribute:size\n1,true,okapi,0.5\n1,false,zebra,-0.001\n",
        "animal,striped,size\n okapi ,1,.5\nzebra,on,-.001",
    ],
)
def test_attributes_as_people_write_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(text, "utf-8", newline="")
    table = read_attributes(path)
    assert table.names == ("okapi", "zebra")
    assert table.columns == ("striped", "size")
    assert table.values.tolist() == [[1, 0.5], [1, -0.001]]


def test_awkward_names(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text('class,"a, b"\n"Größe, ""quoted""",1\n"two\nlines",2\n猫,3\n', "utf-8")
    table = read_attributes(path)
    assert table.names == ('Größe, "quoted"', "two\nlines", "猫")
    assert table.columns == ("a, b",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "class,a,b\nokapi,1,\n",
            "classes.csv, line 2: attribute 'b' of 'okapi' must be a number; got an empty cell. Wri",
        ),
        ("class,a,b\nokapi,1\n", "classes.csv, line 2: attribute 'b' of 'okapi' must be a number; got an empty cell."),
        ("class,a\nx,1\nokapi,tall\n", "classes.csv, line 3: attribute 'a' of 'okapi' must be a number; got 'tall'."),
        ("class,a\nokapi,nan\n", "attribute 'a' of 'okapi' must be a number; got 'nan'."),
        ("class,a\nokapi,1e39\n", "attribute 'a' of 'okapi' must be a number; got '1e39'."),
        (
            "class,a\nokapi,1\nokapi,2\n",
            "classes.csv, line 3: class names must be unique; got 'okapi'. It is in line 2",
        ),
        ("class,a\n,1\n", "classes.csv, line 2: the class name must be given; got an empty cell."),
        ("class,a,a\nokapi,1,2\n", "classes.csv, line 1: attribute titles must be unique; got 'a'."),
        ("class,a,\nokapi,1,2\n", "classes.csv, line 1: attribute titles must be unique; got ''."),
        ("class,a\nokapi,1,2\n", "line 2: the row of 'okapi' must be 2 cells long, like the header; got 3 cells."),
        (
            "class\nokapi\n",
            "classes.csv, line 1: the header must be a row of titles: class, and an attribute per column",
        ),
        ("", "the header must be a row of titles"),
        ("class,a\n", "classes.csv: the table must be a row per class and a column per attribute; got no class."),
        ("class,seen\nokapi,true\n", "must be a row per class and a column per attribute; got no attribute."),
        ('class,a\n"okapi,1\n', "classes.csv, line 2: the text must be valid CSV; got unexpected end of data."),
        (
            "class,a\n" + "x" * 200_000 + ",1\n",
            "classes.csv, line 2: the text must be valid CSV; got field larger than",
        ),
        ("class,a\nok\x00api,1\n", "classes.csv, line 2: the file must be UTF-8 text without control characters"),
    ],
)
def test_attributes_with_gaps_and_faults(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_attributes(path)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere.csv: the file must be readable; got No such file or directory"):
        read_attributes(tmp_path / "nowhere.csv")
    with pytest.raises(DatasetError, match=r"the file must be a file; got a folder. Name a file in it"):
        read_attributes(tmp_path)


# -- names ----------------------------------------------------------------------------------------------------


def test_names_match_as_a_person_would() -> None:
    known = ["Black-footed Albatross", "parakeet_auklet", "Größe", "grizzly+bear", "7 Up"]
    given = ["black_footed_albatross", "007.Parakeet_Auklet", "Gro\u0308ße", "Grizzly Bear", "7_up"]
    assert match_names("t", given, known, "folders", "classes") == dict(zip(given, known, strict=True))


def test_an_exact_name_wins() -> None:
    assert match_names("t", ["turkey"], ["Turkey", "turkey"], "folders", "classes") == {"turkey": "turkey"}


@pytest.mark.parametrize(
    ("given", "known", "message"),
    [
        (["okappi"], ["Okapi", "zebra"], "photos: the folders must be among the classes; got 'okappi'. Near: 'Okapi'."),
        (["xx", "yy"], ["Okapi"], "must be among the classes (2 are not: 'xx', 'yy'); got 'xx'. There are 1, none of"),
        (["TURKEY"], ["Turkey", "turkey"], "'TURKEY' among the folders must be the name of one class; got ['Turkey'"),
        (
            ["okapi", "Okapi"],
            ["OKAPI"],
            "the folders must be one per class; got 'okapi', 'Okapi' for 'OKAPI'. Merge or",
        ),
    ],
)
def test_names_that_do_not_match(given: list[str], known: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        match_names("photos", given, known, "folders", "classes")


# -- feature files --------------------------------------------------------------------------------------------

ITEMS = ["okapi/1.jpg", "Größe, mit/2\n.jpg"]
X = np.array([[0.5, 1, 2], [3, 4, 5]], dtype=np.float32)


def write_features(path: Path) -> Path:
    if path.suffix == ".npz":
        np.savez_compressed(path, items=ITEMS, features=X.astype(np.float64))
    elif path.suffix == ".safetensors":
        save_file({"features": X}, path, metadata={"items": json.dumps(ITEMS)})
    elif path.name == "wide.parquet":
        # f10 comes after f9: by number, not by letter.
        columns = {f"f{10 * i}": X[:, i] for i in (2, 1, 0)}
        pq.write_table(pa.table({"item": ITEMS, **columns, "note": ["a", "b"]}), path)
    else:
        pq.write_table(pa.table({"item": ITEMS, "features": X.tolist(), "year": [1, 2]}), path)
    return path


@pytest.mark.parametrize("name", ["f.npz", "f.safetensors", "wide.parquet", "f.parquet"])
def test_feature_files(tmp_path: Path, name: str) -> None:
    items, features = read_features(write_features(tmp_path / name))
    assert list(items) == ITEMS
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, X)


@pytest.mark.parametrize("name", ["f.npz", "f.safetensors", "f.parquet"])
def test_truncated_feature_files(tmp_path: Path, name: str) -> None:
    path = write_features(tmp_path / name)
    whole = path.read_bytes()
    for end in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:end])
        with pytest.raises(DatasetError, match=re.escape(name)):
            read_features(path)


class _Shell:
    """What a pickle would run."""

    def __reduce__(self) -> Any:
        return (__import__("pathlib").Path.touch, (__import__("pathlib").Path("pwned"),))


def test_pickles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arrays in (
        {"items": np.array(ITEMS, dtype=object), "features": X},
        {"items": ITEMS, "features": np.array([[_Shell()], [_Shell()]], dtype=object)},
    ):
        np.savez(tmp_path / "f.npz", **arrays)
        with pytest.raises(
            DatasetError, match=r"must be an array of texts or numbers; got pickled objects. Save texts"
        ):
            read_features(tmp_path / "f.npz")
    assert not (tmp_path / "pwned").exists()


def npy(shape: tuple[int, ...], dtype: str, body: bytes) -> bytes:
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            npy((1 << 40, 3), "<f4", bytes(24)),
            "features must be of a size that the file can hold; got shape (109951162",
        ),
        (
            npy((2, 3), "<f4", bytes(8)),
            "the file must be a readable npz file; got EOF: reading array data, expected 24",
        ),
        (npy((2, 3), "<c8", bytes(48)), "features must be numbers of shape (n, d)"),
        (npy((3, 2), "<f4", bytes(24)), "features must be one row per item; got 3 for 2 items."),
        (npy((2, 0), "<f4", b""), "features must be one row per item; got 2 for 2 items."),
        (npy((6,), "<f4", bytes(24)), "features must be numbers of shape (n, d)"),
        (b"not an array", "the file must be a readable npz file; got "),
        (bytes(300 << 20), "features must be of a size that the file can hold; got 300 MiB declared by a file of 0.3"),
    ],
)
def test_what_an_npz_only_claims(tmp_path: Path, features: bytes, message: str) -> None:
    path = tmp_path / "f.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("items.npy", npy((2,), "<U1", "ab".encode("utf-32-le")))
        archive.writestr("features.npy", features)
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_features(path)


def test_feature_files_that_do_not_fit(tmp_path: Path) -> None:
    def refused(name: str, message: str) -> None:
        with pytest.raises(DatasetError, match=message):
            read_features(tmp_path / name)

    np.savez(tmp_path / "f.npz", x=X)
    refused("f.npz", r"f.npz: items must be an array of the file; got x.npy. Save it with np.savez")
    np.savez(tmp_path / "f.npz", items=[1, 2], features=X)
    refused("f.npz", r"items must be texts of shape \(n,\)")
    np.savez(tmp_path / "f.npz", items=["a", "a"], features=X)
    refused("f.npz", "items must be unique; got 'a'. Keep one row of each")
    save_file({"features": X}, tmp_path / "f.safetensors")
    refused("f.safetensors", "features and the metadata 'items' must be in the file; got neither or one of them")
    save_file({"features": X}, tmp_path / "f.safetensors", metadata={"items": "[1, 2]"})
    refused("f.safetensors", "the metadata 'items' must be a JSON list of texts")
    pq.write_table(pa.table({"name": ITEMS}), tmp_path / "f.parquet")
    refused("f.parquet", "item must be a column of the table; got name. Call the column of file names 'item'")
    pq.write_table(pa.table({"item": ITEMS, "note": ["a", "b"]}), tmp_path / "f.parquet")
    refused("f.parquet", "features must be one column of lists, or columns f0, f1, and so on; got item, note")
    pq.write_table(pa.table({"item": ITEMS, "f": [[1.0], [1.0, 2.0]]}), tmp_path / "f.parquet")
    refused("f.parquet", r"f must be lists of one length; got lengths \[1, 2\]")
    pq.write_table(pa.table({"item": ITEMS, "f0": [1.0, None]}), tmp_path / "f.parquet")
    refused("f.parquet", "the table must be without empty cells; got some")
    # A run of equal values takes no room: sixty million rows in a few kilobytes.
    long = pa.chunked_array([pa.array(np.zeros(1 << 20))] * 60)
    pq.write_table(pa.table({"f0": long}), tmp_path / "f.parquet")
    refused("f.parquet", "the table must be of a size that the file can hold; got 480 MiB declared by a file of 0.")
    (tmp_path / "f.csv").write_text("item,f0\n")
    refused("f.csv", "the feature file must be a file that ends in .npz, .safetensors, .parquet, .pq; got '.csv'")
    refused("nowhere.npz", "the file must be readable; got cannot be read: no such file")


# -- our own format -------------------------------------------------------------------------------------------


def make(**options: Any) -> Dataset:
    p = Prototypes(["cat, tame", "two\r\nlines", "猫"], [[0.1, -0.0], [1 / 3, 1e-38], [16777217, 5e-45]])
    given: dict[str, Any] = {
        "prototypes": p,
        "split": Split([0, 2], [1, 3], [4], train=[2], val=[0]),
        "name": "pets & more",
        "items": ["a,1.jpg", 'b"2.jpg', "c\n3.jpg", "=1+1", " d "],
        "attribute_names": ["class", "a, b"],
        "made": {"encoder": "default", "random_state": 0},
    }
    features = np.random.default_rng(0).normal(size=(6, 3))
    if len(options.get("items", given["items"]) or ()) == 5 or options.get("items", 1) is None:
        features = features[:5]
    return Dataset(features, [0, 0, 1, 1, 2], **{**given, **options})


def test_round_trip_is_exact(tmp_path: Path) -> None:
    data = make()
    write_dataset(data, tmp_path / "new" / "pets")
    again = read_dataset(tmp_path / "new" / "pets")
    assert again.fingerprint == data.fingerprint == again.made["written_fingerprint"]
    assert again.items == data.items
    assert again.attribute_names == data.attribute_names
    assert again.name == data.name
    assert {**again.made, "written_fingerprint": None} == {**data.made, "written_fingerprint": None}
    assert np.signbit(again.prototypes.vectors[0, 1])
    write_dataset(again, tmp_path / "twice")
    for name in ("samples.csv", "classes.csv", "dataset.json", "features.safetensors"):
        assert (tmp_path / "twice" / name).read_bytes() == (tmp_path / "new" / "pets" / name).read_bytes()


def test_round_trip_without_names(tmp_path: Path) -> None:
    data = make(items=None, attribute_names=None, split=Split([0, 2], [], [4]))
    write_dataset(data, tmp_path / "pets")
    again = read_dataset(tmp_path / "pets")
    assert again.fingerprint == data.fingerprint
    assert again.items is None
    assert again.attribute_names is None
    assert again.summary()["unused_samples"] == 2
    assert again.published_fold is None


def test_other_prototypes_from_a_table(tmp_path: Path) -> None:
    write_dataset(
        make(prototypes=Prototypes(["cat", "dog", "owl"], np.eye(3)), attribute_names=None), tmp_path / "pets"
    )
    (tmp_path / "wings.csv").write_text("class,wings\nowl,2\ndog,0\ncat,0\nemu,2\n")
    data = read_dataset(tmp_path / "pets", prototypes=tmp_path / "wings.csv")
    assert data.prototypes.vectors.ravel().tolist() == [0, 0, 2]
    assert data.attribute_names == ("wings",)


def test_people_may_move_samples_and_are_checked(tmp_path: Path) -> None:
    data = make(items=list("abcde"), prototypes=Prototypes(["cat", "dog", "owl"], np.eye(3)), attribute_names=None)
    write_dataset(data, tmp_path / "pets")
    path = tmp_path / "pets" / "samples.csv"
    text = path.read_text("utf-8")
    assert text.splitlines()[1] == "a,cat,val"
    path.write_text(text.replace("b,cat,test_seen", "b,cat,"))
    again = read_dataset(tmp_path / "pets")
    assert again.summary()["unused_samples"] == 1
    assert again.fingerprint != again.made["written_fingerprint"]
    path.write_text(text.replace("d,dog,test_seen", "d,dog,test_unseen"))
    with pytest.raises(
        DatasetError, match=r"samples.csv: classes of trainval and test_unseen must be disjoint; got 1 sha"
    ):
        read_dataset(tmp_path / "pets")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "samples.csv",
            "a,cat,val",
            "a,cta,val",
            "samples.csv, line 2: the class must be one of classes.csv; got 'cta'.",
        ),
        (
            "samples.csv",
            "a,cat,val",
            "a,cat,test",
            "line 2: the part must be train, val, trainval, test_seen, test_unsee",
        ),
        ("samples.csv", "a,cat,val", "a,cat", "samples.csv, line 2: the row must be 3 cells long; got 2 cells."),
        (
            "samples.csv",
            "a,cat,val\n",
            "",
            "the table must be one row per vector of features.safetensors; got 4 rows for",
        ),
        (
            "samples.csv",
            "item,",
            "name,",
            "samples.csv: the header must be item, class, part; got ['name', 'class', 'par",
        ),
        ("samples.csv", "a,cat", "b,cat", "items must be unique; got 'b'."),
        (
            "classes.csv",
            "class,seen",
            "class,known",
            "classes.csv: the header must be class, seen, and a column per dimen",
        ),
        (
            "classes.csv",
            "cat,true,1.0",
            "cat,true,x",
            "classes.csv, line 2: the numbers of 'cat' must be numbers; got 'x'.",
        ),
        ("classes.csv", "cat,true,1.0", "cat,true,", "the numbers of 'cat' must be numbers; got an empty cell."),
        (
            "classes.csv",
            "cat,true,1.0",
            "cat,true,nan",
            "classes.csv: the classes must be usable; got Prototypes: vecto",
        ),
        (
            "classes.csv",
            "cat,true,1.0",
            "cat,1.0",
            "classes.csv, line 2: the row must be 5 cells long, like the header",
        ),
        ("classes.csv", "cat,", "dog,", "the classes must be usable; got Prototypes: names must be unique"),
        ("dataset.json", "{", "[", "dataset.json: the file must be JSON; got "),
        (
            "dataset.json",
            '"version": 1',
            '"version": 9',
            "the format must be 'unseen-dataset', version 1; got ('unseen-da",
        ),
        ("features.safetensors", "features", "featurez", "features must be readable; got "),
    ],
)
def test_files_that_were_changed(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    data = make(items=list("abcde"), prototypes=Prototypes(["cat", "dog", "owl"], np.eye(3)), attribute_names=None)
    write_dataset(data, tmp_path / "pets")
    path = tmp_path / "pets" / file
    content = path.read_bytes().replace(b"\r\n", b"\n")
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode(), 1))
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_dataset(tmp_path / "pets")


@pytest.mark.parametrize("text", ["null", "[1]", "[" * 100_000, "{}", '{"format": 3}', "\ufffe"])
def test_a_card_that_is_none(tmp_path: Path, text: str) -> None:
    write_dataset(make(), tmp_path / "pets")
    (tmp_path / "pets" / "dataset.json").write_text(text, "utf-8")
    with pytest.raises(DatasetError, match=r"dataset.json: the (file|format) must be"):
        read_dataset(tmp_path / "pets")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_dataset(make(), tmp_path / "pets")
    (tmp_path / "pets" / "features.safetensors").unlink()
    with pytest.raises(DatasetError, match=r"features.safetensors must be a file in the folder; got none of that name"):
        read_dataset(tmp_path / "pets")


def test_a_write_is_whole_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("unseen.datasets.own_format._write_csv", fail)
    with pytest.raises(DatasetError, match="the output folder must be writable; got no space left on device"):
        write_dataset(make(), tmp_path / "pets")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    (tmp_path / "pets").mkdir()  # empty will do
    write_dataset(make(), tmp_path / "pets")
    with pytest.raises(DatasetError, match="the output folder must be new or empty; got one that holds something"):
        write_dataset(make(), tmp_path / "pets")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="the output folder must be writable; got not a directory"):
        write_dataset(make(), tmp_path / "file" / "pets")


# -- folders of photos with a table ---------------------------------------------------------------------------


def test_a_table_with_a_feature_file_is_a_data_set(tmp_path: Path) -> None:
    items = [f"{name}/{i}.jpg" for name in ("cat", "dog", "owl", "emu") for i in range(5)]
    np.savez(tmp_path / "features.npz", items=items, features=np.arange(40.0).reshape(20, 2))
    (tmp_path / "attributes.csv").write_text("class,wings\nCat,0\nDog,0\nOwl,1\nEmu,1\n")
    with pytest.raises(DatasetError, match="the folder must be a data set"):
        read_dataset(tmp_path)
    with pytest.raises(
        DatasetError, match=r"unseen.txt or testclasses.txt must be a file in the folder; got none of tha"
    ):
        read_dataset(tmp_path, format="table")
    (tmp_path / "unseen.txt").write_text("emu\n")
    data = read_dataset(tmp_path)
    assert data.summary()["unseen_classes"] == 1
    assert data.attribute_names == ("wings",)
    assert data.open_test("test").y_unseen.tolist() == ["Emu"] * 5
    (tmp_path / "size.csv").write_text("class,size\nCat,1\nDog,2\nOwl,3\nEmu,4\n")
    other = read_dataset(tmp_path, prototypes=tmp_path / "size.csv")
    assert other.attribute_names == ("size",)
    assert other.split == data.split


def test_attribute_tables_are_values() -> None:
    table = AttributeTable(("a",), ("x",), np.ones((1, 1)))
    assert table.names == ("a",)
