"""The models of panel and logic: the bundled ones, and folders that the user has added, which Slicer remembers."""

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

# keys of Slicer's settings: a list of paths, as JSON; and, with a model's id, the version whose terms were accepted
_FOLDERS, _ACCEPTED = "DINSegment/ModelFolders", "DINSegment/AcceptedLicence"


@dataclass(frozen=True)
class Missing:
    """A folder that was added and cannot be used now, and why, in a sentence."""

    folder: str
    reason: str


def known() -> tuple[dict[str, Model], list[Missing]]:
    """All models by id, the bundled ones first, and the added folders that cannot be used."""
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
    """The model of an id that is known here, or of a model folder's path.

    Raises:
        ModelError: there is no such model, or its manifest cannot be used.
    """
    models, _missing = known()
    return models[model] if model in models else find_model(model)


def check(folder: Path) -> Model:
    """The model of a folder that is to be added; its weights are read.

    Raises:
        ModelError: the folder is not a whole model, or another model has its id.
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
    """Remember a folder that was checked."""
    path = str(folder.resolve())
    _remember([*(one for one in _folders() if one != path), path])


def remove(folder: str) -> None:
    """Forget a folder; its files stay."""
    _remember([one for one in _folders() if one != folder])


def added() -> list[str]:
    """The folders that are remembered, in the order in which they were added."""
    return _folders()


def terms_accepted(model: Model) -> bool:
    """Ask once for each version of a model."""
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
