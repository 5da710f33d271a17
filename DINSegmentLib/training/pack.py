"""From a training run to a model folder: fp16 weights without what only training needs, and their checksum."""

import hashlib
from pathlib import Path

import torch

from ..errors import InputError, ModelError, OutputError
from ..models import MANIFEST, read_manifest
from ..network import DIN, DINConfig

LARGEST_FILE = 12_000_000  # bytes; git never forgets, and the whole clone must stay under 100 MB


def pack(run: Path, folder: Path) -> Path:
    """Write a run's best weights into a model folder and their checksum into its manifest.

    Returns:
        path of the weight file.

    Raises:
        InputError: the run folder holds no weights.
        ModelError: the weights do not fit the manifest, or the file would be too large to bundle.
        OutputError: the model folder cannot be written.
    """
    model = read_manifest(folder)
    best = run / "best.pt"
    if not best.is_file():
        raise InputError(f"{run} holds no best.pt: give the run folder of a training that has validated at least once.")
    state = torch.load(best, map_location="cpu", weights_only=True)
    wanted = DIN(DINConfig.from_dict({**model.network, "deep_supervision": False})).state_dict()
    if missing := sorted(set(wanted) - set(state)):
        raise ModelError(
            f"{best} does not fit the network of {folder / MANIFEST} (no {missing[0]}): give the run's own model."
        )
    packed = {name: state[name].half() if state[name].is_floating_point() else state[name] for name in wanted}
    try:
        partial = model.weights_path.with_suffix(".partial")
        torch.save(packed, partial)
        if partial.stat().st_size > LARGEST_FILE:
            partial.unlink()
            raise ModelError(f"The weights would take more than {LARGEST_FILE} bytes: train a smaller network.")
        partial.replace(model.weights_path)
        checksum = hashlib.sha256(model.weights_path.read_bytes()).hexdigest()
        text = (folder / MANIFEST).read_text(encoding="utf-8")  # changed in one place, so that a person's layout stays
        text = text.replace(f'"sha256": "{model.sha256}"', f'"sha256": "{checksum}"')
        (folder / MANIFEST).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror}): choose a folder that you may write to."
        ) from error
    return model.weights_path
