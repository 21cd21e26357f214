"""``unseen dataset``: make a benchmark of one's own photos, look at one, split and convert it."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unseen.cli.options import Device
from unseen.cli.progress import progress
from unseen.cli.streams import print_json
from unseen.errors import InputError

if TYPE_CHECKING:
    from unseen.datasets import Dataset

app = typer.Typer(
    help="Make a benchmark of your own photos, look at one, split and convert it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: unseen dataset build photos/ --attributes classes.csv --unseen unseen.txt --out birds",
)

#: Skipped photos that are listed by name, and unseen classes.
_SHOWN, _NAMED = 10, 40

Folder = Annotated[Path, typer.Argument(metavar="DATASET", help="A data set's folder.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", help="The new folder to write.", show_default=False)]
Unseen = Annotated[
    str | None,
    typer.Option("--unseen", help='The unseen classes: a file with one per line, or "a, b, c".', show_default=False),
]
UnseenShare = Annotated[
    float | None,
    typer.Option("--unseen-share", min=0, max=1, help="Choose this share of the classes as unseen; 0.25 by default."),
]
Distance = Annotated[
    bool | None,
    typer.Option(
        "--hard/--easy", help="Choose unseen classes that are far from the seen ones (hard) or close to them (easy)."
    ),
]
Rare = Annotated[bool, typer.Option("--rare", help="Choose the classes with the fewest samples as unseen.")]
SeenTest = Annotated[
    float,
    typer.Option("--seen-test-share", min=0, max=0.9, help="Share of each seen class held out for the seen test part."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of all that is drawn.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command(
    epilog="Example: unseen dataset build photos/ --attributes classes.csv --unseen unseen.txt --out birds\n\n"
    "unseen dataset build photos/ --classes classes.yaml --unseen-share 0.3 --hard --out birds"
)
def build(
    photos: Annotated[
        Path,
        typer.Argument(metavar="PHOTOS", help="A folder with one folder of photos per class.", show_default=False),
    ],
    *,
    out: Out,
    attributes: Annotated[
        Path | None,
        typer.Option("--attributes", "-a", help="A table (CSV): a row per class, a column per attribute."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option("--classes", "-c", help="A vocabulary file whose texts describe the classes; else folder names."),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", help="Take vectors from this file (.npz, .safetensors, .parquet); encode nothing."),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model of `unseen models`, or a saved folder.")
    ] = "default",
    device: Device = "cpu",
    unseen: Unseen = None,
    unseen_share: UnseenShare = None,
    hard: Distance = None,
    rare: Rare = False,
    seen_test_share: SeenTest = 0.2,
    seed: Seed = 0,
    name: Annotated[str | None, typer.Option("--name", help="What to call it; else the photos' folder.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 at the first unusable photo.")] = False,
    as_json: Json = False,
) -> None:
    """Encode your own photos into a benchmark; a build that was stopped goes on where it was."""
    from unseen.datasets.build import build_dataset
    from unseen.errors import ItemError
    from unseen.inputs.sources import count_images
    from unseen.recognizer import Recognizer

    how = _how(unseen, hard, rare)
    # Counting walks the folders once more; only somebody who watches a bar needs it.
    total = count_images(photos) if sys.stderr.isatty() and photos.is_dir() and features is None else None
    with ExitStack() as stack:
        advance = stack.enter_context(progress("encoding", total)) if features is None else None
        try:
            built = build_dataset(
                photos,
                out=out,
                attributes=attributes,
                vocabulary=classes,
                features=features,
                model=model if device == "cpu" else Recognizer.load(model, device=device).encoder,
                unseen=_listed(unseen),
                how=how,
                unseen_share=unseen_share,
                seen_test_share=seen_test_share,
                random_state=seed,
                name=name,
                strict=strict,
                advance=advance,
            )
        except ItemError as error:
            print(f"unseen: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
    for item, reason in built.skipped[:_SHOWN]:
        print(f"skipped: {item}: {reason}", file=sys.stderr)
    if len(built.skipped) > _SHOWN:
        print(f"skipped: {len(built.skipped) - _SHOWN} more", file=sys.stderr)
    for note in built.notes:
        print(f"note: {note}", file=sys.stderr)
    if built.n_kept:
        print(f"note: {built.n_kept:,} vectors were kept from an earlier run", file=sys.stderr)
    if as_json:
        print_json({**built.dataset.summary(), "skipped": built.skipped, "notes": built.notes}, indent=2)
        return
    _show(built.dataset)
    print(f"\n{len(built.skipped):,} skipped\nwritten: {out}")


@app.command(epilog="Example: unseen dataset info birds")
def info(folder: Folder, *, as_json: Json = False) -> None:
    """Say what is in a data set, prove its split, and name classes that can hardly be told apart."""
    from unseen.datasets import nearest_prototypes, read_dataset, repeated_samples

    dataset = read_dataset(folder)
    pairs, repeated = nearest_prototypes(dataset.prototypes), repeated_samples(dataset)
    written = dataset.made.get("written_fingerprint")
    changed = written is not None and written != dataset.fingerprint
    if as_json:
        rows = [{"first": p.first, "second": p.second, "cosine": p.cosine, "equal": p.equal} for p in pairs]
        about: dict[str, Any] = {
            **dataset.summary(),
            "fingerprint": dataset.fingerprint,
            "proof": dataset.proof,
            "nearest_prototypes": rows,
            "repeated_samples": repeated,
            "changed_since_written": changed,
        }
        print_json(about, indent=2)
        return
    _show(dataset)
    print("\nproven:")
    for sentence in dataset.proof:
        print(f"- {sentence}")
    print("\nmost alike prototypes (cosine around their mean):")
    for pair in pairs:
        likeness = "equal; no method can tell them apart" if pair.equal else f"{pair.cosine:.3f}"
        print(f"- {pair.first} and {pair.second}: {likeness}")
    if repeated:
        print(
            f"\nwarning: {repeated:,} test samples have the very vector of a sample to learn from: photos are doubled"
        )
    if changed:
        print("\nnote: the files were changed after they were written")
    print(f"\nfingerprint: {dataset.fingerprint}")


@app.command(epilog="Example: unseen dataset split birds --hard --unseen-share 0.3 --out birds-hard")
def split(
    folder: Folder,
    *,
    out: Out,
    unseen: Unseen = None,
    unseen_share: UnseenShare = None,
    hard: Distance = None,
    rare: Rare = False,
    seen_test_share: SeenTest = 0.2,
    seed: Seed = 0,
) -> None:
    """Write the same samples under a new split into a new folder."""
    from unseen.datasets import read_dataset, resplit, write_dataset
    from unseen.datasets.class_names import find_names

    dataset = read_dataset(folder)
    listed = _listed(unseen)
    if isinstance(listed, Path):
        from unseen.datasets import read_class_list

        listed = list(read_class_list(listed))
    names = None if listed is None else find_names("split", listed, dataset.prototypes.names, "classes")
    other = resplit(
        dataset,
        unseen=names,
        how=_how(unseen, hard, rare),
        share=unseen_share,
        seen_test_share=seen_test_share,
        random_state=seed,
    )
    write_dataset(other, out)
    _show(other)
    print(f"\nwritten: {out}")


@app.command(epilog="Example: unseen dataset convert birds --to xlsa birds-xlsa")
def convert(
    folder: Folder,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new folder to write.", show_default=False)],
    *,
    to: Annotated[str, typer.Option("--to", help="xlsa: res101.mat and att_splits.mat; unseen: our own format.")],
    prototypes: Annotated[
        str | None,
        typer.Option("--prototypes", help="Other prototypes: original_att or a splits file (xlsa), a table (others)."),
    ] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Scale att to length one, as in the published files (xlsa).")
    ] = False,
) -> None:
    """Write a data set in another format, such as the one that published code reads."""
    from unseen.datasets import read_dataset, write_dataset, write_xlsa
    from unseen.validation import check_choice

    check_choice("convert", "--to", to, ("xlsa", "unseen"))
    if normalize and to != "xlsa":
        raise InputError(
            "convert: --normalize needs --to xlsa: our own format keeps prototypes as they are. See --help."
        )
    dataset = read_dataset(folder, prototypes=prototypes)
    if to == "xlsa":
        write_xlsa(dataset, out, normalize=normalize)
    else:
        write_dataset(dataset, out)
    print(f"written: {out}")


def _how(unseen: str | None, hard: bool | None, rare: bool) -> str:
    chosen = [unseen is not None, hard is not None, rare]
    if sum(chosen) > 1:
        raise InputError("dataset: give only one of --unseen, --hard, --easy and --rare. See --help.")
    return "rare" if rare else "random" if hard is None else "hard" if hard else "easy"


def _listed(unseen: str | None) -> Path | list[str] | None:
    """Return what --unseen means: a file, or names."""
    if unseen is None:
        return None
    from unseen.vocabulary.files import names_a_file

    if names_a_file(unseen):
        return Path(unseen)
    return [name.strip() for name in unseen.split(",") if name.strip()]


def _show(dataset: Dataset) -> None:
    about = dataset.summary()
    print(f"{about['name']}: {about['samples']:,} samples of {about['features']} numbers")
    print(
        f"{about['classes']} classes, {about['seen_classes']} seen and {about['unseen_classes']} unseen, "
        f"with prototypes of {about['prototype_dimensions']} numbers"
    )
    prototypes = dataset.prototypes
    from unseen.inputs.files import printable

    known = set(dataset.seen_prototypes.names)
    unseen = [printable(name) for name in prototypes.names if name not in known]
    print(
        f"unseen: {', '.join(unseen[:_NAMED])}{f' and {len(unseen) - _NAMED:,} more' if len(unseen) > _NAMED else ''}"
    )
    print("\npart         samples  classes")
    for part, counts in about["parts"].items():
        shown = f"  {part}" if part in ("train", "val") else part
        print(f"{shown:<12} {counts['samples']:>7,} {counts['classes']:>8,}")
    if "test_seen" not in about["parts"] or not about["parts"]["test_seen"]["samples"]:
        print("no seen test samples: seen and unseen classes cannot be compared")
    if about["unused_samples"]:
        print(f"{'unused':<12} {about['unused_samples']:>7,}")
