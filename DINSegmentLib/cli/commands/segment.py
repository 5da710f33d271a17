"""`dinsegment segment`: volumes to files, one after the other with one warm model, and tables of what came of them."""

import logging
import time
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from ...console import Console, table
from ...engine.parameters import Parameters
from ...errors import Cancelled, DINSegmentError, InputError, ModelError
from ...inputs.candidates import shown
from ...io import surfaces
from ...model import Model, catalogue, find_model


def segment(options: Namespace, console: Console) -> int:
    """0 all done; 1 some written and some failed; 2 nothing written; Cancelled is raised after an interrupt."""
    from ...inputs import search

    if options.anonymous:
        return _anonymous(options, console)
    model = find_model(options.model)
    parameters, formats = _asked(options, model)
    found = search.find(
        options.inputs, options.pattern, options.recursive, options.output, options.series, options.frame
    )
    if options.dry_run:
        from ...batch import plan as dryrun

        workers = 1 if options.scheduler else options.workers
        description = dryrun.describe(
            found, model, options.device, options.mirroring, workers, options.is_program, parameters.margins
        )
        console.event("plan", dryrun.format_text(description), plan=description)
        return 0 if description["cases"] else 2
    return _Run(options, console, model, parameters, found, formats).code()


def _asked(options: Namespace, model: Model) -> tuple[Parameters, list[str]]:
    """Parameters, refused before anything is searched, and formats."""
    formats = options.formats or ["seg.nrrd"]
    with_surfaces = not surfaces.FORMATS.isdisjoint(formats)
    parameters = Parameters(
        options.enhancement, options.strength, options.mirroring, confidence=options.confidence,
        margins=with_surfaces,
    )  # fmt: skip
    parameters.resolved(model)
    return parameters, formats


def _anonymous(options: Namespace, console: Console) -> int:
    """The same, and no name or path is told: neither by us nor by a library that warns of a file."""
    from ...batch import anonymous
    from ...inputs import search

    try:
        model = find_model(options.model)
    except DINSegmentError:
        known = ", ".join(sorted(catalogue()))
        raise ModelError(
            f"There is no such model, or its folder cannot be used: choose one of {known}, or give a model folder; "
            "without --anonymous the reason is told."
        ) from None
    parameters, formats = _asked(options, model)
    if "dcm" in formats:
        raise InputError(
            "A DICOM segmentation carries the patient's attributes of its series and refers to it by UIDs, which "
            "--anonymous forbids: choose --format seg.nrrd or nii.gz."
        )
    if options.dry_run:
        raise InputError("A dry run tells the names of the inputs: leave --anonymous away, or --dry-run.")
    threshold = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = anonymous.hide(
                search.find(
                    options.inputs, options.pattern, options.recursive, options.output, options.series, options.frame
                )
            )
            return _Run(options, console, model, parameters, found, formats).code()
    except (Cancelled, BrokenPipeError):
        raise
    except Exception as error:
        raise DINSegmentError(f"The run {anonymous.reason(error)}") from None
    finally:
        logging.disable(threshold)


class _Run:
    """All cases of one command."""

    def __init__(
        self, options: Namespace, console: Console, model: Model, parameters: Parameters, found: list[Any],
        formats: list[str],
    ) -> None:  # fmt: skip
        self.options, self.console, self.model, self.parameters = options, console, model, parameters
        self.found, self.formats = found, formats
        self.entries: list[dict[str, Any]] = []  # of the tables, one for each input
        self.many = len(found) > 1  # then there are tables and a report
        self._models = {model.id: model}
        self._segmenter: Any = None
        self._workers = options.workers or 1
        self._started = time.perf_counter()

    def code(self) -> int:
        from ...batch import case as cases
        from ...batch import interrupts, outputs
        from ...inputs.candidates import Refused

        options = self.options
        outputs.sweep(options.output)
        for item in self.found:
            if isinstance(item, Refused):
                self._refuse(item)
        planned = [self._plan(item) for item in self.found if not isinstance(item, Refused)]
        left = [case for case in planned if not (options.resume and not options.overwrite and self._finished(case))]
        check = partial(cases.check, overwrite=options.overwrite)
        waiting = [case for case in left if self._went_well(check, case)]
        interrupted = False
        try:
            self._choose_workers(waiting)
            with interrupts.on_interrupt(quiet=self.console.machine) as stop:
                self._segment_all(waiting, stop)
        except (KeyboardInterrupt, Cancelled):
            interrupted = True
            outputs.sweep(options.output)  # of processes of ours that had to be killed
        finally:
            for case in waiting:  # stopped in the middle of the first of them
                self._tell(case, "cancelled", "The run was stopped before it was done.")
            tables_are_there = not self.many or self._wrote_tables()
        outcomes = [entry.get("outcome", "done") for entry in self.entries]
        counts = {name: outcomes.count(name) for name in ("done", "resumed", "failed", "skipped")}
        counts["flagged"] = sum(bool(entry.get("flags")) for entry in self.entries)
        done, failed = counts["done"] + counts["resumed"], counts["failed"]
        if interrupted:
            raise Cancelled(self._how_to_go_on(done, done + failed + len(waiting)))
        if self.many:
            text = f"{done} of {done + failed} done"
            text += f", {counts['resumed']} of them by an earlier run." if counts["resumed"] else "."
            text += f" {counts['skipped']} passed over, see above." if counts["skipped"] else ""
            text += f" {counts['flagged']} with warnings: look at them first." if counts["flagged"] else ""
            self.console.event("summary", text, **counts)
        return 0 if done and not failed and tables_are_there else 1 if done else 2

    def _choose_workers(self, waiting: list[Any]) -> None:
        """Where the user left it open, and told where there is something to choose."""
        from ...batch import workers

        if self.options.workers or self.options.scheduler or len(waiting) < workers.ENOUGH_CASES:
            return
        machine = workers.here(self.options.device, self.options.is_program)
        choice = workers.choose(self._needed(waiting), machine)
        self._workers = choice.workers
        if choice.text:
            self.console.event("workers", choice.text, workers=choice.workers)

    def _needed(self, waiting: list[Any]) -> Iterator[int]:
        """Bytes of memory of every case, told from headers."""
        from ...batch.cine_results import is_of_heart
        from ...batch.plan import peak_bytes
        from ...io.probe import peek

        for case in waiting:
            model = self._model_of(case)
            all_frames = model is not None and is_of_heart(model)
            try:
                glance = peek(case.input, case.series, case.frame, case.files, all_frames)
                yield peak_bytes(glance, self.parameters.margins)
            except (DINSegmentError, OSError):
                pass  # is told when the case is tried

    def _segment_all(self, waiting: list[Any], stop: Callable[[], bool]) -> None:
        """All cases; what is done, or cannot be, is taken out of the list.

        Raises:
            Cancelled: ``stop`` said so.
        """
        if self.options.scheduler or min(self._workers, len(waiting)) > 1:
            self._segment_by_others(waiting, stop)
        if not waiting:
            return
        from ...batch import pipeline

        run = pipeline.run(
            list(waiting), self._model_of, self._warm, self.parameters, self.options.overwrite, self.many,
            self.console.progress, stop,
        )  # fmt: skip
        for case, written in run:
            self._went_well(partial(self._take_written, written=written), case)
            waiting.pop(0)

    def _how_to_go_on(self, done: int, count: int) -> str:
        text = f"Interrupted: {done} of {count} done, what was finished is kept, nothing is half-written; "
        if self.options.overwrite:
            return text + "the same command does them all again, for --overwrite was given."
        text += "run the same command again to go on"
        known = self.options.again and not self.options.anonymous
        return f"{text}:\n{self.options.again}" if known else f"{text}."

    def _plan(self, item: Any) -> Any:
        from ...batch import case as cases

        model = self._model_of(item)
        structures = model.labels if model else ()
        options = self.options
        return cases.plan(
            item, options.output, self.formats, options.preview, structures, options.confidence, options.anonymous
        )

    def _finished(self, case: Any) -> bool:
        """Whether an earlier run has done the case, which then counts as it is."""
        from ...batch import case as cases

        model = self._model_of(case)
        written = cases.finished(case, model, self.parameters) if model else None
        if model is None or written is None:
            return False
        self._models[model.id] = model
        self.entries.append({**written, "extra": case.extra, "outcome": "resumed"})  # the table may have changed
        self.console.event("resumed", f"{case.name} was done before: nothing to do.", case=case.name)
        return True

    def _take_written(self, case: Any, written: Any) -> None:
        record = written.result()
        self._take(case, record, find_model(case.model) if case.model else self.model)

    def _segment_by_others(self, waiting: list[Any], stop: Callable[[], bool]) -> None:
        """All cases on several processes; what is done is taken out of the list."""
        from ...batch import cluster, processes

        options = self.options
        planned = [(case, model) for case in waiting if (model := self._model_of(case))]
        tasks = [
            processes.Task(case, model.folder, self.parameters, options.device, options.overwrite, self.many)
            for case, model in planned
        ]
        if not tasks:
            return
        of = {case.name: model for case, model in planned}
        with ExitStack() as stack:
            if options.scheduler:
                client = stack.enter_context(cluster.connect(options.scheduler))
                self.console.event("cluster", cluster.describe(client), dashboard=cluster.dashboard(client))
                done = cluster.run(client, tasks, stop)
            else:
                done = stack.enter_context(processes.Pool(min(self._workers, len(tasks)))).run(tasks, stop)
            for model in {model.id: model for _, model in planned}.values():
                self._warn_uncovered(model)
            self.console.progress("", 0, len(planned), "cases")
            for number, (case, record) in enumerate(done, start=1):
                waiting.remove(case)
                if "error" in record:
                    self._fail(case, self._reason(case, None) if case.anonymous else record["error"])
                else:
                    self._take(case, record, of[case.name])
                self.console.progress(case.name, number, len(planned), "cases")

    def _model_of(self, case: Any) -> Model | None:
        """The case's model; None: there is none of that name, which is told when the case is tried here."""
        try:
            return find_model(case.model) if case.model else self.model
        except DINSegmentError:
            return None

    def _take(self, case: Any, record: dict[str, Any], model: Model) -> None:
        self._models[model.id] = model
        self.entries.append(record)
        self.console.event("done", describe(record), record=record)
        for flag in record["flags"]:
            self.console.warn(f"{case.name}: {flag['text']}")

    def _warm(self, case: Any) -> Any:
        """The segmenter of the case's model; only the last one is kept, for two may not fit."""
        from ...engine.segmenter import Segmenter  # torch takes seconds: not for inputs that cannot be used

        model = find_model(case.model) if case.model else self.model
        if self._segmenter is None or self._segmenter.model.folder != model.folder:
            self._warn_uncovered(model)
            self._segmenter = None
            self._segmenter = Segmenter(model, self.options.device)
        return self._segmenter

    def _warn_uncovered(self, model: Model) -> None:
        resolved = self.parameters.resolved(model)
        if not model.enhancement.covers(resolved.enhancement, resolved.strength):
            self.console.warn(uncovered(model, resolved))

    def _refuse(self, refused: Any) -> None:
        if refused.expected:  # no fault of the data
            self.console.warn(refused.reason)
        else:
            self.console.error(refused.reason, input=str(refused.path))
        outcome = "skipped" if refused.expected else "failed"
        self.entries.append({"input": str(refused.path), "outcome": outcome, "error": refused.reason})

    def _tell(self, case: Any, outcome: str, error: str) -> None:
        self.entries.append(
            {"case": case.name, "input": self._shown(case), "extra": case.extra, "outcome": outcome, "error": error}
        )

    def _went_well(self, work: Callable[[Any], None], case: Any) -> bool:
        """Do some work for one case and tell its error, which must not cost the other cases."""
        try:
            work(case)
        except (Cancelled, BrokenPipeError):
            raise  # an interrupt, or nobody reads our messages any more
        except DINSegmentError as error:
            text = self._reason(case, error) if case.anonymous else str(error)
        except Exception as error:
            logging.getLogger("dinsegment").exception("unexpected error")
            text = f"{case.input} failed unexpectedly ({error}): please report it."
            if case.anonymous:
                text = self._reason(case, error)
        else:
            return True
        self._fail(case, text)
        return False

    def _fail(self, case: Any, text: str) -> None:
        self._tell(case, "failed", text)
        if self.many and not case.anonymous and text.startswith(name := case.input.name):
            text = f"{shown(case.input)}{text.removeprefix(name)}"  # others may have that name
        self.console.error(text, input=self._shown(case))

    def _shown(self, case: Any) -> str:
        return case.name if case.anonymous else str(case.input)

    def _reason(self, case: Any, error: BaseException | None) -> str:
        from ...batch import anonymous

        return f"{case.name} {anonymous.reason(error)}"

    def _wrote_tables(self) -> bool:
        try:
            self._write_tables()
        except DINSegmentError as error:  # a full disk: the cases that are done are there
            self.console.error(f"The tables and the page to review are not whole: {error}")
            return False
        return True

    def _write_tables(self) -> None:
        from ...batch import anonymous, tables
        from ...pictures import thumbnails
        from ...report import write as report

        if not any(entry.get("structures") for entry in self.entries):
            return
        output: Path = self.options.output
        hidden = self.options.anonymous
        asked = {"model": self.model.id if hidden else self.options.model, "enhancement": self.parameters.enhancement,
                 "strength": self.parameters.strength, "mirroring": self.parameters.mirroring}  # fmt: skip
        tables.write_statistics(self.entries, output / "statistics.csv")
        tables.write_function(self.entries, output / "function.csv")
        tables.write_summary(
            self.entries, asked, {"total": time.perf_counter() - self._started}, output / "summary.json"
        )
        drawn = {
            entry["case"]: thumbnails.picture_path(output, entry["case"]) for entry in self.entries if "case" in entry
        }
        pictures = {case: path for case, path in drawn.items() if path.is_file()}  # a kill may have come before it
        title, run = ("Anonymous cases", anonymous.run_name(list(drawn))) if hidden else (output.name, None)
        path = report.write_report(self.entries, pictures, output, title, self._models.values(), run)
        shown = path.name if hidden else str(path)
        self.console.event("report", f"To review: {shown}", report=shown)


def uncovered(model: Model, parameters: Parameters) -> str:
    """A warning that the model never saw such an enhancement."""
    low, high = model.enhancement.trained_range
    trained = ", ".join(model.enhancement.trained_methods)
    return (
        f"{model.id} was not trained with {parameters.enhancement} of strength {parameters.strength:g} "
        f"(only {trained}, {low:g} to {high:g}): check the result with care."
    )


def describe(record: dict) -> str:
    """A case's short table (structure, ml) and what was written where."""
    rows = [("structure", "ml"), *((s["name"], f"{s['volume_ml']:.1f}") for s in record["structures"])]
    device, seconds = record["device"], record["timings"]["total"]
    name = Path(record["input"]["path"] or record["case"]).name
    lines = [f"{name}: {seconds:.1f} s on {device['name']} ({device['reason']})"]
    lines += [
        table(rows),
        *_beat(record["cine"]),
        *device["events"],
        f"written: {', '.join(record['outputs'])}",
    ]
    return "\n".join(lines)


def _beat(cine: dict | None) -> list[str]:
    """Of a cine, which frame the table is of, and the ejection fractions."""
    if cine is None:
        return []
    shown = {side: cine["function"][side.lower()]["ef_percent"] for side in ("LV", "RV")}
    fractions = [f"{side} {'withheld' if value is None else f'{value:.1f} %'}" for side, value in shown.items()]
    text = f"frame {cine['frame']} of {cine['frames']}; ejection fraction {', '.join(fractions)}"
    return [text, *from_header(cine["person"])]


def from_header(person: dict) -> list[str]:
    """Which figures of a person the DICOM header tells, on one line; nothing where there are none."""
    kinds = {"heart_rate": ("heart rate", "/min"), "height": ("height", " cm"), "weight": ("weight", " kg")}
    told = [f"{kinds[name][0]} {person[name]:.4g}{kinds[name][1]}" for name in person["from_header"]]
    return [f"{', '.join(told)} from the DICOM header"] if told else []
