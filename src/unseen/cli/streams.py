"""Standard output and error, whatever encoding the terminal or the pipe is set to."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["never_refuse", "print_json"]


def never_refuse() -> None:
    """Have characters that the terminal's encoding lacks printed as escapes, where they would end the run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON: as it is in UTF-8, in ASCII with JSON's own escapes anywhere else."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    print(json.dumps(value, indent=indent, ensure_ascii=not encoding.startswith("utf8")))
