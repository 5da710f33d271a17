"""A model loaded on a device, and the segmentation of a volume with it."""

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
from ..messages import Sentence as _
from ..model import Model
from ..model.orientation import orientation
from ..network import DIN, fold, restored
from ..network.storage import SCALE
from ..notices import Notice
from .accumulators import Labels
from .device import choose, cpu, is_out_of_memory
from .parameters import Parameters, Resolved
from .preprocessing import Preprocessor, normalization
from .resampling import model_size, neighbour_offsets, to_model_grid
from .results import Device, Result

# pixels of the model's grid per batch: larger batches exceed a CPU's caches; a GPU needs enough pixels to be busy
_BATCH_PIXELS = {"cpu": 600_000, "cuda": 8_000_000, "mps": 2_000_000}

Progress = Callable[[int, int], None]
Network = Callable[[Tensor, Tensor], Tensor]
Take = Callable[[tuple[int, int], Tensor], None]


class Segmenter:
    """A model, loaded and verified once, on one device.

    Args:
        model: a model from the catalog or a folder.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        network: used in place of the model's weights, and modified; for a network in training.

    Raises:
        ModelError: the weights are missing, changed, or have another architecture.
        DeviceError: the requested device is not available.
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
            volume: (K, J, I), any real type; not modified.
            geometry: grid of the volume, with any linear parent transform applied.
            progress: called with (slices done, total slices), at the start and after every batch.
            cancelled: called between batches; True stops the run.
            name: name of the volume in error messages.

        Raises:
            InputError, GeometryError, ModelError: the volume cannot be used, or the network produced NaN or infinity.
            Cancelled: ``cancelled`` returned True.
            OutOfMemory: even one slice does not fit into memory.

        The same input on the same device gives the same labels bit for bit.
        """
        started = time.perf_counter()
        check_array(volume, geometry, name)
        parameters = (parameters or Parameters()).resolved(self.model)
        run = Run(self, [volume], geometry, parameters)
        found = run.segment(progress, cancelled)
        run.timings["total"] = time.perf_counter() - started
        return Result(
            model=self.model,
            parameters=parameters,
            device=self.device,
            timings=run.timings,
            notices=(*run.notices, *found.notices()),
            labels=found.labels[0],
            confidence=found.confidence(0),
            confidence_map=found.confidence_map,
            removed=found.removed[0],
            margins=found.margins[0] if found.margins else None,
        )

    @torch.inference_mode()
    def scores(self, original: Tensor, enhanced: Tensor) -> Tensor:
        """Scores (N, classes, H, W), float32, of two inputs (N, channels, H, W) on the device, float32 in [0, 1]."""
        return self._network(*self._placed(original, enhanced)).float()

    @torch.inference_mode()
    def directions(self, original: Tensor, enhanced: Tensor) -> Tensor:
        """As `scores`, (N, 3, classes, H, W): both directions, the original's alone, and the enhanced image's alone."""
        return torch.stack(self._network.forward_directions(*self._placed(original, enhanced)), dim=1).float()

    def _placed(self, *images: Tensor) -> list[Tensor]:
        # converting the numbers first, then their order, takes half the time of both at once on a CPU
        return [x.to(_dtype(self.device)).contiguous(memory_format=torch.channels_last) for x in images]

    def fall_back_to_cpu(self, reason: str) -> None:
        """Continue on the CPU, for this and later volumes, as if the CPU had been requested."""
        self.device = cpu(reason)
        self._network = place(fold(load_network(self.model)), self.device)


class Run:
    """A run over volumes of one grid (one volume or a cine's frames): batches of slices in the model's axes."""

    def __init__(
        self, segmenter: Segmenter, volumes: Sequence[np.ndarray], geometry: Geometry, parameters: Resolved
    ) -> None:
        model = segmenter.model
        orient = orientation(geometry, model.axes)
        self.parameters = parameters
        self._grid = geometry.shape
        self.orient = orient
        self.timings = {"forward": 0.0}
        self.notices: list[Notice] = []  # changes during the run
        self._segmenter = segmenter
        self._frames = [orient.to_model(volume) for volume in volumes]
        self._shape = self._frames[0].shape  # of one frame: slices, rows, columns
        self.places = [(frame, index) for frame in range(len(volumes)) for index in range(self._shape[0])]
        # each frame has its own constants, so that its labels are the same as when it is segmented alone
        self._preprocess = [
            Preprocessor(normalization(volume, model.intensity), parameters.enhancement) for volume in volumes
        ]
        self._size = model_size(self._shape[1:], orient.spacing[1:], model.spacing)
        self._neighbours = neighbour_offsets(model, orient.spacing[0])
        self._batch_size = parameters.batch_size or self._default_batch_size()
        self._ready: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}  # (frame, index): original, enhanced

    def segment(self, progress: Progress | None, cancelled: Callable[[], bool] | None) -> Labels:
        """Segment all slices and clean up the labels."""
        model, frames = self._segmenter.model, len(self._frames)
        found = Labels(model, self.parameters, self.orient, frames, self._grid)
        self.over_slices(self._segmenter.scores, found.take, progress, cancelled)
        found.clean()
        return found

    def _default_batch_size(self) -> int:
        pixels = _BATCH_PIXELS[self._segmenter.device.name.split(":")[0]]
        return max(1, pixels // (self._size[0] * self._size[1]))

    def over_slices(
        self, network: Network, take: Take, progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        """Pass all slices of ``places`` through a network and their scores to an accumulator.

        Args:
            network: `Segmenter.scores` or `Segmenter.directions`.
            take: called for each slice with (frame, index) and its scores (1, ..., classes, *size of the model's grid).
            progress, cancelled: as in `Segmenter.segment`.
        """
        progress = progress or (lambda done, total: None)
        done, total = 0, len(self.places)
        progress(done, total)
        while done < total:
            if cancelled is not None and cancelled():
                raise Cancelled(
                    _("Canceled after {done} of {total} slices; nothing was changed.", done=done, total=total)
                )
            batch = slice(done, min(total, done + self._batch_size))
            try:
                self._one_batch(network, take, self.places[batch])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._use_less_memory(batch, error)
                continue
            done = batch.stop
            progress(done, total)

    def _one_batch(self, network: Network, take: Take, places: Sequence[tuple[int, int]]) -> None:
        device, model = self._segmenter.device, self._segmenter.model
        with torch.inference_mode():
            parts = [self._seen(frame, [index for _, index in some]) for frame, some in groupby(places, lambda p: p[0])]
            pair = [torch.cat(of_frames) for of_frames in zip(*parts, strict=True)]
            with _timed(self.timings, "forward", device):
                scores = network(*pair)
                if self.parameters.mirroring:
                    # a stack may run in either direction, so mirroring also reverses the order of the neighbors
                    flipped = (-1, 1) if model.axes.slices == "stack" else (-1,)
                    mirrored = network(*(x.flip(flipped) for x in pair))
                    scores = (scores + mirrored.flip(-1)) / 2
            if not scores.sum().isfinite():  # three times as fast as checking each value
                raise ModelError(
                    _(
                        "The network of {model} produced NaN or infinite values on {device}: try another device, or "
                        "the weight file of another training.",
                        model=model.id,
                        device=device.name,
                    )
                )
            # one slice at a time: at native resolution, the scores of a whole batch may take gigabytes
            for place, one in zip(places, scores.split(1), strict=True):
                take(place, one)

    def _seen(self, frame: int, indices: Sequence[int]) -> list[Tensor]:
        """Network inputs for these slices of a frame: original and enhanced, (N, channels, *size)."""
        # beyond either end of the stack, the last slice is repeated
        seen = (np.array(indices)[:, None] + self._neighbours).clip(0, self._shape[0] - 1)
        first, last = int(seen.min()), int(seen.max())
        # the last neighbors of one batch are the first ones of the next
        ready = {at: pair for at, pair in self._ready.items() if at[0] == frame and first <= at[1] <= last}
        start = next((index for index in range(first, last + 1) if (frame, index) not in ready), None)
        if start is not None:
            pair = self._preprocess[frame](self._frames[frame][start : last + 1])
            tensors = (torch.from_numpy(x)[:, None].to(self._segmenter.device.name) for x in pair)
            resampled = (to_model_grid(x, self._size)[:, 0] for x in tensors)
            ready |= {(frame, start + n): both for n, both in enumerate(zip(*resampled, strict=True))}
        self._ready = ready
        pairs = [ready[frame, index] for index in seen.ravel().tolist()]
        return [torch.stack(images).unflatten(0, seen.shape) for images in zip(*pairs, strict=True)]

    def _use_less_memory(self, batch: slice, error: BaseException) -> None:
        device, size = self._segmenter.device, batch.stop - batch.start
        traceback.clear_frames(error.__traceback__)  # they hold references to the tensors that did not fit
        self._ready.clear()
        if size > 1:
            self._batch_size = size // 2
            text = _(
                "{device} ran out of memory; continued with batches of {count}.",
                device=device.name,
                count=self._batch_size,
            )
        elif device.name != "cpu":
            self._segmenter.fall_back_to_cpu(
                _("CPU, because one slice does not fit into the memory of {device}", device=device.name)
            )
            self._batch_size = self._default_batch_size()
            text = _("{device} ran out of memory with one slice; continued on the CPU.", device=device.name)
        else:
            raise OutOfMemory(
                _("A single slice does not fit into memory: close other programs, or crop the volume.")
            ) from error
        self.notices.append(Notice("device", text))
        if device.name.startswith("cuda"):
            torch.cuda.empty_cache()


@contextmanager
def _timed(timings: dict[str, float], step: str, device: Device) -> Iterator[None]:
    started = time.perf_counter()
    yield
    if device.name.startswith("cuda"):
        torch.cuda.synchronize(device.name)
    timings[step] += time.perf_counter() - started


def load_network(model: Model) -> DIN:
    """Load the model's network with its weights, on the CPU, in float32.

    Raises:
        ModelError: the weights are missing, changed, or do not match the manifest's architecture.
    """
    content = model.read_weights()
    try:
        network = DIN(replace(model.network, deep_supervision=False))
        network.load_state_dict(restored(_state(content, network)))
    except Exception as error:  # torch raises many exception types for damaged files
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
    """Read the tensors of a weight file, none larger than the network expects.

    Raises:
        ValueError: the file would unpack to more than its own size, or a tensor cannot be used.
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
    """Move a network to a device in the device's number format, channels last."""
    network = network.to(device.name, _dtype(device))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs


def segment(
    volume: np.ndarray, geometry: Geometry, model: Model, parameters: Parameters | None = None, device: str = "auto"
) -> Result:
    """Load a model, segment one volume and release the model; for several volumes, keep a `Segmenter`."""
    return Segmenter(model, device).segment(volume, geometry, parameters)
