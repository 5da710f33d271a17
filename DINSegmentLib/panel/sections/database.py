"""Save to DICOM database: stores segmentation, measurements and report in the study of the volume."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ... import scene
from ...errors import DINSegmentError, InputError, OutputError
from ...measure import cardiac_function, statistics
from ...model import Model
from ...model.orientation import orientation
from .. import installer
from ..person import Person, dicom_files
from ..session import Session
from ..translation import told
from .report import ReportSection


class DatabaseSection:
    """Connects the button, which needs a result of a volume loaded by Slicer's DICOM reader.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        person: heart rate, height and weight of the patient.
        report: describes the result.
    """

    def __init__(self, ui: Any, session: Session, person: Person, report: ReportSection) -> None:
        self.session, self._person, self._report = session, person, report
        ui.databaseButton.connect("clicked()", self.onSave)

    def onSave(self) -> None:
        try:
            if not (installer.install_highdicom() and installer.install_reportlab()):
                self.session.say(_("The result was not saved: this needs the packages highdicom and reportlab."))
                return
            with tempfile.TemporaryDirectory() as folder:
                saved = self._write(Path(folder))
                _import(Path(folder), saved)
        except (DINSegmentError, OSError) as error:
            self.session.say(_("The result was not saved: {reason}").format(reason=told(error)))
            return
        self.session.say(_("{count} objects were saved to the DICOM database.").format(count=len(saved)))

    def _write(self, folder: Path) -> list[str]:
        """Write DICOM objects of the current segments and return their instance UIDs.

        Raises:
            DINSegmentError: the result or its files cannot be used.
        """
        from ...io.dicom_pdf import write_dicom_pdf  # highdicom takes a second to import
        from ...io.dicom_seg import write_dicom_seg
        from ...io.dicom_source import read_source
        from ...io.dicom_sr import Segmented, write_dicom_sr
        from ...report.pdf import pdf

        described = self._report.describe()  # raises if it is not a result of this volume
        node, volume_node = self.session.output, self.session.volume
        run = scene.noted(node, scene.RUN)
        model, cine = self.session.models[run["model"]], scene.find_cine(volume_node)
        slices = _slices([*cine.nodes] if cine else [volume_node], volume_node.GetName())
        deciding = [run["model"], run.get("version"), run.get("weights_sha256")]
        seed = json.dumps(["Slicer", *deciding]).encode()
        labels, arrays, geometry, function = self._values(node, volume_node, model)
        phases = {function.ed_frame: "end-diastole", function.es_frame: "end-systole"} if function else {0: ""}
        axis = orientation(geometry, model.axes).order[0]
        segmented = []
        for frame, phase in phases.items():
            if frame is None or frame >= len(slices):
                continue
            source, path = read_source(slices[frame], geometry), folder / f"{frame}.dcm"
            segmentation = write_dicom_seg(labels[frame], source, model, path, seed, phase, frame + 1)
            figures = statistics(labels[frame], arrays[frame], geometry, model.labels, axis)
            segmented.append(Segmented(segmentation, source, figures, phase))
        if not segmented:
            raise InputError(_("End-diastole is not known: check the segments of the left ventricle."))
        notices = [one.text for one in function.notices] if function else []
        measurements = write_dicom_sr(segmented, function, model, folder / "sr.dcm", seed, notices)
        title = f"Segmentation report, {model.title}"
        document = write_dicom_pdf(
            pdf(described), segmented[0].source, model, folder / "report.dcm", seed, title, labels, described.undated
        )
        return [str(one.SOPInstanceUID) for one in (*(s.segmentation for s in segmented), measurements, document)]

    def _values(self, node: Any, volume_node: Any, model: Model) -> tuple[Any, Sequence[Any], Any, Any]:
        """Return labels (T, K, J, I), voxels of each frame, grid, and cardiac function of a cine."""
        cine = scene.find_cine(volume_node)
        if cine is None:
            volume = scene.read_volume(volume_node)
            return scene.read_labels(node, volume_node, model.labels)[None], [volume.array], volume.geometry, None
        labels = scene.read_cine_labels(node, cine, model.labels)
        frames, geometry = scene.read_frames(cine)
        return labels, frames, geometry, cardiac_function(labels, geometry, model, cine.times_ms, *self._person.figures)


def _slices(nodes: Sequence[Any], name: str) -> list[Any]:
    """Return for each frame where its slices are stored.

    Raises:
        InputError: Slicer's DICOM database is not available, or does not have the volume.
    """
    from ...io.dicom.volume import find_cine

    if getattr(slicer, "dicomDatabase", None) is None:
        raise InputError(_("Slicer's DICOM database is not open: open the DICOM module once, and save again."))
    files = list(dict.fromkeys(path for node in nodes for path in dicom_files(node)))
    if not files:
        raise InputError(
            _("{name} was not loaded from Slicer's DICOM database: import its study, and load it from there.").format(
                name=name
            )
        )
    return [volume.slice_files for volume in find_cine(files[0].parent, name, None, files, with_pixels=False).volumes]


def _import(folder: Path, instances: Sequence[str]) -> None:
    """Copy the files into the database and verify that it has them.

    Raises:
        OutputError: the database does not have the files.
    """
    from DICOMLib import DICOMUtils

    DICOMUtils.importDicom(str(folder), slicer.dicomDatabase, copyFiles=True)
    if not all(slicer.dicomDatabase.fileForInstance(uid) for uid in instances):
        raise OutputError(_("Slicer's DICOM database did not accept all objects: check its folder and free space."))
