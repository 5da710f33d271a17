"""Late enhancement takes the septum from a cine of the same study, through DICOM headers and patient coordinates."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytest import approx

from DINSegmentLib.batch import companions
from DINSegmentLib.batch import session as sessions
from DINSegmentLib.console import Console
from DINSegmentLib.engine import cine as cines
from DINSegmentLib.engine.device import cpu
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.results import CineResult, Confidence, Result
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.inputs.candidates import Found
from DINSegmentLib.measure.infarct_segments import infarct_segments
from DINSegmentLib.measure.regional import regional_function
from DINSegmentLib.model import find_model, read_manifest
from DINSegmentLib.phantom import ES_PHASE, CardiacPhantom, Scar
from DINSegmentLib.phantom.study import write_series

HEART = find_model("cardiac-mr")


@pytest.fixture(scope="module")
def late_model(repository: Path):
    return replace(read_manifest(repository / "Resources" / "Models" / "CardiacLGE"), sha256="0" * 64)


@pytest.fixture(scope="module")
def labels():
    """End-diastole, end-systole, and late enhancement, whose rows are stored as columns."""
    healthy, scarred = CardiacPhantom(), CardiacPhantom(scar=Scar())
    return healthy.frame(0.0)[1], healthy.frame(ES_PHASE)[1], scarred.frame(0.0)[1].transpose(0, 2, 1).copy()


@pytest.fixture(scope="module")
def grids(labels):
    grid = CardiacPhantom().geometry
    matrix = grid.ijk_to_ras.copy()
    matrix[:3, [0, 1]] = matrix[:3, [1, 0]]
    return grid, Geometry(labels[2].shape, matrix)


@pytest.fixture
def study(tmp_path, labels, grids):
    """Voxels are the labels: what is segmented is known."""
    cine = write_series(tmp_path / "cine", [one.astype(np.int16) for one in labels[:2]], grids[0], 1, "sax", 300.0)
    late = write_series(tmp_path / "late", [labels[2].astype(np.int16)], grids[1], 2, "LGE sax")
    return cine, late


class Known:
    """A segmenter that finds what the voxels say."""

    device = cpu("test")

    def __init__(self, model, device=""):
        self.model = model

    def segment(self, array, geometry, parameters=None, *rest):
        return Result(
            model=self.model, parameters=(parameters or Parameters()).resolved(self.model), device=self.device,
            timings={"total": 1.0, "forward": 1.0}, notices=(), labels=array.astype(np.uint8),
            confidence=Confidence.unknown(), confidence_map=None, removed={}, margins=None,
        )  # fmt: skip


@pytest.fixture
def run(tmp_path, study, late_model, monkeypatch):
    """Segment late enhancement, which comes first, and the cine; ``False``: without the cine. Gives the late record."""
    monkeypatch.setattr(
        cines, "segment_cine",
        lambda segmenter, frames, *rest: CineResult(
            model=segmenter.model, parameters=Parameters().resolved(segmenter.model), device=segmenter.device,
            timings={"total": 1.0, "forward": 1.0}, notices=(), labels=np.asarray(frames, np.uint8),
            confidences=(Confidence.unknown(),) * 2, removed=({},) * 2,
        ),
    )  # fmt: skip
    models = {"late": late_model, "heart": HEART}
    monkeypatch.setattr(sessions, "find_model", models.__getitem__)
    monkeypatch.setattr(sessions.Session, "_warm", lambda self, case: Known(models[case.model]))
    late = Found(tmp_path / "late", "a-late", 1, None, model="late", files=tuple(study[1]))
    cine = Found(tmp_path / "cine", "b-cine", 1, None, model="heart", files=tuple(study[0]))

    def go(with_cine=True):
        settings = sessions.Settings(tmp_path / "out", ("nii.gz", "html"))
        found = [late, cine] if with_cine else [late]
        assert sessions.Session(found, HEART, Parameters(), settings, Console()).run() == 0
        return json.loads((tmp_path / "out" / "a-late.json").read_text(encoding="utf-8"))

    return go


def test_the_cine_of_the_same_study_places_the_septum(run, labels, grids, late_model, tmp_path):
    infarct = run()["infarct"]

    insertion = regional_function(*labels[:2], grids[0], HEART).insertion
    truth = infarct_segments(labels[2], grids[1], late_model, insertion).share_percent
    assert infarct["insertion_from"] == companions.BY_CINE
    found = {int(number): share for number, share in infarct["segment_share_percent"].items()}
    assert found == approx(truth, abs=0.5)
    scarred = {number for number, share in found.items() if share > 4}
    assert scarred == {1, 6, 7, 12, 13, 16}  # the scar lies in the anterior and the anterolateral wall
    page = (tmp_path / "out" / "a-late_report.html").read_text(encoding="utf-8")
    assert "Infarct, share of the wall (%)" in page and "by the cine of the same study" in page


def test_a_resumed_run_measures_the_infarct_as_one_run_does(run, tmp_path):
    whole = run()["infarct"]
    for path in (tmp_path / "out").rglob("a-late*"):  # the run was stopped after the cine
        path.unlink()
    assert run()["infarct"] == whole


def test_a_record_gives_the_insertions_that_its_run_used(run, tmp_path):
    infarct = run()["infarct"]
    insertion, source = companions.insertion_of_infarct(infarct)
    case = sessions.steps.plan(Found(Path("late"), "late", 1), Path("nowhere"), (), False)
    case = replace(case, insertion=insertion, insertion_from=source)
    assert companions.insertion_for(case, None, Known(HEART)) == (insertion, companions.BY_CINE)
    assert companions.insertion_of_infarct(None) == (None, "")


def test_without_a_cine_and_a_right_ventricle_the_infarct_is_told_by_slice_and_in_total(run, tmp_path):
    """The heart model's labels of this image, here those of late enhancement, hold no right ventricle on the septum."""
    record = run(with_cine=False)
    assert record["infarct"]["segment_share_percent"] == {} and record["infarct"]["insertion_from"] is None
    assert record["infarct"]["infarct_ml"] > 1 and any(record["infarct"]["slice_share_percent"])
    assert "wall" in {one["kind"] for one in record["notices"]}
    page = (tmp_path / "out" / "a-late_report.html").read_text(encoding="utf-8")
    assert "By segment it is not reported: see the warnings." in page


@pytest.mark.parametrize("tag", ["FrameOfReferenceUID", "StudyInstanceUID", "PatientID"])
def test_another_patient_study_or_frame_of_reference_is_no_companion(tmp_path, labels, grids, tag, late_model):
    volumes = [labels[0].astype(np.int16)[:2, :8, :8]]
    grid = Geometry((2, 8, 8), grids[0].ijk_to_ras)
    cases = []
    for name, model, tags in (("late", "late", {}), ("heart", "heart", {}), ("other", "heart", {tag: "9.8"})):
        files = tuple(write_series(tmp_path / name, volumes, grid, 1, name, **tags))
        cases.append(
            sessions.steps.plan(Found(tmp_path / name, name, 1, model=model, files=files), tmp_path, (), False)
        )
    paired = companions.paired(cases, lambda case: {"late": late_model, "heart": HEART}[case.model])
    waves = companions.waves(paired)

    assert [[case.name for case in part] for part in waves] == [["heart", "other"], ["late"]]
    assert waves[1][0].companions == ("heart",)


def test_the_heart_models_right_ventricle_places_the_septum_where_there_is_no_cine(labels, grids):
    from DINSegmentLib import io

    image = io.Image(labels[0].astype(np.int16), grids[0], "heart", ())
    case = sessions.steps.plan(Found(Path("heart"), "heart", 1), Path("nowhere"), (), False)
    insertion, source = companions.insertion_for(case, image, Known(HEART))
    assert insertion == regional_function(labels[0], None, grids[0], HEART).insertion
    assert source == "the labels of cardiac-mr in this image"


@pytest.mark.slow
def test_the_bundled_model_finds_the_insertions_in_late_enhancement_of_the_phantom(labels, grids):
    """By the phantom's own labels they are known; the network's outlines are off by some millimeters."""
    from DINSegmentLib import io
    from DINSegmentLib.engine.segmenter import Segmenter

    scarred = CardiacPhantom(scar=Scar())
    image = io.Image(scarred.frame(0.0)[0], scarred.geometry, "late", ())
    case = sessions.steps.plan(Found(Path("late"), "late", 1), Path("nowhere"), (), False)
    found, _ = companions.insertion_for(case, image, Segmenter(HEART, "cpu"))
    truth = regional_function(labels[0], None, grids[0], HEART).insertion
    assert np.linalg.norm(np.subtract(found.anterior, truth.anterior)) < 10
    assert np.linalg.norm(np.subtract(found.inferior, truth.inferior)) < 10
