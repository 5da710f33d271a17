"""Infarct size by hand: two slices with a wall of 20 and 10 voxels of 0.05 ml."""

import json
from pathlib import Path

import numpy as np
import pytest

from DINSegmentLib.errors import ModelError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure import cardiac_function
from DINSegmentLib.measure.infarct import infarct_size
from DINSegmentLib.model import Model, find_model, read_manifest

GEOMETRY = Geometry((2, 5, 10), np.diag([-2.0, -2.5, 10.0, 1.0]))  # 0.05 ml a voxel


@pytest.fixture
def model(repository: Path) -> Model:
    return read_manifest(repository / "Resources" / "Models" / "CardiacLGE")


@pytest.fixture
def labels() -> np.ndarray:
    """Slice 0: 14 healthy, 4 infarct, 2 no-reflow, 5 cavity. Slice 1: 10 healthy."""
    found = np.zeros((2, 50), np.uint8)
    found[0, :25] = np.repeat([2, 3, 4, 1], [14, 4, 2, 5])
    found[1, :10] = 2
    return found.reshape(2, 5, 10)


def test_infarct_holds_no_reflow_and_the_wall_holds_both(labels, model):
    found = infarct_size(labels, GEOMETRY, model)

    assert found.infarct_ml == pytest.approx(6 * 0.05) and found.no_reflow_ml == pytest.approx(2 * 0.05)
    assert found.wall_ml == pytest.approx(30 * 0.05) and found.infarct_g == pytest.approx(6 * 0.05 * 1.05)
    assert found.share_percent == pytest.approx(20)
    assert found.slice_share_percent == pytest.approx((30, 0))
    assert found.slice_wall_ml == pytest.approx((1.0, 0.5))
    assert "not by a threshold" in found.method and json.dumps(found.as_dict())


def test_slices_are_those_of_the_models_plane_however_the_volume_is_stored(labels, model):
    turned = np.moveaxis(labels, 0, 2)  # the stack runs along I
    matrix = np.zeros((4, 4))
    matrix[2, 0], matrix[0, 1], matrix[1, 2], matrix[3, 3] = 10.0, -2.0, -2.5, 1.0
    found = infarct_size(turned, Geometry(turned.shape, matrix), model)

    assert found.slice_share_percent == pytest.approx((30, 0))


def test_without_a_wall_there_is_no_share(model):
    found = infarct_size(np.zeros((2, 5, 10), np.uint8), GEOMETRY, model)
    assert found.share_percent is None and found.slice_share_percent == (None, None) and found.infarct_ml == 0


def test_a_model_for_cine_tells_no_infarct_and_one_for_infarcts_no_function(labels, model):
    with pytest.raises(ModelError, match="cardiac-mr does not label infarct"):
        infarct_size(labels, GEOMETRY, find_model("cardiac-mr"))
    with pytest.raises(ModelError, match="cardiac-lge is for late enhancement"):
        cardiac_function([labels], GEOMETRY, model)
