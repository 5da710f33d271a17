"""Choice of the device and number format for the network, with the reason."""

import re

import torch

from ..errors import DeviceError
from ..messages import Sentence as _
from .results import Device

# The CPU and MPS allocators and CUDA's libraries raise a plain RuntimeError, not torch.OutOfMemoryError.
_OUT_OF_MEMORY = (
    "can't allocate memory",
    "MPS backend out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def choose(wanted: str = "auto") -> Device:
    """Select the device for ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        DeviceError: the name is unknown, or the requested device is missing or fails a test convolution.
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
    """Names accepted by `choose` on this machine, including CUDA devices that would fail the test."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def cpu(reason: str) -> Device:
    """The CPU, with bfloat16 if it has native instructions, otherwise float32."""
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return Device("cpu", reason, "bfloat16" if native else "float32")


def short_name(device: Device) -> str:
    """Short label for the device that ``auto`` selected, for narrow lists."""
    if device.name != "cpu":
        return _("GPU ({name})", name=device.name)
    return _("CPU (CUDA failed)") if torch.cuda.is_available() else _("CPU (no CUDA found)")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the device ran out of memory."""
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
    """Reason why a CUDA device cannot be used, or None; a GPU may be newer than the torch build supports."""
    try:
        device = torch.device("cuda", index)
        torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3, device=device), torch.ones(1, 1, 3, 3, device=device)).item()
    except RuntimeError as error:
        return _("the CUDA device failed a test ({error})", error=str(error).splitlines()[0])
    return None
