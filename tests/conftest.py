"""What all tests share: a cache of their own, and the real data where there is some."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before numpy and torch are loaded, here and in every process that a test starts: pytest runs a worker for each
# core already, and threads of several workers that wait for one another's cores take many times as long as one.
for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")

import pytest  # noqa: E402

from tests import torchvision_shim  # noqa: E402

# Before any test imports a library that imports torchvision.
torchvision_shim.install()

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests out of the user's cache; one cache per session, as texts are encoded again and again."""
    os.environ["UNSEEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real data, or skip."""
    folder = os.environ.get("UNSEEN_DATA")
    if not folder:
        pytest.skip("UNSEEN_DATA is not set: it names the folder of real photos and benchmark data")
    return Path(folder)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what makes the tiny models of :mod:`tests.tiny_models`, each once: ``tiny("clip")`` is its folder."""
    from tests import tiny_models

    made: dict[str, Path] = {}

    def make(kind: str, **options: Any) -> Path:
        key = "-".join([kind, *(f"{name}={options[name]}" for name in sorted(options))])
        if key not in made:
            made[key] = getattr(tiny_models, f"tiny_{kind}")(tmp_path_factory.mktemp("tiny") / kind, **options)
        return made[key]

    return make


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return Path(__file__).parents[1]
