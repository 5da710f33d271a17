"""Inputs to cases: files, folders and untidy DICOM trees; what is not a case is rejected with a reason."""

import json
import os
import time
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from input_files import cases, image, reasons, series, volume
from pydicom.uid import RLELossless, SegmentationStorage

from DINSegmentLib import io
from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.inputs import names
from DINSegmentLib.inputs.search import Found, Refused, find


def test_files_folders_and_dicom_in_their_order(tmp_path):
    alone = volume(tmp_path / "alone.nii.gz")
    folder = volume(tmp_path / "many" / "b.nii").parent
    volume(folder / "deep" / "a.nii.gz")
    exam = series(tmp_path / "exam", "1.2.3")
    found = find([alone, folder, exam])
    assert [item.case for item in found] == ["alone", "b", "a", "exam"]
    assert found[0] == Found(alone, "alone", alone.stat().st_size)
    assert found[3].path == exam and found[3].series == "1.2.3"
    assert set(found[3].files) == set(exam.iterdir())
    assert found[3].size == sum(path.stat().st_size for path in exam.iterdir())


def test_pattern_and_folders_below(tmp_path):
    for name in ("a/x_t1.nii.gz", "a/x_t2.nii.gz", "b/anat/y_t1.nii.gz", "z_t1.nrrd"):
        volume(tmp_path / name) if "nii" in name else (tmp_path / name).write_bytes(b"NRRD0004")
    assert set(cases(find([tmp_path], "*_t1.nii.gz"))) == {"x_t1", "y_t1"}
    assert set(cases(find([tmp_path], "*/anat/*"))) == {"y_t1"}
    assert set(cases(find([tmp_path], recursive=False))) == {"z_t1"}
    assert 'that "*.mha" matches' in reasons(find([tmp_path], "*.mha"))[tmp_path.name]


def test_cases_of_one_name_get_their_folders(tmp_path):
    for patient in ("patient1", "patient2"):
        volume(tmp_path / patient / "heart.nii.gz")
    volume(tmp_path / "patient2" / "liver.nii.gz")
    assert set(cases(find([tmp_path]))) == {"patient1_heart", "patient2_heart", "liver"}
    files = sorted(tmp_path.rglob("heart.nii.gz"))
    assert list(cases(find(files))) == ["patient1_heart", "patient2_heart"]


def test_a_folder_name_taken_by_another_case_is_not_given_twice(tmp_path):
    for name in ("heart.nii.gz", "p/heart.nii.gz", "p_heart.nii.gz", "q/heart.nii", "q/heart.nii.gz", "P_Heart.nii"):
        volume(tmp_path / name)
    found = cases(find([tmp_path]))
    assert len({name.casefold() for name in found}) == 6
    assert found["q_heart_nii-gz"].path.name == "heart.nii.gz" and found["q_heart_nii"].path.name == "heart.nii"


def test_names_do_not_depend_on_the_order_of_the_inputs(tmp_path):
    files = [volume(tmp_path / name) for name in ("a/h.nii", "b/h.nii", "b/h.nii.gz", "c/H.nii", "x.nii")]
    forward, backward = find(files), find(files[::-1])
    assert {item.path: item.case for item in forward} == {item.path: item.case for item in backward}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("two words.nii", "two words"), ("Müller 左.nii", "Müller 左"), ("a\nb.nii", "a_b"), ('a:b"c.nii', "a_b_c"),
        ("con.nii", "_con"), ("a. .nii", "a"), ("-x.nii", "-x"),
    ],
)  # fmt: skip
def test_unusual_names_work(name, case, tmp_path):
    volume(tmp_path / name)
    found = find([tmp_path])
    assert list(cases(found)) == [case]
    assert io.read(found[0].path).array.shape == (3, 4, 5)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{case}.seg.nrrd").touch()


def test_composed_and_decomposed_letters_are_one_name(tmp_path):
    volume(tmp_path / "a" / "u\u0308.nii")
    volume(tmp_path / "b" / "\u00fc.nii")
    assert set(cases(find([tmp_path]))) == {"a_\u00fc", "b_\u00fc"}


def test_too_long_names_are_refused_and_the_rest_goes_on(tmp_path, monkeypatch):
    longest = volume(tmp_path / f"{'a' * (names.LONGEST_NAME)}.nii")
    too_long = volume(tmp_path / f"{'ü' * 124}.nii.gz")  # 255 bytes, and .seg.nrrd is longer than .nii.gz
    assert len(too_long.name.encode()) == 255
    found = find([tmp_path])
    assert [item.path for item in found if isinstance(item, Found)] == [longest]
    assert "name too long" in reasons(found)[too_long.name]
    # as on a system whose paths end at 259 letters
    monkeypatch.setattr(names, "LONGEST_PATH", 259)
    deep = volume(tmp_path / "d" / ("e" * (259 - len(str(tmp_path)))) / "x.nii")
    near = volume(tmp_path / "d" / "y.nii")
    found = find([tmp_path / "d"])
    assert list(cases(found)) == ["y"]
    assert "259 are possible" in reasons(found)["x.nii"] and str(deep) != str(near)
    found = find([near], output=tmp_path / ("o" * (250 - len(str(tmp_path)))))
    assert "results" in reasons(found)["y.nii"]


def test_a_messy_folder(tmp_path):
    good = volume(tmp_path / "good.nii.gz")
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "list.csv").write_text("path\ngood.nii.gz\n", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "voxels.raw").write_bytes(bytes(99))
    (tmp_path / ".hidden.nii").touch()
    volume(tmp_path / ".cache" / "old.nii")
    (tmp_path / "zero.nii").touch()
    (tmp_path / "half.nii.gz.part").write_bytes(good.read_bytes()[:50])
    (tmp_path / "brain.mgz").write_bytes(b"x")
    (tmp_path / "lonely.dcm").write_bytes(bytes(500))
    (tmp_path / "dangling.nii").symlink_to(tmp_path / "nowhere.nii")
    (tmp_path / "self.nii").symlink_to(tmp_path / "self.nii")
    (tmp_path / "same.nii.gz").symlink_to(good)
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.nii")
    os.mkfifo(tmp_path / "pipe")
    found = find([tmp_path])
    assert list(cases(found)) == ["good"]
    told = reasons(found)
    for name, text in {
        "zero.nii": "empty file", "half.nii.gz.part": "incomplete copy", "brain.mgz": "not supported",
        "lonely.dcm": "not a DICOM file", "dangling.nii": "broken link", "self.nii": "broken link",
        "same.nii.gz": "twice", "loop": "back to a folder above", "pipe.nii": "not a regular file",
    }.items():  # fmt: skip
        assert text in told.pop(name)
    assert not told


def test_a_folder_reached_twice_is_searched_once(tmp_path):
    volume(tmp_path / "data" / "a.nii")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    found = find([tmp_path])
    assert list(cases(found)) == ["a"]
    assert "same folder" in reasons(found)["link"]
    assert "twice" in reasons(find([tmp_path / "data", tmp_path / "data" / "a.nii"]))["a.nii"]


def test_no_permission(tmp_path, monkeypatch):
    volume(tmp_path / "a.nii")
    volume(tmp_path / "b.nii")
    volume(tmp_path / "locked" / "c.nii")
    access, scandir = os.access, os.scandir  # tests may run as root, whom nothing is forbidden

    def locked(folder):
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "a.nii" and access(path, mode))
    monkeypatch.setattr(os, "scandir", locked)
    found = find([tmp_path])
    assert list(cases(found)) == ["b"]
    assert all("permission denied" in text for text in reasons(found).values()) and len(reasons(found)) == 2


def test_our_own_results_are_no_inputs(tmp_path):
    volume(tmp_path / "heart.nii")
    volume(tmp_path / "heart.nii.gz")
    (tmp_path / "heart.seg.nrrd").write_bytes(b"NRRD0004")
    record = {"model": {"id": "m", "weights_sha256": "0"}, "outputs": ["heart.seg.nrrd", "heart.nii.gz", "heart.json"]}
    (tmp_path / "heart.json").write_text(json.dumps(record), encoding="utf-8")
    volume(tmp_path / "bids.nii.gz")
    (tmp_path / "bids.json").write_text('{"Modality": "MR"}', encoding="utf-8")
    output = tmp_path / "results"
    volume(output / "other.nii.gz")
    found = find([tmp_path], output=output)
    assert [item.path.name for item in found] == ["bids.nii.gz", "heart.nii"]
    assert [item.path.name for item in find([tmp_path], output=tmp_path)][:2] == ["bids.nii.gz", "heart.nii"]
    assert "segmentation" in reasons(find([tmp_path / "heart.seg.nrrd"]))["heart.seg.nrrd"]


def test_labels_of_a_cine_and_of_its_frames_are_no_inputs(tmp_path):
    outputs = ["heart.nii.gz", "heart_f01.nii.gz", "heart.json"]
    for name in (*outputs[:2], "heart_f02.nii.gz", "other.nii.gz"):
        volume(tmp_path / name)
    record = {"model": {"id": "m", "weights_sha256": "0"}, "outputs": outputs}
    (tmp_path / "heart.json").write_text(json.dumps(record), encoding="utf-8")

    assert [item.path.name for item in find([tmp_path])] == ["heart_f02.nii.gz", "other.nii.gz"]


def test_what_was_named_is_never_passed_over(tmp_path):
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    slice_ = series(tmp_path / "exam") / "IM000"
    told = reasons(find([tmp_path / "notes.txt", tmp_path / "empty", tmp_path / "none.nii", slice_]))
    assert "not a volume file" in told["notes.txt"] and "contains no volume" in told["empty"]
    assert "does not exist" in told["none.nii"] and "single DICOM file" in told["IM000"]


def test_voxels_beside_a_header_count_as_its_size(tmp_path):
    head = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = v.raw\n"
    (tmp_path / "v.mhd").write_text(head, encoding="utf-8")
    (tmp_path / "v.raw").write_bytes(bytes(16))
    assert find([tmp_path]) == [Found(tmp_path / "v.mhd", "v", len(head) + 16)]


def test_every_series_of_a_dicom_tree_is_a_case(tmp_path):
    series(tmp_path / "p1" / "mixed", "1.1", prefix="A", SeriesNumber=7, SeriesDescription="native")
    series(tmp_path / "p1" / "mixed", "1.2", prefix="B", SeriesNumber=8, SeriesDescription="late")
    series(tmp_path / "p2" / "s", "2.1")
    series(tmp_path / "p3" / "s", "3.1")
    for k in range(4):  # one series in two folders
        image(tmp_path / "p4" / "ab"[k % 2] / f"{k}", "4.1", k, PatientID="P4")
    found = cases(find([tmp_path]))
    assert {name: item.series for name, item in found.items()} == {
        "p1_mixed_7_native": "1.1", "p1_mixed_8_late": "1.2", "p2_s": "2.1", "p3_s": "3.1", "p4": "4.1",
    }  # fmt: skip
    for item in found.values():
        assert len(item.files) == 4
        assert io.read(item.path, item.series).array[:, 0, 0].tolist() == [0, 257, 514, 771]
    assert list(cases(find([tmp_path], series="late"))) == ["mixed"]
    assert "no series" in reasons(find([tmp_path], series="9"))[tmp_path.name]


def test_series_without_uid_are_told_apart_by_folder(tmp_path):
    for patient in ("p1", "p2"):
        series(tmp_path / patient, "")
    found = cases(find([tmp_path]))
    assert set(found) == {"p1", "p2"} and found["p1"].series == "1" and len(found["p1"].files) == 4


def test_series_without_uid_and_of_one_number_are_told_apart_by_description(tmp_path):
    series(tmp_path, "", prefix="A", SeriesDescription="native")
    series(tmp_path, "", prefix="B", SeriesDescription="late")
    found = find([tmp_path])
    assert len(cases(found)) == 2 and {item.files[0].name[0] for item in found} == {"A", "B"}


def test_localizers_copies_and_objects_without_an_image_are_passed_over(tmp_path):
    exam = series(tmp_path / "exam", "1.1")
    series(exam, "1.2", prefix="LOC", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    image(exam / "IM900", "1.1", 50, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])  # in the series itself
    image(exam / "SEG", "1.3", 0, SegmentationStorage, Modality="SEG", NumberOfFrames=3)
    image(exam / "ONE", "1.4", 0)
    image(exam / "MULTI", "1.5", 0, NumberOfFrames=3)
    (exam / "COPY").write_bytes((exam / "IM002").read_bytes())
    found = find([tmp_path])
    assert list(cases(found)) == ["exam"] and len(cases(found)["exam"].files) == 4
    told = " ".join(reasons([item]).popitem()[1] for item in found if isinstance(item, Refused))
    assert "a localizer, used to plan other series, like 4 more" in told
    assert "SEG is not an image (Segmentation)" in told and "single image" in told and "multi-frame" in told
    assert "is a copy of another image" in told
    faults = [item.reason for item in found if isinstance(item, Refused) and not item.expected]
    assert len(faults) == 1 and "multi-frame" in faults[0]
    only = cases(find([tmp_path]))["exam"]
    assert io.read(only.path, only.series).array.shape == (4, 2, 2)


def test_slices_that_share_one_uid_are_not_taken_for_copies(tmp_path):
    series(tmp_path / "exam", "1.1", SOPInstanceUID="1.2.3")
    assert len(find([tmp_path])[0].files) == 4


@pytest.mark.parametrize("tag", ["TemporalPositionIdentifier", "TriggerTime", "InstanceNumber"])
def test_frames_that_share_one_uid_are_not_taken_for_copies(tmp_path, tag):
    for t in range(3):
        for k in range(4):
            tags = {"InstanceNumber": "", tag: t + 1, "PatientID": "P"}
            image(tmp_path / f"{t}_{k}", "1.1", k, SOPInstanceUID="1.2.3", PixelData=bytes([9] * 8), **tags)
    (one,) = find([tmp_path])
    assert io.count_frames(one.path, one.series, one.files) == 3 and len(one.files) == 12


def test_filtered_images_that_kept_their_uids_are_a_case_of_their_own(tmp_path):
    for k in range(4):
        for n, folder in enumerate(("orig", "filtered")):
            pixels = bytes([50 * n + k] * 8)
            image(tmp_path / folder / f"{k}", "1.1", k, SOPInstanceUID=f"1.2.{k}", PatientID="P", PixelData=pixels)
    found = find([tmp_path])
    values = {one.path.name: io.read(one.path, one.series, None, one.files).array[-1, 0, 0] % 256 for one in found}
    assert values == {"orig": 3, "filtered": 53}


def test_images_with_one_uid_and_other_pixels_in_one_folder_are_refused(tmp_path):
    series(tmp_path, "1.1", PatientID="P")
    again = pydicom.dcmread(tmp_path / "IM002")
    again.PixelData = bytes([99] * 8)
    again.save_as(tmp_path / "again")
    (one,) = find([tmp_path])
    with pytest.raises(GeometryError, match="2 images at slice 3"):
        io.read(one.path, one.series, None, one.files)


@pytest.mark.parametrize("compress", [False, True], ids=["header", "compressed"])
def test_the_same_pixels_under_another_header_are_a_copy(tmp_path, compress):
    series(tmp_path, "1.1", PatientID="P")
    again = pydicom.dcmread(tmp_path / "IM002")
    again.InstitutionName = "elsewhere"
    if compress:
        again.compress(RLELossless, generate_instance_uid=False)
    again.save_as(tmp_path / "again")
    found = find([tmp_path])
    assert list(cases(found)) and "a copy of another image" in " ".join(reasons(found).values())


def test_a_damaged_slice_costs_its_series_and_no_other(tmp_path):
    series(tmp_path / "a", "1.1")
    series(tmp_path / "b", "2.1")
    series(tmp_path / "c", "3.1")
    (tmp_path / "c" / "README").write_text("not a slice", encoding="utf-8")
    (tmp_path / "a" / "IM003").write_bytes((tmp_path / "a" / "IM003").read_bytes()[:300])  # its end: no gap shows
    (tmp_path / "b" / "IM003").write_bytes(b"")
    found = find([tmp_path])
    assert list(cases(found)) == ["c"]
    told = reasons(found)
    assert "may lack IM003" in told["a"] and "may lack IM003" in told["b"]
    assert len([item for item in found if item.path.name == "IM003"]) == 2


@pytest.mark.parametrize("count", [1, 3], ids=["series of one slice", "one series"])
@pytest.mark.parametrize(
    "tags",
    [{"PixelSpacing": 1.4}, {"PixelSpacing": [1.4, 1.4, 1.4]}, {"ImagePositionPatient": 5},
     {"ImagePositionPatient": ["nan", 0, 0]}, {"ImageOrientationPatient": [1, 0, 0]}],
    ids=["one spacing", "three spacings", "one coordinate", "not a number", "one direction"],
)  # fmt: skip
def test_a_malformed_series_costs_itself_and_no_other(tmp_path, tags, count):
    with pydicom.config.disable_value_validation():
        for n in range(3):  # the first of equal series is the one that others are compared with
            series(tmp_path / "bad", f"2.{n}" if count == 1 else "2.0", count=count, prefix=f"{n}", **tags)
            image(tmp_path / "good" / f"{n}", f"1.{n}" if count == 1 else "1.0", n)
    found = cases(find([tmp_path]))
    good = found.pop("good")
    assert io.read(good.path, good.series, None, good.files).array.shape == (3, 2, 2)
    for bad in found.values():
        with pytest.raises(InputError, match="damaged DICOM headers"):
            io.read(bad.path, bad.series, None, bad.files)


@pytest.mark.slow
def test_ten_thousand_files_in_a_few_seconds(tmp_path):
    content = volume(tmp_path / "a.nii.gz").read_bytes()
    for patient in range(100):
        folder = tmp_path / f"p{patient:03d}"
        folder.mkdir()
        for index in range(100):
            (folder / f"v{index}.nii.gz").write_bytes(content)
    started = time.process_time()
    found = find([tmp_path])
    assert time.process_time() - started < 10  # 1 s on one core of 2024
    assert len(cases(found)) == 10_001 and "p007_v7" in cases(found)


def test_numbers_in_a_header_that_are_none_are_told(tmp_path, capfd):
    series(tmp_path / "a", "1.1")
    path = series(tmp_path / "b", "2.1", ImageOrientationPatient=["1", "0", "0", "0", "1", "0"]) / "IM001"
    path.write_bytes(path.read_bytes().replace(b"1\\0\\0\\0\\1\\0", b"1\\x\\0\\0\\1\\0"))
    series(tmp_path / "c", "3.1", NumberOfFrames="00001")
    path = tmp_path / "c" / "IM001"
    path.write_bytes(path.read_bytes().replace(b"00001", b"0x001"))
    found = find([tmp_path])
    assert list(cases(found)) == ["a", "b"] and "damaged" in reasons(found)["IM001"]
    with pytest.raises(InputError, match="damaged"):
        io.read(cases(found)["b"].path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts the bytes that a process reads")
def test_no_voxel_is_read(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((100, 100, 100), np.int16), np.eye(4)), tmp_path / "a.nii")
    series(tmp_path / "exam", Rows=1000, Columns=1000, PixelData=bytes(2_000_000))
    assert len(find([tmp_path])) == 2  # also loads pydicom
    before = bytes_read()
    find([tmp_path])
    assert bytes_read() - before < 500_000 < sum(path.stat().st_size for path in tmp_path.rglob("*")) / 10


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text(encoding="utf-8").split()[1])
