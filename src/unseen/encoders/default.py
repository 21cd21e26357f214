"""The embedded default encoder: EfficientNet-Lite2 for images, all-MiniLM-L6-v2 for texts."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from unseen.encoders.onnx import OnnxEncoder

__all__ = ["DefaultEncoder", "default_folder"]


def default_folder() -> Path:
    """Return the folder of the recogniser that is shipped with the package."""
    return Path(str(files("unseen"))) / "models" / "default"


class DefaultEncoder(OnnxEncoder):
    """The model shipped with the package: photos and texts, offline, in English.

    Images become 1,280 numbers by EfficientNet-Lite2 (trained on ImageNet-1k), texts 384 numbers by
    all-MiniLM-L6-v2. See ``MODEL_CARD.md`` in ``unseen/models/default``.
    """

    takes: ClassVar[str | None] = None
    modalities = frozenset({"image", "text"})

    def __init__(self) -> None:
        super().__init__(default_folder() / "encoder")
        self.spec = "default"
