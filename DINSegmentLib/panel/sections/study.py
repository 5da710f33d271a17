"""Open study: lists the images of a folder, an archive or Slicer's DICOM database, and loads selected ones."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from ...errors import DINSegmentError
from ...scene.loading import Loading
from ..checklist import Checklist
from ..dialogs import choose_answer
from ..session import Session
from ..study_reader import StudyReader
from ..tables import Column
from ..translation import told

_ARCHIVES = "*.zip *.tar *.tar.gz *.tgz"


class StudySection:
    """Connects Open study: lists each image with a suitable model or a reason, and loads the checked ones.

    A process reads the files, and voxels are copied into the scene in pieces, so that Slicer's window never blocks.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        widget: owns process, timer and list.
        on_loaded: called with the loaded volume nodes, and whether to segment them immediately.
    """

    def __init__(
        self, ui: Any, session: Session, widget: Any, on_loaded: Callable[[Sequence[Any], bool], None]
    ) -> None:  # fmt: skip
        self.session, self._widget, self._on_loaded = session, widget, on_loaded
        self.list: Checklist | None = None
        self._reader: StudyReader | None = None
        self._loading: Loading | None = None
        self._waiting: list[int] = []  # images still to be read
        self._count, self._segment = 0, False  # number of requested images, and whether to segment them
        self._nodes: list[Any] = []
        self._rejected: list[list[str]] = []  # rows of the list
        self._faults: list[str] = []
        self._timer = qt.QTimer(widget)
        self._timer.connect("timeout()", self._on_turn)
        ui.openStudyButton.connect("clicked()", self.onOpenStudy)

    def onOpenStudy(self) -> None:
        """Ask where the study is, and list it."""
        sources: list[tuple[str, Callable[[], Sequence[str]]]] = [
            (_("Archive…"), _choose_archive),
            (_("Folder…"), _choose_folder),
        ]
        if getattr(slicer, "dicomDatabase", None) is not None:
            sources.insert(0, (_("Selected in DICOM database"), self._selected))
        answer = choose_answer(_("Where is the study?"), [text for text, _choose in sources])
        paths = sources[answer][1]() if answer is not None else ()
        if paths:
            self.look(paths)

    def look(self, paths: Sequence[str]) -> None:
        """List the images of a folder, an archive, or several DICOM files."""
        self.end()
        try:
            self._reader = StudyReader(self._widget, self.session.log, self)
        except OSError as error:
            self.session.say(_("The study was not opened: {reason}").format(reason=error.strerror))
            return
        columns = [
            Column(_("Image"), _("Image")),
            Column(_("Size"), _("Slices and frames")),
            Column(_("Model"), _("Model that suits the image")),
            Column(_("Reason"), _("Why the model was chosen, or why none was")),
        ]
        actions = [_("&Load"), _("Load and &segment")]
        self.list = Checklist(self._widget, _("Open study"), columns, actions, self.onAction, self.end)
        self.list.say(_("Reading the files…"))
        self.list.show_progress(-1)
        self.list.show()
        self._reader.look(paths)

    def end(self) -> None:
        """Stop loading; images not yet in the scene are dropped."""
        self._timer.stop()
        if self._loading is not None:
            self._loading.stop()
        if self._reader is not None:
            self._reader.end()
        if self.list is not None:
            self.list.close()
        self.list = self._reader = self._loading = None
        self._waiting, self._nodes, self._faults, self._rejected = [], [], [], []

    def _selected(self) -> Sequence[str]:
        """Return the files selected in the DICOM browser: of the series, otherwise of the studies or patients."""
        found = _selected_files()
        if not found:
            self.session.say(_("No study is selected in Slicer's DICOM database: select one in the DICOM module."))
        return found

    # messages of the reader, see `study_reader.Listener`

    def image(self, number: int, about: Mapping[str, Any]) -> None:
        slices, frames = about["shape"]["kji".index(about["slices"])], about["frames"]
        size = _("{slices} slices").format(slices=slices)
        if frames > 1:
            size = _("{slices} slices, {frames} frames").format(slices=slices, frames=frames)
        model = self.session.models.get(about["model"] or "")
        notices = [one["text"] for one in about["notices"]]
        reason = "\n".join([about["why"], *notices])
        if self.list is not None:
            texts = [about["name"], size, model.title if model else _("none"), reason]
            self.list.add(number, texts, model is not None)

    def rejected(self, about: Mapping[str, Any]) -> None:
        self._rejected.append([Path(about["path"]).name, "", "", about["reason"]])

    def looked(self) -> None:
        if self.list is None:
            return
        for texts in self._rejected:  # below all images
            self.list.add(None, texts, None)
        count = len(self.list.checked())
        text = _("Images that suit a model: {count}. The others are listed with the reason.").format(count=count)
        self.list.say(text if count else _("No image suits a model for certain. The list gives the reasons."))
        self.list.show_progress(None)

    def loaded(self, number: int, about: Mapping[str, Any], voxels: Path) -> None:
        for sentence in about["notices"]:
            self.session.log(sentence)
        try:
            self._loading = Loading(voxels, about)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.failed(number, told(error))
            return
        self._timer.start(0)

    def failed(self, number: int | None, text: str) -> None:
        self.session.log(text)
        if number is None:  # nothing more can be read
            self.end()
            slicer.util.errorDisplay(text)
            return
        self._faults.append(text)
        self._next()

    # loading

    def onAction(self, action: int, numbers: list[int]) -> None:
        """Load the checked images, one after another."""
        if self.list is None:
            return
        self.list.lock()
        self._waiting, self._count, self._segment = list(numbers), len(numbers), action == 1
        self._next()

    def _next(self) -> None:
        if self._reader is None or self.list is None:
            return
        done = self._count - len(self._waiting)
        if self._waiting:
            self.list.say(_("Loading image {number} of {count}…").format(number=done + 1, count=self._count))
            self.list.show_progress(done / self._count)
            self._reader.load(self._waiting.pop(0))
            return
        nodes, faults, count = self._nodes, self._faults, self._count
        self.end()
        if faults:
            slicer.util.errorDisplay("\n".join(faults))
        if nodes:
            self._on_loaded(nodes, self._segment)
        self.session.say(_("{done} of {count} images were loaded.").format(done=len(nodes), count=count))

    def _on_turn(self) -> None:
        """Copy one piece of the voxels."""
        loading = self._loading
        if loading is None or self.list is None:
            self._timer.stop()
            return
        try:
            more = loading.step()
        except (DINSegmentError, OSError) as error:
            loading.stop()
            self._loading = None
            self._timer.stop()
            self.failed(0, told(error))
            return
        done = self._count - len(self._waiting) - 1 + loading.progress
        self.list.show_progress(done / self._count)
        if not more:
            self._timer.stop()
            self._loading = None
            self._nodes.append(loading.node)
            self._next()


def _choose_folder() -> Sequence[str]:
    found = qt.QFileDialog.getExistingDirectory(None, _("Open the folder of a study"))
    return [found] if found else []


def _choose_archive() -> Sequence[str]:
    kinds = _("Archives ({suffixes});;All files (*)").format(suffixes=_ARCHIVES)
    found = qt.QFileDialog.getOpenFileName(None, _("Open the archive of a study"), "", kinds)
    return [found] if found else []


def _selected_files() -> list[str]:
    """Return the files selected in Slicer's DICOM browser; empty if none are, or if it was never opened."""
    module = getattr(slicer.modules, "DICOMWidget", None)
    if module is None or module.browserWidget is None:
        return []
    database, tables = slicer.dicomDatabase, module.browserWidget.dicomBrowser.dicomTableManager()
    series = list(tables.currentSeriesSelection())
    if not series:
        studies = list(tables.currentStudiesSelection()) or [
            study for patient in tables.currentPatientsSelection() for study in database.studiesForPatient(patient)
        ]
        series = [uid for study in studies for uid in database.seriesForStudy(study)]
    return [str(path) for uid in series for path in database.filesForSeries(uid)]
