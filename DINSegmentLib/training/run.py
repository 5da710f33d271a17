"""A run folder: what a training leaves on the disk."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .. import bounded
from ..errors import InputError, OutputError
from ..model import MANIFEST, Model, read_manifest
from ..tabular import csv_text
from .figures import png


class Run:
    """Files of one training run.

    - `manifest.json`: the model that is trained, as `pack` puts it into a model folder.
    - `settings.json`: model, network, recipe with its seed, initial weights; a run continues only with the same ones.
    - `versions.json`: of the programs, and the device, of the last start.
    - `curve.csv`, `curve.png`: a row for each validation.
    - `last.pt`: everything that is needed to resume. `best.pt`: averaged weights, best by validation.

    Every file appears whole or not at all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.last, self.best = self.folder / "last.pt", self.folder / "best.pt"

    @property
    def resumes(self) -> bool:
        """Whether there is something to resume."""
        return self.last.is_file()

    def begin_model(self, manifest: Mapping[str, Any]) -> Model:
        """Write the manifest of the model that is trained, and read it back.

        Raises:
            ModelError: a value in it cannot be used.
            OutputError: the folder cannot be written.
        """
        self._make()
        if not self.resumes:  # else `begin` compares what counts
            write(self.folder / MANIFEST, (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())
        return read_manifest(self.folder)

    def begin(
        self, settings: Mapping[str, Any], versions: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
    ) -> None:
        """Make the folder, or check that it was begun with the same settings.

        Args:
            defaults: of settings that a run lacks which was begun before they were there.

        Raises:
            InputError: it was begun with others.
            OutputError: it cannot be written.
        """
        text = json.dumps(settings, indent=1)
        path = self.folder / "settings.json"
        self._make()
        try:
            before = bounded.read_text(path) if self.resumes and path.is_file() else text
        except bounded.Unusable:
            before = ""  # damaged
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be written ({error.strerror}): choose a folder that you may write to."
            ) from error
        if _completed(_parsed(before), defaults or {}) != json.loads(text):
            raise InputError(
                f"{self.folder} contains a run with other settings: use the same training file, or a new folder."
            )
        write(path, text.encode())
        write(self.folder / "versions.json", json.dumps(versions, indent=1).encode())

    def load_last(self) -> dict[str, Any]:
        """Raises InputError when `last.pt` cannot be read."""
        try:
            return torch.load(self.last, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many exception types for damaged files
            raise InputError(f"{self.last} is damaged: remove it to start again (best.pt is kept).") from error

    def save_last(self, state: Mapping[str, Any]) -> None:
        """Raises OutputError when the disk does not take it; the file before stays."""
        self._save(state, self.last)

    def save_best(self, weights: Mapping[str, Any]) -> None:
        """Raises OutputError when the disk does not take it; the file before stays."""
        self._save(weights, self.best)

    def write_curve(self, curve: Sequence[Mapping[str, float]]) -> None:
        """Write both forms of the curve; a row holds minutes, step, loss, and of a validation dice and each part's."""
        write(self.folder / "curve.csv", csv_text(curve[0], (row.values() for row in curve)).encode())
        write(self.folder / "curve.png", curve_picture(curve))

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be created ({error.strerror}): choose a folder that you may write to."
            ) from error

    def _save(self, state: Mapping[str, Any], path: Path) -> None:
        data = io.BytesIO()
        torch.save(state, data)
        write(path, data.getbuffer())


def _parsed(text: str) -> Any:
    try:
        return bounded.parse_json(text)
    except bounded.Unusable:
        return None  # damaged: no settings are the same


def _completed(values: Any, defaults: Mapping[str, Any]) -> Any:
    """A table with the entries that it lacks, and so each table in it."""
    if not isinstance(values, dict):
        return values
    plain = json.loads(json.dumps(defaults))
    missing = {name: value for name, value in plain.items() if name not in values}
    return missing | {
        name: _completed(value, plain[name]) if isinstance(plain.get(name), dict) else value
        for name, value in values.items()
    }


def write(path: Path, data: bytes | memoryview) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: the disk does not take it; a file of that name stays as it was.
    """
    partial = path.with_name(f".part-{path.name}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): check the folder and the space on the disk; what was saved "
            "before is kept."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def curve_picture(curve: Sequence[Mapping[str, float]]) -> bytes:
    """PNG: loss, and validation Dice of each structure and their mean, against the step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in curve]
    left.plot(steps, [row["loss"] for row in curve], color="0.2")
    left.set(title="training loss", xlabel="step")
    right.set(title="validation Dice", xlabel="step")
    if "dice" in curve[0]:  # else no case was left for validation
        for name in [name for name in curve[0] if name not in ("minutes", "step", "loss", "dice")]:
            right.plot(steps, [row[name] for row in curve], linewidth=1, label=name)
        right.plot(steps, [row["dice"] for row in curve], color="0.2", linewidth=2, label="mean")
        right.legend(fontsize="x-small", frameon=False, ncols=2, loc="lower right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    return png(figure)
