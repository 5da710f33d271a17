"""The phantom's DICOM study contains the phantom's images, and its series belong to one patient."""

import numpy as np
import pydicom
import pytest

from DINSegmentLib import io
from DINSegmentLib.phantom import CardiacPhantom, Scar
from DINSegmentLib.phantom.study import CINE, LATE, write_study

SHAPE = (3, 48, 40)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return folder, write_study(folder, 2, SHAPE)


def test_the_cine_holds_the_frames_at_their_times_on_the_phantoms_grid(study):
    cine = io.read_cine(study[0] / CINE)
    phantom = CardiacPhantom(shape=SHAPE)

    assert cine.times == pytest.approx((0, 0.45))  # half of 0.9 s
    assert_same_image(cine.array[0], cine.first.geometry, phantom.frame(0.0)[0], phantom.geometry)
    assert_same_image(cine.array[1], cine.first.geometry, phantom.frame(0.5)[0], phantom.geometry)


def test_late_enhancement_shows_the_scar_in_the_same_patient_and_frame_of_reference(study):
    image = io.read(study[0] / LATE)
    scarred = CardiacPhantom(shape=SHAPE, scar=Scar())

    assert_same_image(image.array, image.geometry, scarred.frame(0.0)[0], scarred.geometry)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in study[1]]
    for name in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert len({header[name].value for header in headers}) == 1
    assert len({header.SeriesInstanceUID for header in headers}) == 2
    assert len({header.SOPInstanceUID for header in headers}) == len(headers) == 9


def test_the_same_arguments_give_the_same_bytes(study, tmp_path):
    again = write_study(tmp_path, 2, SHAPE)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in study[1]]


def assert_same_image(array, geometry, expected, grid):
    """The same value at the same place in the patient, in whatever order the slices are stored."""
    corners = np.array([(0, 0, 0, 1), (*np.subtract(array.shape[::-1], 1), 1)]).T
    if geometry.ijk_to_ras[:3, 2] @ grid.ijk_to_ras[:3, 2] < 0:
        array = array[::-1]
        corners[2] = corners[2][::-1]
    ends = np.array([(0, 0, 0, 1), (*np.subtract(expected.shape[::-1], 1), 1)]).T
    np.testing.assert_allclose(geometry.ijk_to_ras @ corners, grid.ijk_to_ras @ ends, atol=1e-4)
    np.testing.assert_array_equal(array, expected)
