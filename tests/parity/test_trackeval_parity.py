"""Figures that others published for the same files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unseen.metrics.tracks import evaluate_tracks
from unseen.tracking.mot import read_mot

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("trackeval")


@pytest.mark.parametrize(("name", "mota", "idf1"), [("TUD-Campus", 52.6, 55.8), ("TUD-Stadtmitte", 56.4, 64.5)])
def test_published_figures(data: Path, name: str, mota: float, idf1: float) -> None:
    """Of py-motmetrics' own page, with its files."""
    folder = data / "tracking" / name
    scores = evaluate_tracks(read_mot(folder / "test.txt"), read_mot(folder / "gt.txt"))
    assert round(100 * scores.mota, 1) == mota
    assert round(100 * scores.idf1, 1) == idf1


def test_the_command_prints_them(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from unseen.cli.app import app

    folder = str(data / "tracking")
    done = CliRunner().invoke(app, ["track-eval", folder, "--truth", folder])
    assert done.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in done.output.splitlines()[1:]}
    assert rows["TUD-Campus"][3:5] == ["52.6", "55.8"]
    assert rows["TUD-Stadtmitte"][3:5] == ["56.4", "64.5"]
    assert set(rows) == {"TUD-Campus", "TUD-Stadtmitte", "all"}
