"""Models of the Hugging Face hub as folders on this machine: found, checked and digested, never downloaded.

Only weights in the format safetensors are read: the older formats are pickles, which run code when they are opened.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, ItemError, ModelError
from unseen.inputs.files import open_regular
from unseen.validation import import_extra, message, shorten, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "advice",
    "digest_files",
    "find_weights",
    "local_folder",
    "model_folder",
    "read_json",
    "refuse_extras",
]

#: ``name`` or ``owner/name``, as the hub allows, and perhaps a revision: a branch, a tag, or ``refs/pr/3``.
_ID = re.compile(r"([A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?)(?:@([A-Za-z0-9][\w./-]{0,95}))?", re.ASCII)
#: Suffixes of files that decide vectors; pictures, licences and other frameworks' weights do not.
_MATTERS = frozenset({".json", ".model", ".safetensors", ".txt"})
_PICKLES = frozenset({".bin", ".ckpt", ".pkl", ".pt", ".pth"})
#: No card of a model is near this size.
_MAX_CARD = 16 << 20
#: Settings with which transformers opens other files than the ones looked for here, or fetches programs and runs them.
_EXTRAS = frozenset(
    {
        "adapter_kwargs",
        "allow_all_kernels",
        "gguf_file",
        "kernel_config",
        "transformers_weights",
        "use_kernels",
        "weights_only",
    }
)


def local_folder(argument: str) -> Path | None:
    """Return the folder of that name, None where there is none."""
    try:
        folder = Path(argument).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long for a path, or in the home of a user that there is not
        return None


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
        When the model was not downloaded; the message has the line that does it. When a folder holds a pipe or device.
    """
    folder = local_folder(argument)
    if folder is not None:
        _refuse_pipes(owner, folder)
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


def _refuse_pipes(owner: str, folder: Path) -> None:
    """Raise where the library that opens the folder would wait for ever."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.exists() and not path.is_file() and not path.is_dir():
            found = verbatim(f"{shorten(path.name)}, a pipe or a device")
            raise ModelError(message(owner, f"what is in {folder}", "files", found, "Do not use this model"))


def advice(argument: str) -> str:
    """Return what to do about a model whose files are not whole, a sentence without its full stop."""
    if local_folder(argument) is not None:
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
        When there is none; the message tells pickled weights from no weights. When it is an index of several files
        that names others than safetensors beside it, or one that is missing.
    """
    names = list(names)
    for name in names:
        if (folder / name).is_file():
            if name.endswith(".index.json"):
                _check_index(owner, folder / name, again=again)
            return folder / name
    pickled = sorted(path.name for path in folder.glob("*") if path.suffix in _PICKLES)
    if pickled:
        raise ModelError(
            f"{owner}: the weights in {folder} must be in the format safetensors; got {shorten(pickled[0])}, a pickle, "
            "which can run code when it is opened. Look among the model's pull requests on the hub for one that adds "
            "a safetensors variant and name it with @refs/pr/ and its number, or save the model anew with its library."
        )
    raise ModelError(f"{owner}: {folder} must hold {names[0]}; it is missing. {again}.")


def _check_index(owner: str, index: Path, *, again: str) -> None:
    """Check the files that an index names: transformers would open pickles, and files of other folders, too."""
    parts = read_json(owner, index, again=again).get("weight_map")
    if not isinstance(parts, dict) or not all(isinstance(name, str) for name in parts.values()):
        raise ModelError(f"{owner}: {index} must have a weight_map from names to files. {again}.")
    for name in dict.fromkeys(parts.values()):
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(
                message(owner, f"the files in {index}", "safetensors beside it", name, "Do not use this model")
            )
        if not (index.parent / name).is_file():
            raise ModelError(f"{owner}: {index.parent} must hold {shorten(name)}; it is missing. {again}.")


def refuse_extras(owner: str, folder: Path, *, again: str) -> None:
    """Raise where a folder's cards have transformers open or run more than its safetensors and its own code.

    Raises
    ------
    ModelError
        When there is an adapter, a pipe or device, or a setting that names other weights, or kernels to fetch from the
        hub and run.
    """
    _refuse_pipes(owner, folder)
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"{owner}: {folder} must hold a whole model; got an adapter beside it, 'adapter_config.json'. Merge the "
            "two with their library and save the result, or take the file away."
        )
    for path in sorted({folder / "config.json", *folder.glob("sentence_*_config.json")}):
        if not path.exists():  # whoever needs it says so
            continue
        for key, value in _settings(read_json(owner, path, again=again)):
            # A way to compute that is a name on the hub is a program there.
            if key in _EXTRAS or ("_implementation" in key and "/" in json.dumps(value)):
                setting = f"{key} in {path}"
                raise ModelError(message(owner, setting, "left out, or built in", value, "Do not use this model"))


def _settings(card: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    waiting: list[Any] = [card]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield from part.items()
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def read_json(owner: str, path: Path, *, again: str, kind: type[dict[str, Any] | list[Any]] = dict) -> Any:
    """Return the object, or the list, in a JSON file; nothing but a regular file of a card's size is read.

    Raises
    ------
    ModelError
        When there is no such file, or nothing of that kind in it.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_MAX_CARD + 1)
        if len(data) > _MAX_CARD:
            raise ValueError(f"more than {_MAX_CARD >> 20} MiB")
        found = json.loads(data.decode("utf-8"))
    except ItemError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise ModelError(f"{owner}: {path.parent} must hold {path.name}; it is missing. {again}.") from None
        reason = str(error).removeprefix("cannot be read: ")
        raise ModelError(f"{owner}: {path} cannot be read: {reason}. {again}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{owner}: {path} cannot be read: {shorten(verbatim(str(error)))}. {again}.") from None
    if not isinstance(found, kind):
        expected = "object" if kind is dict else "list"
        raise ModelError(f"{owner}: {path} must hold a JSON {expected}; got {shorten(found)}. {again}.")
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
