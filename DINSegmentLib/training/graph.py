"""CUDA graphs: a small network's optimizer step has thousands of short kernels, and the GPU would wait for Python."""

from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 3  # calls before recording, in which libraries choose their kernels


class GraphedStep:
    """Calls a function that works only on the GPU, and replays its recorded graph.

    Args:
        step: function of tensors that returns a tensor; everything else that it reads and changes must stay in place in
            memory, and it must not synchronize with the device. Recorded once for each shape of the first tensor.
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
        places = tuple(tensor.clone() for tensor in inputs)  # with the same memory format
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = self._step(*places)
        return graph, places, result
