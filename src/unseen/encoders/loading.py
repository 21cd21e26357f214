"""From the name of a model to its encoder: ``default``, ``open_clip:…``, ``hf:…``, ``onnx:…``, …"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from unseen.encoders.model_files import local_folder
from unseen.errors import InputError
from unseen.registry import ENCODERS
from unseen.validation import message, nearest

if TYPE_CHECKING:
    from unseen.encoders.base import Encoder

__all__ = ["is_encoder_spec", "load_encoder", "model_names"]

_OWNER = "load_encoder"


def load_encoder(spec: str, *, device: str = "cpu") -> Encoder:
    """Load an encoder by its name.

    Parameters
    ----------
    spec : str
        ``default``, the one shipped with the package; ``open_clip:<architecture>/<pretrained>``,
        ``open_clip:hf-hub:<id>`` or ``open_clip:<folder>``; ``hf:<id or folder>`` for a model of transformers;
        ``onnx:<folder>``; ``sentence-transformers:<id or folder>`` for texts alone; or a scheme that another
        package registers.
    device : str, default "cpu"
        Where the networks of ``open_clip``, ``hf`` and ``sentence-transformers`` run, as torch names it (``"cuda"``,
        ``"cuda:1"``, ``"mps"``), or ``"auto"``: a graphics card where torch finds one. The others run on the CPU.

    Returns
    -------
    Encoder
        Its `spec` is `spec`.

    Raises
    ------
    InputError
        When there is no such scheme or device, or what follows the scheme is missing or wrong.
    ModelError
        When the model is not on this machine or cannot be read.
    MissingExtraError
        When the scheme needs a package that is not installed; the message has the pip line.

    Examples
    --------
    >>> from unseen.encoders.loading import load_encoder
    >>> load_encoder("default").image_dim
    1280
    """
    scheme, argument = _split(spec)
    cls = ENCODERS.get(scheme)
    takes = getattr(cls, "takes", None)
    if takes is None and argument is not None:
        raise InputError(message(_OWNER, "model", f"{scheme!r} alone", spec, "Leave out what follows it"))
    if takes is not None and not argument:
        remedy = f"Write {scheme}:{takes}"
        raise InputError(message(_OWNER, "model", f"{scheme!r} with a model after a colon", spec, remedy))
    from unseen.encoders.torch_towers import TorchEncoder

    options: dict[str, Any] = {}
    if isinstance(cls, type) and issubclass(cls, TorchEncoder):
        options["device"] = device
    elif str(device) not in ("cpu", "auto"):
        remedy = "Leave it out, or choose a model of open_clip, hf or sentence-transformers: only those run in torch"
        raise InputError(message(_OWNER, f"device of {scheme}", "'cpu'", device, remedy))
    encoder: Encoder = cls(**options) if argument is None else cls(argument, **options)
    encoder.spec = spec
    return encoder


def is_encoder_spec(spec: str) -> bool:
    """Return whether a name has the form of an encoder's: a registered scheme, alone or before a colon."""
    return isinstance(spec, str) and spec.partition(":")[0] in ENCODERS


def model_names() -> list[str]:
    """Return what a model can be called, each scheme with what follows it: ``hf:<id or folder>``."""
    takes = {scheme: getattr(ENCODERS.get(scheme), "takes", None) for scheme in ENCODERS}
    return [f"{scheme}:{taken}" if taken else scheme for scheme, taken in takes.items()]


def _split(spec: Any) -> tuple[str, str | None]:
    """Return the scheme and what follows its colon, None where there is no colon."""
    if not isinstance(spec, str):
        raise InputError(message(_OWNER, "model", "a string", spec, f"Pass one of {', '.join(model_names())}"))
    scheme, colon, argument = spec.partition(":")
    if scheme in ENCODERS:
        return scheme, argument if colon else None
    raise InputError(message(_OWNER, "model", f"one of {', '.join(model_names())}", spec, _advice(spec, scheme)))


def _advice(spec: str, scheme: str) -> str:
    """Guess what was meant."""
    near = nearest(scheme, ENCODERS)
    if ":" in spec and near:
        return f"Did you mean {near[0] + spec[len(scheme) :]!r}"
    folder = local_folder(spec)
    for card, meant in (("encoder.json", "onnx"), ("open_clip_config.json", "open_clip"), ("config.json", "hf")):
        if folder is not None and (folder / card).is_file():
            return f"Did you mean '{meant}:{spec}'"
    if near:
        return f"Did you mean {near[0]!r}"
    if spec.count("/") == 1 and not os.path.exists(spec):  # noqa: PTH110  of a name that is no path at all, too
        return f"A model of the Hugging Face hub is 'hf:{spec}', one of open_clip 'open_clip:{spec}'"
    return "`unseen models` explains each of them"
