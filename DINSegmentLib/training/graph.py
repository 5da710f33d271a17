"""CUDA graphs: an optimizer step of a small network is thousands of short kernels, and a GPU would wait for Python."""

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3  # calls, before libraries have chosen their kernels and can be recorded


class GraphedStep:
    """Calls a function that works on the GPU alone, and replays what it recorded.

    Args:
        step: tensors in, one tensor out; everything else that it reads and changes must keep its place in memory, and
            nothing in it may wait for the device. Recorded once for each shape of the first tensor.
    """

    def __init__(self, step: Callable[..., Tensor]) -> None:
        self._step = step
        self._calls: dict[torch.Size, int] = {}
        self._graphs: dict[torch.Size, tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...], Tensor]] = {}

    def __call__(self, *inputs: Tensor) -> Tensor:
        shape = inputs[0].shape
        self._calls[shape] = self._calls.get(shape, 0) + 1
        if self._calls[shape] <= _WARM_UP:
            return self._beside(inputs)
        if shape not in self._graphs:
            self._graphs[shape] = self._record(inputs)
        graph, places, result = self._graphs[shape]
        for place, tensor in zip(places, inputs, strict=True):
            place.copy_(tensor)
        graph.replay()
        return result.clone()

    def _beside(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Run on another stream, as recording does."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self._step(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return result

    def _record(self, inputs: tuple[Tensor, ...]) -> tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...], Tensor]:
        places = tuple(tensor.clone() for tensor in inputs)  # of the same memory format
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = self._step(*places)
        return graph, places, result
