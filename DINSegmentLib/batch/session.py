"""A run of `dinsegment segment`: skip finished cases, assign the others to processes, write the tables."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import memory
from ..checks.fit import untrained
from ..console import Console
from ..engine.parameters import Parameters
from ..engine.warm import WarmModel
from ..errors import Cancelled, DINSegmentError
from ..inputs.candidates import Found, Refused, shown
from ..io import Person, outputs
from ..io.probe import peek
from ..isolation import attempt
from ..model import Model, find_model
from ..pictures import thumbnails
from ..report import write as report
from . import anonymous, cluster, companions, interrupts, pipeline, processes, registry, steps, tables, workers
from .case import Case
from .cine_results import is_of_heart
from .plan import peak_bytes
from .record import Record
from .summary import show

if TYPE_CHECKING:
    from ..engine.segmenter import Segmenter

Entry = dict[str, Any]
"""Data about one input for the tables and the report, see `tables`."""


@dataclass(frozen=True)
class Settings:
    """Settings shared by all cases of a run.

    Args:
        output: folder for the results.
        formats: output formats, from `batch.FORMATS`.
        preview: also write an image of each case.
        person, frame_format, dicom_frames: for cines, see `case.Case`.
        device: as in `engine.device.choose`.
        workers: number of local processes; None to use `workers.choose`.
        scheduler: address or file of a Dask scheduler whose workers segment the cases.
        overwrite: also segment finished cases and replace their files.
        anonymous: neither print nor write names and paths, see `anonymous`.
        is_program: see `workers.Machine`.
        model: the run's model as the user entered it, for the summary.
        again: shell command that resumes the run; None if unknown.
    """

    output: Path
    formats: Sequence[str] = ("seg.nrrd",)
    preview: bool = False
    person: Person = Person()
    frame_format: str | None = None
    dicom_frames: str = "phases"
    device: str = "auto"
    workers: int | None = None
    scheduler: str | None = None
    overwrite: bool = False
    anonymous: bool = False
    is_program: bool = False
    model: str = ""
    again: str | None = None


class Session:
    """A run over the results of a search.

    Args:
        found: cases and rejected inputs.
        model: for cases without a model of their own.
        parameters: parameters of the engine.
        settings: all other settings.
        console: prints all messages.
    """

    def __init__(
        self, found: Sequence[Found | Refused], model: Model, parameters: Parameters, settings: Settings,
        console: Console,
    ) -> None:  # fmt: skip
        self._found, self._model, self._parameters = found, model, parameters
        self._settings, self._console = settings, console
        self._entries: list[Entry] = []  # one for each input
        self._many = len(found) > 1  # several inputs: write tables and a review page
        self._models = {model.id: model}  # models used by the entries
        self._loaded = WarmModel()
        self._workers = settings.workers or 1
        self._started = time.perf_counter()

    def run(self) -> int:
        """Segment all cases.

        Returns:
            0 if all succeeded; 1 if some cases or the tables failed; 2 if no case succeeded.

        Raises:
            Cancelled: the run was interrupted; finished cases are kept.
            OutputError: existing tables are of other cases, or the output folder is in use or not writable.
        """
        output, overwrite = self._settings.output, self._settings.overwrite
        for folder in (output, output / thumbnails.FOLDER):
            outputs.sweep(folder)
        for item in self._found:
            if isinstance(item, Refused):
                self._refuse(item)
        planned = [self._plan(item) for item in self._found if isinstance(item, Found)]
        names = registry.Names(self._many)
        reserve = partial(self._reserve, names)
        planned = [case for case in planned if self._went_well(reserve, case)]
        planned = companions.paired(planned, self._model_of)  # before the finished ones are left out
        if self._many and planned and not overwrite:
            registry.check_tables(output, self._asked(), [case.name for case in planned])
        with self._console.stage("Searching for results of earlier runs"):
            left = [case for case in planned if overwrite or not self._finished(case)]
        check = partial(steps.check, overwrite=overwrite, strip=self._many)
        waiting = [case for case in left if self._went_well(check, case)]
        with ExitStack() as stack:
            if waiting or self._entries_with_results():
                stack.enter_context(outputs.claimed(output))
            return self._run(waiting)

    def _run(self, waiting: list[Case]) -> int:
        """Segment the cases that are not finished, and write the tables of all."""
        output = self._settings.output
        interrupted = False
        try:
            with self._console.stage("Reading the headers"):
                self._choose_workers(waiting)
            with interrupts.on_interrupt(quiet=self._console.machine) as stop:
                self._segment_all(waiting, stop)
        except (KeyboardInterrupt, Cancelled):
            interrupted = True
            outputs.sweep(output)  # left by our worker processes that had to be killed
        finally:
            for case in waiting:  # the first was stopped while running
                self._enter(case, "cancelled", "The run was stopped before it finished.")
            tables_are_there = not self._many or self._wrote_tables()
        counts = self._counts()
        done, failed = counts["done"] + counts["resumed"], counts["failed"]
        if interrupted:
            raise Cancelled(*self._how_to_go_on(done, done + failed + len(waiting)))
        if self._many:
            self._summarize(counts)
        return 0 if done and not failed and tables_are_there else 1 if done else 2

    # which cases

    def _plan(self, item: Found) -> Case:
        model, settings = self._model_of(item), self._settings
        return steps.plan(
            item, settings.output, settings.formats, settings.preview, model.labels if model else (),
            self._parameters.confidence, settings.anonymous, settings.dicom_frames, settings.person,
            settings.frame_format,
        )  # fmt: skip

    def _reserve(self, names: registry.Names, case: Case) -> None:
        model = self._model_of(case)
        names.reserve(case, model.labels if model else ())

    def _finished(self, case: Case) -> bool:
        """Whether an earlier run finished the case; if so, add its record to the entries."""
        model = self._model_of(case)
        written = steps.finished(case, model, self._parameters) if model else None
        if model is None or written is None:
            return False
        self._models[model.id] = model
        entry = {**asdict(written), "extra": case.extra, "outcome": "resumed"}  # the user's table may have changed
        self._entries.append(entry)
        self._console.event("resumed", f"{case.name}: already segmented, skipped.", case=case.name)
        return True

    def _model_of(self, case: Case | Found) -> Model | None:
        """Model of the case; None if not found, which is reported when the case is tried."""
        try:
            return find_model(case.model) if case.model else self._model
        except DINSegmentError:
            return None

    # by whom

    def _choose_workers(self, waiting: Sequence[Case]) -> None:
        """Choose the number of processes if the user did not; print the choice if there is one."""
        settings = self._settings
        if settings.workers or settings.scheduler or len(waiting) < workers.ENOUGH_CASES:
            return
        choice = workers.choose(self._needed(waiting), workers.here(settings.device, settings.is_program))
        self._workers = choice.workers
        if choice.text:
            self._console.event("workers", choice.text, workers=choice.workers)

    def _needed(self, waiting: Sequence[Case]) -> Iterator[int]:
        """Yield the memory of each case in bytes, from headers."""
        for case in waiting:
            model = self._model_of(case)
            all_frames = model is not None and is_of_heart(model)
            look = partial(peek, case.input, case.series, case.frame, case.files, all_frames, case.reading)
            if (glance := attempt(look, case.name).value) is not None:  # faults are reported when the case is tried
                yield peak_bytes(glance, self._parameters.margins)

    def _segment_all(self, waiting: list[Case], stop: Callable[[], bool]) -> None:
        """Segment all cases and remove from the list those that are finished or failed.

        Raises:
            Cancelled: ``stop`` returned True.
        """
        parts = companions.waves(waiting)
        waiting[:] = [case for part in parts for case in part]
        for part in parts:
            left = list(part)
            if self._settings.scheduler or min(self._workers, len(part)) > 1:
                self._segment_by_others(left, waiting, stop)
            run = pipeline.run(
                left, self._model_of, self._warm, self._parameters, self._settings.overwrite, self._many,
                self._console.progress, stop,
            )  # fmt: skip
            for case, written in run:
                self._went_well(partial(self._take_written, written=written), case)
                waiting.remove(case)

    def _segment_by_others(self, part: list[Case], waiting: list[Case], stop: Callable[[], bool]) -> None:
        """Segment part of the cases in several processes; remove finished and failed ones from both lists."""
        settings = self._settings
        planned = [(case, model) for case in part if (model := self._model_of(case))]
        tasks = [
            processes.Task(case, model.folder, self._parameters, settings.device, settings.overwrite, self._many)
            for case, model in planned
        ]
        if not tasks:
            return
        of = {case.name: model for case, model in planned}
        with ExitStack() as stack:
            if settings.scheduler:
                pool = stack.enter_context(cluster.connect(settings.scheduler))
                self._console.event("cluster", str(pool), dashboard=pool.dashboard)
                if exposed := pool.exposure:
                    self._console.warn(exposed)
                done = pool.run(tasks, stop)
            else:
                done = stack.enter_context(processes.Pool(min(self._workers, len(tasks)))).run(tasks, stop)
            for model in {model.id: model for _, model in planned}.values():
                self._warn_untrained(model)
            self._console.progress("", 0, len(planned), "cases")
            for number, (case, record) in enumerate(done, start=1):
                part.remove(case)
                waiting.remove(case)
                if "error" in record:
                    self._fail(case, _hidden(case, None) if case.anonymous else record["error"])
                else:
                    self._take(case, record, of[case.name])
                self._console.progress(case.name, number, len(planned), "cases")

    def _warm(self, case: Case) -> "Segmenter":
        """Load the segmenter of the case's model, unless the previous case used it."""
        model = find_model(case.model) if case.model else self._model

        def loading(warm: bool) -> None:
            if not warm:
                self._warn_untrained(model)

        return self._loaded.segmenter(model, self._settings.device, loading=loading)

    def _warn_untrained(self, model: Model) -> None:
        resolved = self._parameters.resolved(model)
        for notice in untrained(model, resolved.enhancement):
            self._console.warn(notice.text)

    # what came of them

    def _take_written(self, case: Case, written: Future[Record]) -> None:
        record = asdict(written.result())
        self._take(case, record, find_model(case.model) if case.model else self._model)

    def _take(self, case: Case, record: Entry, model: Model) -> None:
        self._models[model.id] = model
        self._entries.append(record)
        show(self._console, record, printed=("enhancement",), brief=self._many)  # once for all cases, before the first

    def _refuse(self, refused: Refused) -> None:
        if refused.expected:  # not a fault of the data
            self._console.warn(refused.reason)
        else:
            self._console.error(refused.reason, input=shown(refused.path))
        outcome = "skipped" if refused.expected else "failed"
        self._entries.append({"input": shown(refused.path), "outcome": outcome, "error": refused.reason})

    def _went_well(self, work: Callable[[Case], None], case: Case) -> bool:
        """Do some work for one case and report its error, so that other cases continue."""
        fault = attempt(partial(work, case), str(case.input)).fault
        if fault is not None:
            self._fail(case, _hidden(case, fault.error) if case.anonymous else fault.text)
        return fault is None

    def _fail(self, case: Case, text: str) -> None:
        self._enter(case, "failed", text)
        if self._many and not case.anonymous and text.startswith(name := case.input.name):
            text = f"{shown(case.origin or case.input)}{text.removeprefix(name)}"  # others may have the same name
        self._console.error(text, input=_named(case))

    def _enter(self, case: Case, outcome: str, error: str) -> None:
        self._entries.append(
            {"case": case.name, "input": _named(case), "extra": case.extra, "outcome": outcome, "error": error}
        )

    def _counts(self) -> dict[str, int]:
        outcomes = [entry.get("outcome", "done") for entry in self._entries]
        counts = {name: outcomes.count(name) for name in ("done", "resumed", "failed", "skipped")}
        return {**counts, "noticed": sum(bool(entry.get("notices")) for entry in self._entries)}

    def _summarize(self, counts: dict[str, int]) -> None:
        done = counts["done"] + counts["resumed"]
        text = f"{done} of {done + counts['failed']} done"
        text += f", {counts['resumed']} of them in an earlier run." if counts["resumed"] else "."
        text += f" {counts['skipped']} skipped (see above)." if counts["skipped"] else ""
        text += f" {counts['noticed']} with warnings: review these first." if counts["noticed"] else ""
        self._console.event("summary", text, **counts)

    def _how_to_go_on(self, done: int, count: int) -> tuple[str, ...]:
        """Return a sentence on how to resume, and the shell command if known."""
        text = f"Interrupted: {done} of {count} done. Completed cases were kept and no partial files were written. "
        if self._settings.overwrite:
            return (text + "Because of --overwrite, the same command segments all cases again.",)
        text += "Re-run the same command to resume"
        again = None if self._settings.anonymous else self._settings.again
        return (f"{text}:", again) if again else (f"{text}.",)

    def _wrote_tables(self) -> bool:
        try:
            self._write_tables()
        except DINSegmentError as error:  # disk full: the finished cases are kept
            self._console.error(f"The tables and the review page are incomplete: {error}")
            return False
        return True

    def _entries_with_results(self) -> bool:
        return any(entry.get("structures") for entry in self._entries)

    def _asked(self) -> dict[str, Any]:
        """Settings of the run for the summary."""
        model = self._model.id if self._settings.anonymous else self._settings.model
        one = self._parameters
        return {"model": model, "enhancement": asdict(one.enhancement), "mirroring": one.mirroring}

    def _write_tables(self) -> None:
        """Write all tables or none, so that the hashes in the summary identify the tables of this run."""
        if not self._entries_with_results():
            return
        output, hidden = self._settings.output, self._settings.anonymous
        timings = {"total": time.perf_counter() - self._started}
        drawn = {
            entry["case"]: thumbnails.picture_path(output, entry["case"]) for entry in self._entries if "case" in entry
        }
        pictures = {case: path for case, path in drawn.items() if path.is_file()}  # missing if a kill came first
        title, run = ("Anonymous cases", anonymous.run_name(list(drawn))) if hidden else (output.name, None)
        with outputs.beside([output / name for name in registry.TABLES]) as folder:
            memory.give_back()  # the network is no longer needed; importing PyArrow takes 44 MB
            tables.write_statistics(self._entries, folder / registry.STATISTICS)
            tables.write_parquet(self._entries, folder / registry.PARQUET)
            tables.write_function(self._entries, folder / registry.FUNCTION)
            tables.write_segments(self._entries, folder / registry.SEGMENTS)
            report.write_report(self._entries, pictures, output, title, self._models.values(), run, folder)
            hashes = registry.hashes(folder)
            tables.write_summary(self._entries, self._asked(), timings, folder / registry.SUMMARY, hashes)
        page = registry.PAGE if hidden else str(output / registry.PAGE)
        self._console.event("report", f"Review page: {page}", report=page)


def _named(case: Case) -> str:
    """Name of the case's input in the tables."""
    return case.name if case.anonymous else str(case.origin or case.input)


def _hidden(case: Case, error: BaseException | None) -> str:
    """Error message of an anonymous case."""
    return f"{case.name} {anonymous.reason(error)}"
