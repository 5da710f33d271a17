"""All frames in one run: labels of each frame, batches, progress, cancellation."""

import dataclasses

import numpy as np
import pytest
import torch

from DINSegmentLib.engine.cine import segment_cine
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import Segmenter
from DINSegmentLib.errors import Cancelled, GeometryError, InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import find_model
from DINSegmentLib.model.enhancement import NONE
from DINSegmentLib.phantom.scan import CardiacPhantom

FRAMES, SLICES = 5, 4
# frames of very different brightness: constants of the whole cine would change labels
VOLUMES = np.random.default_rng(0).normal(70, 60, (FRAMES, SLICES, 24, 20)) * np.arange(1, 6)[:, None, None, None]
GEOMETRY = Geometry(VOLUMES.shape[1:], np.diag([1.5, 1.5, 8.0, 1.0]))


@pytest.mark.parametrize("batch_size", [1, 3, 7, None])
@pytest.mark.parametrize("mirroring", [False, True])
def test_every_frame_has_the_labels_that_it_has_alone(segmenter, batch_size, mirroring):
    parameters = Parameters(batch_size=batch_size, mirroring=mirroring)
    together = segment_cine(segmenter, VOLUMES, GEOMETRY, parameters)

    alone = [segmenter.segment(volume, GEOMETRY, Parameters(mirroring=mirroring)).labels for volume in VOLUMES]
    np.testing.assert_array_equal(together.labels, alone)
    assert len(np.unique(together.labels)) == 4  # nothing to compare otherwise


def test_every_frame_has_the_margins_that_it_has_alone(segmenter):
    asked = Parameters(margins=True)
    together = segment_cine(segmenter, VOLUMES, GEOMETRY, asked)
    for index, volume in enumerate(VOLUMES):
        alone = segmenter.segment(volume, GEOMETRY, asked).margins.fields
        np.testing.assert_array_equal(together.frame(index).margins.fields, alone)
    assert segment_cine(segmenter, VOLUMES, GEOMETRY).frame(0).margins is None


def test_neighbor_slices_come_from_the_same_frame(stack_model):
    class Next(torch.nn.Module):
        """Labels a slice by the brightness of the one after it."""

        def forward(self, original, enhanced):
            centers = torch.tensor([0.125, 0.375, 0.625, 0.875]).reshape(1, 4, 1, 1)
            return -100 * (original[:, 2:].float() - centers) ** 2

    model = dataclasses.replace(
        stack_model, network=dataclasses.replace(stack_model.network, neighbours=1), neighbour_distance=8.0, cleanup=()
    )
    segmenter = Segmenter(model, "cpu", Next())
    labels = segment_cine(segmenter, VOLUMES, GEOMETRY, Parameters(batch_size=3)).labels

    np.testing.assert_array_equal(labels, [segmenter.segment(volume, GEOMETRY).labels for volume in VOLUMES])
    np.testing.assert_array_equal(labels[:, -1], labels[:, -2])  # beyond the end: the last one repeated


def test_clean_up_is_done_frame_by_frame(bands, stack_model):
    volumes = np.zeros((2, 3, 20, 20))
    volumes[:, :, 0, 0] = 1.0  # so that constants agree
    volumes[0, :, 2:8, 2:8] = 0.3
    volumes[0, :, 12:14, 12:14] = 0.3  # the smaller part of this frame, and the only one of the next
    volumes[1, :, 12:14, 12:14] = 0.3
    segmenter = bands(stack_model, cleanup=("largest_component",), intensity=_plain(stack_model))
    labels = segment_cine(
        segmenter, volumes, Geometry(volumes.shape[1:], GEOMETRY.ijk_to_ras), Parameters(enhancement=NONE)
    )

    assert (labels.labels[0, :, 12:14, 12:14] == 0).all() and (labels.labels[0, :, 2:8, 2:8] == 1).all()
    assert (labels.labels[1, :, 12:14, 12:14] == 1).all()


def _plain(model):
    return dataclasses.replace(model.intensity, method="window", lower=0.0, upper=1.0)


def test_frames_share_batches_and_progress_counts_all_slices(stack_model, batches):
    seen = []
    segment_cine(
        Segmenter(stack_model, "cpu"), VOLUMES, GEOMETRY, Parameters(batch_size=6),
        lambda *step: seen.append(step),
    )  # fmt: skip

    assert batches == [6, 6, 6, 2]
    assert seen == [(0, 20), (6, 20), (12, 20), (18, 20), (20, 20)]


def test_cancelling_stops_before_the_next_batch(stack_model, batches):
    with pytest.raises(Cancelled, match="after 12 of 20 slices"):
        segment_cine(
            Segmenter(stack_model, "cpu"), VOLUMES, GEOMETRY, Parameters(batch_size=6),
            cancelled=lambda: len(batches) == 2,
        )  # fmt: skip
    assert batches == [6, 6]


def test_memory_that_runs_out_in_the_middle_changes_no_label(stack_model, monkeypatch):
    whole = segment_cine(Segmenter(stack_model, "cpu"), VOLUMES, GEOMETRY).labels
    scores = Segmenter.scores

    def limited(self, original, enhanced):
        if len(original) > 3:
            raise MemoryError
        return scores(self, original, enhanced)

    monkeypatch.setattr(Segmenter, "scores", limited)
    result = segment_cine(Segmenter(stack_model, "cpu"), VOLUMES, GEOMETRY, Parameters(batch_size=12, mirroring=False))

    assert [one.text.rpartition(" ")[2] for one in result.notices] == ["6.", "3."]
    np.testing.assert_array_equal(result.labels, whole)


def test_a_frame_gives_its_own_result(segmenter):
    result = segment_cine(segmenter, VOLUMES, GEOMETRY)

    one, alone = result.frame(2), segmenter.segment(VOLUMES[2], GEOMETRY)
    np.testing.assert_array_equal(one.labels, alone.labels)
    assert (one.model, one.device, one.removed) == (alone.model, alone.device, alone.removed)
    for ours, expected in zip(vars(one.confidence).values(), vars(alone.confidence).values(), strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"frames": []}, InputError, "heart has no frames"),
        ({"frames": [VOLUMES[0], VOLUMES[1][:3]]}, GeometryError, r"different size .* in frame 2\)"),
        ({"frames": [VOLUMES[0], VOLUMES[1] * 0]}, InputError, "Frame 2 of heart is constant"),
        ({"parameters": Parameters(confidence=True)}, InputError, "needs a single frame"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(segmenter, change, error, message):
    with pytest.raises(error, match=message):
        segment_cine(**{"segmenter": segmenter, "frames": VOLUMES, "geometry": GEOMETRY, "name": "heart", **change})


@pytest.mark.slow
def test_the_bundled_heart_gives_every_frame_of_the_phantom_the_labels_that_it_has_alone():
    phantom = CardiacPhantom(shape=(3, 96, 96), spacing=(2.0, 2.0, 30.0))
    frames, _ = phantom.cine(3)
    segmenter = Segmenter(find_model("cardiac-mr"), "cpu")

    together = segment_cine(segmenter, frames, phantom.geometry)
    alone = [segmenter.segment(frame, phantom.geometry).labels for frame in frames]
    np.testing.assert_array_equal(together.labels, alone)
    assert together.labels.any()
