"""A model kept warm on a device, and one volume's way through it."""

import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from ..checks.volume import check_array
from ..errors import Cancelled, ModelError, OutOfMemory
from ..geometry import Geometry
from ..measure import Confidence
from ..messages import Sentence as _
from ..model import MYOCARDIUM, Model, label_of
from ..model.orientation import orientation
from ..network import DIN, fold, restored
from ..network.storage import SCALE
from ..notices import Notice
from .basal_slices import Emptied, beyond_base, notices
from .class_margins import MOST, Margins
from .cleanup import clean_up
from .device import choose, cpu, is_out_of_memory
from .parameters import Parameters, Resolved
from .preprocessing import Preprocessor, normalization
from .resampling import model_size, neighbour_offsets, to_model_grid, to_native_grid
from .results import Device, Result

# Pixels of the model's grid in one batch: on a CPU larger batches only leave its caches, a GPU wants to be filled.
_BATCH_PIXELS = {"cpu": 600_000, "cuda": 8_000_000, "mps": 2_000_000}

Progress = Callable[[int, int], None]


class Segmenter:
    """A model, loaded and checked once, on one device.

    Args:
        model: from the catalogue or a model folder.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        network: used instead of the model's weights, and changed; for a network in training.

    Raises:
        ModelError: weights missing, changed, or of another architecture.
        DeviceError: the wanted device is not there.
    """

    def __init__(self, model: Model, device: str = "auto", network: DIN | None = None) -> None:
        self.device = choose(device)
        self.model = model
        self._network = place(fold(load_network(model)) if network is None else network.eval(), self.device)

    def segment(
        self,
        volume: np.ndarray,
        geometry: Geometry,
        parameters: Parameters | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        name: str = _("The volume"),
    ) -> Result:
        """Segment one volume.

        Args:
            volume: (K, J, I), any real type; it is only read.
            geometry: its grid, with a linear parent transform multiplied in.
            progress: called with (slices done, slices in all), at the start and after every batch.
            cancelled: asked between batches.
            name: what error messages call the volume.

        Raises:
            InputError, GeometryError: the volume cannot be used.
            Cancelled: ``cancelled`` said so.
            OutOfMemory: even one slice does not fit into memory.

        The same input on the same device gives the same labels, bit for bit.
        """
        started = time.perf_counter()
        check_array(volume, geometry, name)
        parameters = (parameters or Parameters()).resolved(self.model)
        run = Run(self, [volume], geometry, parameters)
        run.over_all_slices(progress or (lambda done, total: None), cancelled or (lambda: False))
        (labels,) = run.cleaned_labels()
        run.timings["total"] = time.perf_counter() - started
        return Result(
            model=self.model,
            parameters=parameters,
            device=self.device,
            timings=run.timings,
            notices=run.notices(),
            labels=labels,
            confidence=run.confidence(0),
            confidence_map=run.confidence_map,
            removed=run.removed[0],
            margins=run.margins[0] if run.margins else None,
        )

    @torch.inference_mode()
    def scores(self, original: Tensor, enhanced: Tensor) -> Tensor:
        """Two (N, channels, H, W) on the device, float32 in [0, 1] -> scores (N, classes, H, W), float32."""
        return self._network(*self._placed(original, enhanced)).float()

    @torch.inference_mode()
    def directions(self, original: Tensor, enhanced: Tensor) -> Tensor:
        """As `scores`, (N, 3, classes, H, W): of both directions, the original's, the enhanced image's alone."""
        return torch.stack(self._network.forward_directions(*self._placed(original, enhanced)), dim=1).float()

    def _placed(self, *images: Tensor) -> list[Tensor]:
        return [x.to(_dtype(self.device), memory_format=torch.channels_last) for x in images]

    def fall_back_to_cpu(self, reason: str) -> None:
        """Go on with the CPU, for this volume and the ones after it, exactly as if it had been asked for."""
        self.device = cpu(reason)
        self._network = place(fold(load_network(self.model)), self.device)


class Run:
    """Volumes of one grid on their way, one alone or the frames of a cine: batches of slices, in the model's axes."""

    def __init__(
        self, segmenter: Segmenter, volumes: Sequence[np.ndarray], geometry: Geometry, parameters: Resolved
    ) -> None:
        model = segmenter.model
        orient = orientation(geometry, model.axes)
        self.segmenter = segmenter
        self.frames = [orient.to_model(volume) for volume in volumes]
        self.shape = self.frames[0].shape  # of one frame: slices, rows, columns
        self.orient = orient
        # every frame has constants of its own: its labels are those that it would get alone
        self.preprocess = [
            Preprocessor(normalization(volume, model.intensity), parameters.enhancement) for volume in volumes
        ]
        self.places = [(frame, index) for frame in range(len(volumes)) for index in range(self.shape[0])]
        self.size = model_size(self.shape[1:], orient.spacing[1:], model.spacing)
        self.neighbours = neighbour_offsets(model, orient.spacing[0])
        self.mirroring = parameters.mirroring
        self.batch_size = parameters.batch_size or self._default_batch_size()
        self.timings = {"forward": 0.0}
        self.events: list[str] = []
        # results are stored like the input and filled through a view in the model's axes
        self.labels = np.zeros((len(volumes), *volumes[0].shape), np.uint8)
        self.oriented_labels = [orient.to_model(labels) for labels in self.labels]
        classes = model.network.classes
        # by frame, slice and class: voxels with the class, their summed probability of it, and that of all voxels
        self.sums = np.zeros((len(volumes), self.shape[0], 3, classes))
        self.removed: list[dict[int, int]] = [{} for _ in volumes]
        self.emptied: list[list[Emptied]] = [[] for _ in volumes]
        self.confidence_map = self.oriented_map = None
        if parameters.confidence:
            self.confidence_map = np.zeros(volumes[0].shape, np.uint8)
            self.oriented_map = orient.to_model(self.confidence_map)
        self.margins = [Margins.empty(volume.shape) for volume in volumes if parameters.margins]

    def _default_batch_size(self) -> int:
        pixels = _BATCH_PIXELS[self.segmenter.device.name.split(":")[0]]
        return max(1, pixels // (self.size[0] * self.size[1]))

    def over_all_slices(self, progress: Progress, cancelled: Callable[[], bool]) -> None:
        done, total = 0, len(self.places)
        progress(done, total)
        while done < total:
            if cancelled():
                raise Cancelled(
                    _("Canceled after {done} of {total} slices; nothing was changed.", done=done, total=total)
                )
            batch = slice(done, min(total, done + self.batch_size))
            try:
                self.one_batch(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self.use_less_memory(batch, error)
                continue
            done = batch.stop
            progress(done, total)

    def one_batch(self, batch: slice) -> None:
        device, places = self.segmenter.device, self.places[batch]
        with torch.inference_mode():
            parts = [self._seen(frame, [index for _, index in some]) for frame, some in groupby(places, lambda p: p[0])]
            pair = [torch.cat(of_frames) for of_frames in zip(*parts, strict=True)]
            with _timed(self.timings, "forward", device):
                scores = self.scores(*pair)
                if self.mirroring:
                    # a stack may run either way: its mirror image shows the neighbours in the other order, too
                    flipped = (-1, 1) if self.segmenter.model.axes.slices == "stack" else (-1,)
                    mirrored = self.scores(*(x.flip(flipped) for x in pair))
                    scores = (scores + mirrored.flip(-1)) / 2
            if not scores.isfinite().all():
                raise ModelError(
                    _(
                        "The network of {model} gave values that are not finite on {device}: try another device, or "
                        "the weight file of another training.",
                        model=self.segmenter.model.id,
                        device=device.name,
                    )
                )
            # one slice at a time: at native resolution the scores of a batch may need gigabytes
            for place, one in zip(places, scores.split(1), strict=True):
                self.take(place, one)

    def _seen(self, frame: int, indices: Sequence[int]) -> list[Tensor]:
        """What the network sees of these slices of a frame: original and enhanced, (N, channels, *size)."""
        # slices beyond either end are the last one there
        seen = (np.array(indices)[:, None] + self.neighbours).clip(0, self.shape[0] - 1)
        first = seen.min()
        pair = self.preprocess[frame](self.frames[frame][first : seen.max() + 1])
        tensors = (torch.from_numpy(x)[:, None].to(self.segmenter.device.name) for x in pair)
        return [to_model_grid(x, self.size)[seen - first, 0] for x in tensors]

    def scores(self, original: Tensor, enhanced: Tensor) -> Tensor:
        """Of a batch: (N, ..., H, W)."""
        return self.segmenter.scores(original, enhanced)

    def take(self, place: tuple[int, int], scores: Tensor) -> None:
        """Keep the result of a slice, given as (frame, index); scores (1, classes, *size)."""
        frame, index = place
        native = to_native_grid(scores, self.shape[1:])[0]
        highest, won = winners(native)
        if self.margins:
            for target, values in zip(self.margins[frame].fields, _margins(native, won.long()), strict=True):
                self.orient.to_model(target)[index] = values.to(torch.uint8).cpu().numpy()
        labels = won.cpu().numpy()
        self.oriented_labels[frame][index] = labels
        confidence, totals = (x.cpu().numpy() for x in self.calibrated(native, highest))
        self.sums[frame, index] = [
            np.bincount(labels.ravel(), minlength=len(native)),
            np.bincount(labels.ravel(), confidence.ravel(), minlength=len(native)),
            totals,
        ]
        if self.oriented_map is not None:
            self.oriented_map[index] = np.rint(100 * confidence)

    def calibrated(self, native: Tensor, highest: Tensor) -> tuple[Tensor, Tensor]:
        """Probability of each pixel's label (H, W), and of every class summed over the pixels (classes,).

        ``native`` are scores (classes, H, W), which are overwritten, ``highest`` (H, W) the largest of each pixel.
        The model's temperature divides them and changes no winner.
        """
        # softmax by hand, in place: on a CPU, new memory for every slice costs more than the sums
        native -= highest
        native /= self.segmenter.model.temperature
        native.exp_()  # 1 for the winner
        confidence = 1 / native.sum(dim=0)
        return confidence, native.flatten(1) @ confidence.flatten()

    def notices(self) -> tuple[Notice, ...]:
        """What had to be changed on the way, and what the clean-up removed at the base."""
        changed = (Notice("device", text) for text in self.events)
        return (*changed, *notices(self.emptied, self.orient.order[0]))

    def confidence(self, frame: int) -> Confidence:
        """What the probabilities of a frame tell of its labels; its slices in the order of the input."""
        sums = self.sums[frame, :: -1 if self.orient.flipped[0] else 1]
        return Confidence(self.orient.order[0], sums[:, 0].astype(np.int64), sums[:, 1], sums[:, 2])

    def cleaned_labels(self) -> np.ndarray:
        """(frames, K, J, I); what the clean-up took away is told in ``emptied`` and ``removed``."""
        model = self.segmenter.model
        if model.cleanup:
            for frame, (labels, oriented) in enumerate(zip(self.labels, self.oriented_labels, strict=True)):
                if "doubtful_base" in model.cleanup and (wall := label_of(model, MYOCARDIUM)):
                    self.emptied[frame] = self._empty_base(frame, wall.value)
                cleaned = clean_up(oriented, model)
                lost = np.bincount(oriented[cleaned != oriented], minlength=len(model.labels) + 1)
                self.removed[frame] = {label.value: int(lost[label.value]) for label in model.labels}
                labels[...] = self.orient.to_stored(cleaned)
        return self.labels

    def _empty_base(self, frame: int, wall: int) -> list[Emptied]:
        """Empty the slices of a frame's labels that seem to lie beyond the heart's base; ``wall`` is the myocardium."""
        labels, (voxels, sure) = self.oriented_labels[frame], self.sums[frame, :, :2, wall].T
        voxel_ml = np.prod(self.orient.spacing) / 1000
        emptied = []
        for index in beyond_base(labels, sure / np.maximum(voxels, 1)):
            stored = self.shape[0] - 1 - index if self.orient.flipped[0] else index
            emptied.append(Emptied(stored, float(np.count_nonzero(labels[index]) * voxel_ml)))
            labels[index] = 0
        return emptied

    def use_less_memory(self, batch: slice, error: BaseException) -> None:
        device, size = self.segmenter.device, batch.stop - batch.start
        traceback.clear_frames(error.__traceback__)  # they hold the tensors that did not fit
        if size > 1:
            self.batch_size = size // 2
            self.events.append(
                _(
                    "{device} ran out of memory; continued with batches of {count}.",
                    device=device.name,
                    count=self.batch_size,
                )
            )
        elif device.name != "cpu":
            self.segmenter.fall_back_to_cpu(
                _("CPU, because one slice does not fit into the memory of {device}", device=device.name)
            )
            self.batch_size = self._default_batch_size()
            self.events.append(
                _("{device} ran out of memory with one slice; continued on the CPU.", device=device.name)
            )
        else:
            raise OutOfMemory(
                _("A single slice does not fit into memory: close other programs, or crop the volume.")
            ) from error
        if device.name.startswith("cuda"):
            torch.cuda.empty_cache()


def winners(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Of scores (classes, H, W) the largest of each pixel, and the first class that has it, uint8; (H, W) each.

    The same as ``scores.max(dim=0)``, in less than half the time on a CPU: without a search for places, whole planes of
    few bytes a pixel are compared.
    """
    highest, last = scores.amax(dim=0), len(scores) - 1
    before_last = torch.arange(last, -1, -1, dtype=torch.uint8, device=scores.device)[:, None, None]
    return highest, last - ((scores == highest) * before_last).amax(dim=0)


def _margins(logits: Tensor, won: Tensor) -> tuple[Tensor, ...]:
    """Of scores (classes, H, W) and the index of their largest (H, W): the fields of `Margins`, (H, W) each."""
    highest, others = logits.gather(0, won[None])[0], logits.scatter(0, won[None], -torch.inf)
    second, runner_up = others.max(dim=0)
    third = others.scatter_(0, runner_up[None], -torch.inf).amax(dim=0)  # of two classes, minus infinity
    near, far = (((highest - one).clamp_(max=MOST) / MOST).sqrt_().mul_(255).round_() for one in (second, third))
    return won, runner_up, near, far


@contextmanager
def _timed(timings: dict[str, float], step: str, device: Device) -> Iterator[None]:
    started = time.perf_counter()
    yield
    if device.name.startswith("cuda"):
        torch.cuda.synchronize(device.name)
    timings[step] += time.perf_counter() - started


def load_network(model: Model) -> DIN:
    """The model's network with its weights, on the CPU, in float32.

    Raises:
        ModelError: weights missing, changed, or not of the manifest's architecture.
    """
    content = model.read_weights()
    try:
        network = DIN(replace(model.network, deep_supervision=False))
        network.load_state_dict(restored(_state(content, network)))
    except Exception as error:  # torch tells damage by many classes of error
        raise ModelError(
            _(
                "The weights of {model} do not fit the network of its manifest: use the manifest and the weight file "
                "of one training run.",
                model=model.id,
            )
        ) from error
    if odd := next((name for name, value in network.state_dict().items() if not value.isfinite().all()), None):
        raise ModelError(
            _(
                "The weights of {model} are not finite numbers ({name}): use the weight file of another training.",
                model=model.id,
                name=odd,
            )
        )
    return network.eval().requires_grad_(False)


def _state(content: bytes, network: DIN) -> dict[str, Tensor]:
    """The tensors of a weight file, none larger than the network wants it.

    Raises:
        ValueError: the file would unpack to more than it holds, or a tensor is of no use.
    """
    if zipfile.is_zipfile(BytesIO(content)):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > len(content):
                raise ValueError("a packed weight file")
    state = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    wanted = network.state_dict()
    for name, value in state.items():
        if value.numel() > wanted[name.removesuffix(SCALE)].numel():
            raise ValueError(f"{name} is too large")
    return state


def _dtype(device: Device) -> torch.dtype:
    return getattr(torch, device.precision)


def place(network: DIN, device: Device) -> DIN:
    """Move a network to a device in its number format, channels last."""
    network = network.to(device.name, _dtype(device))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack the word


def segment(
    volume: np.ndarray, geometry: Geometry, model: Model, parameters: Parameters | None = None, device: str = "auto"
) -> Result:
    """Load a model, segment one volume, let the model go; for many volumes keep a `Segmenter`."""
    return Segmenter(model, device).segment(volume, geometry, parameters)
