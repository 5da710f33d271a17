"""--model auto on constructed studies: short-axis cines, stills and contrast abdomens are chosen, others omitted."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from DINSegmentLib.inputs.study import Verdict, file_verdict, verdict
from DINSegmentLib.io.dicom.files import Slice
from DINSegmentLib.io.dicom.grouping import stacks_of

MR, CT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2"


def turned(vector: np.ndarray, degrees: float, about: np.ndarray) -> np.ndarray:
    a, k = np.radians(degrees), about / np.linalg.norm(about)
    return vector * np.cos(a) + np.cross(k, vector) * np.sin(a) + k * (k @ vector) * (1 - np.cos(a))


@dataclass(frozen=True)
class Heart:
    """A heart's axis from base to apex (LPS), and the planes that are named by it."""

    axis: np.ndarray

    def plane(self, kind: str) -> np.ndarray:
        """(2, 3) axes of the plane's rows and columns."""
        up = np.array([0.0, 0, -1])
        across = np.cross(self.axis, up)
        across /= np.linalg.norm(across)
        if kind == "sax":
            return np.array([across, np.cross(self.axis, across)])
        turn = {"2ch": 60, "3ch": 120, "4ch": 5}[kind]
        other = turned(across, turn, self.axis)
        return np.array([self.axis, other])


AXIAL, CORONAL, SAGITTAL = ([[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, -1]], [[0, 1, 0], [0, 0, -1]])


def series(
    number: int,
    description: str,
    axes,
    slices: int,
    frames: int = 1,
    gap: float = 10,
    step: float = 30,
    apart=False,
    **tags,
):
    """Images of a series without pixels; ``apart``: a series for every slice."""
    axes = np.asarray(axes, float)
    normal = np.cross(*axes)
    made = []
    for k, t in product(range(slices), range(frames)):
        header = Dataset()
        values = {
            "SOPClassUID": MR, "Modality": "MR", "PatientID": "P", "StudyInstanceUID": "1.2",
            "SeriesInstanceUID": f"1.2.{number}.{k if apart else 0}", "SeriesNumber": number + (k if apart else 0),
            "SeriesDescription": description, "ImageType": ["ORIGINAL", "PRIMARY", "M"], "Rows": 256, "Columns": 208,
            "PixelSpacing": ["1.4", "1.4"], "ImageOrientationPatient": [f"{v:.7f}" for v in axes.ravel()],
            "ImagePositionPatient": [f"{v:.5f}" for v in k * gap * normal], "InstanceNumber": 1 + t + frames * k,
            "SamplesPerPixel": 1, "SliceThickness": f"{0.8 * gap:g}",
        }  # fmt: skip
        if frames > 1 and step:
            values["TriggerTime"] = f"{step * t:g}"
        for name, value in {**values, **tags}.items():
            if value is not None:
                setattr(header, name, value)
        made.append(Slice(Path(f"s{number}") / f"{k}_{t}", header))
    return made


HABITS = [  # how vendors and sites call and store things
    {"cine": "cine_sax", "lax": "cine_4ch", "tag": "tagging_sax", "flow": "flow_aorta_tp", "perf": "perf_sax_stress",
     "map": "T1map_MOLLI_sax", "lge": "LGE_sax_psir", "loc": "localizer", "apart": True},
    {"cine": "tf2d14_retro_iPAT_SAX", "lax": "tf2d14_retro_LAX 4CH", "tag": "grid_tag_sa", "flow": "FLOW_250_tp_sax",
     "perf": "DYNAMIC_SA", "map": "T2-Map_SAX", "lge": "DE_high-res_sa_PSIR", "loc": "survey", "apart": True},
    {"cine": "sBTFE_BH SA M2D", "lax": "sBTFE 2CH", "tag": "CSPAMM SA", "flow": "Qflow SA", "perf": "FIRST PASS SA",
     "map": "T2* MEFFE SA", "lge": "LL late SA", "loc": "SURVEY SA"},
    {"cine": "FIESTA CINE SHORT AXIS", "lax": "FIESTA CINE 3 CHAMBER", "tag": "SPAMM short axis",
     "flow": "2D PC short axis", "perf": "First Pass short axis", "map": "SMART1Map short axis",
     "lge": "MDE short axis", "loc": "3-pl loc"},
    {"cine": "Kurzachse cine", "lax": "Vierkammerblick 4K", "tag": "Gitter Kurzachse", "flow": "Fluss Kurzachse",
     "perf": "Dynamik kurze Achse perf", "map": "T1 Karte Kurzachse", "lge": "Spätaufnahme Kurzachse", "loc": "Scout"},
    {"cine": "ciné petit axe", "lax": "ciné grand axe", "tag": "marquage petit axe", "flow": "flux petit axe",
     "perf": "perfusion petit axe", "map": "carte T2 petit axe", "lge": "rehaussement tardif petit axe",
     "loc": "repérage"},
    {"cine": "CINE EJE CORTO", "lax": "CINE 4C EJE LARGO", "tag": "TAGGING EJE CORTO", "flow": "FLUJO EJE CORTO",
     "perf": "PERFUSION EJE CORTO", "map": "MAPA T1 EJE CORTO", "lge": "REALCE TARDIO EJE CORTO", "loc": "LOCALIZADOR"},
    {"cine": "cine asse corto", "lax": "cine asse lungo", "tag": "tag asse corto", "flow": "flusso asse corto",
     "perf": "perf asse corto", "map": "T1 mapping asse corto", "lge": "tardivo asse corto LGE", "loc": "localizer"},
    {"cine": "", "lax": "", "tag": "csPAMM", "flow": "venc150", "perf": "dyn", "map": "T1w MOLLI native", "lge": "PSIR",
     "loc": "loc"},
    {"cine": "短軸 cine", "lax": "長軸 cine", "tag": "tag 短軸", "flow": "flow 短軸", "perf": "perfusion 短軸",
     "map": "T1 map 短軸", "lge": "LGE 短軸", "loc": "scout"},
]  # fmt: skip


def cardiac_study(habit, heart: Heart, slices: int, frames: int):
    """The cine, the late enhancement, and at least eight series that must be left."""
    sax = heart.plane("sax")
    wanted = series(100, habit["cine"], sax, slices, frames, apart=habit.get("apart", False))
    late = series(70, habit["lge"], sax, slices, 1, InversionTime="300", ScanningSequence=["GR", "IR"])
    others = [
        series(1, habit["loc"], AXIAL, 3, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        series(2, habit["loc"], CORONAL, 5),
        *(series(10 + n, habit["lax"], heart.plane(kind), 1, frames) for n, kind in enumerate(("2ch", "3ch", "4ch"))),
        series(20, habit["lax"], heart.plane("4ch"), 6, frames, gap=8),
        series(30, habit["tag"], sax, 7, 6),
        series(40, habit["flow"], sax, 6, 6),
        series(41, habit["flow"], sax, 6, 6, ImageType=["ORIGINAL", "PRIMARY", "P"]),
        series(50, habit["perf"], sax, 3, 12, step=0),
        series(51, habit["cine"], sax, 6, 12, step=800),  # a dynamic series by another's name
        series(52, habit["perf"], sax, 6, 12, step=0, TemporalPositionIdentifier=1),
        series(60, habit["map"], sax, 5, 1, ImageType=["DERIVED", "PRIMARY", "M", "T1 MAP"]),
        series(61, habit["map"], sax, 5, 8, step=20, InversionTime="120"),
        series(71, f"{habit['lge']} MAG", sax, slices, 1, InversionTime="300", ScanningSequence=["GR", "IR"]),
        series(80, "haste_db", AXIAL, 9, 1, gap=6, ScanningSequence="SE"),
        series(81, "MR thorax t1 vibe", AXIAL, 20, 1, gap=8),
        series(90, "report", sax, 9, 1, ImageType=["DERIVED", "SECONDARY", "OTHER"]),
    ]
    return wanted, late, others


def hearts():
    mean = np.array([0.64, -0.60, -0.47])
    for degrees, about in (
        (0, [0, 0, 1.0]),
        (18, [0, 0, 1.0]),
        (-18, [0, 0, 1.0]),
        (18, [1.0, 0, 0]),
        (-15, [0, 1.0, 0]),
    ):
        axis = turned(mean / np.linalg.norm(mean), degrees, np.array(about))
        yield Heart(axis / np.linalg.norm(axis))


def picked(images) -> list[tuple[str, set[Path]]]:
    """Model and files of the images that one suits."""
    found = [(verdict(one).model, one) for one in stacks_of(images) if not one.kind and len(one.slices) > 1]
    return [(model, {item.path for item in one.slices}) for model, one in found if model is not None]


def check_study(habit: dict, index: int) -> None:
    heart = list(hearts())[index]
    wanted, late, others = cardiac_study(habit, heart, slices=8 + index, frames=10 + index)
    images = [*wanted, *late, *(item for one in others for item in one)]
    suited = [(model, {item.path for item in one}) for model, one in (("cardiac-mr", wanted), ("cardiac-lge", late))]
    assert sorted(picked(images), key=str) == sorted(suited, key=str), (habit, index)


@pytest.mark.parametrize("number", range(len(HABITS)))
def test_of_cardiac_studies_the_short_axis_cine_and_late_enhancement_are_taken(number):
    check_study(HABITS[number], number % 5)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(5))
def test_of_fifty_cardiac_studies_the_short_axis_cine_and_late_enhancement_are_taken(index):
    """Ten habits, five hearts, each with nineteen series to leave."""
    for habit in HABITS:
        check_study(habit, index)


@pytest.mark.parametrize("description", ["sax still", "SA bSSFP", "Kurzachse"])
def test_a_short_axis_still_is_taken_where_its_description_says_so(description):
    heart = next(hearts())
    (stack,) = stacks_of(series(5, description, heart.plane("sax"), 9))
    assert verdict(stack).model == "cardiac-mr" and "still" in verdict(stack).why
    (stack,) = stacks_of(series(5, "", heart.plane("sax"), 9))
    assert verdict(stack).model is None and verdict(stack).uncertain


@pytest.mark.parametrize("description", ["sax MAG", "SA stress", "sax AIF", "sax fat"])
def test_a_part_of_another_kind_of_series_is_not_taken_for_a_still(description):
    (stack,) = stacks_of(series(5, description, next(hearts()).plane("sax"), 9))
    assert verdict(stack).model is None


@pytest.mark.parametrize("tags", [{"ImageType": ["ORIGINAL", "PRIMARY", "M_PCA", "M", "PCA"]}, {"ProtocolName": "QF"}])
def test_the_magnitude_of_a_flow_is_not_taken_for_a_cine(tags):
    (stack,) = stacks_of(series(5, "SA", next(hearts()).plane("sax"), 9, 20, **tags))
    assert verdict(stack) == Verdict(None, verdict(stack).why) and "flow" in verdict(stack).why


CT_TAGS = {
    "Modality": "CT",
    "SOPClassUID": CT,
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "PixelSpacing": ["0.7", "0.7"],
}
VENOUS = [
    {"description": "Abdomen venous 3.0 B30f", "ContrastBolusAgent": "APPLIED", "ConvolutionKernel": "B30f"},
    {"description": "Abd. portalvenös KM", "BodyPartExamined": "ABDOMEN", "ConvolutionKernel": "Br40d"},
    {"description": "ABDOMEN C+ PORTAL", "BodyPartExamined": "ABDOMEN"},
    {"description": "TAP avec injection portal", "BodyPartExamined": "", "ContrastBolusAgent": "IOMERON"},
    {"description": "CAP w contrast", "BodyPartExamined": "CHESTABDPELVIS", "ContrastBolusAgent": "ISOVUE"},
    {"description": "Leber PV", "ContrastBolusAgent": "Ultravist 370"},
]


@pytest.mark.parametrize("habit", VENOUS, ids=[one["description"] for one in VENOUS])
def test_of_ct_studies_the_contrast_abdomen_alone_is_taken(habit):
    tags = {**CT_TAGS, **{name: value for name, value in habit.items() if name != "description"}}
    wanted = series(3, habit["description"], AXIAL, 120, gap=3, **tags)
    chest = {**CT_TAGS, "BodyPartExamined": "CHEST"}
    plain = {**CT_TAGS, "BodyPartExamined": "ABDOMEN"}
    others = [
        series(1, "Topogram", CORONAL, 2, **{**CT_TAGS, "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
        series(2, "Abdomen nativ 3.0", AXIAL, 110, gap=3, **plain),
        series(4, "Abdomen venous cor", CORONAL, 90, gap=3, **{**plain, "ImageType": ["DERIVED", "SECONDARY", "MPR"]}),
        series(5, "Abdomen venous sag", SAGITTAL, 90, gap=3, **tags),
        series(6, "Lung 1.0 B70f", AXIAL, 300, gap=1, **{**chest, "ConvolutionKernel": "B70f"}),
        series(7, "Thorax KM", AXIAL, 100, gap=3, **{**chest, "ContrastBolusAgent": "x"}),
        series(8, "Premonitoring", AXIAL, 1, **tags),
        series(9, "Monitoring abdomen", AXIAL, 2, 12, gap=10, **tags),
        series(10, "Head C+", AXIAL, 40, gap=5, **{**CT_TAGS, "BodyPartExamined": "HEAD", "ContrastBolusAgent": "x"}),
        series(11, "Abdomen venous bone", AXIAL, 120, gap=3, **{**tags, "ConvolutionKernel": "B70s"}),
        series(12, "Patient Protocol", AXIAL, 1, **{**CT_TAGS, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}),
        series(13, "Abdomen", AXIAL, 110, gap=3, **plain),
        series(14, "Abdomen", AXIAL, 110, gap=3, **{**plain, "ContrastBolusAgent": "ORAL"}),
        series(15, "Abdomen venous", AXIAL, 110, gap=3, **{**tags, "ConvolutionKernel": "I70f"}),
        series(16, "Abdomen Iod", AXIAL, 110, gap=3, **tags),
    ]  # fmt: skip
    images = [*wanted, *(item for one in others for item in one)]
    assert picked(images) == [("abdomen-ct", {item.path for item in wanted})]


@pytest.mark.parametrize(
    ("name", "size", "spacing", "values", "model"),
    [
        ("late_venous", (64, 64, 60), (1.0, 1.0, 3.0), (-1000, 1200), "abdomen-ct"),
        ("heart", (56, 64, 10), (1.5, 1.5, 8.0), (0, 900), "cardiac-mr"),
        ("lateral", (56, 64, 10), (1.5, 1.5, 8.0), (0, 900), "cardiac-mr"),
        ("heart_LGE", (56, 64, 10), (1.5, 1.5, 8.0), (0, 900), "cardiac-lge"),
    ],
)
def test_a_file_without_header_is_late_enhancement_only_if_its_name_says_so(
    name, size, spacing, values, model, tmp_path
):
    voxels = np.linspace(*values, int(np.prod(size))).reshape(size[::-1]).astype(np.int16)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    assert file_verdict(tmp_path / f"{name}.nii.gz", None).model == model
