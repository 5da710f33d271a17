"""Heart rate, height and weight in the panel, stored in the scene with their volume."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from .. import scene
from ..errors import DINSegmentError
from . import choices
from .session import Session
from .translation import told

if TYPE_CHECKING:
    from ..io import Person as Header

_INSTANCES = "DICOM.instanceUIDs"  # attribute of a volume loaded by Slicer's DICOM reader


class Person:
    """Patient data of the selected volume: as entered by the user, otherwise from a cine's DICOM headers.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        changed: called when the user has entered another value.
    """

    def __init__(self, ui: Any, session: Session, changed: Callable[[], None]) -> None:
        self.ui, self.session, self._changed = ui, session, changed
        self._boxes = {"heart_rate": ui.heartRateSpinBox, "height": ui.heightSpinBox, "weight": ui.weightSpinBox}
        self._volume: Any = None
        self._known: dict[str, Any] = {}
        ui.heartRateSpinBox.connect("valueChanged(double)", lambda value: self.onValue("heart_rate", value))
        ui.heightSpinBox.connect("valueChanged(double)", lambda value: self.onValue("height", value))
        ui.weightSpinBox.connect("valueChanged(double)", lambda value: self.onValue("weight", value))
        self.follow(None)

    @property
    def figures(self) -> list[float | None]:
        """Heart rate (bpm), height (cm), weight (kg), or None. A lone height or weight in the header is ignored."""
        figures = {name: self._known.get(name) for name in self._boxes}
        body = {name for name in ("height", "weight") if figures[name] is not None}
        if len(body) == 1 and body <= set(self._known["from_header"]):
            figures.update(height=None, weight=None)
        return list(figures.values())

    def follow(self, volume_node: Any) -> None:
        """Show the data of another volume, which may be another patient's; None if there is no volume."""
        self._volume = volume_node
        known = scene.noted(volume_node, scene.PERSON) if volume_node is not None else None
        self._known = known or {"from_header": []}
        if known is None and (cine := scene.find_cine(volume_node) if volume_node is not None else None):
            self._take(_in_headers(cine))
        self._show()

    def _take(self, header: "Header | None") -> None:
        """Store data from headers with the volume."""
        if header is None:
            return
        for notice in header.notices:
            self.session.say(told(notice.text))
        told_by = {name: value for name in self._boxes if (value := getattr(header, name)) is not None}
        if told_by:
            self._known = {**told_by, "from_header": list(told_by)}
            scene.note(self._volume, scene.PERSON, self._known)

    def _show(self) -> None:
        with self.session.quietly():
            for name, box in self._boxes.items():
                box.value = self._known.get(name) or 0
        self.tell(())

    def tell(self, sentences: Sequence[str]) -> None:
        """Show next to the values which ones were read from the file, and sentences about them."""
        words = {"heart_rate": _("heart rate"), "height": _("height"), "weight": _("weight")}
        names = ", ".join(word for name, word in words.items() if name in self._known["from_header"])
        header = [_("From the DICOM header: {names}.").format(names=names)] if names else []
        choices.tell(self.ui.personLabel, "\n".join([*header, *sentences]))

    def onValue(self, name: str, value: float) -> None:
        """Store a value that was entered."""
        if self.session.deaf or self._volume is None:
            return
        others = [one for one in self._known["from_header"] if one != name]
        self._known = {**self._known, name: value or None, "from_header": others}
        scene.note(self._volume, scene.PERSON, self._known)
        self._show()
        self._changed()


def dicom_files(volume_node: Any) -> list[Path]:
    """Return the files of a volume loaded by Slicer's DICOM reader; empty if its database does not have them."""
    database = getattr(slicer, "dicomDatabase", None)
    uids = (volume_node.GetAttribute(_INSTANCES) or "").split()
    return [Path(path) for uid in uids if database is not None and (path := database.fileForInstance(uid))]


def _in_headers(cine: scene.Cine) -> "Header | None":
    """Read the headers of a cine's first frame: the heart rate differs between slices, not between frames.

    Return None if Slicer's DICOM database does not have the files, or they cannot be read."""
    files = dicom_files(cine.nodes[0])
    if not files:
        return None
    from ..io.dicom.volume import read_person  # takes 0.25 s to import

    try:
        return read_person(files)
    except (DINSegmentError, OSError):
        return None
