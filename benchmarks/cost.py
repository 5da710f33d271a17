"""Size and cost of a network, and how fast this machine multiplies matrices."""

import time
from typing import Any

_SIDE = 2048  # of the matrices


def network_cost(network: Any, *inputs: Any) -> dict[str, float]:
    """Return the number of a network's parameters in millions, and its GFLOP for one slice, by torch's counter.

    Args:
        network: a module in evaluation mode.
        inputs: its inputs for one slice. An addition and a multiplication count as two operations.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:  # the counter misses a CPU's attention kernels
        network(*inputs)
    millions = sum(one.numel() for one in network.parameters()) / 1e6
    return {"million_parameters": millions, "gflop": counter.get_total_flops() / 1e9}


def matrix_gflop_per_second(precision: str) -> float:
    """Measure the product of two square matrices with all threads; the best of twenty.

    Args:
        precision: name of a torch type, such as ``bfloat16``.
    """
    import torch

    a, b = (torch.rand(_SIDE, _SIDE).to(getattr(torch, precision)) for _ in range(2))
    seconds = []
    with torch.inference_mode():
        for _ in range(20):
            started = time.perf_counter()
            a @ b
            seconds.append(time.perf_counter() - started)
    return 2 * _SIDE**3 / min(seconds) / 1e9
