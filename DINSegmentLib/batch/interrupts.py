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
        self._lock = threading.RLock()  # of the thread that a handler interrupts, too

    def __call__(self) -> bool:
        return self._asked

    def ask(self) -> bool:
        """Ask for a stop; whether one was requested before."""
        with self._lock:
            before, self._asked = self._asked, True
            return before


@contextmanager
def on_interrupt(quiet: bool = False) -> Iterator[Stop]:
    """Within, the first interrupt (Ctrl-C, SIGTERM) only asks for a stop; the next raises KeyboardInterrupt.

    Outside the main thread, to which signals come, all stays as it is.

    Args:
        quiet: do not print on standard error what the first interrupt does.
    """
    stop = Stop()
    count = 0

    def heed(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        _first(stop, quiet)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, heed) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _heard_at_once(stop, quiet):
            yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _first(stop: Stop, quiet: bool) -> None:
    if not stop.ask() and not quiet:
        with suppress(OSError):
            os.write(2, _NOTE)  # print may be what was interrupted, and does not allow that


@contextmanager
def _heard_at_once(stop: Stop, quiet: bool) -> Iterator[None]:
    """Let a thread notice signals, too: the handler has to wait while a library is at work."""
    if os.name == "nt":
        yield
        return
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)

    def listen() -> None:
        while number := os.read(ear, 1):
            if number[0] in (signal.SIGINT, signal.SIGTERM):
                _first(stop, quiet)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    former = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        os.close(mouth)
        thread.join()
        os.close(ear)
