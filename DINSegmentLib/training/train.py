"""The training loop: resumable, planned by the clock, on CPU or one CUDA device."""

import csv
import json
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import __version__
from ..engine.orientation import orientation
from ..engine.preprocessing import Preprocessor, normalization
from ..errors import InputError, OutputError
from ..measure import dice
from ..models import Model
from ..network import DIN, DINConfig
from .augmentation import Augmentation
from .cases import Case, cases
from .loss import DINLoss
from .slices import load_slices


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Args:
        minutes: planned training time; the learning rate follows it, through interruptions.
        batch: slices per step.
        sizes, size_shares: sides of the square training views in pixels, and the share of steps that use each.
        canvas: side of the stored slices in pixels.
        rate: peak learning rate (AdamW), reached after ``warmup`` of the time, then cosine to 1 % of it.
        decay: weight decay of the weight matrices.
        ema: decay of the averaged weights, which are the ones validated and kept.
        boundary_weight: weight of the boundary loss.
        validate_minutes, save_minutes: time between validations and between checkpoints.
        seed: of weights, order and augmentation.
        augmentation: how far views stray from the data.
        cool_down: share of the time, at its end, in which they stray less: by ``gentle``.
    """

    minutes: float = 95.0
    batch: int = 8
    sizes: tuple[int, ...] = (160, 192, 224)
    size_shares: tuple[float, ...] = (0.7, 0.15, 0.15)
    canvas: int = 288
    rate: float = 6e-4
    warmup: float = 0.02
    decay: float = 0.05
    ema: float = 0.998
    boundary_weight: float = 1.0
    validate_minutes: float = 5.0
    save_minutes: float = 2.0
    seed: int = 2025
    augmentation: Augmentation = field(default_factory=Augmentation)
    cool_down: float = 0.17
    gentle: Augmentation = field(default_factory=lambda: Augmentation(scale=(0.85, 1.18), shift=24.0, intensity=0.35))


@dataclass(frozen=True)
class Progress:
    """One line of a run's curve: share of the planned time used, mean loss, validation Dice or None."""

    share: float
    step: int
    loss: float
    dice: tuple[float, ...] | None

    def __str__(self) -> str:
        text = f"{100 * self.share:5.1f} %  step {self.step}  loss {self.loss:.4f}"
        if self.dice is None:
            return text
        return f"{text}  validation Dice {_mean(self.dice):.4f} ({', '.join(f'{d:.4f}' for d in self.dice)})"


def train(
    model: Model,
    data: Path,
    output: Path,
    recipe: Recipe,
    device: torch.device,
    report: Callable[[Progress], None],
) -> Path:
    """Train a model on the `train` split of a data folder, validating on its `valid` split; goes on where it stopped.

    Args:
        model: its manifest gives labels, axes, intensities and the network's size; its weights are not read.
        data: folder as `cases` reads it.
        output: run folder; `last.pt` (resumes), `best.pt` (averaged weights, best by validation), `curve.csv`,
            `recipe.json`.
        report: called after every validation and about every half minute.

    Returns:
        path of `best.pt`.

    Raises:
        InputError: the data cannot be used, or the run folder was begun with another recipe.
        OutputError: the run folder cannot be written.
    """
    _begin(output, model, recipe)
    trainer = Trainer(model, recipe, device)
    if (output / "last.pt").is_file():
        trainer.load_state(torch.load(output / "last.pt", map_location="cpu", weights_only=True))
    slices = load_slices(cases(data, "train"), model, recipe.canvas).to(device)
    if len(slices.images) < recipe.batch:
        found = len(slices.images)
        raise InputError(f"{data} has {found} training slices, fewer than a batch of {recipe.batch}: add cases.")
    order = torch.Generator().manual_seed(recipe.seed + trainer.step)
    losses: list[float] = []
    reported = saved = time.monotonic()
    validated = trainer.seconds
    for images, labels in slices.batches(recipe.batch, order):
        if trainer.progress >= 1:
            break
        losses.append(trainer.train_step(images, labels))
        due = trainer.seconds - validated >= 60 * recipe.validate_minutes or trainer.progress >= 1
        now = time.monotonic()
        if due or now - reported >= 30:
            dice = validate(trainer.average, model, cases(data, "valid"), device) if due else None
            line = Progress(trainer.progress, trainer.step, _mean(losses), dice)
            report(line)
            losses, reported = [], now
        if due:
            validated = trainer.seconds
            _keep(trainer, line, output)
        if due or now - saved >= 60 * recipe.save_minutes:
            _save(trainer.state(), output / "last.pt")
            saved = now
    return output / "best.pt"


def validate(network: DIN, model: Model, volumes: Iterator[Case], device: torch.device) -> tuple[float, ...]:
    """Mean Dice of each structure over whole volumes at their native size, with the model's default enhancement."""
    rows = []
    for case in volumes:
        orient = orientation(case.geometry, model.axes)
        normalize = normalization(case.image, model.intensity)
        preprocess = Preprocessor(normalize, model.enhancement.method, model.enhancement.strength)
        pair = (torch.from_numpy(x)[:, None].to(device) for x in preprocess(orient.to_model(case.image)))
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            labels = network(*pair).argmax(dim=1).cpu().numpy()
        truth = orient.to_model(case.label)
        rows.append([dice(labels == label.value, truth == label.value) for label in model.labels])
    return tuple(float(d) for d in np.nanmean(np.array(rows), axis=0))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))


def _begin(output: Path, model: Model, recipe: Recipe) -> None:
    settings = json.dumps({"model": model.id, "network": model.network, "recipe": asdict(recipe)}, indent=1)
    path = output / "recipe.json"
    try:
        output.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_text() != settings:
            raise InputError(f"{output} holds a run with another recipe: resume it as it was, or give a new folder.")
        path.write_text(settings)
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written ({error.strerror}): choose a folder that you may write to."
        ) from error


def _keep(trainer: "Trainer", line: Progress, output: Path) -> None:
    """Add a validation to the curve, and keep the averaged weights when they are the best so far."""
    assert line.dice is not None
    trainer.curve.append({
        "minutes": trainer.seconds / 60, "step": line.step, "loss": line.loss, "dice": _mean(line.dice),
        **{label.name: d for label, d in zip(trainer.model.labels, line.dice, strict=True)},
    })  # fmt: skip
    with open(output / "curve.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, trainer.curve[0].keys())
        writer.writeheader()
        writer.writerows(trainer.curve)
    if _mean(line.dice) > trainer.best:
        trainer.best = _mean(line.dice)
        _save(trainer.average.state_dict(), output / "best.pt")


def _save(state: dict[str, Any], path: Path) -> None:
    partial = path.with_suffix(".partial")
    try:
        torch.save(state, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch tells a full disk by a RuntimeError
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: check the folder and the space on the disk.") from error


class Trainer:
    """State of one run: network, averaged network, optimiser, steps and time used so far."""

    def __init__(self, model: Model, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.model, self.recipe, self.device = model, recipe, device
        self.network = DIN(DINConfig.from_dict(model.network)).to(device, memory_format=torch.channels_last)
        self.average = deepcopy(self.network).eval().requires_grad_(False)
        self.loss = DINLoss(model.network["classes"], recipe.boundary_weight).to(device)
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.decay}, {"params": others, "weight_decay": 0.0}],
            lr=recipe.rate,
        )
        self.step, self.seconds, self.best = 0, 0.0, -1.0
        self.curve: list[dict[str, float]] = []

    @property
    def progress(self) -> float:
        """Share of the planned time that is used, 0 to 1."""
        return min(1.0, self.seconds / (60 * self.recipe.minutes))

    def train_step(self, images: Tensor, labels: Tensor) -> float:
        """One optimiser step on slices (N, 1, H, W); returns the loss."""
        started = time.monotonic()
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate * _schedule(self.progress, recipe.warmup)
        size = recipe.sizes[int(torch.multinomial(torch.tensor(recipe.size_shares), 1))]
        augmentation = recipe.gentle if self.progress > 1 - recipe.cool_down else recipe.augmentation
        original, enhanced, truth = augmentation(images, labels, size)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16):
            scores, scales = self.network.forward_scales(_channels_last(original), _channels_last(enhanced))
        loss = self.loss(scores, scales, truth)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        self.seconds += time.monotonic() - started
        return loss.item()

    def _update_average(self) -> None:
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        average, current = self.average.state_dict(), self.network.state_dict()
        for name, value in average.items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(), "step": self.step, "seconds": self.seconds, "best": self.best,
            "curve": self.curve, "random": torch.get_rng_state(), "version": __version__,
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]
        self.curve = state["curve"]
        # a resumed run continues the random numbers; the order of the interrupted epoch starts anew
        torch.set_rng_state(state["random"])


def _schedule(progress: float, warmup: float) -> float:
    if progress < warmup:
        return max(0.01, progress / warmup)
    share = (progress - warmup) / (1 - warmup)
    return 0.01 + 0.99 * 0.5 * (1 + torch.cos(torch.tensor(share * torch.pi)).item())


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
