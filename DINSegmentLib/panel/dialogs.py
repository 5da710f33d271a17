"""Questions to the user: one of several answers, a file to write."""

from collections.abc import Sequence
from pathlib import Path
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


def choose_file(title: str, name: str, kinds: str, suffixes: Sequence[str]) -> Path | None:
    """Let the user choose a file to write.

    Args:
        title: of the dialog.
        name: proposed name.
        kinds: Qt's filter of file types.
        suffixes: in lower case; a name with none of them gets the first.

    Returns:
        the file; None if the user canceled.
    """
    chosen = qt.QFileDialog.getSaveFileName(None, title, name, kinds)
    if not chosen:
        return None
    path = Path(chosen)
    if path.suffix.lower() in suffixes:
        return path
    path = path.with_name(path.name + suffixes[0])
    return path if may_replace([path]) else None


def may_replace(paths: Sequence[Path]) -> bool:
    """Ask before files are replaced about which the file dialog did not ask; True if none exists."""
    names = ", ".join(path.name for path in paths if path.exists())
    return not names or choose_answer(_("This replaces {names}.").format(names=names), [_("Replace")]) == 0
