"""The training loop: resumable, scheduled by steps or time, on CPU or one CUDA device."""

import platform
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import __version__
from ..engine.device import is_out_of_memory
from ..engine.parameters import Parameters
from ..engine.segmenter import Segmenter
from ..errors import DeviceError, InputError
from ..measure import dice
from ..model import Model, NetworkConfig
from ..network import DIN
from ..network.convnext import Block, Encoder
from .cases import Case, cases
from .graph import GraphedStep
from .initial import fit_heads, load_initial
from .loss import DINLoss
from .recipe import Partial, Recipe
from .run import Run
from .slices import Batch, check_structures, load_slices, mixed, relabeled

_SETTING_UP = 5  # first steps on a GPU, which load, compile and record; not counted as time of the schedule


@dataclass(frozen=True)
class Progress:
    """One line of a run's curve.

    Args:
        share: share of the schedule that is done.
        step: optimizer steps done.
        loss: mean loss since the last line.
        dice: validation Dice of each structure, or None between validations.
        seconds_left: estimate at the pace so far.
    """

    share: float
    step: int
    loss: float
    dice: tuple[float, ...] | None
    seconds_left: float

    def __str__(self) -> str:
        left = (
            f"{self.seconds_left / 60:.0f} min left" if self.seconds_left >= 90 else f"{self.seconds_left:.0f} s left"
        )
        text = f"{100 * self.share:5.1f} %  step {self.step}  loss {self.loss:.4f}  {left}"
        if self.dice is None:
            return text
        return f"{text}  validation Dice {np.mean(self.dice):.4f} ({', '.join(f'{d:.4f}' for d in self.dice)})"


def train(
    model: Model,
    data: Path,
    output: Path,
    recipe: Recipe,
    device: torch.device,
    report: Callable[[Progress], None],
    initial: Path | None = None,
    tell: Callable[[str], None] = lambda text: None,
    partial: Partial | None = None,
) -> Path:
    """Train a model on a data folder with validation on its `valid` split; resume an interrupted run.

    Args:
        model: its manifest defines labels, axes, intensities and architecture; its weights are not read.
        data: data folder in a format of `cases`.
        output: run folder, see `Run`.
        report: called after each validation and about every half minute.
        initial: initial weights, see `load_initial`; ignored if the run resumes.
        tell: called with a sentence if heads missing in the initial weights were fitted first.
        partial: additional cases with labels for only some structures, including their data folder.

    Returns:
        path of the averaged weights: the best by validation, or the last if the recipe keeps these.

    Raises:
        InputError: data, initial weights or run folder cannot be used, or the loss became NaN or infinite.
        OutputError: the run folder cannot be written.
        DeviceError: a step does not fit into memory.
    """
    run = Run(output)
    run.begin(
        {"model": model.id, "network": model.network.as_dict(), "recipe": asdict(recipe),
         "initial": initial and str(initial),
         "partial": partial and {"labels": partial.labels, "share": partial.share}},
        {"dinsegment": __version__, "torch": torch.__version__, "numpy": np.__version__,
         "python": platform.python_version(), "device": _device_name(device)},
        {"recipe": asdict(Recipe()), "partial": None, "network": NetworkConfig(model.network.classes).as_dict()},
    )  # fmt: skip
    trainer = Trainer(model, recipe, device)
    if run.resumes:
        trainer.load_state(run.load_last())
    missing = load_initial(trainer.network, initial) if initial is not None and not run.resumes else []
    batches = _batches(trainer, data, partial)
    try:
        if missing:
            tell(trainer.fit_heads(missing, batches))
        if not run.resumes:
            trainer.average.load_state_dict(trainer.network.state_dict())
        _loop(trainer, batches, data, run, report)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"A step of {recipe.batch} slices does not fit into the memory of {device}: set a smaller batch in the "
            "training file and a new run folder."
        ) from error
    return run.best


def _batches(trainer: "Trainer", data: Path, partial: Partial | None) -> Iterator[Batch]:
    model, recipe, device = trainer.model, trainer.recipe, trainer.device
    volumes = chain.from_iterable(cases(data, split) for split in recipe.splits)
    slices = load_slices(volumes, model, recipe.canvas, recipe.spacing)
    check_structures(slices, model)
    slices = slices.to(device)
    if partial is None:
        return slices.batches(recipe.batch, recipe.balance, _order(trainer))
    if partial.data is None:
        raise InputError("The training file has partial labels and names no data folder for them: use --partial.")
    found = relabeled(cases(partial.data, "train"), model, partial.labels)
    others = load_slices(found, model, recipe.canvas, recipe.spacing).to(device)
    if not others.labels.any():
        named = ", ".join(partial.labels)
        raise InputError(f"No case of {partial.data} shows {named}: correct the values in the partial labels.")
    count = min(recipe.batch - 1, max(1, round(partial.share * recipe.batch)))
    unlabeled = [False, *(label.name not in partial.labels for label in model.labels)]
    return mixed(
        slices.batches(recipe.batch - count, recipe.balance, _order(trainer)),
        others.batches(count, recipe.balance, _order(trainer)),
        unlabeled,
    )


def _loop(
    trainer: "Trainer", batches: Iterator[Batch], data: Path, run: Run, report: Callable[[Progress], None]
) -> None:
    recipe = trainer.recipe
    started, share_before = time.monotonic(), trainer.progress
    losses: list[Tensor] = []
    reported = saved = started
    while trainer.progress < 1:
        before = trainer.progress
        losses.append(trainer.train_step(batches))
        due = int(before * recipe.validations) < int(trainer.progress * recipe.validations)
        now = time.monotonic()
        if due or now - reported >= 30:
            dice = validate(trainer.average, trainer.model, _left(data, recipe), trainer.device) if due else None
            pace = (time.monotonic() - started) / max(1e-9, trainer.progress - share_before)
            loss = torch.stack(losses).nanmean().item()
            if not np.isfinite(loss):
                raise InputError(
                    f"The loss became NaN or infinite at step {trainer.step}: lower the learning rate in the training "
                    f"file and start a new run from {run.best} with --init; what was saved before is kept."
                )
            line = Progress(trainer.progress, trainer.step, loss, dice or None, pace * (1 - trainer.progress))
            report(line)
            losses, reported = [], now
            if dice is not None:
                _keep(trainer, line, dice, run)
        if due or now - saved >= 120:
            run.save_last(trainer.state())
            saved = now


def _left(data: Path, recipe: Recipe) -> Iterator[Case]:
    """Yield the cases used for validation."""
    return cases(data, "valid") if recipe.validates else iter(())


def _keep(trainer: "Trainer", line: Progress, found: tuple[float, ...], run: Run) -> None:
    """Add a line to the curve, and keep the averaged weights if they are the best so far, or the last.

    ``found``: Dice of each structure, or empty if there is no validation.
    """
    row = {"minutes": trainer.seconds / 60, "step": line.step, "loss": line.loss}
    if found:
        named = {label.name: dice for label, dice in zip(trainer.model.labels, found, strict=True)}
        row |= {"dice": float(np.mean(found)), **named}
    trainer.curve.append(row)
    run.write_curve(trainer.curve)
    if trainer.recipe.keep == "last" or row["dice"] > trainer.best:
        trainer.best = row.get("dice", trainer.best)
        run.save_best(trainer.average.state_dict())


def validate(network: DIN, model: Model, volumes: Iterator[Case], device: torch.device) -> tuple[float, ...]:
    """Mean Dice of each structure over whole volumes, by the engine, without mirroring and clean-up; () if none."""
    segmenter = Segmenter(replace(model, cleanup=()), str(device), deepcopy(network))
    rows = []
    for case in volumes:
        labels = segmenter.segment(case.image, case.geometry, Parameters(mirroring=False)).labels
        rows.append([dice(labels == label.value, case.label == label.value) for label in model.labels])
    if not rows:
        return ()
    table = np.array(rows)
    known = ~np.isnan(table)  # a structure that no volume contains counts as 0, because it cannot be judged
    return tuple((np.where(known, table, 0).sum(axis=0) / known.sum(axis=0).clip(1)).tolist())


class Trainer:
    """State of a run: network, averaged network, optimizer, steps and time used so far."""

    def __init__(self, model: Model, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.model, self.recipe, self.device = model, recipe, device
        try:
            config = replace(model.network, deep_supervision=True)
        except (TypeError, ValueError) as error:
            raise InputError(f"The network of {model.id} cannot be built: {error}.") from error
        self.network = DIN(config).to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        _set_drop_path(self.network, recipe.drop_path)
        self.average = deepcopy(self.network).eval().requires_grad_(False)
        self.loss = DINLoss(config.classes, recipe.boundary_weight, recipe.supervision).to(device)
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        on_cuda = device.type == "cuda"
        self.optimizer = torch.optim.AdamW(
            [
                {"params": params, "weight_decay": decay, "lr": torch.tensor(recipe.rate, device=device)}
                for params, decay in ((matrices, recipe.decay), (others, 0.0))
            ],
            fused=True,
            capturable=on_cuda,
        )
        self._forward = self.network.forward_scales
        if on_cuda and recipe.compile:
            self._forward = torch.compile(self._forward)
        self._optimize = GraphedStep(self._one_step) if on_cuda else self._one_step
        self._averaged = _floating(self.average.state_dict()), _floating(self.network.state_dict())
        self.step, self.seconds, self.best = 0, 0.0, -1.0
        self.curve: list[dict[str, float]] = []

    @property
    def progress(self) -> float:
        """Share of the schedule that is done, 0 to 1."""
        recipe = self.recipe
        return min(1.0, self.step / recipe.steps if recipe.steps else self.seconds / (60 * recipe.minutes))

    def train_step(self, batches: Iterator[Batch]) -> Tensor:
        """Run one optimizer step on the next batch; return the loss, a scalar still on the device."""
        started = self._clock()
        batch = next(batches)
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"].fill_(recipe.rate * _schedule(self.progress, recipe.warmup))
        views = self._views(batch)
        self.network.train()
        loss = self._optimize(*views)
        self.step += 1
        if self.device.type == "cuda" and self.step % 16 == 0:
            torch.cuda.synchronize()  # otherwise the clock would run ahead of the work
        decay = min(recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(*self._averaged, 1 - decay)
        if self.step > _SETTING_UP or self.device.type != "cuda":
            self.seconds += self._clock() - started
        return loss

    def fit_heads(self, names: list[str], batches: Iterator[Batch]) -> str:
        """Fit heads that the initial weights lack; return a sentence for the user."""
        before, after = fit_heads(self.network, names, (self._views(batch) for batch in batches), self.loss)
        return f"Fitted the heads that the initial weights lack, all else fixed: loss {before:.3f} to {after:.3f}."

    def _views(self, batch: Batch) -> tuple[Tensor, ...]:
        """Augmented original and enhanced images of a batch, labels, and unlabeled classes, by the current recipe."""
        recipe = self.recipe
        size = recipe.sizes[int(torch.multinomial(torch.tensor(recipe.size_shares), 1))]
        augmentation = recipe.gentle if self.progress > 1 - recipe.cool_down else recipe.augmentation
        original, enhanced, truth = augmentation(batch, size, self.model.enhancement.default.method)
        left_out = () if batch.unlabeled is None else (batch.unlabeled,)
        return _channels_last(original), _channels_last(enhanced), truth, *left_out

    def _clock(self) -> float:
        """Seconds; on a CPU, processor time per thread, so that a busy machine does not cut the schedule short."""
        return time.monotonic() if self.device.type == "cuda" else time.process_time() / torch.get_num_threads()

    def _one_step(self, original: Tensor, enhanced: Tensor, truth: Tensor, unlabeled: Tensor | None = None) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False):
            scores, scales = self._forward(original, enhanced)
        loss = self.loss(scores, scales, truth, unlabeled)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        # an infinite gradient skips the step without synchronizing; torch's types lack the attribute
        self.optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        return loss.detach()

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(), "step": self.step, "seconds": self.seconds, "best": self.best,
            "curve": self.curve, "random": torch.get_rng_state(), "version": __version__,
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore the state; raise InputError if it does not belong to this network."""
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise InputError("The run's last.pt has another architecture: use a new run folder.") from error
        for group in self.optimizer.param_groups:
            group["lr"] = group["lr"].to(self.device)
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]
        self.curve = state["curve"]
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda":  # the GPU's random numbers restart from another state
            torch.cuda.manual_seed(self.recipe.seed + self.step)


def _floating(state: dict[str, Tensor]) -> list[Tensor]:
    """Return the tensors to average: all except batch norm's counters."""
    return [value for value in state.values() if value.is_floating_point()]


def _order(trainer: Trainer) -> torch.Generator:
    return torch.Generator().manual_seed(trainer.recipe.seed + trainer.step)


def _set_drop_path(network: DIN, highest: float) -> None:
    for encoder in (module for module in network.modules() if isinstance(module, Encoder)):
        blocks = [module for module in encoder.modules() if isinstance(module, Block)]
        for index, block in enumerate(blocks):
            block.drop_path = highest * index / max(1, len(blocks) - 1)


def _schedule(progress: float, warmup: float) -> float:
    if progress < warmup:
        return max(0.01, progress / warmup)
    share = (progress - warmup) / (1 - warmup)
    return 0.5 * (1 + np.cos(share * np.pi))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device}, {platform.machine()}"
