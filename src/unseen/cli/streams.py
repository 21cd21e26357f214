"""Standard output and error, whatever encoding the terminal or the pipe is set to."""

from __future__ import annotations

import json
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["never_refuse", "print_json", "told"]


def never_refuse() -> None:
    """Have characters that the terminal's encoding lacks printed as escapes, where they would end the run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON: as it is in UTF-8, in ASCII with JSON's own escapes anywhere else."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    print(json.dumps(value, indent=indent, ensure_ascii=not encoding.startswith("utf8")))


@contextmanager
def told(kind: type[Warning]) -> Iterator[None]:
    """Print warnings of a kind as the command line prints things: in one line, without a place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", kind)
        show = warnings.showwarning

        def tell(text: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, kind):
                print(f"unseen: {text}", file=sys.stderr)
            else:
                show(text, category, *where, **more)

        warnings.showwarning = tell  # type: ignore[assignment]  # a narrower signature than typeshed's
        yield
