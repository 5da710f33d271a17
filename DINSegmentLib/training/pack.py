"""From a training run to a model folder: weights for inference, manifest, license and card."""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import torch

from .. import bounded
from ..errors import InputError, ModelError, OutputError
from ..model import MANIFEST, Model, read_manifest
from ..network import DIN, stored
from .card import card, license_text
from .initial import load_initial

LARGEST_BUNDLED = 12_000_000  # bytes; git keeps all versions, and the whole clone must stay under 100 MB


@dataclass(frozen=True)
class Average:
    """Weights averaged with a run's: often more accurate than either on other kinds of images.

    A mean of the weights before and after fine-tuning keeps most of what both can do (WiSE-FT, Wortsman et al., CVPR
    2022).

    Args:
        weights: file with the other weights, as in `initial.load_initial`.
        share: share of the run's own weights in the mean, between 0 and 1.
    """

    weights: Path
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(f"The share {self.share:g} of the run's weights is not between 0 and 1: choose another.")


def pack(run: Path, folder: Path, overwrite: bool = False, bits: int = 8, average: Average | None = None) -> Path:
    """Create a model folder from a run: `manifest.json`, `weights.pt`, `LICENSE.txt` and `MODEL_CARD.md`.

    Args:
        run: folder of a `dinsegment train` run that has validated at least once.
        folder: created atomically.
        overwrite: replace these four files in an existing model folder.
        bits: bits of a stored number, see `network.stored`.
        average: weights to average with the run's; the result has no validation figures.

    Returns:
        path of the weight file.

    Raises:
        InputError: a file of the run folder is missing or damaged, or the weights to average with do not fit.
        ModelError: the run's manifest cannot be used, or the weights do not fit it or are not finite.
        OutputError: the folder already exists, or cannot be written.
    """
    if folder.exists() and not overwrite:
        raise OutputError(f"{folder} exists already: choose another folder, or add --overwrite.")
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise OutputError(f"{folder} is not a model folder and is not replaced: choose another folder.")
    model = read_manifest(run)
    weights = _weights(run, model, bits, average)
    manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    manifest["weights"] = {"file": "weights.pt", "sha256": hashlib.sha256(weights).hexdigest()}
    settings, versions = (_json(run / name) for name in ("settings.json", "versions.json"))
    try:
        manifest["validation"] = {} if average else _validation(run, settings["recipe"])
        averaged = None if average is None else (average.weights.name, average.share)
        text = card(model, manifest["validation"], settings, versions, averaged)
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


def update(run: Path, folder: Path, bits: int = 8, average: Average | None = None) -> Path:
    """Replace the weights in a model folder by a run's best weights; in the manifest, only the checksum changes.

    Arguments, returns, raises: as `pack`; ModelError also if the file would be too large to bundle.
    """
    model = read_manifest(folder)
    weights = _weights(run, model, bits, average)
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


def _weights(run: Path, model: Model, bits: int, average: Average | None) -> bytes:
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
    network = DIN(replace(model.network, deep_supervision=False))
    wanted = network.state_dict()
    for name, like in wanted.items():
        if name not in state or state[name].shape != like.shape:
            raise ModelError(
                f"{best} does not fit the network of {model.folder / MANIFEST} ({name}): use the run's own model."
            )
    if average is not None:
        if new := load_initial(network, average.weights):
            raise InputError(
                f"{average.weights} has no {new[0]} of this network, so they cannot be averaged: use weights with the "
                "same classes."
            )
        for name, other in network.state_dict().items():
            if other.is_floating_point():
                state[name] = torch.lerp(other, state[name].to(other), average.share)
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
