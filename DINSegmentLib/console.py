"""What the command line prints: a bar on a terminal, plain lines in a pipe, one JSON object a line for machines."""

import json
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

_BAR_WIDTH = 30
_QUIET_SECONDS = 10  # after which a stage says what it does
_PLAIN_SECONDS = 10  # in a pipe, a line of progress at most this often


def printable(text: str, keep: str = "") -> str:
    """A text as a terminal may show it: letters that would steer it are escaped, but those to ``keep``."""
    return "".join(letter if letter.isprintable() or letter in keep else ascii(letter)[1:-1] for letter in text)


class Console:
    """Results go to standard output, progress and errors to standard error; with ``machine`` all is JSON lines.

    The one way to the terminal: control characters from names, tags and texts of libraries are escaped here. A stream
    that is full, closed or of another encoding changes nothing but what it shows; only where the reader has gone,
    BrokenPipeError is raised.
    """

    def __init__(self, machine: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.machine = machine
        self.out, self.err = out or sys.stdout, err or sys.stderr  # None where it was closed before we began
        self._bar = not machine and _is_terminal(self.err)
        self._bar_shown = False
        self._started = self._last = 0.0

    def event(self, kind: str, text: str | None = None, **values: Any) -> None:
        """Say something that happened: as JSON with its values, or in lines for a person (None: not worth a line)."""
        if self.machine:
            _write(self.out, json.dumps(_finite({"event": kind, **values}), allow_nan=False) + "\n")
        elif text is not None:
            self._clear()
            _write(self.out, printable(text, keep="\n") + "\n")

    def text(self, text: str) -> None:
        """Lines for people or machines, as they are."""
        self._clear()
        _write(self.out, printable(text, keep="\n") + "\n")

    def error(self, text: str, command: str | None = None, **values: Any) -> None:
        """Say what went wrong, in one sentence; for a person with a command for the shell below it."""
        if self.machine:
            self.event("error", message=f"{text}\n{command}" if command else text, **values)
        else:
            self._clear()
            _write(self.err, "".join(f"{printable(line)}\n" for line in (text, command) if line))

    def warn(self, text: str) -> None:
        """Say what the user should know and may overrule."""
        if self.machine:
            self.event("warning", message=text)
        else:
            self._clear()
            _write(self.err, f"Warning: {printable(text)}\n")

    def progress(self, name: str, done: int, total: int, unit: str = "slices") -> None:
        """Slices done of one case, or cases of which ``name`` is the last one done, with the time left."""
        now = time.monotonic()
        if done == 0:
            self._started = self._last = now
        if self.machine:
            self.event("progress", case=name, done=done, total=total, **({} if unit == "slices" else {"unit": unit}))
            return
        left = (now - self._started) / done * (total - done) if done else None
        text = printable(f"{name}: {done} of {total} {unit}" if name else f"{done} of {total} {unit}")
        if left is not None and done < total:
            text += f", {left:.0f} s left" if left < 120 else f", {left / 60:.0f} min left"
        if self._bar:
            filled = _BAR_WIDTH * done // max(1, total)
            _write(self.err, f"\r\x1b[K[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {text}")
            self._bar_shown = True
            if done >= total:
                self._clear()
        elif done < total and now - self._last >= _PLAIN_SECONDS:
            self._last = now
            _write(self.err, f"{text}\n")

    @contextmanager
    def stage(self, doing: str) -> Iterator[None]:
        """Around work that is usually quick: where it takes longer, a line says what is being done.

        Args:
            doing: such as "Looking for inputs".
        """
        timer = threading.Timer(_QUIET_SECONDS, self._say, (f"{doing} ...",))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def log_handler(self) -> logging.Handler:
        """For what libraries log: to standard error, escaped like all else."""
        return _Handler(self)

    def _say(self, text: str) -> None:
        if self.machine:
            self.event("stage", message=text)
        else:
            self._clear()
            _write(self.err, f"{printable(text)}\n")

    def _clear(self) -> None:
        if self._bar_shown:
            _write(self.err, "\r\x1b[K")
            self._bar_shown = False


class _Handler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        _write(self._console.err, printable(self.format(record), keep="\n") + "\n")


def open_closed_streams() -> None:
    """Give standard streams that are closed a file of their own: else the next file opened would take their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _is_terminal(stream: TextIO | None) -> bool:
    with suppress(ValueError):  # closed
        return stream is not None and stream.isatty()
    return False


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError):  # full, or closed
        with suppress(OSError, ValueError):  # what waits in its buffer would fail again at the end of the program
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            stream.flush()


def _finite(value: Any) -> Any:
    """The same without numbers that JSON does not know, which become null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
