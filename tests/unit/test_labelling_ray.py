"""`--engine ray` on a Ray cluster of this machine, with two workers: the same rows, whatever dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.labelling_kit import CLASSES, photo, rows, write_photos

from unseen import Recognizer
from unseen.errors import InputError, MissingExtraError, UnseenError
from unseen.labelling import Output, embed, label, open_source, plan_shards, read_manifest
from unseen.labelling.ray_cluster import Crew, cores_per_worker, find_crew, last_line
from unseen.labelling.ray_worker import Desk, ShardLabeller, header_digest
from unseen.labelling.shipping import pack_shard
from unseen.registry import ENCODERS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

#: A model of another package, as workers find it: by an entry point.
PLUGIN = '''
import os
import signal
import time

from tests.labelling_kit import Colours
from unseen.encoders.base import Similarity


class Fragile(Colours):
    """Takes a while; a photo that ends in DIE ends the process, one in ONCE does so once, one in FAIL is too much."""

    takes = "<seconds per photo>"

    def __init__(self, argument):
        super().__init__()
        self._seconds = float(argument)
        self.similarity = Similarity("softmax", 10.0)

    @property
    def fingerprint(self):
        # Below 0: another one in every process.
        return f"fragile-{os.getpid()}" if self._seconds < 0 else "fragile"

    def prepare_image(self, content):
        time.sleep(max(self._seconds, 0))
        if content[-3:] == b"DIE":
            os.kill(os.getpid(), signal.SIGKILL)
        mark = os.environ.get("FRAGILE_MARK")
        if content[-4:] == b"ONCE" and mark and not os.path.exists(mark):
            open(mark, "x").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if content[-4:] == b"FAIL":
            raise RuntimeError("out of order")
        return super().prepare_image(content)
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install a package with a model that can be told to fail."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "fragile_model.py").write_text(PLUGIN)
    info = folder / "fragile_model-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile-model\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[unseen.encoders]\nfragile = fragile_model:Fragile\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        paths = [str(folder), str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        patch.setattr(ENCODERS, "_all", None)
        yield folder


@pytest.fixture(scope="module")
def ray(plugin: Path) -> Iterator[Any]:
    """Start Ray, once, with two cores; the runs connect to it."""
    pytest.importorskip("ray.data", reason="Ray is not installed")
    from unseen.labelling.ray_cluster import cluster

    with pytest.MonkeyPatch.context() as patch:
        # As on a machine of two cores, wherever the tests run.
        patch.setattr("unseen.labelling.ray_cluster.available_cores", lambda: 2)
        patch.delenv("RAY_ADDRESS", raising=False)
        with cluster(None) as module:
            yield module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of 48 photos, one of which is none."""
    folder = write_photos(tmp_path / "photos", 48)
    (folder / "0011.png").write_bytes(b"no photo")
    return folder


def by_ray(source: Any, out: Path, **given: Any) -> Any:
    options: dict[str, Any] = {"recognizer": "fragile:0", "shard_size": 8, "workers": 2} | given
    return label(source, CLASSES, out, engine="ray", **options)


def by_hand(source: Any, out: Path, **given: Any) -> list[dict[str, Any]]:
    """Return the rows of the local engine."""
    options: dict[str, Any] = {"recognizer": "fragile:0", "shard_size": 8} | given
    label(source, CLASSES, out, **options)
    return rows(out)


def worker_pids() -> list[int]:
    """Return the processes that are workers of the Ray that this process started."""
    found, parents = [], {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal():
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if b"MapWorker(MapBatches(ShardLabeller" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))

    def ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and ours(parents[pid]))

    return [pid for pid in found if ours(pid)]


# -- the share of each worker --------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 64), min_size=1, max_size=12), st.integers(1, 100))
def test_workers_fit_and_could_not_have_more(machines: list[int], workers: int) -> None:
    cores = cores_per_worker(machines, workers)
    if cores:
        assert sum(machine // cores for machine in machines) >= workers
    assert sum(machine // (cores + 1) for machine in machines) < workers


class Machines:
    """What Ray says of a cluster."""

    def __init__(self, *cores: int) -> None:
        self._nodes = [{"Alive": True, "Resources": {"CPU": float(n)} if n else {}} for n in cores]
        self._nodes.append({"Alive": False, "Resources": {"CPU": 64.0}})

    def nodes(self) -> list[dict[str, Any]]:
        return self._nodes


@pytest.mark.parametrize(
    ("machines", "workers", "cores", "expected"),
    [
        ((0, 16, 16), None, None, Crew(2, 16)),
        ((16, 16), 4, None, Crew(4, 8)),
        ((2,), 2, None, Crew(2, 1)),
        ((16, 16), None, 4, Crew(8, 4)),
        ((0,), 100, 4, Crew(100, 4)),
        ((0,), None, 4, Crew(1, 4)),
    ],
)
def test_the_crew(machines: tuple[int, ...], workers: int | None, cores: int | None, expected: Crew) -> None:
    assert find_crew(Machines(*machines), workers, cores) == expected


def test_too_many_workers_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"workers must be at most 3, the cores that the cluster has now; got 4\. Ask for"
    ):
        find_crew(Machines(2, 1), 4, None)


@pytest.mark.parametrize("name", ["workers", "worker_cores"])
@pytest.mark.parametrize("number", [0, 1.5, True, "2"])
def test_what_is_no_number_of_workers_is_refused(tmp_path: Path, photos: Path, name: str, number: Any) -> None:
    with pytest.raises(InputError, match=rf"labelling: {name} must be a whole number at least 1; got"):
        label(photos, CLASSES, tmp_path / "out", engine="ray", **{name: number})


@pytest.mark.parametrize(("name", "value"), [("workers", 2), ("worker_cores", 1), ("ray_address", "auto")])
def test_the_local_engine_takes_no_workers(tmp_path: Path, photos: Path, name: str, value: Any) -> None:
    with pytest.raises(
        InputError, match=rf"labelling: {name} must be None with engine 'local'; got {value!r}\. Leave it"
    ):
        label(photos, CLASSES, tmp_path / "out", **{name: value})


def test_without_ray_there_is_the_line_that_installs_it(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    expected = r"Labelling on a Ray cluster needs the package 'ray', .* pip install 'unseen\[ray\]'"
    with pytest.raises(MissingExtraError, match=expected):
        label(photos, CLASSES, tmp_path / "out", engine="ray")


def test_the_last_line_of_a_long_error_is_what_it_says() -> None:
    assert last_line("Traceback\n  File\nValueError: no.\n\n") == "ValueError: no"
    assert last_line(ValueError()) == "ValueError"


# -- the desk ------------------------------------------------------------------------------------------------


def test_the_desk_waits_for_what_is_planned_and_gives_it_again() -> None:
    async def play() -> None:
        desk = Desk()
        waiting = asyncio.create_task(desk.take(0))
        await asyncio.sleep(0)
        assert not waiting.done()
        await desk.put(0, {"place": 0})
        assert await waiting == {"place": 0}
        assert await desk.take(0) == {"place": 0}
        assert [await desk.begin(7), await desk.begin(7), await desk.begin(8)] == [1, 2, 1]
        await desk.drop(0, 7)
        assert await desk.begin(7) == 1
        late = asyncio.create_task(desk.take(1))
        await asyncio.sleep(0)
        await desk.end(1)
        assert await late is None
        done = await desk.take(0)
        assert done is not None
        assert (done["place"], done["index"]) == (0, -1)

    asyncio.run(play())


# -- a run ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rows_are_those_of_the_local_engine(
    tmp_path: Path, photos: Path, ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the model that is shipped, embeddings, photos in folders and archives, and bad ones."""
    with tarfile.open(tmp_path / "some.tar", "w") as tar, zipfile.ZipFile(tmp_path / "more.zip", "w") as zipped:
        for path in sorted(photos.iterdir())[:10]:
            tar.add(path, path.name)
            zipped.write(path, path.name)
    (tmp_path / "list.csv").write_text("path\nphotos/0001.png\nphotos/none.png\n")
    source = [str(photos), *(str(tmp_path / name) for name in ("some.tar", "more.zip", "list.csv"))]
    options = {"embeddings": True, "recognizer": "default", "shard_size": 16, "top_k": 2}
    told: list[int] = []
    monkeypatch.setattr("unseen.labelling.ray_engine._SHARDS_PER_WAVE", 3)
    report = by_ray(source, tmp_path / "ray", advance=told.append, **options)
    expected = by_hand(source, tmp_path / "local", **options)
    found = rows(tmp_path / "ray")
    assert (report.items, report.parts, report.errors, report.kept) == (70, 5, 2, 0)
    assert sum(told) == 70
    assert len(found) == len(expected) == 70
    for one, other in zip(found, expected, strict=True):
        for key in ("probabilities", "embedding"):
            left, right = one.pop(key), other.pop(key)
            assert (left is None) == (right is None)
            assert left is None or np.allclose(left, right, atol=2e-3 if key == "embedding" else 1e-5)
        assert one == other
    assert read_manifest(tmp_path / "ray").settings == read_manifest(tmp_path / "local").settings
    left_over = {path.name for path in (tmp_path / "ray").iterdir()} - {f"part-{i:06}.parquet" for i in range(5)}
    assert left_over == {"manifest.jsonl", "classes.yaml", ".lock"}


@pytest.mark.slow
def test_a_local_run_goes_on_by_ray_and_the_other_way_round(tmp_path: Path, photos: Path, ray: Any) -> None:
    out = tmp_path / "out"
    told: list[int] = []

    def stop_at(number: int) -> Any:
        def advance(done: int) -> None:
            told.append(done)
            if sum(told) >= number:
                raise KeyboardInterrupt

        return advance

    with pytest.raises(KeyboardInterrupt):
        label(photos, CLASSES, out, recognizer="fragile:0", shard_size=8, advance=stop_at(12))
    first = {index: part.file for index, part in read_manifest(out).parts.items()}
    assert list(first) == [0]
    assert list(out.glob("part-*.rows"))
    told.clear()
    with pytest.raises(KeyboardInterrupt):
        by_ray(photos, out, resume=True, advance=stop_at(24))
    assert not list(out.glob("part-*.rows"))
    then = {index: part.file for index, part in read_manifest(out).parts.items()}
    assert then[0] == first[0]
    assert 3 <= len(then) < 6
    (photos / "0000.png").rename(photos / "0000a.png")
    with pytest.raises(InputError, match=r"the source must be the one that the run began with"):
        by_ray(photos, out, resume=True)
    (photos / "0000a.png").rename(photos / "0000.png")
    label(photos, CLASSES, out, recognizer="fragile:0", shard_size=8, resume=True)
    finished = {index: part.file for index, part in read_manifest(out).parts.items()}
    assert then.items() <= finished.items()
    assert rows(out) == by_hand(photos, tmp_path / "local")


@pytest.mark.slow
def test_the_driver_is_killed(tmp_path: Path, photos: Path, ray: Any) -> None:
    """Ended by SIGKILL in the midst of it, and started again: every row is there, once."""
    out = tmp_path / "out"
    script = dedent(
        f"""
        import sys
        from unseen.labelling import label

        label({str(photos)!r}, {CLASSES!r}, {str(out)!r}, recognizer="fragile:0.02", shard_size=4, resume=True,
              engine="ray", workers=2, ray_address={ray.get_runtime_context().gcs_address!r},
              advance=lambda done: print(done, flush=True))
        """
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.kill()
        assert process.stderr.read() == ""
    assert lines == ["0\n", "4\n", "4\n"]
    kept = read_manifest(out)
    assert not kept.complete
    assert len(kept.parts) >= 2
    report = by_ray(photos, out, recognizer="fragile:0.02", shard_size=4, resume=True)
    assert (report.items, report.kept) == (48, kept.items)
    assert rows(out) == by_hand(photos, tmp_path / "local", shard_size=4)
    assert not list(out.glob("*.partial"))


@pytest.mark.slow
def test_a_worker_that_dies_costs_no_row(tmp_path: Path, photos: Path, ray: Any) -> None:
    killed: list[int] = []

    def advance(done: int) -> None:
        if done and not killed:
            killed.append(worker_pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    options: dict[str, Any] = {"recognizer": "fragile:0.02", "shard_size": 4}
    report = embed(photos, tmp_path / "out", engine="ray", worker_cores=1, advance=advance, **options)
    assert killed
    assert (report.items, report.parts) == (48, 12)
    embed(photos, tmp_path / "local", **options)
    assert rows(tmp_path / "out") == rows(tmp_path / "local")


@pytest.mark.slow
def test_shards_that_cannot_be_done_are_named_and_the_rest_is_done(tmp_path: Path, photos: Path, ray: Any) -> None:
    """One ends its worker each time, one raises what no model should."""
    out = tmp_path / "out"
    with (photos / "0017.png").open("ab") as file:
        file.write(b"DIE")
    with (photos / "0041.png").open("ab") as file:
        file.write(b"FAIL")
    expected = (
        r"labelling: every part must be finished; got 2 that are not\. "
        r"part 2 \(items 17 to 24, '.*0016\.png' first\): its worker died 3 times; "
        r"part 5 \(items 41 to 48, '.*0040\.png' first\): RuntimeError: out of order\. "
        r"Everything else that was begun is done; mend that, then run it with --resume\."
    )
    with pytest.raises(UnseenError, match=expected):
        by_ray(photos, out)
    found = read_manifest(out)
    assert (sorted(found.parts), found.complete) == ([0, 1, 3, 4], False)
    for number in (17, 41):
        (photos / f"{number:04}.png").write_bytes(photo(number))
    # What is found out while the source is walked ends the run once what was handed out is done.
    (photos / "0035.png").rename(photos / "0035a.png")
    with pytest.raises(InputError, match=r"got other names among items 33 to 40\. Restore it"):
        by_ray(photos, out, resume=True)
    assert sorted(read_manifest(out).parts) == [0, 1, 2, 3, 4]
    (photos / "0035a.png").rename(photos / "0035.png")
    report = label(photos, CLASSES, out, recognizer="fragile:0", shard_size=8, resume=True)
    assert (report.items, report.kept) == (48, 40)
    assert rows(out) == by_hand(photos, tmp_path / "local")


# -- what is refused -----------------------------------------------------------------------------------------


def test_two_runs_on_one_output_refuse_each_other(tmp_path: Path, photos: Path, ray: Any) -> None:
    with Output(tmp_path / "out"), pytest.raises(InputError, match="must be free; got one that another run is writing"):
        by_ray(photos, tmp_path / "out")


@pytest.mark.slow
def test_a_model_that_is_another_one_there_is_refused(tmp_path: Path, photos: Path, ray: Any) -> None:
    expected = (
        r"the model and the classes must be the same on every machine; got other model_fingerprint, encoder_finger"
    )
    with pytest.raises(InputError, match=expected):
        by_ray(photos, tmp_path / "out", recognizer="fragile:-1")
    assert not read_manifest(tmp_path / "out").parts


def test_photos_in_memory_are_refused_before_anything_starts(tmp_path: Path) -> None:
    pictures = (np.full((4, 4, 3), i, np.uint8) for i in range(3))
    with pytest.raises(InputError, match=r"one that other machines can read; got photos in memory \(image-0\)"):
        label(pictures, CLASSES, tmp_path / "out", engine="ray")


def test_a_recogniser_in_memory_is_refused(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(InputError, match=r"a name or a folder, where workers are to load it; got .*Save it with"):
        by_ray(photos, tmp_path / "out", recognizer=Recognizer.load())


def test_a_second_cluster_is_refused(tmp_path: Path, photos: Path, ray: Any) -> None:
    with pytest.raises(
        InputError, match=r"ray_address must be None in a process that is connected to a cluster; got 'a"
    ):
        by_ray(photos, tmp_path / "out", ray_address="auto")


def answers_of(out: Path, row: dict[str, Any], ray: Any, **options: Any) -> dict[str, Any]:
    """Return what a worker answers; the worker is in this process."""
    from unseen import Vocabulary
    from unseen._version import __version__
    from unseen.labelling import Job

    desk = ray.remote(Desk).options(num_cpus=0).remote()
    job = ray.put(Job("fragile:0", Vocabulary.from_names(CLASSES), options={"top_k": None, "unknown_below": None}))
    arguments = {"out": str(out), "header": header_digest(out), "cores": 1, "version": __version__} | options
    table = ShardLabeller(job, desk, **arguments)(pa.Table.from_pylist([{"place": 0} | row]))
    assert table.column("place").to_pylist() == [0]
    answer: dict[str, Any] = json.loads(table.column("answer")[0].as_py())
    return answer


@pytest.fixture
def begun(tmp_path: Path, photos: Path) -> tuple[Path, dict[str, Any]]:
    """Return an output of one part that is begun, and the shard to be done."""
    out = tmp_path / "out"
    label(photos, CLASSES, out, recognizer="fragile:0", shard_size=100)
    (shard,) = plan_shards(iter(open_source(photos)), 100, {})
    return out, pack_shard(shard)


def test_a_worker_answers_with_what_the_manifest_is_to_say(begun: tuple[Path, dict[str, Any]], ray: Any) -> None:
    out, row = begun
    before = read_manifest(out).parts[0]
    assert answers_of(out, row, ray) == {"summary": before.to_dict()}


def test_a_worker_of_another_version_is_refused(begun: tuple[Path, dict[str, Any]], ray: Any) -> None:
    answer = answers_of(*begun, ray, version="0.0.1")
    assert "unseen must be version 0.0.1 on every machine; got " in answer["refused"]


@pytest.mark.parametrize("got", ["no", "another"])
def test_an_output_that_is_not_shared_is_refused(tmp_path: Path, begun: tuple[Path, Any], ray: Any, got: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    if got == "another":
        elsewhere.mkdir()
        (elsewhere / "manifest.jsonl").write_text("{}\n")
    answer = answers_of(elsewhere, begun[1], ray, header=header_digest(begun[0]))
    assert f"elsewhere' must be the same on every machine; got {got} manifest. Choose a folder" in answer["refused"]


def test_a_source_that_is_not_shared_is_refused(begun: tuple[Path, dict[str, Any]], photos: Path, ray: Any) -> None:
    (photos / "0000.png").unlink()
    assert "must be the same on every machine (" in answers_of(*begun, ray)["refused"]


def test_a_part_that_cannot_be_written_ends_the_run(begun: tuple[Path, dict[str, Any]], ray: Any) -> None:
    out, row = begun
    (out / "part-000000.parquet").unlink()
    (out / "part-000000.parquet" / "in the way").mkdir(parents=True)
    assert "must be writable; got Is a directory. Free some space" in answers_of(out, row, ray)["refused"]


# -- the command ---------------------------------------------------------------------------------------------


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unseen", *words],
        capture_output=True, text=True, check=False, env=os.environ | environment, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_starts_ray_and_answers_in_one_line(tmp_path: Path, photos: Path, plugin: Path) -> None:
    """Even when a worker dies, of which Ray speaks."""
    pytest.importorskip("ray.data", reason="Ray is not installed")
    with (photos / "0020.png").open("ab") as file:
        file.write(b"ONCE")
    done = command(
        "label", str(photos), "-c", ",".join(CLASSES), "-o", str(tmp_path / "out"), "-m", "fragile:0",
        "--engine", "ray", "--workers", "1", "--shard-size", "8", "--json",
        FRAGILE_MARK=str(tmp_path / "mark"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mark").exists()
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["items"] == 48
    assert len(done.stdout.splitlines()) == 1
    assert rows(tmp_path / "out") == by_hand(photos, tmp_path / "local")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "ray://somewhere:10001",
            "ray_address must be 'auto' or host:port; got 'ray://somewhere:10001'. Run the command",
        ),
        ("nowhere", "ray_address must be that of a running cluster; got 'nowhere'. "),
    ],
)
def test_a_wrong_address_is_one_line(tmp_path: Path, photos: Path, plugin: Path, address: str, expected: str) -> None:
    pytest.importorskip("ray.data", reason="Ray is not installed")
    done = command(
        "label", str(photos), "-c", "red", "-o", str(tmp_path / "out"), "-m", "fragile:0", "--background", "grey",
        "--engine", "ray", "--ray-address", address,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"unseen: labelling: {expected}")
    assert len(done.stderr.splitlines()) == 1


def test_the_cluster_configuration_is_one_to_ray() -> None:
    util = pytest.importorskip("ray.autoscaler._private.util", reason="Ray is not installed")
    config = yaml.safe_load((ROOT / "examples" / "ray-cluster.yaml").read_text("utf-8"))
    util.validate_config(util.prepare_config(config))
    commands = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    assert [
        command for command in commands if " start " in command and "RAY_USAGE_STATS_ENABLED=0" not in command
    ] == []
