"""Automatic choice of the number of processes for a batch on this machine."""

from collections.abc import Iterable
from dataclasses import dataclass

from .. import memory
from ..errors import DeviceError

# Measured on two idle cores of an AMD EPYC (`dinsegment bench --batch --cases 300`, 2026-11-29): one process with two
# threads does 485 volumes of three slices a minute, two with one thread each 712. Their longer startup pays off
# from 100 of the smallest volumes on, earlier for larger ones. Other programs on the cores do not change the choice,
# because two processes also get more time on a busy core: 200 volumes beside one busy loop took 29 s with two
# processes and 51 s with one; 120 beside two loops 37 and 43 s, beside two threads of torch 23 and 36 s (same day).
ENOUGH_CASES = 100
_MOST = 8  # more than two processes were not measured


@dataclass(frozen=True)
class Machine:
    """What the number of processes depends on, besides the cases.

    Args:
        device: torch name of the device that does the work; None if the requested device is not available.
        threads: number of torch's threads per process; respects affinity, ``OMP_NUM_THREADS`` and container limits.
        free: available memory in bytes; None if unknown.
        is_program: whether `dinsegment` is the main program. In others, such as Slicer or a script, a new process would
            start by running that program, with unknown effects.
    """

    device: str | None
    threads: int
    free: int | None
    is_program: bool


@dataclass(frozen=True)
class Choice:
    """Number of processes, and a sentence about it; None if there is nothing to report."""

    workers: int
    text: str | None = None


def here(device: str, is_program: bool) -> Machine:
    """Describe this machine for a device as in `engine.device.choose`."""
    import torch

    from ..engine.device import choose as choose_device

    try:
        name = choose_device(device).name
    except DeviceError:  # reported with the first case
        name = None
    threads = min(torch.get_num_threads(), memory.cores())
    return Machine(name, threads, memory.available(), is_program)


def choose(needed: Iterable[int], machine: Machine) -> Choice:
    """Choose several single-threaded processes if that is faster and memory is sufficient, otherwise one.

    Args:
        needed: memory of each case in bytes, including the program's own, see `plan.peak_bytes`.
    """
    sizes = list(needed)
    if len(sizes) < ENOUGH_CASES or machine.device is None:
        return Choice(1)
    fitting = 0 if machine.free is None else machine.free // max(sizes)
    obstacles = {
        "the command runs within another program": not machine.is_program,
        f"the network runs on {machine.device}": machine.device != "cpu",
        "only one thread is available": machine.threads < 2,
        "the amount of free memory is not known": machine.free is None,
        "the free memory is not sufficient for two": fitting < 2,
    }
    for reason, is_so in obstacles.items():
        if is_so:
            return Choice(1, f"{len(sizes)} cases with one process, because {reason}. Use --workers 2 for two.")
    workers = min(machine.threads, fitting, _MOST)
    way = f"with {workers} processes of one thread each, which is faster here"
    return Choice(workers, f"{len(sizes)} cases {way}. Use --workers 1 for one process.")
