"""``unseen track-eval``: how well tracks fit the truth."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unseen.cli.streams import print_json
from unseen.validation import counted, one_line

if TYPE_CHECKING:
    from unseen.metrics.tracks import TrackScores

__all__ = ["EXAMPLE", "track_eval"]

EXAMPLE = (
    "Example: unseen track-eval tracks/tracks.txt --truth gt.txt\n\nunseen track-eval results/ --truth MOT17/train"
)


def track_eval(
    hypotheses: Annotated[
        Path, typer.Argument(metavar="HYPOTHESES", help="Tracks: a MOT file, or a folder with one per sequence.")
    ],
    *,
    truth: Annotated[
        Path, typer.Option("--truth", help="The truth: a MOT file, or a folder of sequences.", show_default=False)
    ],
    threshold: Annotated[float, typer.Option("--threshold", help="IoU from which a box fits (CLEAR, IDF1).")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON, for programs.")] = False,
) -> None:
    """Compare tracks with the truth: HOTA, MOTA and IDF1, by TrackEval."""
    from unseen.metrics.tracks import evaluate_tracks
    from unseen.tracking.sequences import read_hypotheses, read_truth

    found = read_hypotheses(hypotheses, truth)
    true = read_truth(truth)
    if isinstance(found, Mapping) and isinstance(true, Mapping) and (without := sorted(set(true) - set(found))):
        some = ", ".join(one_line(name) for name in without[:5]) + (", …" if len(without) > 5 else "")
        note = f"no tracks for {counted(len(without), 'sequence')} of the truth, which count as missed"
        print(f"unseen: {note}: {some}", file=sys.stderr)
    scores = evaluate_tracks(found, true, threshold=threshold)
    if not isinstance(scores, dict):  # one file each
        scores = {hypotheses.name: scores}
    elif len(scores) == 2:  # one sequence: the sum of one says nothing new
        del scores["all"]
    if as_json:
        print_json({name: one.to_dict() for name, one in scores.items()})
        return
    _print(scores)


def _print(scores: dict[str, TrackScores]) -> None:
    wide = max(8, *(len(one_line(name)) for name in scores))
    heads = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "switches", "missed", "false", "objects", "tracks")
    print(f"{'':<{wide}}" + "".join(f"{head:>9}" for head in heads))
    for name, one in scores.items():
        shares = "".join(f"{100 * share:9.1f}" for share in (one.hota, one.deta, one.assa, one.mota, one.idf1))
        numbers = (one.id_switches, one.misses, one.false_positives, one.true_objects, one.tracks)
        print(f"{one_line(name):<{wide}}{shares}" + "".join(f"{number:9,}" for number in numbers))
