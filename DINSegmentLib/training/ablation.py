"""Ablation study: train the network with components removed, and evaluate it on clean and degraded images."""

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..engine.attribution import attribution_map
from ..engine.parameters import Parameters
from ..engine.segmenter import Segmenter
from ..model import Enhancement, Model
from ..network import DIN
from ..tabular import csv_of
from .cases import Case, cases
from .degradation import CLEAN, LEVELS, conditions, degrade
from .metrics import score
from .recipe import Recipe
from .run import Run, write
from .train import Progress, train

_ATTRIBUTION = "attribution"  # stored with the labels of a run


@dataclass(frozen=True)
class Arm:
    """A network variant, and how it differs from full DIN and the model's enhancement.

    Attributes:
        pace: steps per step of full DIN for equal processor time; the recipe's steps are those of full DIN.
    """

    title: str
    network: dict[str, Any]
    boundary: bool = True
    method: str | None = None
    pace: float = 1.0


PARTS = {
    "a": Arm("original image only", {"fusion": "none"}),
    "b": Arm("two branches, concatenated", {"fusion": "concatenation"}),
    "c": Arm("DIFM without global spatial attention", {"spatial_attention": "none"}),
    "d": Arm("full DIN", {}),
    "e": Arm("full DIN without boundary loss", {}, boundary=False),
    "f": Arm("full DIN, spatial attention standardized", {"spatial_attention": "standardized"}),
}
_NETWORKS = {
    "channels": Arm("one branch sees both images", {"fusion": "channels"}, pace=2.0),
    "drawn": PARTS["d"],
    "standardized": PARTS["f"],
}
ENHANCEMENTS = {
    f"{method}-{name}": replace(arm, title=f"{method}: {arm.title}", method=method)
    for method in ("log", "fuzzy", "clahe", "denoised")
    for name, arm in _NETWORKS.items()
}
ARMS = {**PARTS, **ENHANCEMENTS}


@dataclass(frozen=True)
class Score:
    """One condition of one run: means over structures of the means over volumes.

    ``attribution``, for clean volumes and networks with DIFMs: mean of `engine.attribution` where its magnitude exceeds
    0.1.
    """

    arm: str
    seed: int
    kind: str
    level: int
    dice: float
    surface_dice: float
    attribution: float | None = None


def run_arm(
    arm: str,
    seed: int,
    model: Model,
    data: Path,
    output: Path,
    recipe: Recipe,
    device: torch.device,
    report: Callable[[Progress], None],
) -> None:
    """Train a variant and store its labels of the `valid` split, clean and degraded; do nothing if they exist.

    The averaged weights of the last step are used, because validation is only at the end. They are not kept.

    Raises:
        as `train`.
    """
    run = Run(output / f"{arm}-{seed}")
    if _predictions(run).is_file():
        return
    chosen = ARMS[arm]
    part = replace(model, network=replace(model.network, **chosen.network), cleanup=())
    if chosen.method:
        default = Enhancement(method=chosen.method, strength=1.0)
        part = replace(part, enhancement=replace(part.enhancement, default=default))
    recipe = replace(
        recipe,
        seed=seed,
        steps=round(recipe.steps * chosen.pace),
        validations=1,
        boundary_weight=recipe.boundary_weight if chosen.boundary else 0.0,
    )
    best = train(part, data, run.folder, recipe, device, report)
    network = DIN(replace(part.network, deep_supervision=True))
    network.load_state_dict(torch.load(best, map_location="cpu", weights_only=True))
    segmenter = Segmenter(part, str(device), network)
    found: dict[str, Any] = {}
    for case in cases(data, "valid"):
        for kind, level in conditions():
            image = degrade(case, part, kind, level)
            labels = segmenter.segment(image, case.geometry, Parameters(mirroring=False)).labels
            found[f"{case.name} {kind} {level}"] = labels
    if part.network.fusion == "difm":
        found[_ATTRIBUTION] = _attribution(segmenter, cases(data, "valid"))
    held = io.BytesIO()
    np.savez_compressed(held, **found)
    write(_predictions(run), held.getvalue())
    for path in (run.last, run.best):
        path.unlink(missing_ok=True)


def finished(output: Path) -> list[tuple[str, int]]:
    """Return arm and seed of each finished run in a folder, in order."""
    found = []
    for folder in output.iterdir():
        arm, _, seed = folder.name.rpartition("-")
        if arm in ARMS and seed.isdecimal() and _predictions(Run(folder)).is_file():
            found.append((arm, int(seed)))
    return sorted(found)


def scores(model: Model, data: Path, output: Path, runs: Sequence[tuple[str, int]]) -> list[Score]:
    """Score the stored labels of these arms and seeds."""
    truths = list(cases(data, "valid"))
    found = []
    for arm, seed in runs:
        with np.load(_predictions(Run(output / f"{arm}-{seed}"))) as predictions:
            decided = float(predictions[_ATTRIBUTION]) if _ATTRIBUTION in predictions else None
            for kind, level in conditions():
                rows = []
                for case in truths:
                    labels = predictions[f"{case.name} {kind} {level}"]
                    structures = score(labels, case.label, (1, 1, 1), model.labels, tolerance=1)  # in voxels
                    rows.append([(structure.dice, structure.nsd) for structure in structures])
                dice, surface = np.nanmean(np.nanmean(np.array(rows), axis=0), axis=0)
                told = decided if (kind, level) == CLEAN else None
                found.append(Score(arm, seed, kind, level, float(dice), float(surface), told))
    return found


def _attribution(segmenter: Segmenter, volumes: Iterable[Case]) -> float:
    """Mean over all voxels with a dominant direction: -1 for the original's, +1 for the enhanced image's."""
    plain = Parameters(mirroring=False)
    found = np.concatenate([attribution_map(segmenter, case.image, case.geometry, plain).ravel() for case in volumes])
    found = found[abs(found) > 0.1]
    return float(found.mean()) if found.size else 0.0


def table(found: Sequence[Score]) -> str:
    """Markdown table with a row for each arm: mean over seeds (and standard deviation if several), in percent."""
    seeds = sorted({s.seed for s in found})
    decided = any(s.attribution is not None for s in found)
    head = [
        "",
        *("clean" if c == CLEAN else f"{c[0]}, mean of 3" for c in _columns()),
        *(["attribution"] if decided else []),
    ]
    lines = [
        "Dice / surface Dice (1 voxel) in %, mean over structures of the mean over volumes, "
        + (
            f"mean (SD) over {len(seeds)} seeds"
            if len(seeds) > 1
            else "one seed: differences of one percentage point are not significant"
        )
        + f"; seeds {', '.join(map(str, seeds))}.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    for arm in dict.fromkeys(s.arm for s in found):
        cells = [f"({arm}) {ARMS[arm].title}"]
        for kind, _ in _columns():
            cells.append(" / ".join(_cell(found, arm, kind, metric) for metric in ("dice", "surface_dice")))
        if decided:
            told = [s.attribution for s in found if s.arm == arm and s.attribution is not None]
            cells.append(f"{np.mean(told):+.2f}" if told else "-")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_table(found: Sequence[Score], output: Path, run: dict[str, Any]) -> None:
    """Write `ablation.csv`, `ablation.json` and `ablation.md`.

    Raises:
        OutputError: the folder cannot be written.
    """
    write(output / "ablation.csv", csv_of(Score, found).encode())
    content = {
        "run": run,
        "arms": {name: arm.title for name, arm in ARMS.items()},
        "scores": [asdict(s) for s in found],
    }
    write(output / "ablation.json", (json.dumps(content, indent=1) + "\n").encode())
    write(output / "ablation.md", table(found).encode())


def _columns() -> list[tuple[str, int]]:
    return [CLEAN, *((kind, 1) for kind in LEVELS)]


def _cell(found: Sequence[Score], arm: str, kind: str, metric: str) -> str:
    by_seed: dict[int, list[float]] = {}
    for one in found:
        if one.arm == arm and one.kind == kind:
            by_seed.setdefault(one.seed, []).append(getattr(one, metric))
    values = [100 * float(np.mean(v)) for v in by_seed.values()]
    spread = f" ({np.std(values, ddof=1):.1f})" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}"


def _predictions(run: Run) -> Path:
    return run.folder / "labels.npz"
