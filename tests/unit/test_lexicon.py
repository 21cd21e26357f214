"""The lexicon: names find their own definition, never a neighbour's; damage is told, bombs stay packed."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unseen.encoders import lexicon
from unseen.encoders.lexicon import Lexicon
from unseen.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

TABLE = {
    "fairy": "a small being with wings",
    "bus": "a large vehicle",
    "box": "a container",
    "t-shirt": "a garment",
    "cherry": "a small red fruit",
}


@pytest.fixture
def table(tmp_path: Path) -> Lexicon:
    path = tmp_path / "lexicon.tsv.gz"
    path.write_bytes(gzip.compress("".join(f"{k}\t{v}\n" for k, v in TABLE.items()).encode()))
    return Lexicon(path)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("bus", "bus"),
        ("Bus", "bus"),
        ("buses", "bus"),
        ("boxes", "box"),
        ("cherries", "cherry"),
        ("T shirt", "t-shirt"),
        ("t_shirts", None),
        ("fair", None),
        ("okapi", None),
    ],
)
def test_what_a_name_finds(table: Lexicon, name: str, found: str | None) -> None:
    assert table.definition(name) == (TABLE[found] if found else None)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Lexicon: .*none.gz cannot be read: .*Install the model again\."):
        Lexicon(tmp_path / "none.gz").definition("bus")


def test_damage_of_every_kind_is_a_model_error(tmp_path: Path) -> None:
    packed = gzip.compress(np.random.default_rng(0).integers(97, 120, 200_000, np.uint8).tobytes())
    broken = packed[:5000] + b"\xff" * 100 + packed[5100:]
    for data in (b"", b"no gzip", packed[:-100], broken, gzip.compress(b"\xff\xfe\tx\n")):
        path = tmp_path / "lexicon.tsv.gz"
        path.write_bytes(data)
        if data:
            with pytest.raises(ModelError, match=r"cannot be read"):
                Lexicon(path).definition("bus")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "_MAX_BYTES", 1000)
    path = tmp_path / "lexicon.tsv.gz"
    path.write_bytes(gzip.compress(b"a\tb\n" * 1000))
    with pytest.raises(ModelError, match=r"more than 1000 bytes unpacked"):
        Lexicon(path).definition("a")
