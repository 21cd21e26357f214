"""Nothing heavy is loaded before it is needed; told from ``sys.modules``, not from a clock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import unseen

HEAVY = {"cv2", "onnxruntime", "pandas", "pyarrow", "scipy", "sklearn", "tokenizers", "torch"}

LISTING = "; import sys; print('\\n'.join(sys.modules))"
HELP = """
import sys
sys.argv = ["unseen", "--help"]
from unseen.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("-- modules --")
print("\\n".join(sys.modules))
"""


def run(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(unseen.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def heavy(modules: str) -> set[str]:
    return HEAVY & {name.partition(".")[0] for name in modules.split()}


def test_the_listing_would_show_them() -> None:
    assert heavy(run("import sklearn" + LISTING)) >= {"sklearn", "scipy"}


@pytest.mark.parametrize(
    "code",
    [
        "import unseen",
        "from unseen import Vocabulary",
        "from unseen import Prototypes",
        "from unseen import Predictions",
        "from unseen.errors import UnseenError",
        "from unseen.registry import METHODS, ENCODERS; METHODS.names(), ENCODERS.names()",
        "import unseen.cli",
    ],
)
def test_light_imports(code: str) -> None:
    assert not heavy(run(code + LISTING))


def test_import_loads_no_numpy_either() -> None:
    assert "numpy" not in run("import unseen" + LISTING).split()


def test_help_is_light() -> None:
    text, _, modules = run(HELP).partition("-- modules --")
    assert "classify" in text
    assert not heavy(modules)
