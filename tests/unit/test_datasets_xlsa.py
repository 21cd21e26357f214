"""The format of Xian et al.: genuine files, files with planted leaks, damaged and hostile ones."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from unseen import MissingExtraError, Prototypes
from unseen.datasets import Dataset, Split, read_dataset, read_xlsa, read_xlsa_split, write_xlsa
from unseen.datasets.matlab import read_mat
from unseen.errors import DatasetError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ("cat", "Größe, with a comma", "007.Owl ")
ATT = np.array([[3.0, 0, 1], [4.0, 2, 1]])


def cells(texts: Any) -> Any:
    out = np.empty((len(texts), 1), dtype=object)
    out[:, 0] = list(texts)
    return out


def features_of(**changes: Any) -> dict[str, Any]:
    """Six samples, two per class: the features of sample i (from 0) are i and 10 i."""
    features = np.array([[0, 1, 2, 3, 4, 5], [0, 10, 20, 30, 40, 50]], dtype=np.int16)
    labels = np.array([[1, 1, 2, 2, 3, 3]], dtype=np.uint8).T
    files = cells([f"/data/{i}.jpg" for i in range(6)])
    return {"features": features, "labels": labels, "image_files": files, **changes}


def splits_of(**changes: Any) -> dict[str, Any]:
    return {
        "att": ATT / np.linalg.norm(ATT, axis=0),
        "original_att": ATT,
        "allclasses_names": cells(NAMES),
        "trainval_loc": np.array([[1.0], [3.0]]),
        "test_seen_loc": np.array([[2], [4]], dtype=np.uint16),
        "test_unseen_loc": np.array([[5], [6]], dtype=np.uint16),
        "train_loc": np.array([[1]]),
        "val_loc": np.array([[3]]),
        **changes,
    }


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the two files, with what is to be otherwise; None leaves a variable out."""

    def make(**changes: Any) -> Path:
        for file, content in (("res101.mat", features_of()), ("att_splits.mat", splits_of())):
            mine = {key: value for key, value in changes.items() if key in content}
            kept = {key: value for key, value in {**content, **mine}.items() if value is not None}
            savemat(tmp_path / file, kept, do_compression=file == "att_splits.mat")
        return tmp_path

    return make


# -- reading --------------------------------------------------------------------------------------------------


def test_indices_count_from_one_and_columns_are_samples(make: Callable[..., Path]) -> None:
    data = read_dataset(make())
    X, y = data.learnable()
    assert X.tolist() == [[0, 0], [2, 20]]
    assert X.dtype == np.float32
    assert y.tolist() == [NAMES[0], NAMES[1]]
    assert data.items == ("/data/0.jpg", "/data/2.jpg")
    part = data.open_test("test")
    assert part.X_unseen.tolist() == [[4, 40], [5, 50]]
    assert part.y_unseen.tolist() == [NAMES[2]] * 2
    assert part.X_seen[:, 0].tolist() == [1, 3]
    fold = data.published_fold
    assert fold is not None
    assert [rows.tolist() for rows in fold] == [[0], [1]]
    # (3, 4) has length 5.
    assert data.prototypes.vectors[0].tolist() == pytest.approx([0.6, 0.8])
    assert data.name == make().name


def test_other_prototypes(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make()
    assert read_dataset(folder, prototypes="original_att").prototypes.vectors[0].tolist() == [3, 4]
    # Another order of the classes is put right by name.
    savemat(folder / "sent_splits.mat", {"att": np.array([[9.0, 8, 7]]), "allclasses_names": cells(NAMES[::-1])})
    for given in ("sent_splits.mat", folder / "sent_splits.mat"):
        assert read_xlsa(folder, prototypes=given).prototypes.vectors.ravel().tolist() == [7, 8, 9]
    mine = Prototypes([*NAMES, "emu"], np.eye(4))
    assert read_dataset(folder, prototypes=mine).prototypes.vectors[1].tolist() == [0, 1, 0, 0]
    with pytest.raises(DatasetError, match=r"prototypes must be given for every class; got 1 classes without, such as"):
        read_dataset(folder, prototypes=Prototypes(NAMES[:2], np.eye(2)))
    with pytest.raises(
        DatasetError, match=r"prototypes must be 'att', 'original_att', Prototypes or a splits file; got"
    ):
        read_dataset(folder, prototypes="w2v.mat")
    with pytest.raises(DatasetError, match="original_att must be among the file's variables; got nothing of the name"):
        read_dataset(make(original_att=None), prototypes="original_att")
    savemat(folder / "bare.mat", {"att": np.eye(3)})
    with pytest.raises(
        DatasetError, match=r"bare.mat: att and allclasses_names must be in the file; got a file without"
    ):
        read_dataset(folder, prototypes="bare.mat")


def test_a_file_of_the_folder_will_do(make: Callable[..., Path]) -> None:
    assert read_dataset(make() / "res101.mat").n_samples == 6
    assert read_dataset(make(), format="xlsa").n_samples == 6
    with pytest.raises(UnknownNameError, match="no data set reader is called 'xslx'"):
        read_dataset(make(), format="xslx")


def test_without_optional_variables(make: Callable[..., Path]) -> None:
    data = read_dataset(make(image_files=None, train_loc=None, val_loc=None))
    assert data.items is None
    assert data.published_fold is None


def test_names_as_a_character_matrix_and_in_nested_cells(make: Callable[..., Path]) -> None:
    padded = np.array(["cat ", "dog ", "okap"])
    assert read_dataset(make(allclasses_names=padded)).prototypes.names == ("cat", "dog", "okap")
    nested = np.empty((3, 1), dtype=object)
    for i, name in enumerate(("cat", "dog", "")):
        nested[i, 0] = cells([name])
    with pytest.raises(DatasetError, match=r"att and allclasses_names must be usable; got Prototypes: names must be a"):
        read_dataset(make(allclasses_names=nested))
    nested[2, 0] = cells(["owl"])
    assert read_dataset(make(allclasses_names=nested)).prototypes.names == ("cat", "dog", "owl")


# -- leaks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # What is wrong with every public CE-GZSL file.
        (
            {"train_loc": [[1], [2]], "val_loc": [[3], [4]]},
            "train and val must be free of samples of test_seen; got 2 of its 2: 1 in train, 1 in val.",
        ),
        (
            {"trainval_loc": [[1], [2], [3]]},
            "samples of trainval and test_seen must be disjoint; got 1 in both, such as",
        ),
        ({"trainval_loc": [[1], [3], [5]]}, "samples of trainval and test_unseen must be disjoint; got 1 in both"),
        (
            {"trainval_loc": [[1], [3], [5]], "test_unseen_loc": [[6]]},
            "classes of trainval and test_unseen must be disjoint; got 1 shared: '007.Owl '.",
        ),
        (
            {"test_seen_loc": [[2], [4], [6]], "test_unseen_loc": [[5]]},
            "classes of test_seen must be among those of tra",
        ),
        ({"train_loc": [[1], [3]], "val_loc": [[3]]}, "samples of train and val must be disjoint; got 1 in both"),
        ({"val_loc": None}, "train and val must be given both or neither; got one of them"),
    ],
)
def test_planted_leaks_are_refused(make: Callable[..., Path], changes: dict[str, Any], message: str) -> None:
    folder = make(**{key: value if value is None else np.array(value) for key, value in changes.items()})
    with pytest.raises(DatasetError, match=re.escape("att_splits.mat: " + message)):
        read_dataset(folder)


# -- what does not fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": None}, "res101.mat: features must be a variable of the file; got none."),
        ({"labels": None}, "res101.mat: labels must be a variable of the file; got none."),
        ({"features": np.zeros((6, 2))}, "features must be one column per label; got shape (6, 2) for 6 labels."),
        ({"features": cells("abcdef")}, "features must be a matrix of real numbers; got a MATLAB cell."),
        ({"features": "a text"}, "features must be a matrix of real numbers; got a MATLAB char."),
        ({"features": np.ones((2, 6)) * 1j}, "features must be a matrix of real numbers; got complex shape (2, 6)."),
        ({"features": np.ones((2, 6, 1, 2))}, "features must be a matrix of real numbers; got shape (2, 6, 1, 2)."),
        ({"features": csc_array(np.eye(6))}, "features must be a matrix of real numbers; got a MATLAB sparse matrix."),
        ({"features": {"a": 1}}, "features must be a matrix of real numbers; got a MATLAB struct."),
        (
            {"features": np.array([[0, np.nan, 2, 3, 4, np.inf]])},
            "features must be finite in float32; got NaN or infinity in 2 of 6 samples, first in sample 2.",
        ),
        ({"features": np.full((1, 6), 1e300)}, "NaN or infinity in 6 of 6 samples"),
        (
            {"labels": np.array([[0, 1, 1, 2, 2, 3]])},
            "labels must be whole numbers from 1; got 0 among them.",
        ),
        (
            {"labels": np.array([[1.5, 1, 2, 2, 3, 3]])},
            "labels must be whole numbers from 1; got 1.5 among",
        ),
        ({"labels": np.array([[np.nan] * 6])}, "labels must be whole numbers from 1; got nan among them."),
        ({"labels": np.array([[1, 1, 2, 2, 3, 4]])}, "labels must be 1 to 3, the number of classes; got 4."),
        ({"labels": np.ones((2, 3))}, "labels must be one column of numbers; got shape (2, 3)."),
        ({"labels": np.zeros((0, 1))}, "labels must be at least one number; got none."),
        ({"image_files": cells("ab")}, "items must be one file name per sample, 6 texts; got 2."),
        ({"image_files": np.eye(6)}, "image_files must be a cell of texts; got a MATLAB double."),
        (
            {"image_files": cells([np.eye(2)] * 6)},
            "image_files must be a cell of texts; got a double of shape (2, 2) in",
        ),
        ({"image_files": cells(["a\x1b[2J", *"bcdef"])}, "items must be text without control characters"),
        ({"att": None}, "att_splits.mat: att must be among the file's variables; got nothing of the name."),
        ({"att": ATT.T}, "att must be one column per class; got shape (3, 2) for 3 classes."),
        ({"att": ATT * np.nan}, "att and allclasses_names must be usable; got Prototypes: vectors must be finite"),
        ({"allclasses_names": cells(["a", "a", "b"])}, "must be usable; got Prototypes: names must be unique"),
        ({"test_unseen_loc": None}, "test_unseen_loc must be among the file's variables"),
        (
            {"trainval_loc": np.array([[1], [3], [7]])},
            "positions must be below 6, the number of samples; got position 6",
        ),
        ({"trainval_loc": np.array([[1], [1]])}, "trainval must be positions without repetition; got 1 listed twice"),
        ({"trainval_loc": np.zeros((0, 1))}, "trainval_loc must be at least one number; got none."),
    ],
)
def test_files_that_do_not_fit(make: Callable[..., Path], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_dataset(make(**changes))


def test_missing_files_and_folders(tmp_path: Path, make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=r"read_dataset: path must be a folder that exists; got 'nowhere'"):
        read_dataset("nowhere")
    with pytest.raises(
        DatasetError, match=r"the folder must be a data set; got one with none of the files. Formats and"
    ):
        read_dataset(tmp_path)
    folder = make()
    (folder / "res101.mat").rename(folder / "res102.mat")
    with pytest.raises(DatasetError, match=r"res101.mat must be a file in the folder; .* Near names there: res102.mat"):
        read_dataset(folder)
    assert read_xlsa(folder, features="res102.mat").n_samples == 6


# -- damaged and hostile --------------------------------------------------------------------------------------


def test_every_truncation_is_an_error(make: Callable[..., Path]) -> None:
    for name in ("res101.mat", "att_splits.mat"):
        path = make() / name
        whole = path.read_bytes()
        for end in [*range(0, 300, 7), *range(300, len(whole), 41)]:
            path.write_bytes(whole[:end])
            with pytest.raises(DatasetError, match=re.escape(name)):
                read_dataset(path.parent)


def test_changed_bytes_never_end_the_process(make: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    for name in ("res101.mat", "att_splits.mat"):
        path = make() / name
        whole = path.read_bytes()
        for _ in range(200):
            changed = bytearray(whole)
            for place in rng.integers(len(whole), size=3):
                changed[place] = rng.choice([0, 255, int(rng.integers(256))])
            path.write_bytes(changed)
            try:
                read_dataset(path.parent)
            except DatasetError:
                continue


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damage: it does not begin as a MATLAB file"),
        (b"not a MATLAB file at all" * 50, "damage: it does not begin as a MATLAB file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(2000), "must be a MATLAB file that can be read; got damage: "),
        (bytes(600), "damage: it does not begin as a MATLAB file"),
    ],
)
def test_what_is_no_matlab_file(make: Callable[..., Path], content: bytes, message: str) -> None:
    pytest.importorskip("h5py")
    folder = make()
    (folder / "att_splits.mat").write_bytes(content)
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_dataset(folder)


def test_a_link_a_pipe_and_a_folder(make: Callable[..., Path]) -> None:
    import os

    folder = make()
    path = folder / "res101.mat"
    path.rename(folder / "elsewhere.mat")
    path.symlink_to("elsewhere.mat")
    assert read_dataset(folder).n_samples == 6  # a link to a file is a file
    path.unlink()
    path.symlink_to("res101.mat")  # to itself
    with pytest.raises(DatasetError, match=r"res101.mat must be a file in the folder"):
        read_dataset(folder)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DatasetError, match=r"res101.mat must be a file in the folder"):
        read_dataset(folder)
    with pytest.raises(DatasetError, match=r"the file must be readable; got is a pipe"):
        read_mat(path, numbers=("features",))


def element(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)


def matrix(name: bytes, kind: int, shape: tuple[int, ...], content: bytes) -> bytes:
    """A MATLAB 5 matrix of our own making."""
    flags = element(6, struct.pack("<II", kind, 0))
    return element(14, flags + element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, name) + content)


def write_mat(path: Path, *variables: bytes, pack: bool = False) -> Path:
    packed = [struct.pack("<II", 15, len(z)) + z for z in map(zlib.compress, variables)] if pack else variables
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(packed))
    return path


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (matrix(b"features", 6, (2**30, 4), element(9, bytes(64))), "32,768 MiB declared by a file of"),
        (matrix(b"features", 6, (2**31 - 1, 2**31 - 1), element(9, bytes(64))), "MiB declared by a file of"),
        (matrix(b"files", 1, (2**31 - 1, 1), b""), "16,384 MiB declared by a file of"),
        (matrix(b"files", 1, (1, 1), matrix(b"", 1, (2**31 - 1, 1), b"")), "got a cell of shape"),
        (matrix(b"files", 1, (1, 1), matrix(b"", 4, (1, 2**31 - 1), element(16, b"ab"))), "ok"),
        (matrix(b"features", 6, (2, 4), element(9, bytes(56))), "the numbers of features do not fit its size"),
        (matrix(b"features", 6, (-2, 4), element(9, bytes(64))), "a variable of negative size"),
        (matrix(b"features", 6, (2, 4), element(77, bytes(64))), "the numbers of features do not fit its size"),
        (matrix(b"files", 4, (2, 3), element(2, b"abcde")), "the letters of files do not fit its size"),
        (matrix(b"files", 1, (1, 1), matrix(b"", 4, (1, 2), element(99, b"ab"))), "a text of unknown letters"),
        (matrix(b"files", 1, (1, 1), matrix(b"", 4, (1, 1), element(16, b"\xff"))), "damage: 'utf-8' codec can't dec"),
        (matrix(b"features", 6, (1, 1), element(9, bytes(8))) * 2, "the variable features is there twice"),
    ],
)
def test_what_a_file_only_claims(tmp_path: Path, variable: bytes, message: str, pack: bool) -> None:
    path = write_mat(tmp_path / "x.mat", variable, pack=pack)
    if "twice" in message:
        write_mat(path, variable[: len(variable) // 2], variable[len(variable) // 2 :], pack=pack)
    if message == "ok":  # what counts are the letters that are there
        assert read_mat(path, texts=("files",))[1] == {"files": ("ab",)}
        return
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_mat(path, numbers=("features",), texts=("files",))


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    # A declared megabyte with a gigabyte behind it: what is beyond the declared size is left packed.
    bomb = zlib.compress(matrix(b"features", 9, (1, 1 << 20), element(2, bytes(1 << 20))) + bytes(1 << 28), 9)
    path = tmp_path / "x.mat"
    path.write_bytes(b"MATLAB".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(bomb)) + bomb)
    assert read_mat(path, numbers=("features",))[0]["features"].shape == (1, 1 << 20)
    # Declared in earnest, it is refused by its size.
    write_mat(path, matrix(b"features", 9, (1, 1 << 29), element(2, b"")), pack=True)
    with pytest.raises(
        DatasetError, match=r"features must be of a size that the file can hold; got 512 MiB declared by"
    ):
        read_mat(path, numbers=("features",))


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?"])
def test_numbers_are_those_that_scipy_reads(tmp_path: Path, dtype: str, pack: bool) -> None:
    values = np.arange(12).reshape(3, 4).astype(dtype)
    savemat(tmp_path / "x.mat", {"a": values, "other": [1.0]}, do_compression=pack)
    mine = read_mat(tmp_path / "x.mat", numbers=("a", "b"))[0]
    assert list(mine) == ["a"]
    theirs = loadmat(tmp_path / "x.mat")["a"]
    assert mine["a"].dtype == theirs.dtype
    np.testing.assert_array_equal(mine["a"], theirs)


def test_big_endian(tmp_path: Path) -> None:
    def swapped(kind: int, body: bytes) -> bytes:
        return struct.pack(">II", kind, len(body)) + body + bytes(-len(body) % 8)

    flags, shape = swapped(6, struct.pack(">II", 7, 0)), swapped(5, struct.pack(">ii", 1, 2))
    body = flags + shape + struct.pack(">HH4s", 1, 1, b"a") + swapped(7, struct.pack(">ff", 1.5, -2))
    (tmp_path / "x.mat").write_bytes(b"MATLAB".ljust(124) + b"\x01\x00MI" + swapped(14, body))
    assert read_mat(tmp_path / "x.mat", numbers=("a",))[0]["a"].tolist() == [[1.5, -2]]
    assert loadmat(tmp_path / "x.mat")["a"].tolist() == [[1.5, -2]]


# -- version 7.3 ----------------------------------------------------------------------------------------------


def write_73(path: Path, variables: dict[str, Any]) -> None:
    """Write as MATLAB does: dimensions reversed, cells as references to letters, behind a block of text."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            if value.dtype != object:
                file[name] = value.T
                continue
            references = file.create_dataset(name, value.T.shape, dtype=h5py.ref_dtype)
            for i, text in enumerate(value.ravel()):
                letters = np.frombuffer(text.encode("utf-16-le"), "<u2")[:, None]
                file[f"#refs#/{name}{i}"] = letters
                references[0, i] = file[f"#refs#/{name}{i}"].ref
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def test_version_73_is_read_alike(make: Callable[..., Path], tmp_path: Path) -> None:
    plain = read_dataset(make())
    write_73(tmp_path / "res101.mat", features_of())
    write_73(tmp_path / "att_splits.mat", splits_of())
    data = read_dataset(tmp_path)
    assert data.fingerprint == plain.fingerprint
    assert data.items == plain.items


def test_version_73_without_h5py(make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    write_73(tmp_path / "res101.mat", features_of())
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'unseen[mat73]'")):
        read_dataset(tmp_path)


def _hostile_73(path: Path, kind: str) -> None:
    h5py = pytest.importorskip("h5py")
    other = path.with_name("secret.h5")
    with h5py.File(other, "w") as file:
        file["features"] = np.ones((6, 2))
    with h5py.File(path, "w") as file:
        file["labels"] = features_of()["labels"].T
        if kind == "external link":
            file["features"] = h5py.ExternalLink(str(other), "features")
        elif kind == "soft link":
            file["x"] = np.ones((6, 2))
            file["features"] = h5py.SoftLink("/x")
        elif kind == "external data":
            file.create_dataset("features", (6, 2), dtype="f8", external=[(str(other), 0, 96)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((6, 2), dtype="f8")
            layout[:] = h5py.VirtualSource(str(other), "features", shape=(6, 2))
            file.create_virtual_dataset("features", layout)
        elif kind == "bomb":
            file.create_dataset("features", (1 << 30, 6), dtype="f8", chunks=(1, 6))
        elif kind == "group":
            file.create_group("features")
        elif kind == "text":
            file["features"] = np.array(["a", "b"], dtype="S1")
        elif kind == "nothing":
            file["features"] = h5py.Empty("f8")
        elif kind in ("no references", "null references", "numbers in cells"):
            file["features"] = np.ones((6, 2))
            if kind == "no references":
                file["image_files"] = np.ones((1, 6))
            else:
                cell = file.create_dataset("image_files", (1, 6), dtype=h5py.ref_dtype)
                if kind == "numbers in cells":
                    for i in range(6):
                        cell[0, i] = file["features"].ref


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("external link", "features must be stored in the file itself; got a link."),
        ("soft link", "features must be stored in the file itself; got a link."),
        ("external data", "features must be stored in the file itself; got data in other files."),
        ("virtual", "features must be stored in the file itself; got data in other files."),
        ("bomb", "features must be of a size that the file can hold; got 49,152 MiB declared by a file of 0.0 MiB."),
        ("group", "features must be a matrix; got an HDF5 group."),
        ("text", "features must be a matrix of real numbers; got an array of shape (2,) and dtype |S1."),
        ("nothing", "features must be a matrix; got nothing."),
        ("no references", "image_files must be a cell of texts; got an array of dtype float64."),
        ("null references", "image_files must be a cell of texts; got nothing in cell 1."),
        ("numbers in cells", "image_files must be a cell of texts; got something else in cell 1."),
    ],
)
def test_hostile_version_73(make: Callable[..., Path], tmp_path: Path, kind: str, message: str) -> None:
    make()
    _hostile_73(tmp_path / "res101.mat", kind)
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_dataset(tmp_path)


# -- writing --------------------------------------------------------------------------------------------------


def test_round_trip_is_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    p = Prototypes(["a, b", "line\nbreak", " 猫 ", "x" * 300], rng.normal(size=(4, 3)))
    data = Dataset(
        rng.normal(size=(8, 5)),
        np.repeat(np.arange(4), 2),
        prototypes=p,
        split=Split([0, 2, 4], [1, 3], [6, 7], train=[0, 2], val=[4]),
        items=[f"class {i}/ü,\n{i}.jpg " for i in range(8)],
    )
    write_xlsa(data, tmp_path / "out")
    again = read_dataset(tmp_path / "out")
    assert again.fingerprint == data.fingerprint
    assert again.items == data.items
    # Other people's code sees what it expects.
    theirs = loadmat(tmp_path / "out" / "res101.mat")
    assert theirs["features"].shape == (5, 8)
    assert theirs["labels"].ravel().tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    splits = loadmat(tmp_path / "out" / "att_splits.mat")
    assert splits["trainval_loc"].ravel().tolist() == [1, 3, 5]
    assert str(splits["allclasses_names"][1, 0][0]) == "line\nbreak"


def test_attributes_scaled_to_length_one(make: Callable[..., Path], tmp_path: Path) -> None:
    raw = read_dataset(make(), prototypes="original_att")
    write_xlsa(raw, tmp_path / "out", normalize=True)
    assert read_dataset(tmp_path / "out").prototypes.vectors[0].tolist() == pytest.approx([0.6, 0.8])
    assert read_dataset(tmp_path / "out", prototypes="original_att").fingerprint == raw.fingerprint


def test_nothing_is_overwritten_and_nothing_half_written(make: Callable[..., Path], tmp_path: Path) -> None:
    data = read_dataset(make())
    with pytest.raises(DatasetError, match="the output folder must be new or empty; got one that holds something"):
        write_xlsa(data, tmp_path)
    with pytest.raises(DatasetError, match="the output folder must be new or empty; got a file"):
        write_xlsa(data, tmp_path / "res101.mat")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["att_splits.mat", "res101.mat"]


def test_what_passes_four_gibibytes_is_refused(make: Callable[..., Path], tmp_path: Path) -> None:
    data = read_dataset(make())
    data._features = np.broadcast_to(np.float32(0), (1 << 20, 1 << 11))
    with pytest.raises(DatasetError, match=r"features must be at most 4 GiB for a MATLAB 5 file; got 8.0 GiB"):
        write_xlsa(data, tmp_path / "out")


# -- the genuine files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "samples", "classes", "attributes", "trainval", "test_seen", "test_unseen"),
    [
        ("APY", 15339, 32, 64, 5932, 1483, 7924),
        ("AWA1", 30475, 50, 85, 19832, 4958, 5685),
        ("AWA2", 37322, 50, 85, 23527, 5882, 7913),
        ("CUB", 11788, 200, 312, 7057, 1764, 2967),
        ("SUN", 14340, 717, 102, 10320, 2580, 1440),
    ],
)
def test_genuine_splits(
    data: Path, name: str, samples: int, classes: int, attributes: int, trainval: int, test_seen: int, test_unseen: int
) -> None:
    found = read_xlsa_split(data / "zsl" / "splits" / name)
    assert found.n_samples == samples
    assert found.prototypes.vectors.shape == (classes, attributes)
    parts = [len(found.split.trainval), len(found.split.test_seen), len(found.split.test_unseen)]
    assert parts == [trainval, test_seen, test_unseen]
    assert found.lists is not None
    assert len(found.lists.folds) == 3
    assert len(found.lists.trainval) + len(found.lists.test) == classes
    theirs = loadmat(data / "zsl" / "splits" / name / "att_splits.mat")
    np.testing.assert_array_equal(found.prototypes.vectors, theirs["att"].T.astype(np.float32))
    assert found.prototypes.names == tuple(str(cell[0]) for cell in theirs["allclasses_names"].ravel())


def test_the_genuine_leaky_file(data: Path) -> None:
    path = data / "zsl" / "splits" / "AWA2" / "binaryAtt_splits.mat"
    message = r"binaryAtt_splits.mat: train and val must be free of samples of test_seen; got 5882 of its 5882: 4031 in"
    with pytest.raises(DatasetError, match=message):
        read_xlsa_split(path)


@pytest.mark.parametrize(
    ("name", "shape", "seen", "fold"),
    [("CUB100", (3432, 1280), 73, (2210, 1222)), ("AWA1", (19832, 1024), 40, (13460, 6372))],
)
def test_genuine_data_sets(data: Path, name: str, shape: tuple[int, int], seen: int, fold: tuple[int, int]) -> None:
    found = read_dataset(data / "zsl" / name)
    X, y = found.learnable()
    assert X.shape == shape
    assert found.seen_prototypes.n_classes == len(np.unique(y)) == seen
    assert found.published_fold is not None
    assert tuple(len(rows) for rows in found.published_fold) == fold
    raw = loadmat(data / "zsl" / name / "res101.mat", variable_names=["features", "labels"])
    np.testing.assert_array_equal(X, raw["features"].T[found.split.trainval].astype(np.float32))
    labels = raw["labels"].ravel()[found.split.trainval].astype(int) - 1
    assert np.array(found.prototypes.names)[labels].tolist() == y.tolist()
    assert found.openings == {}


def test_genuine_sentences(data: Path) -> None:
    found = read_dataset(data / "zsl" / "CUB100", prototypes="sent_splits.mat")
    assert found.prototypes.n_dimensions == 1024
    assert found.split == read_dataset(data / "zsl" / "CUB100").split
