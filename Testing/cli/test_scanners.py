"""The same heart in any scanner's files gives the Dice and ejection fraction of the clean phantom."""

import json
from pathlib import Path

import numpy as np
import phantom_files as phantom
import pydicom
import pytest
import SimpleITK as sitk
from input_files import without_mark
from phantom_files import AXES, ED, ES, IMAGE, SLICES, place
from pydicom.fileset import FileSet
from pydicom.uid import DeflatedExplicitVRLittleEndian, generate_uid

pytestmark = pytest.mark.slow  # each runs the bundled model

TRUTH = sitk.ReadImage(str(phantom.SAMPLES / "cardiac_phantom_ED_label.nrrd"))
DICE, EF = 0.005, 0.5


@pytest.fixture
def heart(command, tmp_path):
    """Segment an input with the bundled cardiac model; the records by case."""

    def run(*given: Path | str, code: int = 0) -> dict[str, dict]:
        sources, options = (
            [one for one in given if isinstance(one, Path)],
            [one for one in given if isinstance(one, str)],
        )
        outcome = command(
            "segment", *sources, "--model", "cardiac-mr", "--format", "nii.gz", "--output", tmp_path / "out", *options
        )
        assert outcome.code == code, outcome.err
        assert "Traceback" not in outcome.err and "UserWarning" not in outcome.err
        paths = [path for path in (tmp_path / "out").glob("*.json") if path.name != "summary.json"]
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}

    return run


def dice(path: Path) -> list[float]:
    """Of the three structures against the truth, at their places in the patient."""
    found = sitk.ReadImage(str(path))
    if found.GetDimension() == 4:
        found = found[..., 0]
    moved = sitk.GetArrayFromImage(sitk.Resample(found, TRUTH, sitk.Transform(), sitk.sitkNearestNeighbor))
    truth = sitk.GetArrayFromImage(TRUTH)
    return [
        float(2 * ((moved == value) & (truth == value)).sum() / ((moved == value).sum() + (truth == value).sum()))
        for value in (1, 2, 3)
    ]


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> tuple[list[float], float]:
    """Dice of the plain NRRD, and the ejection fraction of a plain cine."""
    from DINSegmentLib.cli.parser import main

    folder = tmp_path_factory.mktemp("clean")
    asked = ["--model", "cardiac-mr", "--format", "nii.gz", "--output", str(folder)]
    assert main(["segment", str(phantom.SAMPLES / "cardiac_phantom_ED.nrrd"), *asked]) == 0
    phantom.cine(folder / "in" / "beat")
    assert main(["segment", str(folder / "in" / "beat"), *asked]) == 0
    record = json.loads((folder / "beat.json").read_text(encoding="utf-8"))
    return dice(folder / "cardiac_phantom_ED.nii.gz"), fraction(record)


def fraction(record: dict) -> float:
    return record["cine"]["function"]["lv"]["ef_percent"]


def nrrd(
    path: Path, array: np.ndarray, space: str, signs, unit: float = 1.0, extra=(), data: bytes | None = None
) -> Path:
    def vector(numbers) -> str:
        return "(" + ",".join(repr(float(v)) for v in numbers) + ")"

    steps = AXES * np.array(IMAGE.GetSpacing())[:, None] * signs * unit
    header = [
        "NRRD0004", "type: short", "dimension: 3", f"space: {space}", "sizes: 208 256 9", "endian: little",
        "encoding: raw", "space directions: " + " ".join(map(vector, steps)),
        "space origin: " + vector(np.array(IMAGE.GetOrigin()) * signs * unit), *extra,
    ]  # fmt: skip
    content = b"\n" + array.astype("<i2").tobytes() if data is None else data  # a list of files ends with its last line
    path.write_bytes(("\n".join(header) + "\n").encode() + content)
    return path


def padded(value: int):
    def change(k: int) -> dict:
        pixels = ED[k].astype(int)
        pixels[:, :12] = value
        return {"pixels": pixels, "PixelPaddingValue": value}

    return change


SINGLE = {
    "left-anterior-superior": lambda at: nrrd(at / "a.nrrd", ED, "left-anterior-superior", (1, -1, 1)),
    "right-anterior-superior": lambda at: nrrd(at / "a.nrrd", ED, "right-anterior-superior", (-1, -1, 1)),
    "enhanced, inverted": lambda at: phantom.enhanced(
        at / "e.dcm", 4095 - ED, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11
    ),
    "enhanced, deflated": lambda at: phantom.enhanced(at / "e.dcm", syntax=DeflatedExplicitVRLittleEndian),
    "single files, inverted": lambda at: phantom.stack(
        at / "s", 4095 - ED, lambda k: {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    ),
    "no preamble": lambda at: without_mark(phantom.stack(at / "s")),
    "no preamble, no suffix": lambda at: without_mark(phantom.stack(at / "s"), ""),
    "no meta header": lambda at: without_mark(phantom.stack(at / "s"), preamble=True),
    "padding 65535": lambda at: phantom.stack(at / "s", ED, padded(65535)),
    "padding -2000": lambda at: phantom.stack(at / "s", ED, padded(-2000)),
    "slopes by slice": lambda at: phantom.stack(
        at / "s", ED, lambda k: {"pixels": ED[k] * 2 if k % 2 else ED[k], "RescaleSlope": "0.5" if k % 2 else "1",
                                 "RescaleIntercept": "0"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", SINGLE.values(), ids=SINGLE)
def test_one_volume(heart, clean, tmp_path, make):
    (tmp_path / "in").mkdir()
    source = make(tmp_path / "in")
    ((name, _),) = heart(source).items()
    np.testing.assert_allclose(dice(tmp_path / "out" / f"{name}.nii.gz"), clean[0], atol=DICE)


def last_digit(kind: str):
    def change(k: int, t: int) -> dict:
        if kind == "place" and t == 1:
            return {"at": place(k) + 1e-5}
        if k % 2 == 0:
            return {}
        if kind == "spacing":
            return {"PixelSpacing": ["1.40000001", "1.40000001"]}
        axes = AXES[:2].ravel() + np.eye(6)[0] * 1e-7
        return {"ImageOrientationPatient": [f"{v:.7f}" for v in axes]}

    return change


def with_phase(folder: Path) -> Path:
    noise, series = np.random.default_rng(0), generate_uid()
    for part in ("M", "P"):
        for k in range(SLICES):
            for t, array in enumerate((ED, ES)):
                pixels = array[k] if part == "M" else noise.integers(0, 4095, array[k].shape)
                phantom.write(
                    folder / f"{part}{k}_{t}.dcm", pixels, place(k), series, ImageType=["ORIGINAL", "PRIMARY", part],
                    InstanceNumber=1 + t + 2 * k + 100 * (part == "P"), TriggerTime=str(300 * t),
                )  # fmt: skip
    return folder


CINES = {
    "orientation in its last digit": lambda at: phantom.cine(at / "s", last_digit("iop")),
    "spacing in its last digit": lambda at: phantom.cine(at / "s", last_digit("spacing")),
    "place in its last digit": lambda at: phantom.cine(at / "s", last_digit("place")),
    "magnitude and phase": lambda at: with_phase(at / "s"),
    "slices counted in descriptions": lambda at: phantom.cine(
        at / "s", lambda k, t: {"SeriesDescription": f"cine_sax_{k + 1}"}
    ),
}


@pytest.mark.parametrize("make", CINES.values(), ids=CINES)
def test_one_cine(heart, clean, tmp_path, make):
    ((_, record),) = heart(make(tmp_path / "in")).items()
    assert record["cine"]["frames"] == 2
    assert fraction(record) == pytest.approx(clean[1], abs=EF)


def test_two_stacks_of_one_exam_keep_both_results(heart, clean, tmp_path):
    turn = np.array([[np.cos(0.2), -np.sin(0.2), 0], [np.sin(0.2), np.cos(0.2), 0], [0, 0, 1]])
    axes = [f"{v:.7f}" for v in (AXES[:2] @ turn.T).ravel()]
    phantom.cine(tmp_path / "in", prefix="rest", number=10)
    phantom.cine(
        tmp_path / "in", lambda k, t: {"at": turn @ place(k), "ImageOrientationPatient": axes}, (ES, ED), "stress", 40
    )
    records = heart(tmp_path / "in")
    assert len(records) == 2
    for record in records.values():
        assert fraction(record) == pytest.approx(clean[1], abs=EF)


def test_two_people_behind_one_series_are_two_cases(heart, clean, tmp_path):
    for person, array in (("A", ED), ("B", ES)):
        for k in range(SLICES):
            path = tmp_path / "in" / person / f"{k}.dcm"
            phantom.write(path, array[k], place(k), "1.2.9", PatientID=person, StudyInstanceUID=f"1.{ord(person)}")
    records = heart(tmp_path / "in")
    assert set(records) == {"A", "B"} and not any(record["cine"] for record in records.values())
    assert {record["notices"][0]["kind"] for record in records.values()} == {"identity"}
    np.testing.assert_allclose(dice(tmp_path / "out" / "A.nii.gz"), clean[0], atol=DICE)


def test_dry_run_frame_and_explain_take_the_stack_that_a_run_takes(command, heart, clean, tmp_path):
    phantom.cine(tmp_path / "in")
    asked = ("--model", "cardiac-mr", "--output", tmp_path / "other")
    assert "208 x 256 x 9 x 2" in command("segment", tmp_path / "in", *asked, "--dry-run").out
    assert command("explain", tmp_path / "in", *asked, "--frame", 1).code == 0
    ((name, _),) = heart(tmp_path / "in", "--frame", "1").items()
    np.testing.assert_allclose(dice(tmp_path / "out" / f"{name}.nii.gz"), clean[0], atol=DICE)


def test_a_shifted_slice_is_refused_or_resampled(heart, tmp_path):
    phantom.stack(tmp_path / "in", change=lambda k: {"at": place(k) + 15 * AXES[0] * (k == 4)})
    assert not heart(tmp_path / "in", code=2)
    ((_, record),) = heart(tmp_path / "in", "--resample").items()
    assert "15 mm beside the others, 4.dcm" in record["notices"][0]["text"]


def test_a_nearly_isotropic_stack_is_cut_as_the_same_voxels_of_thick_slices(heart, tmp_path):
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(IMAGE)
    resample.SetSize([208, 256, 65])
    resample.SetOutputSpacing((1.4, 1.4, 1.25))
    resample.SetOutputOrigin(IMAGE.GetOrigin())
    resample.SetOutputDirection(IMAGE.GetDirection())
    thin = resample.Execute(IMAGE)
    sitk.WriteImage(thin, str(tmp_path / "thin.nii.gz"))
    thin.SetSpacing((1.4, 1.4, 9.0))
    sitk.WriteImage(thin, str(tmp_path / "thick.nii.gz"))
    records = {**heart(tmp_path / "thin.nii.gz"), **heart(tmp_path / "thick.nii.gz")}
    labels = [sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / f"{name}.nii.gz"))) for name in records]
    assert (labels[0] > 0).sum() > 10_000 and (labels[0] != labels[1]).sum() < 0.01 * (labels[0] > 0).sum()
    assert "view" in {notice["kind"] for notice in records["thin"]["notices"]}


def test_a_dicomdir_names_its_images_beside_other_inputs(heart, clean, tmp_path):
    files = FileSet()
    about = {"StudyDate": "20200101", "StudyTime": "1010", "StudyID": "1", "PatientName": "A^B"}
    for path in phantom.stack(tmp_path / "x", change=lambda k: dict(about)).iterdir():
        files.add(pydicom.dcmread(path))
    files.write(tmp_path / "disc")
    records = heart(tmp_path / "disc" / "DICOMDIR", phantom.SAMPLES / "cardiac_phantom_ED.nrrd")
    assert len(records) == 2
    for name in records:
        np.testing.assert_allclose(dice(tmp_path / "out" / f"{name}.nii.gz"), clean[0], atol=DICE)


def test_voxels_behind_an_unchanged_header_are_segmented_anew(heart, clean, tmp_path):
    header = tmp_path / "heart.nhdr"
    nrrd(
        header,
        ED,
        "left-posterior-superior",
        (1, 1, 1),
        extra=["data file: LIST", *(f"s{k}.raw" for k in range(9))],
        data=b"",
    )
    for frame, code in ((ED, 0), (ES, 2)):  # the second is there already, and not done by this run
        for k in range(SLICES):
            (tmp_path / f"s{k}.raw").write_bytes(frame[k].astype("<i2").tobytes())
        heart(header, code=code)
    heart(header, "--overwrite")
    assert dice(tmp_path / "out" / "heart.nii.gz")[2] < clean[0][2] - 0.1


@pytest.mark.parametrize(
    ("change", "kind"),
    [(lambda image: image.SetSpacing((1.4, 1.4, 25.0)), "thickness"),
     (lambda image: image.SetDirection((0, 0, 1, 1, 0, 0, 0, -1, 0)), "view")],
    ids=["thick", "sagittal"],
)  # fmt: skip
def test_what_the_panel_warns_of_reaches_terminal_and_record(command, tmp_path, change, kind):
    image = sitk.Image(IMAGE)
    change(image)
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    outcome = command(
        "segment", tmp_path / "a.nii.gz", "--model", "cardiac-mr", "--output", tmp_path / "out", "--format", "nii.gz"
    )
    (notice,) = [
        one
        for one in json.loads((tmp_path / "out" / "a.json").read_text(encoding="utf-8"))["notices"]
        if one["kind"] == kind
    ]
    assert notice["text"] in outcome.err


def test_lengths_in_meters_are_noticed(command, tmp_path):
    nrrd(tmp_path / "m.nrrd", ED, "left-posterior-superior", (1, 1, 1), 0.001, ['space units: "m" "m" "m"'])
    outcome = command(
        "segment", tmp_path / "m.nrrd", "--model", "cardiac-mr", "--output", tmp_path / "out", "--format", "nii.gz"
    )
    assert 'lengths in "m"' in outcome.err


@pytest.mark.data
def test_nan_outside_a_ct_is_air(command, shared_data, tmp_path):
    files = sorted(
        (shared_data / "samples" / "ct_dicom").iterdir(), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2]
    )
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in files])
    ct = sitk.Cast(reader.Execute()[::4, ::4], sitk.sitkFloat32)
    voxels = sitk.GetArrayFromImage(ct)
    row, column = np.indices(voxels.shape[1:])
    middle = voxels.shape[1] / 2
    outside = (row - middle) ** 2 + (column - middle) ** 2 > (0.86 * middle) ** 2
    labels = {}
    for name, value in (("nan", np.nan), ("air", -1024)):
        voxels[:, outside] = value
        image = sitk.GetImageFromArray(voxels)
        image.CopyInformation(ct)
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
        asked = ("--model", "abdomen-ct", "--output", tmp_path / "out", "--format", "nii.gz")
        assert command("segment", tmp_path / f"{name}.nii.gz", *asked).code == 0
        labels[name] = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / f"{name}.nii.gz")))
    np.testing.assert_array_equal(labels["nan"], labels["air"])
