"""Rows with an error, labelled again: exactly one row per item, whatever ends the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.labelling_kit import CLASSES, colours, made_up, rows, same

from unseen.errors import InputError
from unseen.inputs import Item
from unseen.labelling import Output, embed, label, read_manifest
from unseen.labelling.reading import open_labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

#: In four of the seven parts of 40: the first and last item of one, one within, one in the last and shorter part.
DOWN = (40, 79, 100, 203, 249)


def source(count: int = 250, *, down: Collection[int] = ()) -> Iterator[Item]:
    """Yield made-up photos, of which some cannot be fetched."""
    for number, item in enumerate(made_up(count)):
        yield Item(item.name, None, "cannot be fetched: the server answered 503") if number in down else item


def run(out: Path, *, down: Collection[int] = (), **options: Any) -> Any:
    options = {"shard_size": 40, "embeddings": True, **options}
    return label(options.pop("source", source(down=down)), CLASSES, out, recognizer=colours(), **options)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run(out)
    return rows(out)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a complete output, made while a server was down."""
    run(tmp_path / "out", down=DOWN)
    return tmp_path / "out"


def test_rows_with_an_error_are_labelled_again_and_no_others(out: Path, undisturbed: list[dict[str, Any]]) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*.parquet")}
    report = run(out, retry_errors=True)
    assert same(rows(out), undisturbed)
    assert (report.items, report.kept, report.errors) == (250, 243, 2)  # those that no server will mend
    written = {path.name for path in out.glob("part-*.parquet") if path.stat().st_mtime_ns != before[path.name]}
    assert written == {f"part-{part:06}.parquet" for part in (1, 2, 4, 5, 6)}
    manifest = read_manifest(out)
    assert (manifest.complete, manifest.items, manifest.errors) == (True, 250, 2)
    assert manifest.reasons == {"is text, not a photo": 2}
    last = json.loads((out / "manifest.jsonl").read_text("utf-8").splitlines()[-1])
    assert last == {"complete": True, "items": 250, "parts": 7, "errors": 2}
    open_labels(out).verify()
    assert sum(len(some) for some in open_labels(out).iter_rows(vectors=True)) == 250


def test_every_item_is_counted_once(out: Path) -> None:
    counts: list[int] = []
    run(out, retry_errors=True, advance=counts.append)
    assert counts[0] == 243
    assert sum(counts) == 250


def test_what_fails_again_stays_and_can_be_tried_again(out: Path, undisturbed: list[dict[str, Any]]) -> None:
    before = rows(out)
    assert run(out, down=DOWN, retry_errors=True).errors == 7
    assert same(rows(out), before)
    assert run(out, down=DOWN[:1], retry_errors=True).errors == 3
    assert run(out, retry_errors=True).errors == 2
    assert same(rows(out), undisturbed)


def test_embeddings_too(tmp_path: Path) -> None:
    embed(source(down=DOWN), tmp_path / "out", recognizer=colours(), shard_size=40)
    embed(source(), tmp_path / "out", recognizer=colours(), shard_size=40, retry_errors=True)
    embed(source(), tmp_path / "calm", recognizer=colours(), shard_size=40)
    assert rows(tmp_path / "out") == rows(tmp_path / "calm")


def test_nothing_to_try_again(tmp_path: Path) -> None:
    options: dict[str, Any] = {"shard_size": 40, "retry_errors": True}
    assert label(made_up(50), CLASSES, tmp_path / "out", recognizer=colours(), **options).kept == 0  # a new output
    before = (tmp_path / "out" / "manifest.jsonl").read_bytes()
    report = label(made_up(50), CLASSES, tmp_path / "out", recognizer=colours(), **options)
    assert "all of them were done already" in str(report)
    assert (tmp_path / "out" / "manifest.jsonl").read_bytes() == before


class Stopped(Exception):  # noqa: N818  it is no error
    """Raised in the middle."""


def stopping(at: int, down: Collection[int] = ()) -> Iterator[Item]:
    for number, item in enumerate(source(down=down)):
        if number == at:
            raise Stopped
        yield item


def test_an_unfinished_run_is_gone_on_with_at_the_same_time(tmp_path: Path, undisturbed: list[dict[str, Any]]) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        run(out, source=stopping(170, DOWN))
    run(out, retry_errors=True)
    assert same(rows(out), undisturbed)


@pytest.mark.parametrize("at", [41, 79, 101, 204, 249])
def test_stopped_in_its_middle(out: Path, undisturbed: list[dict[str, Any]], at: int) -> None:
    with pytest.raises(Stopped):
        run(out, source=stopping(at), retry_errors=True)
    assert read_manifest(out).complete
    assert [row["item"] for row in rows(out)] == [row["item"] for row in undisturbed]
    open_labels(out).verify()
    run(out, retry_errors=True)
    assert same(rows(out), undisturbed)


def test_ended_between_a_new_part_and_its_line(
    out: Path, undisturbed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(self: Output, part: Any) -> None:
        raise Stopped

    monkeypatch.setattr(Output, "record", ended)
    with pytest.raises(Stopped):
        run(out, retry_errors=True)
    monkeypatch.undo()
    with pytest.raises(InputError, match="a finished run of which 1 parts are missing or damaged"):
        run(out)
    run(out, resume=True)
    open_labels(out).verify()
    run(out, retry_errors=True)
    assert same(rows(out), undisturbed)


def test_a_part_of_the_same_size_that_its_line_does_not_speak_of(out: Path, undisturbed: list[dict[str, Any]]) -> None:
    path = out / "part-000001.parquet"
    path.write_bytes(bytes(path.stat().st_size))
    run(out, retry_errors=True)
    assert same(rows(out), undisturbed)
    open_labels(out).verify()


def test_another_item_in_the_place_of_one_that_failed(out: Path) -> None:
    def renamed() -> Iterator[Item]:
        for number, item in enumerate(source()):
            yield Item("made-up/other", item.content) if number == 79 else item

    before = rows(out)
    with pytest.raises(InputError, match=r"got other names among items (41 to 80|that could not be used)\. Restore it"):
        run(out, source=renamed(), retry_errors=True)
    assert same(rows(out)[:80], before[:80])


def test_a_torn_line_behind_the_end_is_cut_away(out: Path, undisturbed: list[dict[str, Any]]) -> None:
    with (out / "manifest.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"part": 1, "fir')
    run(out, retry_errors=True)
    assert same(rows(out), undisturbed)
    assert read_manifest(out).errors == 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"retry_errors": "yes"}, "labelling: retry_errors must be True or False"),
        (
            {"retry_errors": True, "engine": "ray"},
            "retry_errors must be False with engine 'ray'; got True. Leave the engine out: either goes on with what",
        ),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        run(tmp_path / "out", **options)
