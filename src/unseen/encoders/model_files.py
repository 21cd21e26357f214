"""Models of the Hugging Face hub as folders on this machine: found, checked and digested, never downloaded.

Only weights in the format safetensors are read: the older formats are pickles, which run code when they are opened.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, ModelError
from unseen.validation import import_extra, message, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["advice", "digest_files", "find_weights", "model_folder", "read_json"]

#: ``name`` or ``owner/name``, as the hub allows, and perhaps a revision: a branch, a tag, or ``refs/pr/3``.
_ID = re.compile(r"([A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?)(?:@([A-Za-z0-9][\w./-]{0,95}))?", re.ASCII)
#: Suffixes of files that decide vectors; pictures, licences and other frameworks' weights do not.
_MATTERS = frozenset({".json", ".model", ".safetensors", ".txt"})
_PICKLES = frozenset({".bin", ".ckpt", ".pkl", ".pt", ".pth"})
#: No card of a model is near this size.
_MAX_CARD = 16 << 20


def model_folder(owner: str, argument: str, *, extra: str) -> Path:
    """Return the folder of a model: the one named, or where the hub's cache keeps a model of that id.

    Parameters
    ----------
    owner : str
        Who asks, for messages.
    argument : str
        A folder, or an id such as ``openai/clip-vit-large-patch14``, perhaps with a revision behind an ``@``.
    extra : str
        The extra of unseen that brings the hub's library.

    Raises
    ------
    InputError
        When it is neither.
    ModelError
        When the model was not downloaded; the message has the line that does it.
    """
    folder = Path(argument).expanduser()
    if folder.is_dir():
        return folder
    found = _ID.fullmatch(argument)
    if found is None or ".." in argument or "--" in argument:
        remedy = "Check the path, or pass an id such as openai/clip-vit-large-patch14"
        raise InputError(message(owner, "model", "a folder that exists, or an id of the hub", argument, remedy))
    hub = import_extra("huggingface_hub", extra=extra, purpose=owner)
    try:
        return Path(hub.snapshot_download(found[1], revision=found[2], local_files_only=True))
    except (OSError, ValueError):  # the library's own errors derive from these
        raise ModelError(
            f"{owner}: model must be on this machine; got {argument!r}, which is not, neither as a folder nor in the "
            f"hub's cache. With an internet connection, run once: {_download(argument)}"
        ) from None


def advice(argument: str) -> str:
    """Return what to do about a model whose files are not whole, a sentence without its full stop."""
    if Path(argument).expanduser().is_dir():
        return "Copy the whole model there again"
    return f"Get its files again with: {_download(argument)}"


def _download(argument: str) -> str:
    identifier, _, revision = argument.partition("@")
    return f"hf download {identifier}" + (f" --revision {revision}" if revision else "")


def find_weights(owner: str, folder: Path, names: Iterable[str], *, again: str) -> Path:
    """Return the first file of `names` that is in `folder`.

    Parameters
    ----------
    again : str
        What to do when there is none, a sentence without its full stop.

    Raises
    ------
    ModelError
        When there is none; the message tells pickled weights from no weights.
    """
    names = list(names)
    for name in names:
        if (folder / name).is_file():
            return folder / name
    pickled = sorted(path.name for path in folder.glob("*") if path.suffix in _PICKLES)
    if pickled:
        raise ModelError(
            f"{owner}: the weights in {folder} must be in the format safetensors; got {shorten(pickled[0])}, a pickle, "
            "which can run code when it is opened. Look among the model's pull requests on the hub for one that adds "
            "a safetensors variant and name it with @refs/pr/ and its number, or save the model anew with its library."
        )
    raise ModelError(f"{owner}: {folder} must hold {names[0]}; it is missing. {again}.")


def read_json(owner: str, path: Path, *, again: str) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises
    ------
    ModelError
        When there is no such file, or no object in it.
    """
    try:
        if path.stat().st_size > _MAX_CARD:
            raise ValueError(f"more than {_MAX_CARD >> 20} MiB")
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{owner}: {path.parent} must hold {path.name}; it is missing. {again}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{owner}: {path} cannot be read: {shorten(str(error))}. {again}.") from None
    if not isinstance(found, dict):
        raise ModelError(f"{owner}: {path} must hold a JSON object; got {shorten(found)}. {again}.")
    return found


def digest_files(tag: str, folder: Path, *, deep: bool = False, weights: bool = True) -> str:
    """Return the SHA-256 of whatever in `folder` decides a model's vectors: weights, cards, tokenizer.

    Parameters
    ----------
    tag : str
        Names the reader, so that another reader of the same folder, or a later version, has another digest.
    deep : bool, default False
        Whether folders within count as well.
    weights : bool, default True
        Whether weights count.
    """
    digest = hashlib.sha256(tag.encode())
    suffixes = _MATTERS if weights else _MATTERS - {".safetensors"}
    paths = folder.rglob("*") if deep else folder.iterdir()
    chosen = [path for path in paths if path.suffix in suffixes and path.is_file() and not _hidden(path, folder)]
    for path in sorted(chosen, key=lambda path: path.relative_to(folder).as_posix()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"\n{path.relative_to(folder).as_posix()}\n{content}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
