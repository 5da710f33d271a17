"""Output of the command line: a progress bar in a terminal, plain lines in a pipe, JSON lines for programs."""

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
_QUIET_SECONDS = 10  # a stage that takes longer prints what it is doing
_PLAIN_SECONDS = 10  # minimum time between progress lines in a pipe


def printable(text: str, keep: str = "") -> str:
    """Escape the characters of a text that could control a terminal, except those in ``keep``."""
    return "".join(letter if letter.isprintable() or letter in keep else ascii(letter)[1:-1] for letter in text)


class Console:
    """Prints results to standard output, progress and errors to standard error; ``machine`` prints JSON lines.

    All terminal output goes through this class, which escapes control characters in names, tags and library messages.
    A full or closed stream, or one with another encoding, affects only what is shown. BrokenPipeError is raised only
    if the reader has gone.
    """

    def __init__(self, machine: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.machine = machine
        self.out, self.err = out or sys.stdout, err or sys.stderr  # None if closed before the program started
        self._bar = not machine and _is_terminal(self.err)
        self._bar_shown = False
        self._started = self._last = 0.0

    def event(self, kind: str, text: str | None = None, **values: Any) -> None:
        """Report an event: as JSON with its values, or as text for a person (None prints nothing)."""
        if self.machine:
            _write(self.out, json.dumps(_finite({"event": kind, **values}), allow_nan=False) + "\n")
        elif text is not None:
            self._clear()
            _write(self.out, printable(text, keep="\n") + "\n")

    def text(self, text: str) -> None:
        """Print text unchanged except for escaping, for people and programs alike."""
        self._clear()
        _write(self.out, printable(text, keep="\n") + "\n")

    def error(self, text: str, command: str | None = None, **values: Any) -> None:
        """Report an error in one sentence; for a person, print ``command`` on the line below it."""
        if self.machine:
            self.event("error", message=f"{text}\n{command}" if command else text, **values)
        else:
            self._clear()
            _write(self.err, "".join(f"{printable(line)}\n" for line in (text, command) if line))

    def warn(self, text: str) -> None:
        """Report a warning that the user may ignore."""
        if self.machine:
            self.event("warning", message=text)
        else:
            self._clear()
            _write(self.err, f"Warning: {printable(text)}\n")

    def progress(self, name: str, done: int, total: int, unit: str = "slices") -> None:
        """Show the slices done of one case, or the cases done with ``name`` as the latest, and the time left."""
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
        """Wrap work that is usually quick; if it takes long, print what is being done.

        Args:
            doing: text such as "Looking for inputs".
        """
        timer = threading.Timer(_QUIET_SECONDS, self._say, (f"{doing} ...",))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def log_handler(self) -> logging.Handler:
        """Return a handler that prints library logs to standard error, escaped."""
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
    """Open the null device for closed standard streams; otherwise the next opened file would take their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


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
    except (OSError, ValueError):  # the stream is full or closed
        with suppress(OSError, ValueError):  # otherwise its buffer would fail again at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            stream.flush()


def _finite(value: Any) -> Any:
    """Replace numbers that JSON cannot represent with None."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
