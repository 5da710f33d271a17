"""Which device does the work, in which number format, and why."""

import re

import torch

from ..errors import DeviceError
from ..messages import Sentence as _
from .results import Device

# The CPU's and MPS's allocators, CUDA outside torch's allocator, and its libraries raise a plain RuntimeError.
_OUT_OF_MEMORY = (
    "can't allocate memory",
    "MPS backend out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def choose(wanted: str = "auto") -> Device:
    """Find the device for ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``. ``auto`` takes CUDA, then MPS, then CPU.

    Raises:
        DeviceError: unknown name, or the requested device is missing or fails a small convolution.
    """
    if wanted == "auto":
        return _best()
    if wanted == "cpu":
        return cpu(_("CPU as requested"))
    if wanted == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError(
                _("MPS is not available: torch {torch} found no MPS device. Use --device cpu.", torch=torch.__version__)
            )
        return Device("mps", _("MPS as requested"), "float32")
    match = re.fullmatch(r"cuda(?::(\d+))?", wanted)
    if not match:
        raise DeviceError(_('Unknown device "{wanted}": choose auto, cpu, cuda, cuda:N or mps.', wanted=wanted))
    index, count = int(match[1] or 0), torch.cuda.device_count()
    if index >= count:
        some = _("{count} CUDA devices", count=count) if count > 1 else _("1 CUDA device")
        found = some if count else _("no CUDA device")
        raise DeviceError(
            _(
                "{wanted} is not available: torch {torch} found {found}. Use --device cpu, or install a torch build "
                "with CUDA and the NVIDIA driver.",
                wanted=wanted,
                torch=torch.__version__,
                found=found,
            )
        )
    if fault := _cuda_fault(index):
        raise DeviceError(_("{wanted} cannot be used ({fault}): use --device cpu.", wanted=wanted, fault=fault))
    return _cuda(index, _("as requested"))


def candidates() -> list[str]:
    """Names that `choose` may take here; a CUDA device that fails its test is among them."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def cpu(reason: str) -> Device:
    """The CPU; in bfloat16 where it has instructions for it, else float32."""
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return Device("cpu", reason, "bfloat16" if native else "float32")


def short_name(device: Device) -> str:
    """What a narrow list calls the device that `choose` took for ``auto``."""
    if device.name != "cpu":
        return _("GPU ({name})", name=device.name)
    return _("CPU (CUDA failed)") if torch.cuda.is_available() else _("CPU (no CUDA found)")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device's memory is used up, and nothing else."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


def _best() -> Device:
    fault = None
    if torch.cuda.is_available():
        fault = _cuda_fault(0)
        if not fault:
            return _cuda(0, _("found by torch {torch}", torch=torch.__version__))
    if torch.backends.mps.is_available():
        return Device("mps", _("Auto: MPS, found by torch {torch}", torch=torch.__version__), "float32")
    return cpu(
        _("Auto: CPU, {cause}", cause=fault or _("no CUDA device found by torch {torch}", torch=torch.__version__))
    )


def _cuda(index: int, reason: str) -> Device:
    native = torch.cuda.get_device_capability(index) >= (8, 0)
    name = torch.cuda.get_device_name(index)
    return Device(
        f"cuda:{index}",
        _("CUDA device {name}, {reason}", name=name, reason=reason),
        "bfloat16" if native else "float16",
    )


def _cuda_fault(index: int) -> str | None:
    """Why a CUDA device cannot be used, or None: a card can be newer than what torch was built for."""
    try:
        device = torch.device("cuda", index)
        torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3, device=device), torch.ones(1, 1, 3, 3, device=device)).item()
    except RuntimeError as error:
        return _("the CUDA device failed a test ({error})", error=str(error).splitlines()[0])
    return None
