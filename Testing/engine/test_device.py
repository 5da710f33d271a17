"""Choice of a device on simulated machines."""

import pytest
import torch

from DINSegmentLib.engine import device
from DINSegmentLib.errors import DeviceError


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many CUDA devices of one capability, one fault of theirs, and MPS or not."""

    def machine(cuda=0, capability=(8, 0), fault=None, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Card {index}")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(device, "_cuda_fault", lambda index: fault)

    return machine


@pytest.mark.parametrize(
    ("parts", "name", "words"),
    [
        ({"cuda": 2, "mps": True}, "cuda:0", "CUDA device Card 0"),
        ({"mps": True}, "mps", "MPS, found"),
        ({}, "cpu", "no CUDA device found by torch"),
        ({"cuda": 1, "fault": "the CUDA device failed a test"}, "cpu", "the CUDA device failed a test"),
        ({"cuda": 1, "fault": "broken", "mps": True}, "mps", "MPS, found"),
    ],
)
def test_auto_takes_cuda_then_mps_then_cpu_and_says_why(machine, parts, name, words):
    machine(**parts)
    chosen = device.choose("auto")

    assert chosen.name == name
    assert words in chosen.reason


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "float16"), ((8, 0), "bfloat16")])
def test_a_cuda_card_runs_in_bfloat16_where_it_can(machine, capability, precision):
    machine(cuda=1, capability=capability)
    assert device.choose("cuda").precision == precision


def test_a_named_card_is_taken(machine):
    machine(cuda=3)
    assert (device.choose("cuda").name, device.choose("cuda:2").name) == ("cuda:0", "cuda:2")
    assert "Card 2" in device.choose("cuda:2").reason


@pytest.mark.parametrize(
    ("wanted", "parts", "words"),
    [
        ("cuda", {}, "cuda is not available: torch .* found no CUDA device. Use --device cpu"),
        ("cuda:2", {"cuda": 2}, "cuda:2 is not available: torch .* found 2 CUDA devices"),
        ("cuda", {"cuda": 1, "fault": "the CUDA device failed a test (no kernel)"}, "failed a test .no kernel..: use"),
        ("mps", {}, "MPS is not available"),
        ("tpu", {}, 'Unknown device "tpu": choose auto, cpu, cuda, cuda:N or mps'),
        ("cuda:x", {"cuda": 1}, 'Unknown device "cuda:x"'),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_the_next_step(machine, wanted, parts, words):
    machine(**parts)
    with pytest.raises(DeviceError, match=words):
        device.choose(wanted)


def test_the_cpu_needs_no_reason_but_the_wish(machine):
    machine(cuda=1)
    chosen = device.choose("cpu")

    assert (chosen.name, chosen.reason) == ("cpu", "CPU as requested")
    assert chosen.precision in ("bfloat16", "float32")
