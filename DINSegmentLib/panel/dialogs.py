"""Questions to the user with several answers."""

from collections.abc import Sequence
from typing import Any

import qt
import slicer
import slicer.util
from slicer.i18n import tr as _


def choose_answer(question: str, answers: Sequence[str]) -> int | None:
    """Show a question with a button for each answer and a Cancel button.

    Args:
        question: full sentences.
        answers: texts of the buttons; the last is the default.

    Returns:
        the index of the answer; None if the user canceled.
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
