"""What the command line prints: a bar on a terminal, plain lines in a pipe, one JSON object a line for machines."""

import json
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

_BAR_WIDTH = 30
_PLAIN_SECONDS = 10  # in a pipe, a line of progress at most this often


class Console:
    """Results go to standard output, progress and errors to standard error; with ``machine`` all is JSON lines."""

    def __init__(self, machine: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.machine = machine
        self.out, self.err = out or sys.stdout, err or sys.stderr
        self._bar = not machine and self.err.isatty()
        self._bar_shown = False
        self._started = self._last = 0.0

    def event(self, kind: str, text: str | None = None, **values: Any) -> None:
        """Say something that happened: as JSON with its values, or as a line for a person (None: not worth a line)."""
        if self.machine:
            print(json.dumps({"event": kind, **values}), file=self.out, flush=True)
        elif text is not None:
            self._clear()
            print(text, file=self.out, flush=True)

    def error(self, text: str, **values: Any) -> None:
        """Say what went wrong, in one sentence."""
        if self.machine:
            self.event("error", message=text, **values)
        else:
            self._clear()
            print(text, file=self.err, flush=True)

    def warn(self, text: str) -> None:
        """Say what the user should know and may overrule."""
        if self.machine:
            self.event("warning", message=text)
        else:
            self._clear()
            print(f"Warning: {text}", file=self.err, flush=True)

    def progress(self, name: str, done: int, total: int, unit: str = "slices") -> None:
        """Slices done of one case, or cases of which ``name`` is the last one done, with the time left."""
        now = time.monotonic()
        if done == 0:
            self._started = self._last = now
        if self.machine:
            self.event("progress", case=name, done=done, total=total, **({} if unit == "slices" else {"unit": unit}))
            return
        left = (now - self._started) / done * (total - done) if done else None
        text = f"{name}: {done} of {total} {unit}" if name else f"{done} of {total} {unit}"
        if left is not None and done < total:
            text += f", {left:.0f} s left" if left < 120 else f", {left / 60:.0f} min left"
        if self._bar:
            filled = _BAR_WIDTH * done // max(1, total)
            print(f"\r\x1b[K[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {text}", end="", file=self.err, flush=True)
            self._bar_shown = True
            if done >= total:
                self._clear()
        elif done < total and now - self._last >= _PLAIN_SECONDS:
            self._last = now
            print(text, file=self.err, flush=True)

    def _clear(self) -> None:
        if self._bar_shown:
            print("\r\x1b[K", end="", file=self.err, flush=True)
            self._bar_shown = False


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of text in aligned columns; the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    )
