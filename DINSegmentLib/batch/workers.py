"""How many processes do the cases of a batch on this machine, where the user leaves it open."""

from collections.abc import Iterable
from dataclasses import dataclass

from .. import memory
from ..errors import DeviceError

# Measured on two idle cores of an AMD EPYC (`dinsegment bench --batch --cases 300`, 2026-11-29): one process with two
# threads does 485 volumes of three slices a minute, two with one thread each 712. They start later than one does, so
# that 100 of the smallest volumes make up for it, and fewer of larger ones. Other programs on the cores do not change
# the choice, since two processes also get more of a busy core's time: 200 volumes beside one busy loop took 29 s on two
# and 51 s on one; 120 beside two loops 37 and 43 s, beside a program with two threads of torch 23 and 36 s (same day).
ENOUGH_CASES = 100
_MOST = 8  # more than two were not measured


@dataclass(frozen=True)
class Machine:
    """What the number depends on, beside the cases.

    Args:
        device: torch name of the one that does the work; None: the requested one is not available.
        threads: that torch takes in one process; heeds affinity, ``OMP_NUM_THREADS`` and a container's share.
        free: bytes of memory; None: not known.
        is_program: whether `dinsegment` is the program that runs. In another one, such as Slicer or a script, a new
            process begins with that program, of which we know nothing.
    """

    device: str | None
    threads: int
    free: int | None
    is_program: bool


@dataclass(frozen=True)
class Choice:
    """How many processes, and a sentence about it; None: nothing worth a message."""

    workers: int
    text: str | None = None


def here(device: str, is_program: bool) -> Machine:
    """This machine, for a device as in `engine.device.choose`."""
    import torch

    from ..engine.device import choose as choose_device

    try:
        name = choose_device(device).name
    except DeviceError:  # is told with the first case
        name = None
    threads = min(torch.get_num_threads(), memory.cores())
    return Machine(name, threads, memory.available(), is_program)


def choose(needed: Iterable[int], machine: Machine) -> Choice:
    """Several processes with one thread each where that is the faster way and the memory will do, else one.

    Args:
        needed: bytes of memory of every case, the program's own included, see `plan.peak_bytes`.
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
