"""The command `dinsegment`."""

import atexit
import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, see `parser.main`; imported here, so that `doctor` does not need what other commands need."""
    from .parser import main

    return main(arguments)


def program() -> NoReturn:
    """Run the command of this process and end it without the interpreter's shutdown.

    Once torch is loaded, the shutdown takes 0.4 s, a fifth of the whole command for one heart.
    """
    code = main()
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # Python's word for a stream that was closed before it began
                stream.flush()
    except (OSError, ValueError):  # the reader is gone or the stream is closed: leave that to the interpreter
        sys.exit(code)
    os._exit(code)
