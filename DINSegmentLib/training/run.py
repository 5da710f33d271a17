"""A run folder: the files of a training run."""

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

    - `manifest.json`: manifest of the trained model, as `pack` puts it into a model folder.
    - `settings.json`: model, network, recipe with seed, initial weights; a run resumes only with the same settings.
    - `versions.json`: versions of programs, and the device, at the last start.
    - `curve.csv`, `curve.png`: a row for each validation.
    - `last.pt`: everything needed to resume. `best.pt`: averaged weights, the best or the last (`Recipe.keep`).

    Every file is written atomically.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.last, self.best = self.folder / "last.pt", self.folder / "best.pt"

    @property
    def resumes(self) -> bool:
        """Whether there is a run to resume."""
        return self.last.is_file()

    def begin_model(self, manifest: Mapping[str, Any]) -> Model:
        """Write the manifest of the model to be trained, and read it back.

        Raises:
            ModelError: a value in it is invalid.
            OutputError: the folder cannot be written.
        """
        self._make()
        if not self.resumes:  # otherwise `begin` compares what matters
            write(self.folder / MANIFEST, (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())
        return read_manifest(self.folder)

    def begin(
        self, settings: Mapping[str, Any], versions: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
    ) -> None:
        """Create the folder, or check that the run in it was started with the same settings.

        Args:
            defaults: values of settings that a run lacks because it was started before they existed.

        Raises:
            InputError: the run was started with other settings.
            OutputError: the folder cannot be written.
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
        """Read `last.pt`; raise InputError if it cannot be read."""
        try:
            return torch.load(self.last, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many exception types for damaged files
            raise InputError(f"{self.last} is damaged: remove it to start again (best.pt is kept).") from error

    def save_last(self, state: Mapping[str, Any]) -> None:
        """Write `last.pt`; raise OutputError if that fails, leaving the existing file."""
        self._save(state, self.last)

    def save_best(self, weights: Mapping[str, Any]) -> None:
        """Write `best.pt`; raise OutputError if that fails, leaving the existing file."""
        self._save(weights, self.best)

    def write_curve(self, curve: Sequence[Mapping[str, float]]) -> None:
        """Write the curve as CSV and PNG; rows have minutes, step, loss and, if validated, Dice values."""
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
        return None  # damaged: cannot match any settings


def _completed(values: Any, defaults: Mapping[str, Any]) -> Any:
    """Add missing entries from ``defaults`` to a table and its subtables."""
    if not isinstance(values, dict):
        return values
    plain = json.loads(json.dumps(defaults))
    missing = {name: value for name, value in plain.items() if name not in values}
    return missing | {
        name: _completed(value, plain[name]) if isinstance(plain.get(name), dict) else value
        for name, value in values.items()
    }


def write(path: Path, data: bytes | memoryview) -> None:
    """Write a file atomically.

    Raises:
        OutputError: the file cannot be written; an existing file is unchanged.
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
    """PNG: loss, and validation Dice of each structure and their mean, over steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in curve]
    left.plot(steps, [row["loss"] for row in curve], color="0.2")
    left.set(title="training loss", xlabel="step")
    right.set(title="validation Dice", xlabel="step")
    if "dice" in curve[0]:  # otherwise no case was left for validation
        for name in [name for name in curve[0] if name not in ("minutes", "step", "loss", "dice")]:
            right.plot(steps, [row[name] for row in curve], linewidth=1, label=name)
        right.plot(steps, [row["dice"] for row in curve], color="0.2", linewidth=2, label="mean")
        right.legend(fontsize="x-small", frameon=False, ncols=2, loc="lower right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    return png(figure)
