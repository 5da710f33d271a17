"""Heart rate, height and weight in the panel: they belong to a volume, and stay with it in the scene."""

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

_INSTANCES = "DICOM.instanceUIDs"  # attribute of a volume that Slicer's DICOM reader has loaded


class Person:
    """What is known of the person in the chosen volume: as it was typed, else as the DICOM headers of a cine give it.

    Args:
        ui: the panel's widgets.
        session: what is chosen.
        changed: called when the user has typed another figure.
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
        """Heart rate, height and weight; None: not known. A header's height counts only with a weight, and so on."""
        figures = {name: self._known.get(name) for name in self._boxes}
        body = {name for name in ("height", "weight") if figures[name] is not None}
        if len(body) == 1 and body <= set(self._known["from_header"]):
            figures.update(height=None, weight=None)
        return list(figures.values())

    def follow(self, volume_node: Any) -> None:
        """Show what is known of another volume, which may be another patient's; None: there is no volume."""
        self._volume = volume_node
        known = scene.noted(volume_node, scene.PERSON) if volume_node is not None else None
        self._known = known or {"from_header": []}
        if known is None and (cine := scene.find_cine(volume_node) if volume_node is not None else None):
            self._take(_in_headers(cine))
        self._show()

    def _take(self, header: "Header | None") -> None:
        """What headers say, to be kept with the volume."""
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
        """Show beside the values what was read from the file, and sentences about them."""
        words = {"heart_rate": _("heart rate"), "height": _("height"), "weight": _("weight")}
        names = ", ".join(word for name, word in words.items() if name in self._known["from_header"])
        header = [_("From the DICOM header: {names}.").format(names=names)] if names else []
        choices.tell(self.ui.personLabel, "\n".join([*header, *sentences]))

    def onValue(self, name: str, value: float) -> None:
        """A figure became known, or another."""
        if self.session.deaf or self._volume is None:
            return
        others = [one for one in self._known["from_header"] if one != name]
        self._known = {**self._known, name: value or None, "from_header": others}
        scene.note(self._volume, scene.PERSON, self._known)
        self._show()
        self._changed()


def dicom_files(volume_node: Any) -> list[Path]:
    """The files of a volume that Slicer's DICOM reader has loaded; empty where its database does not know them."""
    database = getattr(slicer, "dicomDatabase", None)
    uids = (volume_node.GetAttribute(_INSTANCES) or "").split()
    return [Path(path) for uid in uids if database is not None and (path := database.fileForInstance(uid))]


def _in_headers(cine: scene.Cine) -> "Header | None":
    """What the DICOM headers of a cine's first frame say: the heart rate differs between slices, not between frames.

    None where Slicer's DICOM database does not know the files, or they cannot be read."""
    files = dicom_files(cine.nodes[0])
    if not files:
        return None
    from ..io.dicom.volume import read_person  # it takes a quarter of a second to import

    try:
        return read_person(files)
    except (DINSegmentError, OSError):
        return None
