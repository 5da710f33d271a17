"""Interrupts: the first stops after the current batch of slices, the second immediately."""

import os
import signal
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_NOTE = b"Stopping after the current batch of slices; interrupt again to stop immediately.\n"


def endings() -> tuple[int, ...]:
    """Signals that ask a program to end: SIGTERM, and SIGHUP of a closed terminal unless it is ignored, as by nohup."""
    hangup: int | None = getattr(signal, "SIGHUP", None)  # missing on Windows
    if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN:
        return (signal.SIGTERM,)
    return signal.SIGTERM, hangup


class Stop:
    """Flag that a stop was requested; callable, for use as the engine's ``cancelled``."""

    def __init__(self) -> None:
        self._asked = False
        self._lock = threading.RLock()  # reentrant: a handler may interrupt the thread that holds it

    def __call__(self) -> bool:
        return self._asked

    def ask(self) -> bool:
        """Request a stop; return whether one was requested before."""
        with self._lock:
            before, self._asked = self._asked, True
            return before


@contextmanager
def on_interrupt(quiet: bool = False) -> Iterator[Stop]:
    """In this context, the first interrupt (Ctrl-C or `endings`) requests a stop; the next raises KeyboardInterrupt.

    Does nothing outside the main thread, because only that receives signals.

    Args:
        quiet: do not print a message on standard error at the first interrupt.
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
    before = {number: signal.signal(number, heed) for number in (signal.SIGINT, *endings())}
    try:
        with _heard_at_once(before, stop, quiet):
            yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _first(stop: Stop, quiet: bool) -> None:
    if not stop.ask() and not quiet:
        with suppress(OSError):
            os.write(2, _NOTE)  # print is not reentrant and may be what was interrupted


@contextmanager
def _heard_at_once(numbers: Container[int], stop: Stop, quiet: bool) -> Iterator[None]:
    """Also watch for these signals in a thread, because the handler must wait while a library is running."""
    if os.name == "nt":
        yield
        return
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)

    def listen() -> None:
        while number := os.read(ear, 1):
            if number[0] in numbers:
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
