"""The command line: one module per command, each thin: parse, call, print.

Exit codes: 0 done; 1 done, but something asked to be strict about was found; 2 a mistake in what was asked, told in
one line; 130 stopped by the user.
"""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    import typer

    from unseen.cli.app import app
    from unseen.cli.streams import never_refuse
    from unseen.errors import UnseenError

    never_refuse()
    # ClickException, wherever this version of Typer keeps it.
    usage_errors: Any = typer.BadParameter.__mro__[2]
    try:
        # Not "standalone", which would word stopping and closed pipes its own way.
        code = app(prog_name="unseen", standalone_mode=False)
    except UnseenError as error:
        print(f"unseen: {error}", file=sys.stderr)
        code = 2
    except typer.Abort:
        code = 130
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        # The reader of our output (head, less) has gone: that is no error. Nothing more may be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    except usage_errors as error:
        error.show()
        code = error.exit_code
    if code == 130:
        print("unseen: stopped", file=sys.stderr)
    sys.exit(code)
