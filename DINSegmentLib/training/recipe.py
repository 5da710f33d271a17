"""Training settings: the recipe, and the TOML file that contains it."""

import math
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..model import MANIFEST
from .augmentation import Augmentation


@dataclass(frozen=True)
class Recipe:
    """Training settings; the schedule is a number of steps or, if that is 0, a time.

    Args:
        steps: planned optimizer steps.
        minutes: planned training time (on a CPU: processor time divided by threads); the learning rate follows it
            across interruptions.
        batch: slices per step.
        sizes, size_shares: sides of the square training crops in pixels, multiples of 32, and the share of steps for
            each.
        canvas: side of the stored slices in pixels.
        spacing: pixel size of the training crops in mm; 0: the model's. A network may segment finer pixels more
            accurately than those it was trained on (Touvron et al., NeurIPS 2019).
        balance: share of the slices sampled by structure, see `Slices.batches`.
        rate: peak learning rate (AdamW), reached after the share ``warmup`` of the schedule, then cosine decay to 0.
        decay: weight decay of the weight matrices.
        drop_path: share of samples that skip the last block of an encoder; decreases linearly for earlier blocks.
        ema: decay of the averaged weights, which are validated and kept.
        boundary_weight: weight of the boundary loss.
        supervision: loss on the four scales, ``scales`` or ``combined``, see `DINLoss`.
        splits: splits used for training. If ``valid`` is included, there is no validation: first run the same
            schedule on ``train`` alone, whose scores then represent it.
        keep: which averaged weights to keep: ``best`` by validation, or ``last``.
        validations: number of validations, evenly spaced over the schedule.
        compile: compile the network for a CUDA device: takes a minute or two, then about doubles the speed.
        seed: seed of weights, order and augmentation.
        augmentation: strength of the augmentation.
        cool_down: share of the schedule, at its end, with the weaker augmentation ``gentle``.
    """

    steps: int = 0
    minutes: float = 95.0
    batch: int = 8
    sizes: tuple[int, ...] = (160, 192, 224)
    size_shares: tuple[float, ...] = (0.7, 0.15, 0.15)
    canvas: int = 288
    spacing: float = 0.0
    balance: float = 0.3
    rate: float = 6e-4
    warmup: float = 0.02
    decay: float = 0.05
    drop_path: float = 0.0
    ema: float = 0.998
    boundary_weight: float = 1.0
    supervision: str = "scales"
    splits: tuple[str, ...] = ("train",)
    keep: str = "best"
    validations: int = 20
    compile: bool = False
    seed: int = 2025
    augmentation: Augmentation = field(default_factory=Augmentation)
    cool_down: float = 0.17
    gentle: Augmentation = field(
        default_factory=lambda: Augmentation(
            scale=(0.85, 1.18), shift=24.0, elastic=2.0, intensity=0.35, curves=0.0, structures=0.0
        )
    )

    def __post_init__(self) -> None:
        wrong = None
        if self.steps < 0 or (self.steps == 0 and self.minutes <= 0):
            wrong = "neither steps nor minutes are more than 0"
        elif self.batch < 2:
            wrong = f"a batch of {self.batch} slices is too small for batch norm: use 2 or more"
        elif len(self.sizes) != len(self.size_shares) or not self.sizes or min(self.size_shares) < 0:
            wrong = "sizes and size_shares need one entry each for every size"
        elif any(size < 32 or size % 32 for size in self.sizes):
            wrong = "sizes must be multiples of 32"
        elif not 0 <= self.balance <= 1:
            wrong = f"balance {self.balance:g} is outside [0, 1]"
        elif not 0 <= self.spacing < math.inf:
            wrong = f"spacing {self.spacing:g} mm is negative or not a number"
        elif self.rate <= 0 or self.validations < 1 or self.canvas < 32:
            wrong = "rate, validations and canvas must be positive (the canvas 32 or more)"
        elif self.supervision not in ("scales", "combined"):
            wrong = f"supervision {self.supervision!r} is neither scales nor combined"
        elif self.keep not in ("best", "last"):
            wrong = f"keep {self.keep!r} is neither best nor last"
        elif not self.splits:
            wrong = "splits names no split to train on"
        elif not self.validates and self.keep == "best":
            wrong = 'the split valid is trained on, so it cannot choose the weights: set keep = "last"'
        if wrong:
            raise InputError(f"The recipe cannot be used: {wrong}.")

    @property
    def validates(self) -> bool:
        """Whether the split `valid` is used for validation."""
        return "valid" not in self.splits


@dataclass(frozen=True)
class Partial:
    """Additional training cases whose labels cover only some of the model's structures.

    Args:
        labels: structure of the model -> values in these cases that belong to it. Structures that are not listed may
            be anywhere in the background: there, the loss uses the sum of both probabilities.
        share: share of the slices in each step that come from these cases.
        data: data folder; None if given on the command line.
    """

    labels: dict[str, tuple[int, ...]]
    share: float
    data: Path | None


@dataclass(frozen=True)
class Config:
    """Content of a training file.

    Args:
        model: ID of a bundled model or a model folder, whose manifest defines what is trained; None to use the data
            folder's `dataset.toml`.
        data: data folder; None if given on the command line.
        network: network settings that differ from those of the manifest or data set.
        recipe: training settings.
        partial: additional, partially labeled cases, or None.
        arms: arms of an ablation, see `ablation.ARMS`; by default, the components of the network.
    """

    model: str | None
    data: Path | None
    network: dict[str, Any]
    recipe: Recipe
    partial: Partial | None = None
    arms: tuple[str, ...] = ()


def read_config(path: Path) -> Config:
    """Read a training file; paths in it are relative to its folder.

    Raises:
        InputError: the file is missing, is not TOML, or has an unknown or invalid entry.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"The training file {path} does not exist: check the name.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"The training file {path} cannot be read ({error}): correct it.") from error
    try:
        if unknown := set(values) - {"model", "data", "network", "recipe", "augmentation", "gentle", "partial", "arms"}:
            raise ValueError(f"unknown entry {sorted(unknown)[0]!r}")
        for name in ("model", "data"):
            if not isinstance(values.get(name, ""), str):
                raise ValueError(f"{name} is not text")
        arms = values.get("arms", [])
        if not (isinstance(arms, list) and all(isinstance(arm, str) for arm in arms)):
            raise ValueError("arms is not a list of texts")
        network = values.get("network", {})
        if not isinstance(network, dict):
            raise ValueError("network is not a table")
        recipe = _filled(Recipe(), values.get("recipe", {}), "recipe")
        parts = {
            name: _filled(getattr(recipe, name), values.get(name, {}), name) for name in ("augmentation", "gentle")
        }
        partial = _partial(values["partial"], Path(path).parent) if "partial" in values else None
        recipe = Recipe(**{**{f.name: getattr(recipe, f.name) for f in fields(Recipe)}, **parts})
    except (ValueError, TypeError) as error:
        raise InputError(f"The training file {path} cannot be used ({error}): correct it.") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    folder = Path(path).parent
    model, data = values.get("model"), values.get("data")
    if model is not None and (folder / model / MANIFEST).is_file():
        model = str(folder / model)
    return Config(model, None if data is None else folder / data, network, recipe, partial, tuple(arms))


def _partial(values: Any, folder: Path) -> Partial:
    if not isinstance(values, dict):
        raise ValueError("partial must be a table")
    if unknown := set(values) - {"labels", "share", "data"}:
        raise ValueError(f"partial has no setting {sorted(unknown)[0]!r}")
    labels, share, data = values.get("labels", {}), values.get("share", 0.25), values.get("data")
    numbers = isinstance(labels, dict) and all(
        isinstance(found, list) and found and all(type(value) is int and 0 < value < 256 for value in found)
        for found in labels.values()
    )
    if not numbers:
        raise ValueError("partial.labels must give each structure a list of whole numbers from 1 to 255")
    if not labels:
        raise ValueError("partial.labels is empty: list the structures that are labeled in these cases")
    if type(share) not in (int, float) or not 0 < share < 1:
        raise ValueError("partial.share must be a number between 0 and 1")
    if not isinstance(data, str | None):
        raise ValueError("partial.data must be text")
    return Partial(
        {name: tuple(found) for name, found in labels.items()}, share, None if data is None else folder / data
    )


def _filled(default: Any, values: Any, table: str) -> Any:
    """Return a dataclass with some of its plain fields replaced by values of the same type."""
    if not isinstance(values, dict):
        raise ValueError(f"{table} is not a table")
    known = {f.name: getattr(default, f.name) for f in fields(default)}
    chosen = {}
    for name, value in values.items():
        if name not in known or isinstance(known[name], Augmentation):
            raise ValueError(f"{table} has no setting {name!r}")
        chosen[name] = _like(known[name], value, f"{table}.{name}")
    return type(default)(**{**known, **chosen})


def _like(default: Any, value: Any, name: str) -> Any:
    if isinstance(default, tuple):
        if not isinstance(value, list):
            raise ValueError(f"{name} must be a list")
        return tuple(_like(default[0], v, name) for v in value)
    if isinstance(default, bool) or isinstance(value, bool):
        if not (isinstance(default, bool) and isinstance(value, bool)):
            raise ValueError(f"{name} must be {'true or false' if isinstance(default, bool) else 'a number'}")
        return value
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    if type(value) is not type(default):
        raise ValueError(f"{name} must be {'a whole number' if isinstance(default, int) else 'a number'}")
    return value
