"""Interrupts: the first asks to stop after the current batch of slices, a second one ends at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_NOTE = b"Stopping after the current batch of slices; interrupt once more to stop at once.\n"


class Stop:
    """Whether a stop was asked for; as a function, what the engine asks between batches (``cancelled``)."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    def ask(self) -> None:
        self._asked = True


@contextmanager
def on_interrupt(quiet: bool = False) -> Iterator[Stop]:
    """Within, the first interrupt (Ctrl-C, SIGTERM) only asks for a stop; the next raises KeyboardInterrupt.

    Outside the main thread, to which signals come, all stays as it is.

    Args:
        quiet: do not tell on standard error what the first interrupt does.
    """
    stop = Stop()

    def heed(number: int, frame: FrameType | None) -> None:
        if stop():
            raise KeyboardInterrupt
        stop.ask()
        if not quiet:
            with suppress(OSError):
                os.write(2, _NOTE)  # print may be what was interrupted, and does not allow that

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, heed) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
