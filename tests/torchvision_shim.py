"""Lets torchvision be imported beside a torch without CUDA; for tests only.

The wheel of torchvision on PyPI is linked against CUDA, so beside the CPU build of torch its C++ part does not load,
and ``import torchvision`` stops at ``operator torchvision::nms does not exist``. Naming the missing operators is
enough: what the libraries under test use of torchvision is its Python part.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["environment", "install"]

_OPERATORS = ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "qroi_align", "deform_conv2d")
#: The definitions last as long as this object.
_library: Any = None


def install() -> None:
    """Name the operators as soon as torchvision is imported; nobody else pays for importing torch."""
    if "torchvision" not in sys.modules and not any(isinstance(finder, _Before) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Before())


def environment() -> dict[str, str]:
    """Return this process's environment for another Python, in which `install` is called as it starts."""
    folder = str(Path(__file__).with_name("subprocess_site"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))}


class _Before(MetaPathFinder):
    """Does something before torchvision is imported, and finds nothing itself."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            spec = find_spec("torchvision")
            if spec is not None and spec.origin is not None:
                _define_missing(Path(spec.origin).parent)
        return None


def _define_missing(folder: Path) -> None:
    global _library
    import torch

    for file in sorted(folder.glob("_C*.so")) + sorted(folder.glob("_C*.pyd")):
        try:
            torch.ops.load_library(str(file))
        except OSError:
            continue
    if hasattr(torch.ops.torchvision, "nms"):
        return
    _library = torch.library.Library("torchvision", "DEF")
    for name in _OPERATORS:
        _library.define(f"{name}(Tensor never_called) -> Tensor")
