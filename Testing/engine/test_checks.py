"""Voxels that cannot be segmented are rejected in one sentence, quickly and without a copy."""

import time

import numpy as np
import pytest

from DINSegmentLib.checks.volume import check_array
from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.geometry import Geometry

GOOD = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)


def bad_voxel(value: float) -> np.ndarray:
    array = GOOD.astype(np.float32)
    array[1, 2, 3] = value
    return array


@pytest.mark.parametrize(
    ("array", "text", "kind"),
    [
        (GOOD[0], "2 dimensions", InputError),
        (GOOD[None], "4 dimensions", InputError),
        (GOOD[:0], "empty", InputError),
        (GOOD[:1], "only one slice", GeometryError),
        (GOOD > 3, "voxels of type bool", InputError),
        (GOOD.astype(np.complex64), "voxels of type complex64", InputError),
        (bad_voxel(np.nan), "NaN or infinite", InputError),
        (bad_voxel(np.inf), "NaN or infinite", InputError),
        (bad_voxel(-np.inf), "NaN or infinite", InputError),
        (np.full((2, 3, 4), -1024, np.int16), "constant (every voxel is -1024)", InputError),
        (np.zeros((2, 3, 4), np.float64), "constant (every voxel is 0)", InputError),
    ],
)
def test_unusable_voxels_are_refused_by_name(array, text, kind):
    shape = array.shape if array.ndim == 3 else GOOD.shape
    with pytest.raises(kind) as caught:
        check_array(array, Geometry(shape, np.eye(4)), "heart.nii.gz")
    message = str(caught.value)
    assert (
        message.startswith("heart.nii.gz ") and text in message and message.endswith(".") and message.count(". ") == 0
    )


def test_voxels_of_another_grid_are_refused():
    with pytest.raises(GeometryError, match="geometry says"):
        check_array(GOOD, Geometry((2, 4, 3), np.eye(4)), "heart.nii.gz")


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.int64, np.float16, np.float64])
def test_real_numbers_of_any_type_pass(kind):
    check_array(GOOD.astype(kind), Geometry(GOOD.shape, np.eye(4)), "heart.nii.gz")


def test_a_ct_volume_is_checked_without_a_copy():
    import tracemalloc

    array = np.zeros((100, 512, 512), np.int16)
    array[50, 200, 200] = 1
    tracemalloc.start()
    start = time.perf_counter()
    check_array(array, Geometry(array.shape, np.eye(4)), "ct")
    assert time.perf_counter() - start < 2  # 0.01 s alone on the machine; a copy or a Python loop is what must not be
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
