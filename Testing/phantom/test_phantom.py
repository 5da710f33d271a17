"""The phantom's ground truth: labels against closed forms, closed forms against dense integration, anatomy."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DINSegmentLib.errors import InputError, OutputError
from DINSegmentLib.phantom import (
    ES_PHASE,
    LABELS,
    LATE_LABELS,
    CardiacPhantom,
    Scar,
    write_cine,
    write_late,
    write_sample,
)
from DINSegmentLib.phantom.heart import LATE_REGION_LABEL, REGION_LABEL, ThinWall, emptying
from DINSegmentLib.phantom.signal import REPETITION_TIME, Tissue, acquire, late_signals, signals, steady_state

pytestmark = pytest.mark.slow

BUNDLED = Path(__file__).parents[2] / "Resources" / "SampleData"
PHASES = {"ED": 0.0, "ES": ES_PHASE}


@pytest.fixture(scope="module")
def phantom():
    return CardiacPhantom()


@pytest.fixture(scope="module")
def frames(phantom):
    return {name: phantom.frame(phase) for name, phase in PHASES.items()}


@pytest.fixture(scope="module")
def regenerated(phantom, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, phantom)
    return folder


def simpson(label, geometry):
    return {name: (label == value).sum() * geometry.voxel_volume / 1000 for name, value in LABELS.items()}


@pytest.mark.parametrize("name", PHASES)
def test_volumes_of_the_labels_are_within_one_percent_of_the_analytic_ones(phantom, frames, name):
    assert simpson(frames[name][1], phantom.geometry) == pytest.approx(phantom.truth(PHASES[name]), rel=0.01)


def test_ejection_fractions_of_the_labels_are_within_one_point(phantom, frames):
    ed, es = (simpson(frames[name][1], phantom.geometry) for name in ("ED", "ES"))
    for name, truth in phantom.ejection_fraction.items():
        assert 100 * (ed[name] - es[name]) / ed[name] == pytest.approx(truth, abs=1.0)


@pytest.mark.parametrize("phase", [0.0, 0.2, ES_PHASE, 0.8])
def test_closed_form_volumes_equal_dense_integration(phantom, phase):
    heart = phantom.heart(phase)
    axis_x, axis_y = np.arange(-84.75, 50, 0.5), np.arange(-69.75, 70, 0.5)
    voxels = np.zeros(4)
    for z in np.arange(heart.base + 0.25, 92, 0.5):
        region = heart.regions(axis_x[None, None, :], axis_y[None, :, None], np.full((1, 1, 1), z))
        voxels += np.bincount(REGION_LABEL[region].ravel(), minlength=4)
    ml = dict(zip(LABELS, voxels[1:] * 0.5**3 / 1000, strict=True))
    assert ml == pytest.approx(phantom.truth(phase), rel=0.003)


def test_a_thin_wall_moves_volume_from_the_wall_to_the_cavity_and_its_labels_show_that():
    thin = CardiacPhantom(thin=ThinWall())
    for name, phase in PHASES.items():
        truth, healthy = thin.truth(phase), CardiacPhantom().truth(phase)
        moved = truth["LV"] - healthy["LV"]
        assert 2 < moved < 6 and truth["Myo"] == pytest.approx(healthy["Myo"] - moved), name
        assert simpson(thin.frame(phase)[1], thin.geometry) == pytest.approx(truth, rel=0.01)


@pytest.fixture(scope="module")
def late():
    return CardiacPhantom(scar=Scar())


@pytest.mark.parametrize("scar", [Scar(), Scar(middle=-2.0, half_width=1.1, depth=1.0)])
def test_the_closed_form_volume_of_a_scar_equals_dense_integration(scar):
    heart = CardiacPhantom(scar=scar).heart(0.0)
    axis_x, axis_y = np.arange(-84.75, 50, 0.5), np.arange(-69.75, 70, 0.5)
    count = 0
    for z in np.arange(heart.base + 0.25, 92, 0.5):
        region = heart.regions(axis_x[None, None, :], axis_y[None, :, None], np.full((1, 1, 1), z))
        count += (LATE_REGION_LABEL[region] == 3).sum()
    assert count * 0.5**3 / 1000 == pytest.approx(heart.scarred, rel=0.01)


def test_labels_of_late_enhancement_sum_to_the_scar_the_muscle_and_the_cavity(late):
    _, label = late.frame(0.0)
    ml = {name: (label == value).sum() * late.geometry.voxel_volume / 1000 for name, value in LATE_LABELS.items()}
    assert ml == pytest.approx(late.truth(0.0), rel=0.02)
    healthy = CardiacPhantom().truth(0.0)
    assert late.truth(0.0)["Myo"] + late.truth(0.0)["Infarct"] == pytest.approx(healthy["Myo"])


def test_late_enhancement_shows_the_scar_bright_the_blood_less_and_the_muscle_dark(late):
    image, label = late.frame(0.0)
    cavity, muscle, scar = (np.median(image[label == value]) for value in (1, 2, 3))
    assert scar > 1.05 * cavity and cavity > 5 * muscle


def test_healthy_muscle_has_no_signal_at_the_inversion_time_and_blood_is_as_bright_as_in_cine():
    assert abs(late_signals()[Tissue.MYOCARDIUM]) < 1e-12
    assert late_signals()[Tissue.ARTERIAL_BLOOD] == pytest.approx(signals()[Tissue.ARTERIAL_BLOOD])


def test_a_scar_in_a_thin_wall_is_refused():
    with pytest.raises(InputError, match="choose a scar or a thin wall"):
        CardiacPhantom(scar=Scar(), thin=ThinWall())


def test_late_enhancement_is_written_with_the_scars_share(tmp_path, late):
    files = write_late(tmp_path)
    assert [path.name for path in files] == [
        "cardiac_phantom_late.nrrd", "cardiac_phantom_late_label.nrrd", "late_truth.json",
    ]  # fmt: skip
    truth, volumes = json.loads(files[2].read_text(encoding="utf-8")), late.truth(0.0)
    assert truth["infarct_share_percent"] == pytest.approx(
        100 * volumes["Infarct"] / (volumes["Infarct"] + volumes["Myo"]), abs=1e-3
    )
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(files[1]))), late.frame(0.0)[1])


def test_truth_is_a_healthy_heart_whose_wall_keeps_its_volume(phantom):
    ed, es = phantom.truth(0.0), phantom.truth(ES_PHASE)
    assert (ed["LV"], es["LV"], ed["RV"], es["RV"]) == (140.0, 58.0, 148.0, 66.0)
    assert ed["Myo"] == es["Myo"] == pytest.approx(110.0 / 1.05)
    assert ed["LV"] - es["LV"] == ed["RV"] - es["RV"]
    assert phantom.ejection_fraction["LV"] == pytest.approx(58.571, abs=1e-3)


def test_the_cycle_is_smooth_and_periodic_with_its_only_minimum_at_end_systole():
    phases = np.linspace(0, 1, 2001)
    curve = np.array([emptying(p) for p in phases])
    assert curve[0] == 0 and curve[-1] == 0 and curve.max() == 1
    assert phases[curve.argmax()] == pytest.approx(ES_PHASE, abs=1e-3)
    assert (np.diff(curve[phases < ES_PHASE]) >= 0).all() and (np.diff(curve[phases > ES_PHASE]) <= 0).all()
    assert np.abs(np.diff(curve)).max() < 0.004


def test_picture_right_is_patient_left_and_picture_down_is_down(phantom):
    right, down, slices = phantom.geometry.directions.T
    assert right @ (-1, 0, 0) > 0.6  # RAS: -R is the patient's left
    assert down @ (0, 0, -1) > 0.8
    assert slices[0] < 0 < slices[1] and slices[2] < 0  # base to apex: left, anterior, inferior
    assert np.allclose(phantom.geometry.directions.T @ phantom.geometry.directions, np.eye(3))
    # Seen with the RV on the left and the liver below, the viewer stands at the apex: the base-first stack runs toward
    # the viewer, so (right, down, slices) is left-handed.
    assert np.linalg.det(phantom.geometry.directions) == pytest.approx(-1)
    assert phantom.geometry.spacing == pytest.approx(phantom.spacing)


@pytest.mark.parametrize("name", PHASES)
def test_rv_lies_left_of_the_lv_and_right_of_it_in_the_patient(phantom, frames, name):
    label = frames[name][1]
    rv, lv = (np.argwhere(label == LABELS[structure]).mean(axis=0)[::-1] for structure in ("RV", "LV"))
    assert rv[0] < lv[0]
    rv_ras, lv_ras = (phantom.geometry.ijk_to_ras @ (*center, 1) for center in (rv, lv))
    assert rv_ras[0] > lv_ras[0] and rv_ras[1] > lv_ras[1]  # further right, further anterior


def test_base_descends_by_one_slice_and_the_apex_stays(frames):
    ed, es = ((frames[name][1] == LABELS["Myo"]).any(axis=(1, 2)) for name in ("ED", "ES"))
    assert ed.tolist() == [True] * 9
    assert es.tolist() == [False] + [True] * 8


def test_lv_cavity_is_enclosed_by_myocardium(frames):
    for _, label in frames.values():
        lv = label == LABELS["LV"]
        for axis in (1, 2):
            for step in (-1, 1):
                assert not (np.roll(lv, step, axis) & np.isin(label, (0, LABELS["RV"]))).any()


def test_bssfp_signal_meets_the_limit_of_short_repetition_time():
    # For TR much shorter than T1 and T2: M0 sin(a) / ((T1/T2)(1 - cos a) + 1 + cos a); a = 60 degrees.
    t1, t2 = 1_000_000.0, 100_000.0
    assert steady_state(1.0, t1, t2) == pytest.approx(np.sqrt(0.75) / (10 * 0.5 + 1.5), rel=1e-3)
    assert REPETITION_TIME < 5


def test_tissue_contrast_is_that_of_bssfp():
    s = signals()
    assert 2.2 < s[Tissue.ARTERIAL_BLOOD] / s[Tissue.MYOCARDIUM] < 4
    assert s[Tissue.ARTERIAL_BLOOD] > s[Tissue.VENOUS_BLOOD] > s[Tissue.LIVER] > s[Tissue.MYOCARDIUM] > s[Tissue.LUNG]
    assert s[Tissue.FAT] < 0


def test_noise_is_rician():
    noise = acquire(np.zeros((1, 256, 256)), 1.0, np.random.RandomState(0))
    assert noise.std() / noise.mean() == pytest.approx(np.sqrt(4 / np.pi - 1), rel=0.02)  # Rayleigh without signal


def test_picture_is_bright_in_blood_and_gray_in_muscle_and_dark_in_air(frames):
    for image, label in frames.values():
        rv, myo, lv = (np.median(image[label == value]) for value in LABELS.values())
        air = np.median(image[:, :20, -20:])
        assert lv > 2.2 * myo and rv > 2.2 * myo and myo > 3 * air


def test_same_seed_gives_the_same_frame_and_another_seed_does_not(frames):
    image, label = CardiacPhantom(seed=0).frame(0.0)
    assert np.array_equal(image, frames["ED"][0]) and np.array_equal(label, frames["ED"][1])
    assert not np.array_equal(CardiacPhantom(seed=1).frame(0.0)[0], image)


def test_wanted_volumes_are_met_in_another_heart():
    phantom = CardiacPhantom(seed=3, lv=(220.0, 150.0), rv=(170.0, 100.0), mass=160.0)
    assert phantom.ejection_fraction["LV"] == pytest.approx(100 * 70 / 220)
    assert simpson(phantom.frame(0.0)[1], phantom.geometry) == pytest.approx(phantom.truth(0.0), rel=0.015)


def test_impossible_volumes_are_refused_in_one_sentence():
    with pytest.raises(InputError, match="ED must exceed ES"):
        CardiacPhantom(lv=(50.0, 60.0))


@pytest.mark.parametrize("file", [f"cardiac_phantom_{n}{s}.nrrd" for n in PHASES for s in ("", "_label")])
def test_bundled_volumes_are_what_the_generator_makes(regenerated, file):
    bundled, made = sitk.ReadImage(str(BUNDLED / file)), sitk.ReadImage(str(regenerated / file))
    assert bundled.GetPixelID() == made.GetPixelID()
    assert np.array_equal(sitk.GetArrayViewFromImage(bundled), sitk.GetArrayViewFromImage(made))
    for grid in ("GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(bundled, grid)() == pytest.approx(getattr(made, grid)(), abs=1e-9)


def test_bundled_truth_is_what_the_generator_says(regenerated, phantom):
    truth = json.loads((BUNDLED / "truth.json").read_text(encoding="utf-8"))
    assert truth == json.loads((regenerated / "truth.json").read_text(encoding="utf-8"))
    assert truth["volumes_ml"]["ES"] == pytest.approx(phantom.truth(ES_PHASE), abs=1e-4)


def test_bundled_files_are_under_three_megabytes():
    assert 0 < sum(file.stat().st_size for file in BUNDLED.glob("cardiac_phantom_*")) < 3_000_000


def test_file_geometry_is_the_phantoms(phantom):
    image = sitk.ReadImage(str(BUNDLED / "cardiac_phantom_ED.nrrd"))
    for ijk in ((0, 0, 0), (207, 255, 8), (10, 20, 3)):
        ras = np.multiply(image.TransformIndexToPhysicalPoint(ijk), (-1, -1, 1))
        assert ras == pytest.approx((phantom.geometry.ijk_to_ras @ (*ijk, 1))[:3], abs=1e-6)


def test_cine_holds_every_frame_in_order_with_its_geometry(phantom, frames, tmp_path):
    # Two frames, because all 25 take a minute.
    files = write_cine(tmp_path, frames=2, phantom=phantom)
    image = sitk.ReadImage(str(files[0]))
    assert image.GetSize() == (208, 256, 9, 2)
    assert image.GetSpacing() == pytest.approx((1.4, 1.4, 10.0, 0.45), abs=1e-6)
    assert np.array_equal(sitk.GetArrayViewFromImage(image)[0], frames["ED"][0])
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(files[1])))[1], phantom.frame(0.5)[1])
    ras = np.multiply(image.TransformIndexToPhysicalPoint((10, 20, 3, 0))[:3], (-1, -1, 1))
    assert ras == pytest.approx((phantom.geometry.ijk_to_ras @ (10, 20, 3, 1))[:3], abs=1e-3)


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="file"):
        write_sample(tmp_path / "file" / "below")
