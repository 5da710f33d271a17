"""Add model: adds folders to the list of models, and removes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer.util
from slicer.i18n import tr as _

from ...errors import DINSegmentError
from .. import models
from ..dialogs import choose_answer
from ..session import Session
from ..translation import told


class ModelSection:
    """Connects the button next to the list of models.

    Args:
        ui: the panel's widgets.
        session: the current selection.
        on_models: called when the known models have changed.
    """

    def __init__(self, ui: Any, session: Session, on_models: Callable[[], None]) -> None:
        self.ui, self.session, self._on_models = ui, session, on_models
        self._told = False
        ui.addModelButton.connect("clicked()", self.onAdd)

    def tell_missing(self) -> None:
        """Report once the added folders that cannot be used now."""
        if self._told or not (missing := self.session.missing):
            return
        self._told = True
        lines = [_("The added model in {folder} cannot be used.").format(folder=one.folder) for one in missing]
        self.session.say("\n".join([*lines, _("Restore the folder, or click + to remove the model from the list.")]))
        for one in missing:
            self.session.log(one.reason)

    def onAdd(self) -> None:
        """Ask for a folder; if some were added before, first ask whether to remove one of them."""
        folders = models.added()
        if folders:
            answers = [_("Remove {folder}").format(folder=folder) for folder in folders]
            answer = choose_answer(_("Add a model, or remove one from the list?"), [*answers, _("Add a model…")])
            if answer is None:
                return
            if answer < len(folders):
                models.remove(folders[answer])
                self._list()
                self.session.say(_("The model was removed from the list. Its files were not changed."))
                return
        folder = qt.QFileDialog.getExistingDirectory(None, _("Add the folder of a model"))
        if folder:
            self.add(Path(folder))

    def add(self, folder: Path) -> None:
        """Check a model folder, ask the user to accept its terms, and select the model."""
        try:
            model = models.check(folder)
        except (DINSegmentError, OSError) as error:
            slicer.util.errorDisplay(_("The model was not added: {reason}").format(reason=told(error)))
            return
        if not models.terms_accepted(model):
            self.session.say(_("The terms of the model were not accepted: it was not added."))
            return
        models.add(folder)
        self._list()
        self.ui.modelSelector.currentIndex = self.ui.modelSelector.findData(model.id)
        self.session.say(_("{title} was added.").format(title=model.title))

    def _list(self) -> None:
        self.session.models, self.session.missing = models.known()
        self._on_models()
