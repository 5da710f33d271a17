"""One model in memory, for several runs in a process; torch is imported when the first is loaded."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..model import Model

if TYPE_CHECKING:
    from .segmenter import Segmenter


class WarmModel:
    """Keeps the network of the last run in memory for the next run with the same model."""

    def __init__(self) -> None:
        self._kept: tuple[Any, Segmenter] | None = None  # what it was made from, and the segmenter

    def segmenter(
        self, model: Model, device: str, threads: int = 0, loading: Callable[[bool], Any] = lambda warm: None
    ) -> "Segmenter":
        """Return the loaded segmenter if model, weights, device and threads are unchanged; otherwise load a new one.

        Args:
            model: model to load.
            device: as in `engine.device.choose`.
            threads: number of CPU threads; 0 for torch's default.
            loading: called before loading, with whether the loaded segmenter can be used.

        Raises:
            ImportError: PyTorch cannot be imported.
            ModelError, DeviceError: as `Segmenter`.
        """
        import torch

        from .segmenter import Segmenter

        wanted = (str(model.folder), model.sha256, device, threads)
        warm = self._kept is not None and self._kept[0] == wanted
        loading(warm)
        if self._kept is None or not warm:
            self._kept = None  # two models may not fit into memory
            if threads:
                torch.set_num_threads(threads)
            self._kept = wanted, Segmenter(model, device)
        return self._kept[1]

    def release(self) -> None:
        """Free its memory."""
        self._kept = None
