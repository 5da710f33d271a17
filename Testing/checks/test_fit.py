"""Notices about a volume: none for a good one, the right one if it differs from the training data."""

import dataclasses

import numpy as np
import pytest

from DINSegmentLib.checks import fit as module
from DINSegmentLib.checks.fit import look
from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import Axes, Expectations, Model, catalogue
from DINSegmentLib.notices import Notice

HEART, ABDOMEN = "cardiac-mr", "abdomen-ct"
# columns: steps along I, J, K in RAS; a short-axis stack is oblique to every axis of the body
SHORT_AXIS = np.array([[-0.74, 0.26, -0.62], [-0.45, -0.88, 0.17], [-0.50, 0.40, 0.77]])
# as scanned lying on the back, first row of the picture anterior or superior
AXIAL, CORONAL, SAGITTAL = (
    np.array(columns, float).T
    for columns in (
        [(-1, 0, 0), (0, -1, 0), (0, 0, 1)],
        [(-1, 0, 0), (0, 0, -1), (0, 1, 0)],
        [(0, -1, 0), (0, 0, -1), (1, 0, 0)],
    )
)


def advise(array: np.ndarray, geometry: Geometry, model: Model, modality: str = "") -> list[Notice]:
    return module.notices(look(array, geometry, modality), model)


def summary(array: np.ndarray, geometry: Geometry) -> str:
    return module.summary(look(array, geometry))


def likely_model(array: np.ndarray, geometry: Geometry, modality: str, models: dict[str, Model]) -> str:
    return module.likely_model(look(array, geometry, modality), models)


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {name: model for name, model in catalogue().items() if name in (HEART, ABDOMEN)}


def volume(shape=(10, 40, 36), lowest=0, highest=800, dtype=np.int16) -> np.ndarray:
    array = np.full(shape, lowest, dtype)
    array[0, 0, 0] = highest
    return array


def grid(shape=(10, 40, 36), spacing=(1.5, 1.5, 8.0), directions=SHORT_AXIS) -> Geometry:
    matrix = np.eye(4)
    matrix[:3, :3] = directions / np.linalg.norm(directions, axis=0) * spacing
    return Geometry(shape, matrix)


def ct() -> tuple[np.ndarray, Geometry]:
    return volume((100, 40, 36), -1024, 1500), grid((100, 40, 36), (0.8, 0.8, 3.0), AXIAL)


def tilted(directions: np.ndarray, degrees: float) -> np.ndarray:
    """Turned about an axis that lies in the plane of all of R, A and S."""
    axis = np.array([1, 2, 3]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    angle = np.radians(degrees)
    return (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross) @ directions


def kinds(*given) -> list[str]:
    return [advice.kind for advice in advise(*given)]


def test_a_summary_tells_size_spacing_and_range_along_i_j_k():
    array = volume((10, 256, 216), 0, 874)
    geometry = Geometry(array.shape, np.diag([-1.5, -1.5, 10, 1]))

    assert summary(array, geometry) == "216 x 256 x 10 voxels, 1.50 x 1.50 x 10.0 mm, values 0 to 874"


def test_a_summary_writes_fractions_shortly():
    array = volume(lowest=-0.25, highest=1 / 3, dtype=np.float32)

    assert summary(array, grid(spacing=(0.78125, 0.78125, 9.999))).endswith(
        "0.78 x 0.78 x 10.0 mm, values -0.25 to 0.333333"
    )


def test_nothing_is_said_about_volumes_like_the_training_data(models):
    assert advise(volume(), grid(), models[HEART], "MR") == []
    assert advise(volume(), grid(), models[HEART]) == []
    assert advise(*ct(), models[ABDOMEN], "ct ") == []


def test_nothing_is_said_about_the_sample_data(models, repository):
    from DINSegmentLib.io.reading import read

    image = read(repository / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd")
    assert advise(image.array, image.geometry, models[HEART], "MR") == []


def test_another_modality_is_named_and_an_unknown_one_is_not(models):
    (advice,) = advise(volume(), grid(), models[HEART], "CT")

    assert (advice.kind, advice.text.fields) == ("modality", {"modality": "CT", "learned": "MR"})


@pytest.mark.parametrize(
    ("lowest", "highest", "unlike"),
    [(-1024, 3071, False), (-125, 275, False), (0, 255, True), (0, 499, True), (-1024, 100, True)],
)
def test_a_range_that_no_ct_has_is_seen(models, lowest, highest, unlike):
    array, geometry = ct()
    array = volume(array.shape, lowest, highest)

    assert kinds(array, geometry, models[ABDOMEN], "") == ["range"] * unlike


@pytest.mark.parametrize(("lowest", "unlike"), [(-1024, True), (-47, False), (0, False), (100, False)])
def test_a_range_with_hounsfield_units_is_no_mr(models, lowest, unlike):
    found = advise(volume(lowest=lowest), grid(), models[HEART], "")

    assert [advice.kind for advice in found] == ["range"] * unlike
    assert all(advice.text.fields == {"lowest": lowest, "highest": 800, "learned": "MR"} for advice in found)


def test_thin_slices_are_measured_along_the_models_slice_axis(models):
    (advice,) = advise(volume(), grid(spacing=(1.2, 1.2, 3.0)), models[HEART])
    assert (advice.kind, advice.text.fields) == ("thickness", {"thickness": "3.00", "expected": "4 to 12"})

    array, geometry = ct()
    thick = geometry.ijk_to_ras[:, [2, 0, 1, 3]]  # stored with its axial slices along I
    thick[:, 0] *= 3
    stored = array.transpose(1, 2, 0)
    (advice,) = advise(stored, Geometry(stored.shape, thick), models[ABDOMEN])
    assert (advice.kind, advice.text.fields["thickness"]) == ("thickness", "9.00")


@pytest.mark.parametrize("count", [2, 40])
def test_too_few_or_too_many_slices_are_seen(models, count):
    shape = (count, 40, 36)
    (advice,) = advise(volume(shape), grid(shape), models[HEART])

    assert (advice.kind, advice.text.fields) == ("slices", {"slices": count, "expected": "5 to 20"})


@pytest.mark.parametrize("spacing", [(0.3, 0.3, 8), (1.5, 3.1, 8)])
def test_pixels_far_off_are_seen_along_either_axis(models, spacing):
    (advice,) = advise(volume(), grid(spacing=spacing), models[HEART])

    assert advice.kind == "pixel" and f"{max(spacing[:2]):.2f}" in advice.text.fields["pixels"]


def test_a_model_that_says_nothing_gets_no_advice_about_numbers(models):
    model = dataclasses.replace(models[HEART], expects=Expectations())

    assert advise(volume((2, 40, 36), -1024), grid((2, 40, 36), (0.2, 9, 30)), model, "MR") == []


@pytest.mark.parametrize(
    ("directions", "name"),
    [
        (tilted(AXIAL, 5), "axial"),
        (CORONAL, "coronal"),
        (SAGITTAL, "sagittal"),
        (tilted(SAGITTAL, 7), "sagittal"),
        (-tilted(CORONAL, 7), "coronal"),
    ],
)
def test_slices_across_an_axis_of_the_body_are_no_short_axis_view(models, directions, name):
    (advice,) = advise(volume(), grid(directions=directions), models[HEART])

    assert (advice.kind, advice.text.fields) == ("view", {"view": name, "model": models[HEART].title})


@pytest.mark.parametrize("directions", [np.eye(3), np.diag([-1, -1, 1]), AXIAL, tilted(AXIAL, 20), SHORT_AXIS])
def test_nothing_is_said_about_the_view_of_oblique_slices_or_of_a_file_without_directions(models, directions):
    assert advise(volume(), grid(directions=directions), models[HEART]) == []


def test_the_view_is_that_of_the_plane_when_the_stack_is_sheared(models):
    # coronal slices, each shifted against the last: the way from one to the next leans by 27 degrees
    (advice,) = advise(volume(), grid(directions=CORONAL + [[0, 0, 0.5], [0, 0, 0], [0, 0, 0]]), models[HEART])

    assert (advice.kind, advice.text.fields["view"]) == ("view", "coronal")


def test_a_model_of_upright_slices_may_have_them(models):
    model = dataclasses.replace(models[HEART], axes=Axes("stack", "P", "L"))

    assert advise(volume(), grid(directions=tilted(AXIAL, 5)), model) == []


def test_cubes_are_no_stack(models):
    (advice,) = advise(volume(), grid(spacing=(4.0, 4.0, 4.4)), dataclasses.replace(
        models[HEART], expects=Expectations()
    ))  # fmt: skip

    assert (advice.kind, advice.text.fields) == ("view", {"axis": "K"})


def test_every_advice_is_one_sentence(models):
    array = volume((40, 30, 20), -2000, 100)
    geometry = grid(array.shape, (3.0, 3.0, 3.0), CORONAL)
    found = [advice for model in models.values() for advice in advise(array, geometry, model, "PT")]

    assert {advice.kind for advice in found} == {"modality", "range", "slices", "thickness", "pixel", "view"}
    for advice in found:
        assert advice.text[0].isupper() and advice.text.endswith(".") and advice.text.count(". ") <= 1


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.full((10, 40, 36), np.nan), InputError),
        (np.zeros((10, 40, 36)), InputError),
        (np.zeros((10, 40, 36, 3)), InputError),
        (np.zeros((0, 40, 36)), InputError),
        (volume((10, 40, 35)), GeometryError),
    ],
)
def test_a_volume_that_cannot_be_segmented_is_an_error_and_no_advice(models, array, error):
    with pytest.raises(error):
        advise(array, grid(), models[HEART])
    with pytest.raises(error):
        summary(array, grid())


def test_the_likely_model_is_that_of_the_modality(models):
    assert likely_model(volume(), grid(), "CT", models) == ABDOMEN
    assert likely_model(*ct(), "mr", models) == HEART


@pytest.mark.parametrize("modality", ["", "OT"])
def test_without_a_known_modality_the_likely_model_is_the_one_whose_data_are_like_the_volume(models, modality):
    backwards = dict(reversed(models.items()))
    for known in (models, backwards):
        assert likely_model(volume(), grid(), modality, known) == HEART
        assert likely_model(*ct(), modality, known) == ABDOMEN


def test_values_unlike_a_models_count_more_than_anything_else(models):
    # an MR of cubes, far too large for the heart's model: 3 advices there, and 1 here
    array = volume((60, 40, 36), -47, 833)
    geometry = grid(array.shape, (2.0, 2.0, 2.0), AXIAL)
    assert len(advise(array, geometry, models[HEART])) > len(advise(array, geometry, models[ABDOMEN]))

    assert likely_model(array, geometry, "", models) == HEART


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("heart", HEART), ("", HEART), ("coeur de patient", HEART), ("Plate 3", HEART), ("LGE_sax", "cardiac-lge"),
        ("lateral view", HEART), ("spatial", HEART), ("spaet5", "cardiac-lge"), ("7 PSIR", "cardiac-lge"),
        ("T1 Late Enhancement", "cardiac-lge"),
    ],
)  # fmt: skip
def test_a_name_decides_between_cine_and_late_enhancement(name, model):
    for known in (catalogue(), dict(reversed(catalogue().items()))):
        assert module.likely_model(look(volume(), grid(), "MR", name), known) == model


@pytest.mark.parametrize("modality", ["", "CT"])
@pytest.mark.parametrize("name", ["CT abdomen", "late venous phase", "abdomen delayed"])
def test_a_phase_of_contrast_is_no_late_enhancement(name, modality):
    for known in (catalogue(), dict(reversed(catalogue().items()))):
        assert module.likely_model(look(*ct(), modality, name), known) == ABDOMEN


def test_of_models_that_suit_alike_the_first_is_the_likely_one(models):
    twins = {"b": models[HEART], "a": models[HEART]}

    assert likely_model(volume(), grid(), "MR", twins) == "b"
