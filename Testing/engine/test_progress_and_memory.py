"""A run in progress: progress, cancellation, and running out of memory."""

import dataclasses

import numpy as np
import pytest
import torch

from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.errors import Cancelled, OutOfMemory
from DINSegmentLib.geometry import Geometry

pytestmark = pytest.mark.faults

SLICES = 9
VOLUME = np.random.default_rng(0).normal(size=(SLICES, 20, 20))
GEOMETRY = Geometry(VOLUME.shape, np.diag([1.5, 1.5, 8.0, 1.0]))


@pytest.fixture
def segmenter(stack_model) -> Segmenter:
    """A fresh one, since running out of memory changes it."""
    return Segmenter(stack_model, "cpu")


@pytest.fixture
def limit(monkeypatch, batches):
    """Let the network fail with an error where a condition on device and batch size holds."""

    def limit(error, fails):
        scores = Segmenter.scores

        def limited(self, original, enhanced):
            if fails(self.device.name, len(original)):
                batches.append(len(original))
                raise error
            return scores(self, original, enhanced)

        monkeypatch.setattr(Segmenter, "scores", limited)

    return limit


def labels_of(model, batch_size=None) -> np.ndarray:
    return Segmenter(model, "cpu").segment(VOLUME, GEOMETRY, Parameters(batch_size=batch_size)).labels


@pytest.mark.parametrize("batch_size", [1, 4, 9, 100, None])
def test_progress_counts_slices_from_none_to_all(segmenter, batch_size):
    seen = []
    segmenter.segment(VOLUME, GEOMETRY, Parameters(batch_size=batch_size), progress=lambda *step: seen.append(step))
    done = [step for step, _ in seen]

    assert {total for _, total in seen} == {SLICES}
    assert done[0] == 0 and done[-1] == SLICES
    assert done == sorted(set(done))
    assert len(done) == 1 + -(-SLICES // min(batch_size or 100, SLICES))


def test_cancelling_stops_before_the_next_batch(segmenter, batches):
    seen = []
    with pytest.raises(Cancelled, match=f"after 4 of {SLICES} slices"):
        segmenter.segment(
            VOLUME, GEOMETRY, Parameters(batch_size=2), lambda done, total: seen.append(done), lambda: len(batches) == 2
        )
    assert batches == [2, 2]
    assert seen == [0, 2, 4]


def test_a_run_after_a_cancelled_one_is_whole(segmenter):
    with pytest.raises(Cancelled):
        segmenter.segment(VOLUME, GEOMETRY, cancelled=lambda: True)

    assert np.array_equal(segmenter.segment(VOLUME, GEOMETRY).labels, labels_of(segmenter.model))


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    RuntimeError("CUDA error: out of memory"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
def test_out_of_memory_halves_the_batch_until_it_fits(segmenter, batches, limit, error):
    limit(error, lambda device, size: size > 2)
    seen = []
    parameters = Parameters(batch_size=8)
    result = segmenter.segment(VOLUME, GEOMETRY, parameters, lambda done, total: seen.append(done))

    assert batches == [8, 4, 2, 2, 2, 2, 1]
    assert [one.text.rpartition(" ")[2] for one in result.notices] == ["4.", "2."]
    assert seen == [0, 2, 4, 6, 8, 9]
    assert np.array_equal(result.labels, labels_of(segmenter.model, 2))


def test_a_batch_larger_than_the_volume_is_not_tried_twice(segmenter, batches, limit):
    limit(OUT_OF_MEMORY[0], lambda device, size: size > 4)
    segmenter.segment(VOLUME, GEOMETRY, Parameters(batch_size=64))

    assert batches == [9, 4, 4, 1]


def test_a_device_without_room_for_one_slice_leaves_the_work_to_the_cpu(segmenter, batches, limit):
    # torch takes "cpu:0" for the CPU, the engine for some other device
    segmenter.device = dataclasses.replace(segmenter.device, name="cpu:0")
    limit(OUT_OF_MEMORY[0], lambda device, size: device == "cpu:0")
    result = segmenter.segment(VOLUME, GEOMETRY, Parameters(batch_size=2))

    assert batches == [2, 1, SLICES]
    assert result.device.name == segmenter.device.name == "cpu"
    assert "one slice does not fit into the memory of cpu:0" in result.device.reason
    assert (result.notices[-1].kind, result.notices[-1].text.fields) == ("device", {"device": "cpu:0"})
    assert np.array_equal(result.labels, labels_of(segmenter.model))


def test_a_cpu_without_room_for_one_slice_is_an_error_for_a_person(segmenter, batches, limit):
    limit(OUT_OF_MEMORY[0], lambda device, size: True)
    with pytest.raises(OutOfMemory):
        segmenter.segment(VOLUME, GEOMETRY, Parameters(batch_size=4))
    assert batches == [4, 2, 1]


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 do not fit"), ValueError("odd"), KeyError("a")])
def test_any_other_error_is_not_taken_for_memory(segmenter, batches, limit, error):
    limit(error, lambda device, size: True)
    with pytest.raises(type(error)) as caught:
        segmenter.segment(VOLUME, GEOMETRY, Parameters(batch_size=4))
    assert caught.value is error
    assert batches == [4]
