"""Training that was killed goes on where it was, bit by bit; files that are no help are refused in a sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.made import made

from unseen.errors import InputError, ModelError
from unseen.methods.neural import checkpoints
from unseen.methods.neural.checkpoints import Checkpoint
from unseen.methods.state import save_method
from unseen.registry import METHODS
from unseen.tensor_files import read_tensors, write_tensors

DATA = made(14, 3, 12, noise=0.3)
X, Y = DATA.learnable()
P = DATA.prototypes
PARAMS = {
    "max_epochs": 20,
    "n_hidden": 16,
    "batch_size": 16,
    "learning_rate": 0.005,
    "n_synthetic": 10,
    "random_state": 0,
}
# Method, phase, and the epoch of that phase behind which the process is killed.
KILLS = [
    ("cadavae", "rehearsal", 3),
    ("fclswgan", "rehearsal", 2),
    *((name, "final", 1) for name in ("cadavae", "fclswgan", "fvaegan", "tfvaegan", "cegzsl")),
]

# Kills itself as soon as the file of an epoch is written; a fork for each, so that torch is imported once.
KILLED = """
import json, os, signal, sys
import numpy as np
from unseen import Prototypes
from unseen.methods.neural import checkpoints
from unseen.registry import METHODS

checkpoints.INTERVAL = 0.0
folder, kills, params = sys.argv[1], *map(json.loads, sys.argv[2:])
data = np.load(f"{folder}/data.npz")
prototypes = Prototypes(data["names"].tolist(), data["P"])
for name, phase, epoch in kills:
    child = os.fork()
    if not child:
        write = checkpoints.Checkpoint.write

        def killing(self, state, arrays):
            write(self, state, arrays)
            if state["phase"] == phase and len(arrays["losses"]) == epoch:
                os.kill(os.getpid(), signal.SIGKILL)

        checkpoints.Checkpoint.write = killing
        method = METHODS.get(name)(**params, checkpoint=f"{folder}/{name}-{phase}-{epoch}")
        method.fit(data["X"], data["y"], prototypes=prototypes)
        os._exit(3)  # nobody killed it
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def new(name: str, **changes: Any) -> Any:
    return METHODS.get(name)(**PARAMS | changes)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """Return every method, fitted without a break."""
    return {name: new(name).fit(X, Y, prototypes=P) for name in sorted({kill[0] for kill in KILLS})}


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory, whole: dict[str, Any]) -> Path:
    """Return a folder with what killed processes left behind."""
    folder = tmp_path_factory.mktemp("left")
    np.savez(folder / "data.npz", X=X, y=Y, P=P.vectors, names=np.array(P.names))
    # One more is killed behind the last epoch of the rehearsal, before all classes are trained on.
    last = [["fclswgan", "rehearsal", int(whole["fclswgan"].validation_curve_[-1, 0])]]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), json.dumps([*KILLS, *last]), json.dumps(PARAMS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["-9"] * (len(KILLS) + 1), done.stderr
    return folder


@pytest.fixture
def unfinished(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of what CADAVAE left behind in its rehearsal, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(left / "cadavae-rehearsal-3", "unfinished"))


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every epoch be written."""
    monkeypatch.setattr(checkpoints, "INTERVAL", 0.0)


def same(one: Any, other: Any) -> None:
    for key in ("weights_", "validation_curve_", "losses_", "loss_names_", "examples_", "axes_"):
        np.testing.assert_array_equal(getattr(one, key), getattr(other, key), err_msg=key)
    for key in ("n_epochs_", "penalty_", "temperature_", "spread_within_", "spread_between_", "seed_"):
        assert getattr(one, key) == getattr(other, key), key
    np.testing.assert_array_equal(one.class_scores(X, prototypes=P), other.class_scores(X, prototypes=P))


# -- killed, and resumed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "phase", "epoch"), KILLS)
def test_a_killed_fit_goes_on_bit_by_bit(
    left: Path,
    whole: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    phase: str,
    epoch: int,
) -> None:
    path = Path(shutil.copy(left / f"{name}-{phase}-{epoch}", tmp_path / "unfinished"))
    cls, steps = METHODS.get(name), 0
    step = cls._step

    def counting(self: Any, session: Any) -> Any:
        nonlocal steps
        steps += 1
        return step(self, session)

    monkeypatch.setattr(cls, "_step", counting)
    resumed = new(name, checkpoint=str(path)).fit(X, Y, prototypes=P)
    same(resumed, whole[name])
    assert not path.exists()
    taken = steps
    steps = 0
    new(name).fit(X, Y, prototypes=P)
    a_pass = -(-len(X) // PARAMS["batch_size"])
    assert steps - taken >= epoch * (a_pass if phase == "final" else a_pass // 2)  # what was done was not done again


def test_killed_between_the_rehearsal_and_the_end(left: Path, whole: dict[str, Any]) -> None:
    last = int(whole["fclswgan"].validation_curve_[-1, 0])
    assert last < PARAMS["max_epochs"], "the rehearsal must have given up early for this test to say anything"
    same(
        new("fclswgan", checkpoint=str(left / f"fclswgan-rehearsal-{last}")).fit(X, Y, prototypes=P), whole["fclswgan"]
    )


@pytest.mark.usefixtures("eager")
def test_writing_changes_no_number_and_leaves_nothing(tmp_path: Path, whole: dict[str, Any]) -> None:
    told = []
    write = Checkpoint.write

    def watched(self: Any, state: Any, arrays: Any) -> None:
        write(self, state, arrays)
        told.append((state["phase"], [path.name for path in tmp_path.iterdir()]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", watched)
        same(new("cadavae", checkpoint=str(tmp_path / "c")).fit(X, Y, prototypes=P), whole["cadavae"])
    count = Counter(phase for phase, _ in told)
    assert count == {
        "rehearsal": whole["cadavae"].validation_curve_[-1, 0],
        "final": whole["cadavae"].n_epochs_,
    }
    assert {tuple(names) for _, names in told} == {("c",)}  # no drafts beside it
    assert list(tmp_path.iterdir()) == []


def test_quick_fits_write_nothing(tmp_path: Path) -> None:
    new("cadavae", n_epochs=1, checkpoint=str(tmp_path / "c")).fit(X, Y, prototypes=P)
    assert list(tmp_path.iterdir()) == []


# -- files of other work --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.004},
        {"random_state": 1},
        {"n_hidden": 17},
        {"validation_share": 0.3},
        {"n_synthetic": 11},
        {"beta": 0.5},
        {"C": 2.0},
    ],
    ids=str,
)
def test_other_parameters_are_refused(unfinished: Path, change: dict[str, Any]) -> None:
    with pytest.raises(
        InputError,
        match=r"^CADAVAE: checkpoint must be a file of the same data and parameters; got .*unfinished, which is of "
        r"others\. Delete the file, or name another\.$",
    ):
        new("cadavae", checkpoint=str(unfinished), **change).fit(X, Y, prototypes=P)
    assert unfinished.exists()


def test_other_data_are_refused(unfinished: Path) -> None:
    moved = X.copy()
    moved[3, 2] = np.nextafter(moved[3, 2], np.inf)
    vectors = P.vectors.copy()
    vectors[0, 0] += 1e-3
    assert Y[5] != "class 01"
    for given in (
        {"X": moved},
        {"y": np.where(np.arange(len(Y)) == 5, "class 01", Y)},
        {"prototypes": type(P)(P.names, vectors)},
    ):
        with pytest.raises(InputError, match=r"checkpoint must be a file of the same data and parameters"):
            new("cadavae", checkpoint=str(unfinished)).fit(**{"X": X, "y": Y, "prototypes": P} | given)


def test_prototypes_of_unseen_classes_are_no_part_of_the_work(unfinished: Path, whole: dict[str, Any]) -> None:
    seen = P.subset(sorted(set(Y)))
    resumed = new("cadavae", checkpoint=str(unfinished)).fit(X, Y, prototypes=seen)
    np.testing.assert_array_equal(resumed.weights_, whole["cadavae"].weights_)


def test_another_method_is_refused(unfinished: Path) -> None:
    with pytest.raises(InputError, match=r"^FVAEGAN: checkpoint must be a file of the same data and parameters"):
        new("fvaegan", checkpoint=str(unfinished)).fit(X, Y, prototypes=P)


# -- damaged files --------------------------------------------------------------------------------------------

NO_TRAINING = (
    r"^CADAVAE: .*unfinished is no unfinished training that unseen wrote: .*\. Delete the file, or name another\.$"
)
NO_FIT = r"^CADAVAE: .*unfinished does not fit this training: .*\. Delete the file, or name another\.$"


def test_damaged_files(unfinished: Path, whole: dict[str, Any]) -> None:
    data = unfinished.read_bytes()
    for damaged in (b"", data[:7], data[: len(data) // 2], data[:-1], b"\xff" * 4096, b"{}" * 50):
        unfinished.write_bytes(damaged)
        with pytest.raises(ModelError, match=NO_TRAINING):
            new("cadavae", checkpoint=str(unfinished)).fit(X, Y, prototypes=P)
        assert unfinished.read_bytes() == damaged  # it is not ours to delete
    save_method(whole["cadavae"], unfinished)
    with pytest.raises(ModelError, match=NO_TRAINING):
        new("cadavae", checkpoint=str(unfinished)).fit(X, Y, prototypes=P)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    with pytest.raises(ModelError, match=NO_TRAINING):
        new("cadavae", checkpoint=str(tmp_path / "unfinished")).fit(X, Y, prototypes=P)


def spoil(path: Path, change: Any) -> None:
    """Rewrite a file after `change` has had its card's state and its arrays."""
    card, arrays = read_tensors(path, kind="unseen-training", version=1)
    change(card["state"], arrays)
    write_tensors(path, arrays, card)


@pytest.mark.parametrize(
    "change",
    [
        lambda state, _: state.pop("phase"),
        lambda state, _: state.update(curve=3),
        lambda state, _: state.update(curve=[[1]]),
        lambda state, _: state.update(penalty="much"),
        lambda state, _: state.update(names=None),
        lambda _, arrays: arrays.pop("generator"),
        lambda _, arrays: arrays.pop("parts.vector_encoder.0.weight"),
        lambda _, arrays: arrays.update({"parts.vector_encoder.0.weight": np.zeros((2, 2), np.float32)}),
        lambda _, arrays: arrays.update({"losses": np.zeros(3)}),
    ],
)
def test_states_that_do_not_fit(unfinished: Path, change: Any) -> None:
    spoil(unfinished, change)
    with pytest.raises(ModelError, match=NO_FIT):
        new("cadavae", checkpoint=str(unfinished)).fit(X, Y, prototypes=P)


def finished_curve(state: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Say that epoch 1 was perfect, and forget its weights."""
    state["curve"] = [[1, 1.0]] + [[i, 0.0] for i in range(2, 4)]
    arrays.pop("best")


@pytest.mark.parametrize(
    "change",
    [
        finished_curve,
        lambda state, arrays: (state.update(curve=[[1, 1.0]]), arrays.update(best=np.zeros(3, np.float32))),
        lambda state, _: state.update(phase="final", curve=[]),
    ],
)
def test_states_whose_best_epoch_is_missing(unfinished: Path, change: Any) -> None:
    spoil(unfinished, change)
    with pytest.raises(ModelError, match=NO_FIT):
        new("cadavae", checkpoint=str(unfinished)).fit(X, Y, prototypes=P)


# -- places that cannot be written to -------------------------------------------------------------------------


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("place", ["nowhere/c", "file/c"])
def test_places_that_cannot_be_written_to(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        InputError,
        match=r"^CADAVAE: checkpoint must be a file that can be written; got (No such file or directory|Not a "
        r"directory): .*\. Check that the folder exists and may be written to\.$",
    ):
        new("cadavae", checkpoint=str(tmp_path / place)).fit(X, Y, prototypes=P)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("place", ["nowhere/c", "file/c"])
def test_places_that_cannot_be_written_to_are_told_before_training(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"^CADAVAE: checkpoint must be a file that can be written; got"):
        new("cadavae", n_epochs=1, checkpoint=str(tmp_path / place)).fit(X, Y, prototypes=P)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", ["c" * 300, "c\0c"])
def test_names_that_the_system_refuses(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"^CADAVAE: checkpoint must be a file that can be written; got"):
        new("cadavae", checkpoint=str(tmp_path / name)).fit(X, Y, prototypes=P)


@pytest.mark.parametrize("path", [3, True, Path("x")])
def test_a_path_is_text(path: Any) -> None:
    with pytest.raises(InputError, match=r"^CADAVAE: checkpoint must be text or None; got .*\. Pass a str\.$"):
        new("cadavae", checkpoint=path).fit(X, Y, prototypes=P)
