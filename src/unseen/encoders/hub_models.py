"""Models of transformers that are no encoders: detectors and segmenters that read the classes themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unseen.encoders.model_files import advice, find_weights, model_folder, read_json, refuse_extras
from unseen.encoders.torch_towers import checked_device, import_library, unusable
from unseen.encoders.transformers import quiet
from unseen.errors import InputError, ModelError
from unseen.validation import message, nearest, shorten

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["HubModel", "load_hub_model"]

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True, eq=False)
class HubModel:
    """A model with what prepares its inputs.

    Attributes
    ----------
    kind : str
        The ``model_type`` of its ``config.json``.
    network : torch.nn.Module
        In evaluation mode, in float32, on its device.
    processor : transformers.ProcessorMixin
        Its image processor and its tokenizer.
    device : str
        Where it runs.
    """

    kind: str
    network: Any
    processor: Any
    device: str


def load_hub_model(owner: str, argument: str, *, kinds: Collection[str], task: str, device: str) -> HubModel:
    """Load a model with its processor from a folder, or from the hub's cache.

    Parameters
    ----------
    owner : str
        Who asks, for messages.
    argument : str
        A folder, or the id of a model that was downloaded before.
    kinds : collection of str
        The ``model_type`` that will do.
    task : str
        Name of the class of transformers that loads such models.
    device : str
        Where the network runs, as torch names it.

    Raises
    ------
    InputError
        When there is no such folder or device, or the model is of another kind.
    ModelError
        When the model is not on this machine, damaged or pickled.
    MissingExtraError
        When transformers or torch is not installed.
    """
    folder = model_folder(owner, argument, extra="hf")
    again = advice(argument)
    kind = read_json(owner, folder / "config.json", again=again).get("model_type")
    if not isinstance(kind, str) or kind not in kinds:
        near = nearest(str(kind), kinds) or sorted(kinds)
        remedy = f"Known and near: {', '.join(near)}"
        raise InputError(message(owner, f"model_type in {folder}", "one that unseen reads", kind, remedy))
    find_weights(owner, folder, _WEIGHTS, again=again)
    refuse_extras(owner, folder, again=again)
    import_library("torch", extra="hf", owner=owner)
    place = checked_device(owner, device)
    library = import_library("transformers", extra="hf", owner=owner)
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        import torch

        with quiet():
            network, report = getattr(library, task).from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **options
            )
            processor = library.AutoProcessor.from_pretrained(folder, **options)
    except ImportError as error:
        raise unusable("transformers", error, extra="hf", owner=owner) from error
    except Exception as error:  # whatever a damaged or foreign folder leads to
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{owner}: the model in {folder} cannot be loaded: {reason}. {again}.") from error
    absent = sorted(report["missing_keys"])
    if absent:  # transformers would go on with random numbers in their place
        raise ModelError(
            f"{owner}: the weights in {folder} must be whole; {len(absent)} are missing, such as {shorten(absent[0])}. "
            f"{again}."
        )
    return HubModel(kind, network.eval().to(place), processor, place)
