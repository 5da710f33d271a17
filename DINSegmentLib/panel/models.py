"""Models known to panel and logic: the bundled ones, and folders added by the user, which Slicer remembers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import slicer
import slicer.util
from slicer.i18n import tr as _

from ..errors import ModelError
from ..model import Model, catalogue, find_model, read_manifest
from .translation import told

# keys of Slicer's settings: JSON list of paths; and, with a model's ID appended, the version whose terms were accepted
_FOLDERS, _ACCEPTED = "DINSegment/ModelFolders", "DINSegment/AcceptedLicence"


@dataclass(frozen=True)
class Missing:
    """An added folder that cannot be used now, with the reason in a sentence."""

    folder: str
    reason: str


def known() -> tuple[dict[str, Model], list[Missing]]:
    """Return all models by ID, bundled ones first, and the added folders that cannot be used."""
    models, missing = catalogue(), []
    for folder in _folders():
        try:
            model = read_manifest(Path(folder))
        except ModelError as error:
            missing.append(Missing(folder, told(error)))
            continue
        models.setdefault(model.id, model)
    return models, missing


def find(model: str) -> Model:
    """Find a known model by ID, or by the path of its folder.

    Raises:
        ModelError: the model is not found, or its manifest cannot be used.
    """
    models, _missing = known()
    return models[model] if model in models else find_model(model)


def check(folder: Path) -> Model:
    """Read the model of a folder to be added, including its weights.

    Raises:
        ModelError: the model is incomplete, or another model has the same ID.
    """
    model = read_manifest(folder)
    model.read_weights()
    others, _missing = known()
    other = others.get(model.id)
    if other is not None and Path(other.folder).resolve() != folder.resolve():
        raise ModelError(
            _("A model with the id {model} is in the list already: give the model of {folder} another id.").format(
                model=model.id, folder=folder
            )
        )
    return model


def add(folder: Path) -> None:
    """Remember a folder that has passed `check`."""
    path = str(folder.resolve())
    _remember([*(one for one in _folders() if one != path), path])


def remove(folder: str) -> None:
    """Forget a folder; its files are kept."""
    _remember([one for one in _folders() if one != folder])


def added() -> list[str]:
    """Return the remembered folders in the order in which they were added."""
    return _folders()


def terms_accepted(model: Model) -> bool:
    """Whether the user accepts the license terms; asks once for each version of a model."""
    settings, key = slicer.app.userSettings(), f"{_ACCEPTED}/{model.id}"
    if settings.value(key) == model.version:
        return True
    text = _("License terms of {model}:\n\n{licence}\n\nDo you accept them?").format(
        model=model.title, licence=model.licence
    )
    if not slicer.util.confirmOkCancelDisplay(text):
        return False
    settings.setValue(key, model.version)
    return True


def _folders() -> list[str]:
    stored = slicer.app.userSettings().value(_FOLDERS) if hasattr(slicer.app, "userSettings") else None
    try:
        return [str(one) for one in json.loads(stored or "[]")]
    except (ValueError, TypeError):
        return []


def _remember(folders: Sequence[str]) -> None:
    slicer.app.userSettings().setValue(_FOLDERS, json.dumps(list(folders)))
