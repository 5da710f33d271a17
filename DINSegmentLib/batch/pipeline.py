"""Cases one after another in this process, reading the next case and writing the previous one during inference.

At most three cases are in memory. Slicer's scene stays on the calling thread: a case with ``seg.nrrd`` is written there
before the next inference; all other cases are written in the background.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import zip_longest
from typing import Any

from ..engine.parameters import Parameters
from ..errors import Cancelled
from ..model import Model
from . import steps
from .case import Case, Made, Opened
from .format_table import FORMATS
from .record import Record

Outcome = tuple[Case, Future[Record]]


def run(
    waiting: Sequence[Case], model_of: Callable[[Case], Model | None], warm: Callable[[Case], Any],
    parameters: Parameters, overwrite: bool, strip: bool, progress: Callable[[str, int, int], None],
    stop: Callable[[], bool],
) -> Iterator[Outcome]:  # fmt: skip
    """Segment all cases.

    Args:
        model_of: returns a case's model, or None if not found; also called from another thread.
        warm: returns a case's `engine.segmenter.Segmenter`; raises if its model is not found.
        parameters, overwrite, strip: as for one case.
        progress: called with a case's name, slices done and total slices.
        stop: called between batches of slices; True stops the run.

    Yields:
        each case in order, and a future with its record, once it is written, or its error.

    Raises:
        Cancelled: ``stop`` returned True; cases before the current one are complete.
    """

    def read(case: Case) -> Opened:
        return steps.read(case, model_of(case), overwrite)

    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        ahead: Future[Opened] | None = None
        behind: list[Outcome] = []  # at most one

        def one(case: Case, following: Case | None) -> Future[Record]:
            nonlocal ahead
            if stop():
                raise Cancelled
            mine, ahead = ahead, None  # if this case fails, the next one must not use its read-ahead
            try:
                segmenter = warm(case)
                if mine is None or mine.exception() is not None:
                    wait([future for _, future in behind])
                    opened = read(case)  # not in parallel: two volumes may not fit into memory
                else:
                    opened = mine.result()
                ahead = None if following is None else reader.submit(read, following)
                made = steps.segment(opened, segmenter, parameters, lambda *n: progress(case.name, *n), stop)
                needs_scene = any(FORMATS[output.format].needs_scene for output in made.case.outputs)
                written = steps.write(made, overwrite) if needs_scene else None
            except Cancelled:
                raise
            except Exception as error:
                failed: Future[Record] = Future()
                failed.set_exception(error)
                return failed
            return writer.submit(_finish, made, written, strip, overwrite)

        try:
            for case, following in zip_longest(waiting, waiting[1:]):
                now = one(case, following)
                yield from behind
                behind = [(case, now)]
        except (Cancelled, KeyboardInterrupt):
            yield from behind
            raise
        yield from behind


def _finish(made: Made, written: Record | None, strip: bool, overwrite: bool) -> Record:
    record = steps.write(made, overwrite) if written is None else written
    if strip:
        steps.draw_strip(made)
    return record
