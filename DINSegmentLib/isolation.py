"""Error boundary around the work for one input: any failure becomes a sentence about that input."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .bounded import Unusable
from .errors import Cancelled, DINSegmentError

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """Why the work for one input failed: a sentence, and the exception behind it."""

    text: str
    error: Exception


@dataclass(frozen=True)
class Attempt(Generic[T]):
    """Result of the work for one input, or its fault; exactly one is set."""

    value: T | None = None
    fault: Fault | None = None


def attempt(work: Callable[[], T], name: str) -> Attempt[T]:
    """Run the work for one input so that an error does not stop the other inputs.

    Args:
        work: function that may raise any exception.
        name: name of the input in the sentence.

    Raises:
        Cancelled, BrokenPipeError: a stop was requested, or the reader of the messages is gone.
    """
    try:
        return Attempt(value=work())
    except (Cancelled, BrokenPipeError):
        raise
    except Exception as error:
        return Attempt(fault=Fault(sentence(error, name), error))


def sentence(error: Exception, name: str) -> str:
    """Return the message for the user; log an unexpected error with its traceback."""
    if isinstance(error, DINSegmentError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"{name} needs more memory than is free: close other programs, or use a machine with more memory."
    if isinstance(error, RecursionError):
        return f"{name} is nested too deeply to be read: copy or export it again."
    if isinstance(error, Unusable):
        return f"{name} {error}: copy or export it again."
    if isinstance(error, OSError):
        return f"{name} cannot be read ({error.strerror or error}): check the file and its permissions."
    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith(f"{__package__}.training"):
        return "The extension for Slicer cannot train or evaluate models: use the command line of a checkout."
    if isinstance(error, ModuleNotFoundError):
        return f"The Python package {error.name} is not installed: run dinsegment doctor to see how to install it."
    logging.getLogger("dinsegment").error("unexpected error", exc_info=error)
    return f"{name} failed unexpectedly ({type(error).__name__}: {error}): please report it."
