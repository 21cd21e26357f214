"""Read by Python as it starts, where `tests.torchvision_shim.environment` put this folder on its path."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("torchvision_shim", Path(__file__).parents[1] / "torchvision_shim.py")
if _spec is not None and _spec.loader is not None:
    sys.modules["torchvision_shim"] = module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["torchvision_shim"])
    sys.modules["torchvision_shim"].install()
