"""Insertion points of the right ventricle, where the wall's segments begin; the user can move them in the views."""

from typing import Any

import numpy as np
from slicer.i18n import tr as _

from ... import scene
from ...errors import DINSegmentError, InputError
from ...measure import Insertion, regional_function
from ...model import LEFT_VENTRICLE, RIGHT_VENTRICLE, Model, label_of
from ...model.orientation import orientation
from .. import choices
from ..heart import measure_heart
from ..session import Session
from ..translation import told

_APART = 25.0  # mm from the cavity's center, for points without a known position


class InsertionSection:
    """Connects the button that shows the points, and the one that resets them to the labels.

    Args:
        ui: the panel's widgets.
        session: the current selection.
    """

    def __init__(self, ui: Any, session: Session) -> None:
        self.ui, self.session = ui, session
        self._points = scene.InsertionPoints(self.onMoved)
        ui.insertionButton.connect("toggled(bool)", self.onToggled)
        ui.insertionResetButton.connect("clicked()", self.onReset)
        choices.follow_nodes(ui.outputSelector, self.follow)
        self.follow(None)

    def follow(self, node: Any) -> None:
        """Follow another result, or None: remove the points of the previous one, which may be another patient's."""
        self._points.remove()
        available = self._points.available()
        with self.session.quietly():
            self.ui.insertionButton.checked = False
        self.ui.insertionButton.enabled = node is not None and available
        self.ui.insertionResetButton.enabled = node is not None and scene.noted(node, scene.INSERTIONS) is not None
        if not available:
            self.ui.insertionButton.toolTip = _(
                "This Slicer lacks the Markups module: the segments begin where the right ventricle is labeled."
            )

    def onToggled(self, checked: bool) -> None:
        if self.session.deaf:
            return
        if not checked:
            self._points.remove()
            return
        try:
            self._show()
        except DINSegmentError as error:
            self.follow(self.session.output)
            self.session.say(_("The insertion points cannot be shown: {reason}").format(reason=told(error)))

    def onMoved(self) -> None:
        """Called when a point was moved: the next report uses it."""
        if self._points.keep():
            self.ui.insertionResetButton.enabled = True
            self.ui.statusLabel.text = _("Insertions moved. The segments of the next report begin there.")

    def onReset(self) -> None:
        """Return to the insertions in the right ventricle's label."""
        scene.forget_insertion(self.session.output)
        self.ui.insertionResetButton.enabled = False
        self.onToggled(self.ui.insertionButton.checked)
        self.session.say(_("The segments begin where the right ventricle is labeled."))

    def _show(self) -> None:
        """Show the points at their stored positions, otherwise at the insertions in the labels, and show that slice.

        Raises:
            DINSegmentError: there is no cardiac result, or it cannot be read.
        """
        node, volume_node = self.session.output, self.session.volume
        run = scene.noted(node, scene.RUN) if volume_node is not None and scene.is_result(node, volume_node) else None
        model = self.session.models.get(run["model"]) if run else None
        if model is None or label_of(model, LEFT_VENTRICLE) is None:
            raise InputError(_("The segmentation is not a result of a cardiac model for this volume."))
        place = scene.insertion_of(node, volume_node) or _found(node, volume_node, model)
        labels = _("Anterior RV insertion"), _("Inferior RV insertion")
        self._points.show(node, volume_node, place, labels)
        geometry = scene.read_volume(volume_node).geometry
        axis = orientation(geometry, model.axes).order[0]
        index = round((np.linalg.inv(geometry.ijk_to_ras) @ (*place.anterior, 1))[2 - axis])
        scene.show_slice(volume_node, axis, index)
        self.session.say(_("Move the two points in the slice views: the segments of the next report begin there."))


def _found(node: Any, volume_node: Any, model: Model) -> Insertion:
    """Return the insertions in the labels; if there are none, points next to the cavity for the user to move.

    Raises:
        DINSegmentError: the labels cannot be read, or have no left ventricle.
    """
    if cine := scene.find_cine(volume_node):
        heart = measure_heart(node, volume_node, cine, model)
        labels, geometry, regional = heart.labels[heart.function.ed_frame or 0], heart.geometry, heart.regional
    else:
        labels, geometry = scene.read_labels(node, volume_node, model.labels), scene.read_volume(volume_node).geometry
        sees_right = label_of(model, RIGHT_VENTRICLE) is not None
        regional = regional_function(labels, None, geometry, model) if sees_right else None
    if regional and regional.insertion:
        return regional.insertion
    cavity = label_of(model, LEFT_VENTRICLE)
    held = np.argwhere(labels == cavity.value) if cavity else ()
    if not len(held):
        raise InputError(_("No left ventricle is labeled."))
    right, anterior, superior = (geometry.ijk_to_ras @ (*np.mean(held, axis=0)[::-1], 1))[:3].tolist()
    return Insertion((right, anterior + _APART, superior), (right, anterior - _APART, superior))
