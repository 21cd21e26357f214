"""``unseen diagnose``: what is wrong, how much, and what would help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unseen.cli.options import Device
from unseen.cli.streams import print_json
from unseen.errors import InputError

if TYPE_CHECKING:
    from unseen.diagnosis import Diagnosis
    from unseen.vocabulary import Vocabulary

__all__ = ["EXAMPLE", "diagnose"]

EXAMPLE = (
    "Example: unseen diagnose data/CUB --method eszsl --out diagnosis/\n\n"
    "unseen diagnose photos/ --classes classes.yaml --out diagnosis/"
)

#: Vectors that are compared with each other; of more, so many are drawn.
_MOST_VECTORS = 10_000


def diagnose(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="WHAT",
            help="A data set's folder (see `unseen dataset`); a file of predictions or scores; or, with --classes, a "
            "folder of photos without labels, or what `unseen embed` wrote of them.",
            show_default=False,
        ),
    ],
    *,
    method: Annotated[
        str, typer.Option(help="The method to look at on a data set; see `unseen methods`.")
    ] = "kernel_ridge",
    classes: Annotated[
        str | None,
        typer.Option("--classes", "-c", help="Vocabulary file or names, for photos without labels."),
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="The model for --classes.")] = "default",
    device: Device = "cpu",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for diagnosis.html and diagnosis.json.")] = Path(
        "diagnosis"
    ),
    test: Annotated[
        bool, typer.Option("--test", help="Measure on the test part too, which opens it; remedies never see it.")
    ] = False,
    prototypes: Annotated[
        str | None, typer.Option(help="Other class vectors: original_att, another .mat file, or a table of attributes.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that is drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Bias to seen classes, domain shift, hubs, semantic loss: each measured, pictured, with what would help.

    Remedies are judged on training classes that are held out; the test part stays closed unless --test.
    """
    import json

    from unseen.diagnosis import to_html
    from unseen.files import write_atomically
    from unseen.report.pictures import without_pictures

    found = _look(what, method, classes, model, device, test, prototypes, seed)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"diagnose: --out must be a folder that can be written; {error.strerror}. Choose another."
        ) from None
    values = found.to_dict()
    write_atomically(out / "diagnosis.json", json.dumps(values, indent=1, default=float, ensure_ascii=False) + "\n")
    write_atomically(out / "diagnosis.html", to_html(found))
    if as_json:
        print_json(values, indent=1)
        return
    if without_pictures():
        typer.echo(f"The page has no pictures: {without_pictures()}", err=True)
    for finding in found.findings:
        typer.echo(f"{finding.title} ({finding.severity}): {finding.verdict}\n")
    typer.echo(f"Written: {out / 'diagnosis.html'}, {out / 'diagnosis.json'}", err=True)


def _look(
    what: Path, method: str, classes: str | None, model: str, device: str, test: bool, prototypes: Any, seed: int
) -> Diagnosis:
    from unseen.diagnosis import Diagnosis, check_recognizer, diagnose, diagnose_predictions

    if classes is None and what.is_dir():
        from unseen.labelling.reading import is_stored

        if is_stored(what):
            raise InputError(f"diagnose: {what} holds what a labelling run wrote; it is looked at with --classes FILE.")
    if classes is not None:
        from unseen.labelling.reading import is_stored
        from unseen.recognizer import Recognizer
        from unseen.vocabulary.model import Vocabulary

        vocabulary = Vocabulary.parse(classes)
        if is_stored(what):
            return _look_at_vectors(what, vocabulary, model, device, seed)
        recognizer = Recognizer.load(model, device=device)
        settings = {"photos": what.name, "classes": len(vocabulary), "model": model}
        findings = tuple(check_recognizer(recognizer, vocabulary, what))
        return Diagnosis(f"{model} on {what.name}, without labels", findings, (), settings)
    if what.is_file() and what.suffix.lower() not in (".mat",):
        return diagnose_predictions(what)
    from unseen.datasets import read_dataset
    from unseen.registry import METHODS

    chosen = METHODS.get(method)()
    if "random_state" in chosen.get_params(deep=False):
        chosen.set_params(random_state=seed)
    if chosen.slow:
        chosen.set_params(verbose=True)  # minutes without a word look like a hang
    return diagnose(read_dataset(what, prototypes=prototypes), chosen, open_test=test, seed=seed)


def _look_at_vectors(what: Path, vocabulary: Vocabulary, model: str, device: str, seed: int) -> Diagnosis:
    """Look at stored vectors, or at a sample of them where there are very many; no photo is encoded."""
    from unseen.diagnosis import Diagnosis
    from unseen.diagnosis.vocabulary_checks import check_vectors
    from unseen.labelling.reading import open_embeddings
    from unseen.labelling.rescoring import load_model, stored_items

    stored = open_embeddings(what)
    if stored.warning:
        typer.echo(f"unseen: {stored.warning}", err=True)
    # "default" is what nobody chose; the folder knows which model made its vectors.
    recognizer = load_model(stored, None if model == "default" else model, device=device)
    names, vectors = stored_items(stored, most=_MOST_VECTORS, seed=seed)
    usable = len(stored) - stored.n_errors
    name = str(stored.settings.get("model", model))
    settings = {"vectors": what.name, "classes": len(vocabulary), "model": name, "photos": usable}
    if len(names) < usable:
        settings["photos looked at"] = len(names)
    findings = tuple(check_vectors(recognizer, vocabulary, names, vectors))
    return Diagnosis(f"{name} on {what.name}, without labels", findings, (), settings)
