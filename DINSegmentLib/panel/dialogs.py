"""Questions to the user with more answers than yes and no."""

from collections.abc import Sequence
from typing import Any

import qt
import slicer
import slicer.util
from slicer.i18n import tr as _


def choose_answer(question: str, answers: Sequence[str]) -> int | None:
    """Ask, with a button for each answer and one to cancel.

    Args:
        question: whole sentences.
        answers: the texts of the buttons; the last one is the default.

    Returns:
        the index of the answer; None: the user has canceled.
    """
    box = qt.QMessageBox(slicer.util.mainWindow())
    box.text = question
    buttons: list[Any] = [box.addButton(answer, qt.QMessageBox.AcceptRole) for answer in answers]
    cancel = box.addButton(_("Cancel"), qt.QMessageBox.RejectRole)
    box.setDefaultButton(buttons[-1])
    box.setEscapeButton(cancel)
    box.exec()
    clicked = box.clickedButton()
    return next((index for index, button in enumerate(buttons) if button == clicked), None)
