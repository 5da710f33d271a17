"""Several acquisitions of one cine in one series, and acquisition numbers that count something else."""

import pydicom
import pytest
from cine_files import SLICES, assert_one_cine, cine, found

from DINSegmentLib.errors import InputError
from DINSegmentLib.io import count_frames, read_cine
from DINSegmentLib.io.probe import peek


def twice(folder, change=lambda acquisition, k, t: {}):
    """One series with a cine and its repetition, whose values are higher by 100."""
    for acquisition in (1, 2):

        def tags(k, t, acquisition=acquisition):
            return {
                "uid": "1.7", "SeriesNumber": 5, "AcquisitionNumber": acquisition,
                "InstanceNumber": 1 + t + 3 * k + 100 * acquisition,
                "PixelData": bytes([1 + t + 10 * k + 100 * (acquisition - 1), 0] * 4),
                **change(acquisition, k, t),
            }  # fmt: skip

        cine(folder, tags, prefix=f"{acquisition}_")
    return folder


def first_values(one):
    return read_cine(one.path, one.series, one.files).array[:, 0, 0, 0].tolist()


def by_position(acquisition, k, t):
    return {"TriggerTime": "", "TemporalPositionIdentifier": t + 1}


@pytest.mark.parametrize("change", [lambda acquisition, k, t: {}, by_position], ids=["trigger time", "position"])
def test_a_cine_and_its_repetition_are_two_cases(tmp_path, change):
    one, other = found(twice(tmp_path, change))
    assert first_values(one) == [1, 2, 3] and first_values(other) == [101, 102, 103]
    assert (one.series, other.series) == ("1.7 [acquisition 1]", "1.7 [acquisition 2]")
    assert read_cine(tmp_path, other.series).files == read_cine(other.path, other.series, other.files).files


def test_a_repetition_with_a_few_other_times_is_a_case_of_its_own(tmp_path):
    one, other = found(twice(tmp_path, lambda acquisition, k, t: {"TriggerTime": 40 * t + t * acquisition}))
    assert first_values(one) == [1, 2, 3] and first_values(other) == [101, 102, 103]


def test_series_of_one_slice_with_two_acquisitions_are_two_stacks(tmp_path):
    def change(acquisition, k, t):
        return {"uid": f"1.7.{k}", "SeriesNumber": k, "AcquisitionNumber": 2 * k + acquisition}

    one, other = found(twice(tmp_path, change))
    assert first_values(one) == [1, 2, 3] and first_values(other) == [101, 102, 103]
    assert {len(one.files), len(other.files)} == {3 * SLICES}


@pytest.mark.parametrize(
    "number",
    [
        lambda k, t: k,
        lambda k, t: t,
        lambda k, t: 3 * k + t,
        lambda k, t: k % 2,
        lambda k, t: t // 2,
        lambda k, t: "",
    ],
    ids=["slice", "frame", "image", "every other slice", "part of the cycle", "empty"],
)
def test_numbers_that_count_something_else_leave_one_cine(tmp_path, number):
    assert_one_cine(cine(tmp_path, lambda k, t: {"uid": "1.7", "AcquisitionNumber": number(k, t)}, frames=4), frames=4)


def test_a_course_of_single_images_is_not_torn_into_them(tmp_path):
    def change(k, t):
        return {"uid": "1.7", "AcquisitionNumber": t, "TriggerTime": 100 + k, "InstanceNumber": 1 + t}

    assert_one_cine(cine(tmp_path, change))


@pytest.mark.parametrize(
    "number",
    [lambda acquisition, k, t: 1, lambda acquisition, k, t: k, lambda acquisition, k, t: 2 * k + acquisition],
    ids=["all", "slice", "slice and acquisition"],
)
def test_repeated_times_that_no_number_separates_are_refused_with_two_files(tmp_path, number):
    twice(tmp_path, lambda acquisition, k, t: {"AcquisitionNumber": number(acquisition, k, t)})
    for ask in (read_cine, count_frames, lambda folder: peek(folder, frame=1)):
        with pytest.raises(InputError, match=r"1_00_0 \(series 5 .* and 2_00_0"):
            ask(tmp_path)


def test_repeated_times_with_a_temporal_position_for_every_image_are_one_cine(tmp_path):
    folder = twice(tmp_path, lambda acquisition, k, t: {"AcquisitionNumber": 1})
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        data.TemporalPositionIdentifier = data.InstanceNumber
        data.save_as(path)
    assert read_cine(tmp_path).array[:, 0, 0, 0].tolist() == [1, 2, 3, 101, 102, 103]
