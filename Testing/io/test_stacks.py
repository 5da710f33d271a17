"""Grouping of images into volumes: patients, studies, series and parallel planes from any scanner."""

import pydicom
import pytest
from cine_files import AXES, MR, NORMAL, SLICES, assert_one_cine, cine, found, reasons
from input_files import image
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.io import count_frames, read, read_cine
from DINSegmentLib.io.probe import peek


def test_every_way_to_look_finds_the_stack_of_series_of_one_slice(tmp_path):
    cine(tmp_path)
    assert_one_cine(tmp_path)
    assert count_frames(tmp_path) == 3
    assert peek(tmp_path, all_frames=True).geometry.shape == (SLICES, 2, 2)
    assert peek(tmp_path, frame=1).geometry.shape == (SLICES, 2, 2)
    assert read(tmp_path, frame=2).array[:, 0, 0].tolist() == [2 + 10 * k for k in range(SLICES)]


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageOrientationPatient": [0.8000001, 0.6, 0, 0, 0, -1]},
        {"ImageOrientationPatient": ["0.80004", "0.59995", "0.0", "0.0", "0.00004", "-1.0"]},
        {"PixelSpacing": ["1.00000006", "1.00000006"]},
        {"PixelSpacing": ["1.0004", "1.0004"]},
        {"SeriesDescription": "Cine_SAX".replace("_", " ")},
    ],
    ids=["7th digit", "5 digits", "spacing", "spacing rounded", "case"],
)
def test_numbers_are_compared_as_numbers_and_texts_without_case(tmp_path, tags):
    assert_one_cine(cine(tmp_path, lambda k, t: tags if k % 2 else {}))


def test_places_may_differ_in_their_last_digit_between_frames(tmp_path):
    def move(k, t):
        return {"ImagePositionPatient": [f"{v + 1e-3 * t:.6f}" for v in 10 * k * NORMAL]}

    assert_one_cine(cine(tmp_path, move))


def test_descriptions_may_count_the_slices(tmp_path):
    assert_one_cine(cine(tmp_path, lambda k, t: {"SeriesDescription": f"sax_{k + 1}"}))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"angle": 0.2}),
        ({"SeriesDescription": "rest"}, {"SeriesDescription": "stress"}),
        ({}, {}),
        ({}, {"SeriesDescription": "tagging"}),
        ({}, {"ProtocolName": "flow"}),
        ({}, {"StudyInstanceUID": "1.3"}),
        ({}, {"PatientID": "Q"}),
        ({}, {"EchoTime": 20}),
    ],
    ids=["angle", "description", "repeated", "tagging", "protocol", "study", "patient", "echo"],
)
def test_two_stacks_of_one_exam_are_two_cases_of_two_names(tmp_path, first, second):
    cine(tmp_path, lambda k, t: {"EchoTime": 2, **first}, prefix="a")
    cine(tmp_path, lambda k, t: {"EchoTime": 2, **second}, first=40, prefix="b")
    one, other = found(tmp_path)
    assert one.case != other.case and not set(one.files) & set(other.files)
    for item in (one, other):
        assert len(item.files) == 3 * SLICES
        assert read_cine(item.path, item.series, item.files).array.shape == (3, SLICES, 2, 2)
        assert read_cine(tmp_path, item.series).files == read_cine(item.path, item.series, item.files).files


@pytest.mark.parametrize("thickness", [8, ""], ids=["thickness", "no thickness"])
@pytest.mark.parametrize("shift", [5, 3, -3, -5, 0])
@pytest.mark.parametrize("backwards", [False, True], ids=["same order", "reverse order"])
def test_a_second_stack_between_the_slices_of_the_first_is_not_mixed_into_it(tmp_path, thickness, shift, backwards):
    def second(k, t):
        number = 40 + (SLICES - 1 - k if backwards else k)
        place = [f"{v:.4f}" for v in (10 * k + shift) * NORMAL]
        return {"SliceThickness": thickness, "ImagePositionPatient": place, "SeriesNumber": number}

    cine(tmp_path, lambda k, t: {"SliceThickness": thickness}, prefix="a")
    cine(tmp_path, second, first=40, prefix="b")
    assert [{path.name[0] for path in one.files} for one in found(tmp_path)] == [{"a"}, {"b"}]
    assert [read_cine(one.path, one.series, one.files).array.shape for one in found(tmp_path)] == [
        (3, SLICES, 2, 2)
    ] * 2


def test_overlapping_slices_whose_order_reveals_no_stacks_stay_single(tmp_path):
    order = [0, 3, 1, 4, 2]
    cine(
        tmp_path,
        lambda k, t: {
            "SeriesNumber": 10 + order.index(k),
            "SliceThickness": 8,
            "ImagePositionPatient": [f"{v:.4f}" for v in 5 * k * NORMAL],
        },
    )
    assert [len(one.files) for one in found(tmp_path)] == [3] * SLICES


def test_overlapping_slices_in_their_order_are_one_stack(tmp_path):
    assert_one_cine(cine(tmp_path, lambda k, t: {"SliceThickness": 20}))


@pytest.mark.parametrize("thickness", [8, ""], ids=["thickness", "no thickness"])
def test_a_slice_that_was_acquired_later_is_of_the_stack(tmp_path, thickness):
    order = [0, 1, 3, 4, 2]
    assert_one_cine(cine(tmp_path, lambda k, t: {"SeriesNumber": 10 + order.index(k), "SliceThickness": thickness}))


@pytest.mark.parametrize("one_series", [True, False])
def test_positions_in_two_frames_of_reference_are_two_stacks(tmp_path, one_series):
    def tags(k, t):
        return {"FrameOfReferenceUID": f"1.9.{int(k > 2)}", **({"uid": "1.7"} if one_series else {})}

    assert [len(one.files) for one in found(cine(tmp_path, tags, slices=6))] == [9, 9]


@pytest.mark.parametrize("one_series", [True, False])
def test_images_without_a_frame_of_reference_stay_with_those_of_the_only_one(tmp_path, one_series):
    def tags(k, t):
        return {"FrameOfReferenceUID": "1.9" if k % 2 else "", **({"uid": "1.7"} if one_series else {})}

    assert_one_cine(cine(tmp_path, tags))


def test_a_series_whose_images_each_have_their_own_frame_of_reference_stays_together(tmp_path):
    assert_one_cine(cine(tmp_path, lambda k, t: {"FrameOfReferenceUID": f"1.9.{k}.{t}", "uid": "1.7"}))


def test_interleaved_acquisition_is_one_stack(tmp_path):
    order = [0, 2, 4, 1, 3]
    assert_one_cine(cine(tmp_path, lambda k, t: {"SeriesNumber": 10 + order.index(k), "SliceThickness": 8}))


def test_people_behind_one_series_uid_are_cases_of_their_own(tmp_path):
    cine(tmp_path / "x", lambda k, t: {"uid": "1.7", "PatientID": "A", "StudyInstanceUID": "1.1"})
    cine(tmp_path / "y", lambda k, t: {"uid": "1.7", "PatientID": "B", "InstanceNumber": t + 9})
    one, other = found(tmp_path)
    assert {path.parent.name for path in one.files} == {"x"} and {path.parent.name for path in other.files} == {"y"}
    with pytest.raises(InputError, match=r"patient a\].*patient b\]"):
        read(tmp_path, series="1.7", frame=1)
    assert one.notices[0].kind == "identity" and "(patient a and patient b)" in one.notices[0].text


@pytest.mark.parametrize(
    ("one", "other"),
    [({"IssuerOfPatientID": "A"}, {"IssuerOfPatientID": "B"}),
     ({"PatientID": "", "PatientName": "A^B", "PatientBirthDate": "19600101"},
      {"PatientID": "", "PatientName": "A^B", "PatientBirthDate": "19700101"})],
    ids=["issuer", "birth"],
)  # fmt: skip
def test_issuer_and_date_of_birth_tell_patients_apart(tmp_path, one, other):
    for prefix, tags in (("a", one), ("b", other)):
        cine(tmp_path, lambda k, t, tags=tags: {"uid": "1.7", **tags}, prefix=prefix)
    both = found(tmp_path)
    assert [len(one.files) for one in both] == [3 * SLICES] * 2
    assert all(one.notices[0].kind == "identity" and "patients" in one.notices[0].text for one in both)


def test_studies_behind_one_series_uid_are_cases_of_their_own(tmp_path):
    for prefix, study in (("a", "1.21"), ("b", "1.22")):
        cine(tmp_path, lambda k, t, study=study: {"uid": "1.7", "StudyInstanceUID": study}, prefix=prefix)
    both = found(tmp_path)
    assert [len(one.files) for one in both] == [3 * SLICES] * 2
    assert all(one.notices[0].kind == "identity" and "studies" in one.notices[0].text for one in both)


def test_an_empty_identity_is_like_none_of_another_folder(tmp_path):
    for folder in ("x", "y"):
        cine(tmp_path / folder, lambda k, t: {"uid": "1.7", "PatientID": ""})
    assert len(found(tmp_path)) == 2


@pytest.mark.parametrize("name", ["doe  jane", "DOE^JANE", "Doe^Jane^^"])
def test_one_patient_may_be_spelled_in_several_ways(tmp_path, name):
    def spell(k, t):
        return {
            "uid": "1.7",
            "PatientID": "",
            "PatientBirthDate": "19700101",
            "PatientName": name if k % 2 else "Doe^Jane",
        }

    assert_one_cine(cine(tmp_path, spell))


def test_two_names_of_one_id_are_one_patient_with_a_notice(tmp_path):
    cine(tmp_path, lambda k, t: {"uid": "1.7", "PatientName": "Meier^Jo" if k else "Meyer^Jo"})
    (one,) = found(tmp_path)
    (notice,) = read_cine(one.path, one.series, one.files).first.notices
    assert "Meier^Jo" in notice.text and "Meyer^Jo" in notice.text


@pytest.mark.parametrize(
    "tags",
    [{"ImageType": ["ORIGINAL", "PRIMARY", "P"]}, {"ComplexImageComponent": "PHASE"},
     {"ImageType": ["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "PCA"]}],
)  # fmt: skip
def test_phase_images_of_the_same_series_are_left_out_with_a_reason(tmp_path, tags):
    cine(tmp_path, lambda k, t: {"uid": "1.7"}, prefix="m")
    cine(tmp_path, lambda k, t: {"uid": "1.7", **tags, "InstanceNumber": 100 + t}, prefix="p")
    assert_one_cine(tmp_path)
    assert "phase image" in reasons(tmp_path)
    assert read_cine(tmp_path).times == (0.0, 0.04, 0.08)


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize(("part", "called"), [(1, "phase image"), (2, "real part"), (3, "imaginary part")])
def test_parts_that_ge_tells_apart_by_its_own_element_alone_are_left_out(tmp_path, part, called, implicit):
    for prefix, value in (("m", 0), ("p", part)):
        cine(tmp_path, lambda k, t: {"uid": "1.7", "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"]}, prefix=prefix)
        for path in tmp_path.glob(f"{prefix}*"):
            data = pydicom.dcmread(path)
            data.private_block(0x43, "GEMS_PARM_01", create=True).add_new(0x2F, "SS", value)
            data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
            pydicom.dcmwrite(path, data, enforce_file_format=True)
    assert_one_cine(tmp_path)
    assert called in reasons(tmp_path)


def test_the_magnitude_of_a_flow_is_not_taken_for_its_phase(tmp_path):
    cine(tmp_path, lambda k, t: {"ImageType": ["ORIGINAL", "PRIMARY", "M_PCA", "M", "PCA"]})
    assert_one_cine(tmp_path)


@pytest.mark.parametrize(
    "tags",
    [{"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, {"SeriesDescription": "3-plane Scout"}],
    ids=["type", "description"],
)
def test_scouts_are_left_out_with_a_reason(tmp_path, tags):
    cine(tmp_path)
    cine(tmp_path, lambda k, t: {**tags, "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, first=1, prefix="s")
    assert_one_cine(tmp_path)
    assert "localizer" in reasons(tmp_path)


def test_two_kernels_at_the_same_places_are_two_volumes(tmp_path):
    for kernel in ("B30f", "B70f"):
        cine(
            tmp_path,
            lambda k, t, kernel=kernel: {
                "uid": "1.7",
                "ConvolutionKernel": kernel,
                "Modality": "CT",
                "TriggerTime": "",
            },
            frames=1,
            prefix=kernel,
        )
    assert sorted(item.series for item in found(tmp_path)) == ["1.7 [kernel B30F]", "1.7 [kernel B70F]"]
    with pytest.raises(InputError, match="kernel B30F.*kernel B70F"):
        read(tmp_path)


@pytest.mark.parametrize("echoes", [("1.1234", "1.1236"), ("0.4504", "0.4506"), ("16.999", "17.001")])
def test_an_echo_time_may_differ_in_its_last_digit_between_frames(tmp_path, echoes):
    assert_one_cine(cine(tmp_path, lambda k, t: {"uid": "1.7", "EchoTime": echoes[t % 2]}))


@pytest.mark.parametrize("echoes", [("1.15", "1.25"), ("0", "0.5"), ("60", "61")])
def test_echoes_at_the_same_places_are_volumes_of_their_own(tmp_path, echoes):
    cine(tmp_path, lambda k, t: {"uid": "1.7", "EchoTime": echoes[t]}, frames=2)
    wanted = {f"1.7 [echo time {float(echo)}]" for echo in echoes}
    assert {one.series for one in found(tmp_path)} == wanted


def test_a_missing_frame_names_slice_series_and_file(tmp_path):
    cine(tmp_path)
    (tmp_path / "02_1").unlink()
    with pytest.raises(GeometryError, match=r'2 images at slice 3 of 5.*02_0 \(series 12 "cine sax"\)'):
        read_cine(tmp_path)


def test_a_repeated_slice_names_slice_series_and_file(tmp_path):
    cine(tmp_path)
    for t in range(3):
        image(
            tmp_path / f"again_{t}", "1.2.99", 2, MR, Modality="MR", SOPClassUID=MR, PatientID="P",
            StudyInstanceUID="1.2", SeriesNumber=20, SeriesDescription="cine sax",
            TriggerTime=40 * t, InstanceNumber=t + 1,
            ImageOrientationPatient=[f"{v:.7f}" for v in AXES.ravel()],
            ImagePositionPatient=[f"{v:.4f}" for v in 20 * NORMAL],
        )  # fmt: skip
    with pytest.raises(GeometryError, match=r'6 images at slice 3 of 5.*again_2 \(series 20 "cine sax"\)'):
        read_cine(tmp_path)


def test_an_odd_image_is_named(tmp_path):
    cine(tmp_path, lambda k, t: {"uid": "1.7", **({"PixelSpacing": [2, 2]} if (k, t) == (3, 1) else {})})
    with pytest.raises(GeometryError, match=r'03_1 \(series 13 "cine sax"\) is unlike the others'):
        read_cine(tmp_path)


def test_a_slice_that_moves_between_frames_is_refused(tmp_path):
    def move(k, t):
        return {"ImagePositionPatient": [f"{v:.4f}" for v in 10 * k * NORMAL + 15 * AXES[0] * (t == 1 and k == 2)]}

    with pytest.raises(GeometryError, match="02_1"):
        read_cine(cine(tmp_path, move))
