"""From a training run to a model folder: weights for inference, manifest, license and card."""

import csv
import hashlib
import io
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import bounded
from ..errors import InputError, ModelError, OutputError
from ..model import MANIFEST, Model, read_manifest
from ..network import DIN, stored
from .card import card, license_text
from .initial import load_initial

_BIAS = "decode.head.bias"
LARGEST_BUNDLED = 12_000_000  # bytes; git keeps all versions, and the whole clone must stay under 100 MB


@dataclass(frozen=True)
class Changes:
    """Changes to a run's weights before they are stored.

    Args:
        average: file with other weights to average with the run's, as in `initial.load_initial`; None: no average. A
            mean of the weights before and after fine-tuning keeps most of what both can do (WiSE-FT, Wortsman et al.,
            CVPR 2022).
        share: share of the run's own weights in this mean, between 0 and 1.
        shifts: structure's name -> number added to its score: above 0, more voxels get its label.

    Raises:
        InputError: ``share`` is out of range, or a shift is not finite.
    """

    average: Path | None = None
    share: float = 0.5
    shifts: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(f"The share {self.share:g} of the run's weights is not between 0 and 1: choose another.")
        for name, shift in self.shifts.items():
            if not math.isfinite(shift):
                raise InputError(f"The shift {shift} of {name} is not a finite number: choose another.")

    def __bool__(self) -> bool:
        return self.average is not None or bool(self.shifts)

    def __str__(self) -> str:
        parts = [f"the score of {name} changed by {shift:+g}" for name, shift in self.shifts.items()]
        if self.average is not None:
            mean = f"the mean of the run's weights ({self.share:.0%}) and of {self.average.name} ({1 - self.share:.0%})"
            parts.insert(0, mean)
        else:
            parts.insert(0, "the run's weights")
        return ", ".join(parts)

    def apply(self, state: dict[str, Tensor], model: Model) -> None:
        """Change weights of the model's network in place.

        Raises:
            InputError: the other weights do not fit, or the model has no such structure.
        """
        if self.average is not None:
            network = DIN(replace(model.network, deep_supervision=False))
            if new := load_initial(network, self.average):
                raise InputError(
                    f"{self.average} has no {new[0]} of this network, so it cannot be averaged: use weights with the "
                    "same classes."
                )
            for name, other in network.state_dict().items():
                if other.is_floating_point():
                    state[name] = torch.lerp(other, state[name].to(other), self.share)
        values = {label.name: label.value for label in model.labels}
        for name, shift in self.shifts.items():
            if name not in values:
                raise InputError(f"{model.id} has no structure {name}: choose from {', '.join(values)}.")
            state[_BIAS] = state[_BIAS].clone()
            state[_BIAS][values[name]] += shift


def pack(run: Path, folder: Path, overwrite: bool = False, bits: int = 8, changes: Changes = Changes()) -> Path:
    """Create a model folder from a run: `manifest.json`, `weights.pt`, `LICENSE.txt` and `MODEL_CARD.md`.

    Args:
        run: folder of a `dinsegment train` run that has validated at least once.
        folder: created atomically.
        overwrite: replace these four files in an existing model folder.
        bits: bits of a stored number, see `network.stored`.
        changes: changes to the weights; if there are any, the result has no validation figures.

    Returns:
        path of the weight file.

    Raises:
        InputError: a file of the run folder is missing or damaged, or the changes do not fit.
        ModelError: the run's manifest cannot be used, or the weights do not fit it or are not finite.
        OutputError: the folder already exists, or cannot be written.
    """
    if folder.exists() and not overwrite:
        raise OutputError(f"{folder} exists already: choose another folder, or add --overwrite.")
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise OutputError(f"{folder} is not a model folder and is not replaced: choose another folder.")
    model = read_manifest(run)
    weights = _weights(run, model, bits, changes)
    manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    manifest["weights"] = {"file": "weights.pt", "sha256": hashlib.sha256(weights).hexdigest()}
    settings, versions = (_json(run / name) for name in ("settings.json", "versions.json"))
    try:
        manifest["validation"] = {} if changes else _validation(run, settings["recipe"])
        text = card(model, manifest["validation"], settings, versions, str(changes) if changes else "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{run} has a settings.json or versions.json that cannot be used ({error}): copy the whole run folder."
        ) from error
    files = {
        "weights.pt": weights,
        "LICENSE.txt": license_text(model).encode(),
        "MODEL_CARD.md": text.encode(),
        MANIFEST: (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode(),
    }
    if folder.exists():
        _put(files, folder)
    else:
        _put_new(files, folder)
    return folder / "weights.pt"


def update(run: Path, folder: Path, bits: int = 8, changes: Changes = Changes()) -> Path:
    """Replace the weights in a model folder by a run's best weights; in the manifest, only the checksum changes.

    Arguments, returns, raises: as `pack`; ModelError also if the file would be too large to bundle.
    """
    model = read_manifest(folder)
    weights = _weights(run, model, bits, changes)
    if len(weights) > LARGEST_BUNDLED:
        raise ModelError(
            f"The weights would take {len(weights)} bytes, more than {LARGEST_BUNDLED}: train a smaller network."
        )
    checksum = hashlib.sha256(weights).hexdigest()
    manifest = _with_checksum((folder / MANIFEST).read_text(encoding="utf-8"), model.sha256, checksum)
    _put({model.weights_path.name: weights, MANIFEST: manifest.encode()}, folder)
    return model.weights_path


def _with_checksum(manifest: str, former: str, checksum: str) -> str:
    """Replace the checksum in the text of a manifest, keeping its layout if possible."""
    values = json.loads(manifest)
    values["weights"]["sha256"] = checksum
    changed = manifest.replace(f'"{former}"', f'"{checksum}"')
    return changed if json.loads(changed) == values else json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _weights(run: Path, model: Model, bits: int, changes: Changes) -> bytes:
    """Return the content of the weight file: what a network without deep supervision needs."""
    best = run / "best.pt"
    if not best.is_file():
        raise InputError(f"{run} has no best.pt: use the run folder of a training that has validated at least once.")
    try:
        state = torch.load(best, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many exception types for damaged files
        raise InputError(
            f"{best} is damaged: copy it again, or continue the training until the next validation."
        ) from error
    wanted = DIN(replace(model.network, deep_supervision=False)).state_dict()
    for name, like in wanted.items():
        if name not in state or state[name].shape != like.shape:
            raise ModelError(
                f"{best} does not fit the network of {model.folder / MANIFEST} ({name}): use the run's own model."
            )
    changes.apply(state, model)
    weights = stored({name: state[name] for name in wanted}, bits)
    for name, value in weights.items():
        if not value.isfinite().all():
            raise ModelError(
                f"{best} has weights that are not finite numbers ({name}): train again with a lower learning rate."
            )
    data = io.BytesIO()
    torch.save(weights, data)
    return data.getvalue()


def _validation(run: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of the kept weights for the manifest; empty if no case was left for validation."""
    path = run / "curve.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        last = recipe.get("keep") == "last"
        best = rows[-1] if last else max(rows, key=lambda row: row["dice"])
        if last and "dice" not in best:
            return {}
    except FileNotFoundError as error:
        raise InputError(f"{run} holds no curve.csv: copy the whole run folder.") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"{path} is damaged: copy the run folder again.") from error
    names = [name for name in best if name not in ("minutes", "step", "loss", "dice")]
    return {
        "data": f"the training's own validation split{'' if last else ', which also chose the weights'}",
        "date": date.fromtimestamp((run / "best.pt").stat().st_mtime).isoformat(),
        "command": f"dinsegment train: {'last' if last else 'best'} of the run's validations, without mirroring and "
        "clean-up",
        "step": int(best["step"]),
        "minutes": round(best["minutes"], 1),
        "dice": {**{name: round(best[name], 3) for name in names}, "mean": round(best["dice"], 3)},
    }


def _json(path: Path) -> dict[str, Any]:
    try:
        found = bounded.read_json(path)
        bounded.require(found, {})
        return found
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: copy the whole run folder.") from error


def _put(files: Mapping[str, bytes], folder: Path) -> None:
    """Write all files to temporary names, then move them into place; if one fails, keep the existing ones."""
    partial = {name: folder / f".part-{name}" for name in files}
    former = {name: (folder / name).read_bytes() for name in files if (folder / name).is_file()}
    moved = []
    try:
        for name, content in files.items():
            partial[name].write_bytes(content)
        for name, path in partial.items():
            path.replace(folder / name)
            moved.append(name)
    except OSError as error:
        for name in moved:
            if name in former:
                (folder / name).write_bytes(former[name])
            else:
                (folder / name).unlink()
        raise _unwritable(folder, error) from error
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def _put_new(files: Mapping[str, bytes], folder: Path) -> None:
    """Write all files into a temporary folder, then rename it."""
    beside = folder.with_name(f".part-{folder.name}")
    try:
        beside.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (beside / name).write_bytes(content)
        beside.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{folder} cannot be written ({error.strerror}): check the folder and the space on the disk; what was there is "
        "unchanged."
    )
