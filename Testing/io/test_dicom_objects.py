"""Segmentations, measurements and reports as DICOM objects, read with other tools."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage

from DINSegmentLib import io
from DINSegmentLib.errors import InputError
from DINSegmentLib.io.dicom_pdf import write_dicom_pdf
from DINSegmentLib.io.dicom_seg import write_dicom_seg
from DINSegmentLib.io.dicom_source import read_source
from DINSegmentLib.io.dicom_sr import Segmented, write_dicom_sr
from DINSegmentLib.measure import RegionalFunction, Thickness, cardiac_function, statistics
from DINSegmentLib.model import find_model

pytestmark = pytest.mark.slow

FRAMES, SLICES, ROWS, COLUMNS = 3, 5, 12, 14
OBLIQUE = np.linalg.qr(np.array([[0.8, 0.1, 0.3], [0.2, 0.9, 0.1], [0.5, 0.3, 0.7]]))[0].T[:2].ravel()
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
STUDY, FRAME_OF_REFERENCE = "2.25.100", "2.25.300"


def item(**values) -> Dataset:
    data = Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return data


def position(k: int) -> list[str]:
    normal = np.cross(OBLIQUE[:3], OBLIQUE[3:])
    return [f"{v:.10f}"[:16] for v in np.array([-10.0, -20.0, 30.0]) + 8.0 * k * normal]


def common(kind: str, uid: str, series: str, **values) -> FileDataset:
    """An MR file of one study with the attributes that every image has."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    everything = {
        "SpecificCharacterSet": "ISO_IR 100", "SOPClassUID": kind, "SOPInstanceUID": uid, "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": series, "FrameOfReferenceUID": FRAME_OF_REFERENCE, "PositionReferenceIndicator": "",
        "PatientName": "Müller^Jörg", "PatientID": "42", "PatientSex": "M", "PatientBirthDate": "19500203",
        "StudyDate": "20200102", "StudyTime": "101112", "StudyID": "7", "AccessionNumber": "A1",
        "ReferringPhysicianName": "", "Modality": "MR", "SeriesNumber": 4, "InstanceNumber": 1, "Rows": ROWS,
        "Columns": COLUMNS, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16,
        "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1,
    }  # fmt: skip
    for name, value in {**everything, **values}.items():
        setattr(data, name, value)
    return data


def classic(folder: Path, frames: np.ndarray, series_of: Callable[[int, int], int] = lambda t, k: 1) -> None:
    for t, k in np.ndindex(frames.shape[:2]):
        number = series_of(t, k)
        data = common(
            MRImageStorage, f"2.25.9{t}0{k}", f"2.25.200{number}", SeriesNumber=number, TriggerTime=str(40 * t),
            ImagePositionPatient=position(k), ImageOrientationPatient=[f"{v:.12g}"[:16] for v in OBLIQUE],
            PixelSpacing=["1.25", "1.5"], SliceThickness="6", PixelData=frames[t, k].tobytes(), InstanceNumber=t + 1,
        )  # fmt: skip
        data.save_as(folder / f"{t}-{9 - k}.dcm", enforce_file_format=True)


def enhanced(folder: Path, frames: np.ndarray, files: int = 1) -> None:
    """All frames in one file or, by slices, in several; their order in the file says nothing."""
    for number in range(files):
        data = common(EnhancedMRImageStorage, f"2.25.8{number}", "2.25.2001", InstanceNumber=number + 1)
        places = [(t, k) for t, k in np.ndindex(frames.shape[:2]) if k % files == number]
        places = [places[n] for n in np.random.default_rng(4).permutation(len(places))]
        shared = item(PlaneOrientationSequence=[item(ImageOrientationPatient=list(OBLIQUE))])
        shared.PixelMeasuresSequence = [item(PixelSpacing=[1.25, 1.5], SliceThickness=6)]
        data.SharedFunctionalGroupsSequence = [shared]
        data.PerFrameFunctionalGroupsSequence = [
            item(
                PlanePositionSequence=[item(ImagePositionPatient=position(k))],
                FrameContentSequence=[item(TemporalPositionIndex=t + 1, InStackPositionNumber=k + 1)],
            )
            for t, k in places
        ]
        data.NumberOfFrames = len(places)
        data.PixelData = np.stack([frames[place] for place in places]).tobytes()
        data.save_as(folder / f"E{number}.dcm", enforce_file_format=True)


WRITERS = {
    "one series": classic,
    "a series for each slice": lambda folder, frames: classic(folder, frames, lambda t, k: k + 1),
    "one enhanced file": enhanced,
    "several enhanced files": lambda folder, frames: enhanced(folder, frames, SLICES),
}


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 900, (FRAMES, SLICES, ROWS, COLUMNS)).astype(np.int16)


@pytest.fixture
def labels() -> np.ndarray:
    """(T, K, J, I): every label of a heart, no frame like another, no symmetry."""
    return np.random.default_rng(1).integers(0, 4, (FRAMES, SLICES, ROWS, COLUMNS)).astype(np.uint8)


@pytest.fixture
def made(request, frames, labels, tmp_path):
    """A cine written as the parameter says, and the objects of its first and last frame, a report and a PDF."""
    folder, out = tmp_path / "study", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    WRITERS[getattr(request, "param", "one series")](folder, frames)
    cine = io.read_cine(folder)
    np.testing.assert_array_equal(cine.array, frames)
    write_objects(cine, labels, out)
    return cine, out


def write_objects(cine: io.Cine, labels: np.ndarray, out: Path) -> None:
    model = find_model("cardiac-mr")
    segmented = []
    for number, (phase, t) in enumerate((("end-diastole", 0), ("end-systole", FRAMES - 1)), start=1):
        image = cine.image(t)
        source = read_source(image.slices, image.geometry)
        seg = write_dicom_seg(labels[t], source, model, out / f"{t}.dcm", b"seed", phase, number)
        figures = statistics(labels[t], image.array, image.geometry, model.labels, 0)
        segmented.append(Segmented(seg, source, figures, phase))
    function = cardiac_function(labels, cine.first.geometry, model)
    regional = RegionalFunction({2: Thickness(8.0, 12.0, 50.0), 17: Thickness(reason="not assessed")}, {}, (), ())
    write_dicom_sr(segmented, function, model, out / "sr.dcm", b"seed", ["Check slice 3."], regional)
    write_dicom_pdf(PDF, segmented[0].source, model, out / "pdf.dcm", b"seed", "Cardiac function", labels, b"report")


def run(*command) -> str:
    done = subprocess.run([str(one) for one in command], capture_output=True, timeout=60)
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, text
    return text


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if not found:
        pytest.skip(f"{name} is not installed: make system-packages installs dcmtk and dicom3tools, pip installs dcmqi")
    return found


each_kind = pytest.mark.parametrize("made", list(WRITERS), indirect=True)


@each_kind
@pytest.mark.parametrize("t", [0, FRAMES - 1])
def test_every_frame_lies_where_its_source_frame_lies(made, labels, t):
    data = pydicom.dcmread(made[1] / f"{t}.dcm")
    expected = {tuple(round(float(v), 3) for v in position(k)): labels[t, k] for k in range(SLICES)}
    stored = {place: np.zeros((ROWS, COLUMNS), np.uint8) for place in expected}
    for group, plane in zip(data.PerFrameFunctionalGroupsSequence, data.pixel_array, strict=True):
        place = tuple(round(float(v), 3) for v in group.PlanePositionSequence[0].ImagePositionPatient)
        stored[place][plane > 0] = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    for place, plane in expected.items():
        np.testing.assert_array_equal(stored[place], plane)


@each_kind
def test_every_frame_refers_to_the_file_and_frame_with_its_pixels(made, frames, labels):
    cine, out = made
    pixels = {}
    for path in cine.first.files:
        source = pydicom.dcmread(path)
        planes = source.pixel_array.reshape(-1, ROWS, COLUMNS)
        enhanced_file = "NumberOfFrames" in source
        pixels |= {(source.SOPInstanceUID, n if enhanced_file else None): one for n, one in enumerate(planes, start=1)}
    data = pydicom.dcmread(out / f"{FRAMES - 1}.dcm")
    seen = set()
    for group, plane in zip(data.PerFrameFunctionalGroupsSequence, data.pixel_array, strict=True):
        (one,) = group.DerivationImageSequence[0].SourceImageSequence
        source = pixels[one.ReferencedSOPInstanceUID, one.get("ReferencedFrameNumber")]
        (k,) = [k for k in range(SLICES) if np.array_equal(frames[-1, k], source)]
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        np.testing.assert_array_equal(plane > 0, labels[-1, k] == number)
        seen.add(k)
    assert seen == set(range(SLICES))
    series = {pydicom.dcmread(path).SeriesInstanceUID for path in cine.image(FRAMES - 1).files}
    assert {one.SeriesInstanceUID for one in data.ReferencedSeriesSequence} == series


def test_phases_are_two_objects_of_one_series_and_never_the_same_instance(made, labels, tmp_path):
    cine, out = made
    ed, es = (pydicom.dcmread(out / f"{t}.dcm") for t in (0, FRAMES - 1))
    assert ed.SeriesInstanceUID == es.SeriesInstanceUID and ed.SOPInstanceUID != es.SOPInstanceUID
    assert [ed.InstanceNumber, es.InstanceNumber] == [1, 2]
    assert "end-diastole" in ed.ContentDescription and "end-systole" in es.ContentDescription
    (tmp_path / "still").mkdir()
    write_objects(cine, np.repeat(labels[:1], FRAMES, axis=0), tmp_path / "still")  # a heart that stands still
    uids = {pydicom.dcmread(tmp_path / "still" / f"{t}.dcm").SOPInstanceUID for t in (0, FRAMES - 1)}
    assert len(uids) == 2


def test_the_same_run_writes_the_same_bytes_and_an_edit_a_new_instance(made, labels, tmp_path):
    cine, out = made
    for name in ("again", "edited"):
        (tmp_path / name).mkdir()
    write_objects(cine, labels, tmp_path / "again")
    for path in out.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name
    edited = labels.copy()
    edited[0, 2, 3, 4] = 3 - edited[0, 2, 3, 4]
    write_objects(cine, edited, tmp_path / "edited")
    for name in ("0.dcm", "sr.dcm"):
        one, other = pydicom.dcmread(out / name), pydicom.dcmread(tmp_path / "edited" / name)
        assert one.SOPInstanceUID != other.SOPInstanceUID and one.SeriesInstanceUID == other.SeriesInstanceUID


def measurements(group) -> dict[str, float]:
    return {one.name.value: float(one.value) for one in group.get_measurements()}


def test_the_report_holds_the_function_by_the_codes_of_dicom(made, labels):
    cine, out = made
    report = hd.sr.srread(out / "sr.dcm")
    function = cardiac_function(labels, cine.first.geometry, find_model("cardiac-mr"))
    groups = report.content.get_image_measurement_groups()
    assert [one.tracking_identifier for one in groups[:2]] == ["Left ventricle", "Right ventricle"]
    ventricle_ml = np.count_nonzero(labels == 3, axis=(1, 2, 3)) * 1.25 * 1.5 * 8 / 1000
    values = [measurements(one) for one in groups]
    # LOINC and SNOMED CT codes as PS3.16 lists them in CID 3833, 3468, 3469 and 3835
    wanted = {
        "8811-2": function.lv.ef_percent, "8821-1": function.lv.edv_ml, "8823-7": function.lv.esv_ml,
        "90096001": function.lv.sv_ml, "18087-7": function.mass_g,
    }  # fmt: skip
    assert values[0] == pytest.approx({code: value for code, value in wanted.items() if value is not None}, rel=1e-5)
    if function.lv.edv_ml is not None:
        assert values[0]["8821-1"] == pytest.approx(ventricle_ml.max(), rel=1e-5)
    assert set(values[1]) <= {"8818-7", "8822-9", "8824-5", "90096001"}


def test_the_report_holds_the_wall_by_segments_of_the_american_heart_association(made):
    groups = hd.sr.srread(made[1] / "sr.dcm").content.get_image_measurement_groups()[2:]
    # SNOMED CT of the basal anteroseptal segment in CID 3717; LOINC and DICOM codes of thickness and its ratio
    assert [one.finding_sites[0].value.value for one in groups] == ["396482007"] * 2
    assert [measurements(one) for one in groups] == [{"59089-3": 8.0}, {"59089-3": 12.0, "122624": 1.5}]


def test_each_structure_refers_to_its_segment_and_tells_volume_mean_and_sd(made, frames, labels):
    _, out = made
    groups = hd.sr.srread(out / "sr.dcm").content.get_volumetric_roi_measurement_groups()
    segments = {pydicom.dcmread(out / f"{t}.dcm").SOPInstanceUID: t for t in (0, FRAMES - 1)}
    seen = set()
    for group in groups:
        (segment,) = (one.ReferencedSOPSequence[0] for one in group[0].ContentSequence if one.ValueType == "IMAGE")
        t, number = segments[segment.ReferencedSOPInstanceUID], segment.ReferencedSegmentNumber
        volume, mean, sd = group.get_measurements()
        inside = frames[t][labels[t] == number]
        assert volume.value == pytest.approx(len(inside) * 1.25 * 1.5 * 8 / 1000, rel=1e-5)
        assert (mean.value, sd.value) == pytest.approx((inside.mean(), inside.std()), rel=1e-5)
        assert group.finding_type.value == ("53085002", "74281007", "87878005")[number - 1]
        seen.add((t, number))
    assert seen == {(t, number) for t in (0, FRAMES - 1) for number in (1, 2, 3)}


def test_the_pdf_comes_back_to_the_byte_and_what_is_none_is_refused(made, tmp_path):
    cine, out = made
    data = pydicom.dcmread(out / "pdf.dcm")
    assert data.EncapsulatedDocument[: data.EncapsulatedDocumentLength] == PDF
    assert (data.PatientID, data.StudyInstanceUID, data.Modality) == ("42", STUDY, "DOC")
    source = read_source(cine.image(0).slices, cine.first.geometry)
    with pytest.raises(InputError, match="not a PDF"):
        write_dicom_pdf(
            b"<html>", source, find_model("cardiac-mr"), tmp_path / "no.dcm", b"", "Report", cine.array, b""
        )
    assert not (tmp_path / "no.dcm").exists()


def test_a_pdf_with_other_content_is_another_instance_of_the_same_series(made, labels, tmp_path):
    cine, out = made
    model, source = find_model("cardiac-mr"), read_source(cine.image(0).slices, cine.first.geometry)
    first = pydicom.dcmread(out / "pdf.dcm")
    same, other = (
        write_dicom_pdf(PDF, source, model, tmp_path / "one.dcm", b"seed", "Cardiac function", labels, content)
        for content in (b"report", b"report with another heart rate")
    )
    assert same.SOPInstanceUID == first.SOPInstanceUID != other.SOPInstanceUID
    assert other.SeriesInstanceUID == first.SeriesInstanceUID


@each_kind
def test_dciodvfy_finds_no_error(made):
    dciodvfy = tool("dciodvfy")
    for path in made[1].iterdir():
        done = subprocess.run([dciodvfy, path], capture_output=True, timeout=60)
        text = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert [line for line in text.splitlines() if line.startswith("Error")] == [], path.name


@each_kind
def test_dsrdump_reads_the_report(made):
    text = run(tool("dsrdump"), "+Pc", made[1] / "sr.dcm")
    assert "Imaging Measurement Report" in text and "Check slice 3." in text
    assert len(re.findall(r"Tracking Identifier", text)) == 2 + 2 + 2 * 3


@each_kind
def test_dcmqi_reads_the_segmentations_voxel_for_voxel_and_the_report(made, labels, tmp_path):
    cine, out = made
    reader, sr_reader = tool("segimage2itkimage"), tool("tid1500reader")
    for t in (0, FRAMES - 1):
        (tmp_path / f"itk{t}").mkdir()
        run(reader, "--inputDICOM", out / f"{t}.dcm", "--outputDirectory", tmp_path / f"itk{t}", "--prefix", "s")
        for number in (1, 2, 3):
            image = sitk.ReadImage(str(tmp_path / f"itk{t}" / f"s-{number}.nrrd"))
            stored = sitk.GetArrayFromImage(image) > 0
            matrix = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
            for k, j, i in np.argwhere(stored):
                lps = matrix @ (i, j, k) + image.GetOrigin()
                ras = np.array([-lps[0], -lps[1], lps[2], 1])
                index = np.rint(np.linalg.solve(cine.first.geometry.ijk_to_ras, ras)[:3]).astype(int)
                assert labels[t][tuple(index[::-1])] == number
            assert stored.sum() == (labels[t] == number).sum()
    run(sr_reader, "--inputDICOM", out / "sr.dcm", "--outputMetadata", tmp_path / "sr.json")
    found = json.loads((tmp_path / "sr.json").read_text(encoding="utf-8"))["Measurements"]
    referred = {
        (one["segmentationSOPInstanceUID"], one["ReferencedSegment"]) for one in found if "ReferencedSegment" in one
    }
    uids = [pydicom.dcmread(out / f"{t}.dcm").SOPInstanceUID for t in (0, FRAMES - 1)]
    assert referred == {(uid, number) for uid in uids for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def cornerstone(tmp_path_factory) -> Path:
    """The script that reads with what OHIF reads with, and its packages, from npm."""
    folder = tmp_path_factory.mktemp("viewers")
    for path in (Path(__file__).parents[1] / "viewers").iterdir():
        shutil.copy(path, folder)
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True, timeout=300
    )
    return folder / "read_seg.mjs"


@pytest.mark.versions
@each_kind
def test_cornerstone_reads_the_segmentations_voxel_for_voxel(made, labels, cornerstone, tmp_path):
    for t in (0, FRAMES - 1):
        read = tmp_path / f"{t}.raw"
        run("node", cornerstone, tmp_path / "study", made[1] / f"{t}.dcm", read)
        np.testing.assert_array_equal(np.fromfile(read, np.uint8).reshape(labels[t].shape), labels[t])
