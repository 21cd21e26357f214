"""The command line: one module per command, each thin: parse, call, print.

Exit codes: 0 done; 1 done, but something asked to be strict about was found; 2 a mistake in what was asked, told in
one line; 130 stopped by the user.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from unseen.cli.app import app
    from unseen.errors import UnseenError

    try:
        app(prog_name="unseen")
    except UnseenError as error:
        print(f"unseen: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: that is no error. Keep Python from flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        print("unseen: stopped", file=sys.stderr)
        sys.exit(130)
