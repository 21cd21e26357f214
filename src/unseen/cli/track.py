"""``unseen track``: follow what a video shows and say what it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unseen.cli.options import Background, Classes, Device, Model, UnknownBelow, background_names, detector_on, model_on
from unseen.cli.progress import progress
from unseen.cli.streams import print_json
from unseen.errors import InputError
from unseen.validation import counted, one_line

if TYPE_CHECKING:
    from unseen.tracking.run import TrackReport

__all__ = ["EXAMPLE", "track"]

EXAMPLE = (
    'Example: unseen track street.mp4 --classes "car, bus, person" --detector onnx:yolox.onnx --out tracks\n\n'
    'unseen track frames/ --classes zoo.yaml --detections det.txt --out tracks --line "gate=50%,0 50%,100%"\n\n'
    "unseen track rtsp://camera.local/live --classes zoo.yaml --out tracks --every 3 --no-video"
)

#: Tracks that are shown on a terminal; all of them are in the folder.
_SHOWN = 30


def track(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A video, a folder or pattern of frames, a list (.txt), a camera's number, or an address (rtsp://…).",
            show_default=False,
        ),
    ],
    *,
    classes: Classes,
    out: Annotated[Path, typer.Option("--out", "-o", help="The output folder.")] = Path("tracks"),
    detector: Annotated[
        str, typer.Option("--detector", "-d", help="What finds boxes: default, onnx:<file>, hf:<id>, http://….")
    ] = "default",
    detections: Annotated[
        Path | None,
        typer.Option("--detections", help="Boxes you have, in place of a detector: MOT text, COCO, YOLO, VOC."),
    ] = None,
    tracker: Annotated[
        str, typer.Option("--tracker", "-t", help="unseen, motion; or sort, bytetrack, ocsort, botsort to compare.")
    ] = "unseen",
    model: Model = "default",
    device: Device = "cpu",
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=0, max=1, help="Score from which a box begins a track.", show_default="the tracker's"
        ),
    ] = None,
    overlap: Annotated[
        float, typer.Option("--overlap", min=0, max=1, help="Of boxes that overlap by more, the surest stays.")
    ] = 0.7,
    max_unseen: Annotated[
        float | None,
        typer.Option(
            "--max-unseen", min=0, help="Frames after which a track that is not seen ends.", show_default="120"
        ),
    ] = None,
    max_boxes: Annotated[int, typer.Option("--max-boxes", min=1, help="Boxes per frame: the surest.")] = 300,
    camera_motion: Annotated[
        bool, typer.Option("--camera-motion/--no-camera-motion", help="Take the camera's own motion out.")
    ] = True,
    classify_every: Annotated[
        int, typer.Option("--classify-every", min=1, help="Frames after which a track is looked at again.")
    ] = 10,
    unknown_below: UnknownBelow = None,
    label_weight: Annotated[
        float, typer.Option("--label-weight", min=0, max=1, help="How much the detector's own words count.")
    ] = 0.5,
    background: Background = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Look at one of so many frames.")] = 1,
    start: Annotated[float | None, typer.Option("--start", min=0, help="Begin at this second.")] = None,
    end: Annotated[float | None, typer.Option("--end", min=0, help="End before this second.")] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", help="Frames per second of photos.", show_default="25")
    ] = None,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--wait", help="Of an address: drop frames rather than lag, or take all.", show_default="by itself"
        ),
    ] = None,
    roi: Annotated[
        list[str] | None,
        typer.Option("--roi", metavar="POLYGON", help='Look inside only: "0,50% 100%,50% 100%,100% 0,100%".'),
    ] = None,
    line: Annotated[
        list[str] | None, typer.Option("--line", metavar="LINE", help='Count who crosses: "gate=320,0 320,360".')
    ] = None,
    zone: Annotated[
        list[str] | None, typer.Option("--zone", metavar="POLYGON", help='Count who is in: "door=0,0 90,0 90,80".')
    ] = None,
    anchor: Annotated[
        str, typer.Option("--anchor", help="Where a box is, for regions, lines and zones: foot or centre.")
    ] = "foot",
    video: Annotated[bool, typer.Option("--save-video/--no-video", help="Write the frames with their tracks.")] = True,
    trail: Annotated[int, typer.Option("--trail", min=0, max=10_000, help="Frames of each way that are drawn.")] = 0,
    thickness: Annotated[
        int | None, typer.Option("--thickness", min=1, max=100, help="Pixels of drawn lines.", show_default="by size")
    ] = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Replace the files of an earlier run in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tracks and counts as JSON, for programs.")] = False,
) -> None:
    """Follow objects through a video and say what they are by what you write about the classes."""
    if detections is not None and detector != "default":
        raise InputError("track: give either --detector or --detections: both say where the boxes are. See --help.")
    from unseen.tracking.frames import open_frames
    from unseen.tracking.run import track_to_folder
    from unseen.tracking.zones import parse_line, parse_polygon
    from unseen.vocabulary import Vocabulary

    vocabulary = Vocabulary.parse(classes)
    lines = [parse_line(text, number=i) for i, text in enumerate(line or [], 1)]
    zones = [parse_polygon(text, what="zone", number=i) for i, text in enumerate(zone or [], 1)]
    regions = [parse_polygon(text, what="roi", number=i) for i, text in enumerate(roi or [], 1)]
    chosen = detector if detections is not None else detector_on(detector, device)
    options: dict[str, Any] = {
        "detector": chosen,
        "detections": detections,
        "tracker": tracker,
        "threshold": threshold,
        "overlap": overlap,
        "max_unseen": max_unseen,
        "max_boxes": max_boxes,
        "camera": camera_motion,
        "classify_every": classify_every,
        "unknown_below": unknown_below,
        "label_weight": label_weight,
        "background": background_names(background),
    }
    recognizer = model_on(model, device, chosen)
    with open_frames(source, every=every, start=start, end=end, rate=rate, live=live) as frames:
        if sys.stderr.isatty():
            kind = "a live source; " if frames.live else ""
            print(f"unseen: {kind}Ctrl-C ends it and writes the tables", file=sys.stderr)
        with progress("tracking", frames.total) as advance:
            report = track_to_folder(
                recognizer,
                frames,
                vocabulary,
                out,
                video=video,
                trail=trail,
                thickness=thickness,
                lines=lines,
                zones=zones,
                roi=regions,
                anchor=anchor,
                exist_ok=exist_ok,
                advance=lambda _: advance(1),
                **options,
            )
    if as_json:
        print_json(report.to_dict() | {"out": str(out)})
    else:
        _tell(report, out)
    if report.stopped and not frames.live:
        raise typer.Exit(130)  # as shells count it: not all that was asked for was done


def _tell(report: TrackReport, out: Path) -> None:
    from unseen.report.cards import percent

    longest = sorted(report.tracks, key=lambda record: (-record.seen, record.id))
    for record in longest[:_SHOWN]:
        name = f"{one_line(record.name)} {percent(record.probability)}" if record.name else "unknown"
        seen = counted(record.seen, "frame")
        print(f"{record.id:>6}  {name:<32} {seen:>14}  {record.begin:8.1f} s to {record.end:.1f} s")
    if len(longest) > _SHOWN:
        print(f"        {len(longest) - _SHOWN:,} more are in {out / 'tracks.csv'}")
    for name, ways in report.counts["lines"].items():
        print(f"\nline {one_line(name)}: " + "; ".join(f"{way} {_kinds(found)}" for way, found in ways.items()))
    for name, found in report.counts["zones"].items():
        print(f"\nzone {one_line(name)}: at most {found['most']:,} at once; visitors {_kinds(found['visitors'])}")
    for note in report.notes:
        print(f"unseen: {one_line(note)}", file=sys.stderr)
    print(f"\n{counted(len(report.tracks), 'track')} in {counted(report.frames, 'frame')}\nwritten: {out}")


def _kinds(found: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {one_line(kind)}" for kind, n in found.items()) or "0"
