"""``unseen vocabulary``: write, fill in and check the file that says what the classes are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unseen.cli.streams import print_json

if TYPE_CHECKING:
    from unseen.prototypes import Prototypes
    from unseen.vocabulary import VocabularyReport
    from unseen.vocabulary.model import Vocabulary

app = typer.Typer(
    help="Write, fill in and check the file that says what the classes are.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog='Example: unseen vocabulary new "okapi, zebra, horse" > classes.yaml',
)

_HEADER = (
    "The classes to recognise. After each colon, say in a sentence what the class LOOKS like:",
    "shape, colours, patterns, parts. Nothing needs to be filled in for the file to work.",
    "Then look for trouble with: unseen vocabulary check THIS-FILE",
)
_EXAMPLE = (
    "description: what it looks like, in a sentence or two",
    "synonyms: [another name]",
)

Classes = Annotated[
    str, typer.Argument(metavar="FILE-OR-NAMES", help="A vocabulary file, or names separated by commas.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Write to this file instead of the screen.")]


def _emit(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    from unseen.errors import VocabularyError
    from unseen.files import write_atomically

    write_atomically(out, text, error=VocabularyError)
    typer.echo(f"Wrote {out}.", err=True)


@app.command(epilog='Example: unseen vocabulary new "okapi, zebra" > classes.yaml')
def new(
    classes: Classes,
    wordnet: Annotated[
        str | None,
        typer.Option(
            help="Fill in meanings and synonyms from WordNet: a WN-LMF file (.xml, .xml.gz), a lexicon installed for "
            "the wn package (oewn:2024), or a folder with index.noun and data.noun."
        ),
    ] = None,
    out: Out = None,
) -> None:
    """Write a commented vocabulary file to fill in; it works as it is."""
    from unseen.vocabulary.model import Vocabulary
    from unseen.vocabulary.yaml_format import write_text

    vocabulary = Vocabulary.parse(classes)
    comments: dict[str, list[str]] = {}
    if wordnet is not None:
        from unseen.vocabulary.wordnet import open_wordnet, prefill

        vocabulary, comments = prefill(vocabulary, open_wordnet(wordnet))
    for entry in list(vocabulary)[:1]:
        if entry.bare:
            comments[entry.name] = [*comments.get(entry.name, ()), *_EXAMPLE]
    _emit(write_text(vocabulary, header=_HEADER, comments=comments), out)


@app.command(epilog="Example: unseen vocabulary prompt classes.yaml --missing")
def prompt(
    classes: Classes,
    n: Annotated[int, typer.Option("--n", help="Sentences per class, 1 to 20.")] = 3,
    missing: Annotated[bool, typer.Option("--missing", help="Ask only about classes without a description.")] = False,
    out: Out = None,
) -> None:
    """Print a prompt that asks any chat model for descriptions; paste it there, save the answer, import it."""
    from unseen.vocabulary.chat import chat_prompt
    from unseen.vocabulary.model import Vocabulary

    vocabulary = Vocabulary.parse(classes)
    names = [e.name for e in vocabulary if not e.descriptions] if missing else None
    if names == []:
        typer.echo("Every class has a description; there is nothing to ask.", err=True)
        return
    _emit(chat_prompt(vocabulary, n=n, names=names), out)


@app.command("import", epilog="Example: unseen vocabulary import answer.txt --into classes.yaml")
def import_(
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help="File with the chat model's answer; - for stdin.")],
    into: Annotated[Path, typer.Option("--into", help="Vocabulary file that gets the descriptions.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of changing the file.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put the new descriptions in place of the existing ones.")
    ] = False,
    source: Annotated[str, typer.Option(help="Noted as where the descriptions come from.")] = "chat model",
) -> None:
    """Read a chat model's answer and add its descriptions to a vocabulary file."""
    from unseen.vocabulary.chat import MAX_ANSWER, merge_answer, read_answer
    from unseen.vocabulary.files import decode, read_text
    from unseen.vocabulary.model import Vocabulary

    before = Vocabulary.load(into)
    if answer == "-":
        text = decode(sys.stdin.buffer.read(4 * MAX_ANSWER), "standard input")
    else:
        text = read_text(Path(answer), 4 * MAX_ANSWER, "Ask about fewer classes at a time")
    found = read_answer(text, before)
    after = merge_answer(before, found, replace_existing=replace, source=source)
    target = out or into
    if out is None:
        _keep_comments(into)
    after.save(target)
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    typer.echo(f"Wrote {target}: descriptions of {changed} of {len(after)} classes changed.", err=True)
    for name, near in found.unknown:
        hint = f"; did you mean {' or '.join(repr(x) for x in near)}?" if near else ""
        typer.echo(f"Left out: no class is called {name[:80]!r}{hint}", err=True)
    for reason in found.rejected:
        typer.echo(f"Left out: {reason}", err=True)
    if found.missing:
        more = f" and {len(found.missing) - 10} more" if len(found.missing) > 10 else ""
        typer.echo(f"Not in the answer: {', '.join(found.missing[:10])}{more}", err=True)


def _keep_comments(path: Path) -> None:
    """Copy a YAML file that holds comments to FILE.bak: saving rewrites the file without them."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        return
    from unseen.errors import VocabularyError
    from unseen.files import write_atomically
    from unseen.vocabulary.files import MAX_YAML_BYTES, read_text

    text = read_text(path, MAX_YAML_BYTES, "Save so large a vocabulary as CSV, which loads faster")
    if any(line.lstrip().startswith("#") or " #" in line for line in text.splitlines()):
        kept = path.with_name(path.name + ".bak")
        write_atomically(kept, text, error=VocabularyError)
        typer.echo(f"Comments are not kept; the file as it was is in {kept}.", err=True)


def encode(vocabulary: Vocabulary, model: str) -> Prototypes:
    """Turn a vocabulary into prototypes with a model; on its own so that tests and other commands can replace it."""
    from unseen.recognizer import Recognizer

    return Recognizer.load(model).prototypes(vocabulary)


def definitions(vocabulary: Vocabulary, model: str) -> dict[str, str]:
    """Return what a model looks up for the classes of which it is told the name alone."""
    from unseen.encoders.prompts import vocabulary_texts
    from unseen.recognizer import Recognizer

    views = vocabulary_texts(Recognizer.load(model).encoder, vocabulary, modality="image")
    found = [(entry.name, view.label) for entry, texts in zip(vocabulary, views, strict=True) for view in texts]
    kinds = [view.kind for texts in views for view in texts] if views else []
    return {name: label for (name, label), kind in zip(found, kinds, strict=True) if kind == "definition"}


def _show_definitions(looked_up: dict[str, str]) -> None:
    if looked_up:
        typer.echo("Looked up by name, for photos; where that is the wrong meaning, write a description:")
    for name, definition in looked_up.items():
        typer.echo(f"- {name}: {definition}")


@app.command(epilog="Example: unseen vocabulary check classes.yaml")
def check(
    classes: Classes,
    model: Annotated[str, typer.Option(help="Model whose text encoder compares the classes.")] = "default",
    words_only: Annotated[
        bool, typer.Option("--words-only", help="Load no model: look at names, synonyms and descriptions alone.")
    ] = False,
    near: Annotated[float, typer.Option(help="Cosine from which two classes count as nearly one.")] = 0.95,
    pairs: Annotated[int, typer.Option(help="How many of the nearest pairs to show.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when there is a warning.")] = False,
) -> None:
    """Warn of what will hurt: classes too alike, names inside names, missing descriptions, hubs."""
    from unseen.vocabulary.check import check_vocabulary
    from unseen.vocabulary.model import Vocabulary

    vocabulary = Vocabulary.parse(classes)
    prototypes = None if words_only else encode(vocabulary, model)
    report = check_vocabulary(vocabulary, prototypes, near=near, n_pairs=pairs)
    looked_up = {} if words_only else definitions(vocabulary, model)
    if json:
        print_json({**report.to_dict(), "looked_up": looked_up}, indent=2)
    else:
        _show(report)
        _show_definitions(looked_up)
    if strict and report.warnings:
        raise typer.Exit(1)


def _show(report: VocabularyReport) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    n = len(report.warnings)
    noun = "class" if report.n_classes == 1 else "classes"
    typer.echo(f"{report.n_classes} {noun}, {n or 'no'} {'warning' if n == 1 else 'warnings'}.")
    for warning in report.warnings:
        typer.echo(f"- {warning.code}: {warning.message}")
    if report.nearest_pairs:
        table = Table(title="Nearest pairs", title_justify="left")
        table.add_column("class")
        table.add_column("class")
        table.add_column("cosine", justify="right")
        for pair in report.nearest_pairs:
            # Text, because a class may be called [red]
            table.add_row(Text(pair.first), Text(pair.second), f"{pair.cosine:.3f}")
        Console(file=sys.stdout).print(table)
