"""Save report: a page of the current result as HTML or PDF."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ... import __version__, scene
from ...checks import fit
from ...errors import DINSegmentError, InputError
from ...measure import flags, flags_of_cine, statistics
from ...measure.infarct_segments import describe_infarct
from ...model import INFARCT, Model, label_of
from ...model.enhancement import NONE
from ...model.orientation import orientation
from ...notices import Notice, still_valid
from .. import installer, volumes
from ..dialogs import choose_file
from ..heart import measure_heart
from ..person import Person, dicom_files
from ..session import Session
from ..translation import told

if TYPE_CHECKING:
    from ...pictures.phases import Moment
    from ...report.heart import Report


class ReportSection:
    """Connects Save report and the fields for the reviewer.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        person: heart rate, height and weight of the patient.
    """

    def __init__(self, ui: Any, session: Session, person: Person) -> None:
        self.ui, self.session, self._person = ui, session, person
        ui.reportButton.connect("clicked()", self.onSave)

    def onSave(self) -> None:
        kinds = "HTML (*.html);;PDF (*.pdf)"
        path = choose_file(_("Save the report"), "report.html", kinds, (".html", ".pdf"))
        if path is None:
            return
        try:
            if path.suffix.lower() == ".pdf" and not installer.install_reportlab():
                self.session.say(
                    _("The report was not saved: a PDF needs the package reportlab. Save it as HTML instead.")
                )
                return
            _write(self.describe(), path)
        except (DINSegmentError, OSError) as error:
            self.session.say(_("The report was not saved: {reason}").format(reason=told(error)))
            return
        self.session.say(_("The report was saved."))

    def describe(self) -> "Report":
        """Describe the current segments as a report.

        Raises:
            DINSegmentError: the result or its volume cannot be read, or the segmentation is not a model's result.
        """
        from ...report.heart import Reviewer, describe  # Pillow must not slow down the panel's start

        node, volume_node = self.session.output, self.session.volume
        run = scene.noted(node, scene.RUN) if node is not None and volume_node is not None else None
        if run is None or run["model"] not in self.session.models or not scene.is_result(node, volume_node):
            raise InputError(
                _("The segmentation is not a result for this volume: segment it, or choose its own volume.")
            )
        model = self.session.models[run["model"]]
        volume = scene.read_volume(volume_node)
        name = self.ui.reviewerEdit.text.strip()
        reviewer = Reviewer(name, datetime.now().date().isoformat(), self.ui.commentEdit.text.strip()) if name else None
        record = {
            "case": volume_node.GetName(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "input": {
                "name": volume_node.GetName(), "path": "", "shape": list(volume.geometry.shape),
                "spacing": volume.geometry.spacing.tolist(),
            },
            "model": {"id": model.id, "version": run.get("version"), "weights_sha256": run.get("weights_sha256")},
            "review": [Notice.from_json(one).as_dict() for one in run["review"]],
            "versions": {"dinsegment": __version__},
        }  # fmt: skip
        cine = scene.find_cine(volume_node)
        found, moments = self._cine(node, cine, model) if cine else self._volume(node, volume_node, model)
        source = cine.nodes[0] if cine else volume_node
        return describe({**record, **found}, model, moments, volume.geometry, _study(source), reviewer)

    def _cine(self, node: Any, cine: scene.Cine, model: Model) -> tuple[Mapping[str, Any], list["Moment"]]:
        """Return the measured part of a record, and end-diastole and end-systole, or the first frame."""
        heart = measure_heart(node, self.session.volume, cine, model, self._person.figures)
        function, regional = heart.function, heart.regional
        ed, es = function.ed_frame, function.es_frame
        shown = [(text, at) for text, at in (("ED", ed), ("ES", es)) if at is not None] or [(_("Slices"), 0)]
        moments = [_moment(text, heart.frames[at], heart.labels[at], heart.geometry, model) for text, at in shown]
        flagged = flags_of_cine(heart.labels, heart.frames, (ed, es), heart.geometry, model)
        before = self._before(node, model, flagged)
        notices = [*before, *function.notices, *(regional.notices if regional else ())]
        return {
            "cine": {
                "frames": len(heart.frames), "frame": (ed or 0) + 1, "function": function.as_dict(),
                "regional": regional.as_dict() if regional else None,
            },
            "notices": [one.as_dict() for one in notices],
        }, moments  # fmt: skip

    def _volume(self, node: Any, volume_node: Any, model: Model) -> tuple[Mapping[str, Any], list["Moment"]]:
        """Do the same for a volume."""
        labels, volume = scene.read_labels(node, volume_node, model.labels), scene.read_volume(volume_node)
        axis = orientation(volume.geometry, model.axes).order[0]
        rows = statistics(labels, volume.array, volume.geometry, model.labels, axis)
        flagged = flags(labels, rows, volume.geometry, model, lowest=float(volume.array.min()))
        found = self._before(node, model, flagged)
        shown = _moment(_("Slices"), volume.array, labels, volume.geometry, model)
        values: dict[str, Any] = {"structures": [asdict(one) for one in rows]}
        if label_of(model, INFARCT) is not None:
            insertion, source = scene.insertion_of(node, volume_node), "the points that were placed in Slicer"
            values["infarct"], notices = describe_infarct(labels, volume.geometry, model, insertion, source)
            found += notices
        return {**values, "notices": [one.as_dict() for one in found]}, [shown]

    def _before(self, node: Any, model: Model, flagged: Sequence[Notice]) -> list[Notice]:
        """Return notices of the volume and of its run; in place of those about the run's labels, ``flagged``, the ones
        about the current labels, if these were edited.
        """
        volume_node = self.session.volume
        stored = scene.noted(node, scene.RUN).get("notices", ())
        if scene.is_edited(node, volume_node):
            of_run = [*still_valid(stored), *flagged]
        else:
            of_run = [Notice.from_json(one) for one in stored]
        return [*fit.notices(volumes.look(volume_node), model), *of_run]


def _moment(name: str, array: Any, labels: Any, geometry: Any, model: Model) -> "Moment":
    from ...engine.preprocessing import preprocess_volume
    from ...pictures.phases import Moment

    volume, _enhanced = preprocess_volume(array, geometry, model.axes, model.intensity, NONE)
    return Moment(name, volume, labels)


def _study(node: Any) -> list[tuple[str, str]]:
    """Return patient and study from DICOM headers, if Slicer's database has the files."""
    files = dicom_files(node)
    if not files:
        return []
    from ...io.study import study_of  # pydicom takes 0.25 s to import

    return study_of(files)


def _write(report: "Report", path: Path) -> None:
    """Write the file atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    from ...io import outputs
    from ...report.html import html
    from ...report.pdf import pdf

    content = pdf(report) if path.suffix.lower() == ".pdf" else html(report).encode()
    with outputs.beside([path]) as folder:
        (folder / path.name).write_bytes(content)
