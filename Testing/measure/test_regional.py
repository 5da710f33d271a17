"""Regional function: the phantom's closed forms, all storage orders of voxels, and wrong labels."""

import json
from itertools import permutations, product

import numpy as np
import pytest
from pytest import approx

from DINSegmentLib.errors import ModelError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure.regional import RegionalFunction, regional_function
from DINSegmentLib.measure.segments import Septum, rings
from DINSegmentLib.measure.short_axis import Insertion
from DINSegmentLib.measure.wall import measure_wall
from DINSegmentLib.model import find_model
from DINSegmentLib.phantom import ES_PHASE, CardiacPhantom, ThinWall
from DINSegmentLib.phantom.heart import RV_HALF_ANGLE

HEART = find_model("cardiac-mr")
PHASES = 0.0, ES_PHASE
RING_SLICES = (0, 1, 2), (3, 4, 5), (6, 7)  # eight of the phantom's nine slices hold cavity at end-diastole
RIGHT, WALL, LEFT = 1, 2, 3


@pytest.fixture(scope="module")
def phantom():
    return CardiacPhantom()


@pytest.fixture(scope="module")
def frames(phantom):
    return [phantom.frame(phase)[1] for phase in PHASES]


@pytest.fixture(scope="module")
def thin():
    return CardiacPhantom(thin=ThinWall())


@pytest.fixture(scope="module")
def thin_frames(thin):
    return [thin.frame(phase)[1] for phase in PHASES]


@pytest.fixture(scope="module")
def regional(phantom, frames):
    return regional_function(*frames, phantom.geometry, HEART)


def analytic(phantom, phase):
    """Thickness of every segment in mm, from the closed surfaces: distances between dense outlines, both ways."""
    heart, angles = phantom.heart(phase), np.radians(np.arange(0, 360, 0.5)) - np.pi
    held = {number: [] for number in range(1, 17)}
    for ring, slices in enumerate(RING_SLICES):
        for place in slices:
            if heart.base > 10 * place:
                continue  # the base plane has come down past this slice
            height = np.full(angles.shape, 10.0 * place + 5 - heart.base)
            inner, outer = (
                np.sqrt(square)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
                for square in heart.surfaces(height, angles)[:2]
            )
            far = np.linalg.norm(inner[:, None] - outer[None], axis=2)
            for distances in (far.min(axis=1), far.min(axis=0)):
                for angle, distance in zip(angles, distances, strict=True):
                    held[segment_at(ring, angle)].append(distance)
    return {number: float(np.mean(values)) for number, values in held.items()}


def segment_at(ring, angle):
    """By the phantom's own insertions, at +-`RV_HALF_ANGLE` around mid-septum, positive toward the anterior side."""
    if ring == 2:
        return {0: 14, 1: 13, 2: 16, 3: 15}[round(angle / (np.pi / 2)) % 4]
    if abs(angle) < RV_HALF_ANGLE:
        return 6 * ring + (2 if angle > 0 else 3)
    free = (np.pi - RV_HALF_ANGLE) / 2
    return 6 * ring + {0: 4, 1: 5, 2: 6, 3: 1}[int((-angle % (2 * np.pi) - RV_HALF_ANGLE) // free)]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["phantom", "thin"])
def test_thickness_by_segment_is_the_analytic_one_within_half_a_millimeter(variant, request):
    phantom = request.getfixturevalue(variant)
    labels = request.getfixturevalue("frames" if variant == "phantom" else "thin_frames")
    found = regional_function(*labels, phantom.geometry, HEART)

    for moment, phase in zip(("ed_mm", "es_mm"), PHASES, strict=True):
        truth = analytic(phantom, phase)
        errors = np.array([getattr(found.segments[number], moment) - truth[number] for number in truth])
        assert np.abs(errors).mean() <= max(0.5, 0.05 * np.mean(list(truth.values())))
        assert np.abs(errors).max() <= 1.0
    assert found.notices == ()


def stored(labels, geometry, order, flips):
    """The same voxels in the same places of the patient, stored along other axes."""
    matrix, corner = geometry.ijk_to_ras.copy(), np.zeros(4)
    corner[3] = 1
    array = labels.transpose(order)
    columns = [matrix[:3, 2 - axis] for axis in order]
    for axis, flip in enumerate(flips):
        if flip:
            corner[2 - order[axis]] = array.shape[axis] - 1
            columns[axis] = -columns[axis]
            array = np.flip(array, axis)
    moved = np.eye(4)
    moved[:3, :3] = np.stack(columns[::-1], axis=1)
    moved[:3, 3] = (matrix @ corner)[:3]
    return array, Geometry(array.shape, moved)


@pytest.mark.slow
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_thin_akinetic_segment_is_inferolateral_in_every_order_in_which_voxels_are_stored(thin, thin_frames, order):
    for flips in product((False, True), repeat=3):
        ed, es = (stored(labels, thin.geometry, order, flips) for labels in thin_frames)
        found = regional_function(ed[0], es[0], ed[1], HEART)

        by_thickening = sorted(range(1, 17), key=lambda number: found.segments[number].thickening_percent)
        assert by_thickening[0] == 11 and min(range(1, 17), key=lambda number: found.segments[number].ed_mm) == 11
        assert found.segments[11].ed_mm == approx(4.0, abs=0.3)
        assert found.segments[11].thickening_percent == approx(0, abs=5)
        assert all(found.segments[number].thickening_percent > 25 for number in range(1, 17) if number != 11)
        assert found.notices == ()


@pytest.mark.slow
def test_slices_have_the_place_that_they_have_in_the_file(phantom, frames, regional):
    ed, es = (stored(labels, phantom.geometry, (0, 1, 2), (True, False, False)) for labels in frames)
    found = regional_function(ed[0], es[0], ed[1], HEART)

    assert list(regional.slices) == [0, 1, 2, 3, 4, 5, 6, 7] and regional.rings == RING_SLICES
    assert list(found.slices) == [8, 7, 6, 5, 4, 3, 2, 1] and found.rings[2] == (2, 1)
    assert found.slices[8] == regional.slices[0]


@pytest.mark.slow
def test_the_slice_that_the_base_leaves_has_no_thickness_at_end_systole(regional):
    assert regional.slices[0].ed_mm and regional.slices[0].es_mm is None
    assert "does not close" in regional.slices[0].reason and regional.slices[1].reason is None
    one = regional.slices[3]
    assert one.thickening_percent == approx(100 * (one.es_mm - one.ed_mm) / one.ed_mm)


@pytest.mark.slow
def test_the_apex_is_not_assessed(regional):
    assert regional.segments[17].ed_mm is None and "Not assessed" in regional.segments[17].reason


@pytest.mark.slow
def test_everything_survives_json(regional):
    assert RegionalFunction.from_dict(json.loads(json.dumps(regional.as_dict()))) == regional


@pytest.mark.parametrize(("count", "parts"), [(3, (1, 1, 1)), (7, (3, 2, 2)), (8, (3, 3, 2)), (10, (4, 3, 3))])
def test_a_remainder_of_the_thirds_goes_to_the_base_then_to_the_middle(count, parts):
    assert rings(count) == parts


@pytest.mark.parametrize("turn", [1, -1])
def test_segments_lie_where_the_association_draws_them(turn):
    septum = Septum(anterior=np.radians(60 * turn), span=np.radians(120), turn=turn)

    def at(ring, *degrees):  # from the anterior insertion on
        return septum.segments(ring, np.radians([60 * turn + turn * one for one in degrees])).tolist()

    assert at(0, 1, 59, 61, 119) == [2, 2, 3, 3]
    assert at(0, 121, 179, 181, 239, 241, 299, 301, 359) == [4, 4, 5, 5, 6, 6, 1, 1]
    assert at(1, 30, 90, 150, 210, 270, 330) == [8, 9, 10, 11, 12, 7]
    assert at(2, 16, 104, 106, 194, 196, 284, 286, 374) == [14, 14, 15, 15, 16, 16, 13, 13]  # mid-septum is at 60


@pytest.mark.parametrize(("inner", "outer"), [(20.0, 28.0), (8.0, 18.0), (25.0, 28.0)])
@pytest.mark.parametrize("spacing", [(1.4, 1.4), (1.2, 1.6)])
def test_a_round_wall_has_the_thickness_of_its_radii(inner, outer, spacing):
    rows, columns = np.mgrid[:80, :80]
    away = np.hypot((rows - 40.3) * spacing[0], (columns - 39.6) * spacing[1])
    found = measure_wall(away < inner, (away >= inner) & (away < outer), spacing)

    assert found.thickness.mean() == approx(outer - inner, abs=0.15)
    assert np.abs(found.thickness - (outer - inner)).max() < 0.6 * max(spacing)
    assert found.thickness.std() < 0.4


def test_papillary_muscles_belong_to_the_cavity():
    rows, columns = np.mgrid[:80, :80]
    away = np.hypot(rows - 40, columns - 40)
    cavity, wall = away < 20, (away >= 20) & (away < 27)
    muscle = np.hypot(rows - 40, columns - 57) < 4  # labeled as wall, and hanging on it
    found = measure_wall(cavity & ~muscle, wall | (cavity & muscle), (1.0, 1.0))

    assert found.thickness.mean() == approx(7, abs=0.6)
    island = measure_wall(
        cavity & ~np.roll(muscle, -8, axis=1), wall | (cavity & np.roll(muscle, -8, axis=1)), (1.0, 1.0)
    )
    assert island.thickness.mean() == approx(7, abs=0.15)


@pytest.mark.slow
def test_points_of_a_person_take_the_place_of_the_label(phantom, frames, regional):
    at_ed = [labels.copy() for labels in frames]
    for labels in at_ed:
        labels[labels == RIGHT] = 0
    nothing = regional_function(*at_ed, phantom.geometry, HEART)
    assert nothing.segments[2].ed_mm is None and "right ventricle" in nothing.segments[2].reason
    assert nothing.slices[3] == regional.slices[3]  # by slice no insertion is needed

    points = Insertion(*(insertion(phantom, side) for side in (1, -1)))
    for labels in (at_ed, frames):
        found = regional_function(*labels, phantom.geometry, HEART, points)
        for number in range(1, 17):
            assert found.segments[number].ed_mm == approx(regional.segments[number].ed_mm, abs=0.2)
        assert found.notices == ()
    exchanged = regional_function(*at_ed, phantom.geometry, HEART, Insertion(points.inferior, points.anterior))
    assert ["exchanged" in one.text for one in exchanged.notices] == [True]  # once for both moments
    turned = regional_function(*frames, phantom.geometry, HEART, Insertion(points.inferior, points.anterior))
    assert turned.segments[9].ed_mm == approx(regional.segments[8].ed_mm, abs=0.2)


def insertion(phantom, side):
    """RAS of an analytic insertion in slice 4: the end of the label of the right ventricle, on the wall."""
    labels = phantom.frame(0.0)[1][4]
    rows, columns = np.nonzero(labels == RIGHT)
    center = np.argwhere(labels == LEFT).mean(axis=0)
    septum = -np.cos(np.radians(22)), -np.sin(np.radians(22))  # x, y of mid-septum, see phantom.heart
    x, y = columns - center[1], rows - center[0]
    angle = np.arctan2(septum[0] * y - septum[1] * x, septum[0] * x + septum[1] * y)
    end = (side * angle).argmax()
    return tuple((phantom.geometry.ijk_to_ras @ (columns[end], rows[end], 4, 1))[:3])


@pytest.mark.slow
def test_what_cannot_be_right_is_not_reported_and_the_reason_says_why(phantom, frames):
    ed, es = frames

    def reason(ed, es=es, geometry=phantom.geometry):
        found = regional_function(ed, es, geometry, HEART)
        assert all(found.segments[number].thickening_percent is None for number in range(1, 18))
        assert found.notices
        return found, str(found.segments[7].reason)

    short = ed[:5].copy()
    assert "does not cover the apex" in reason(short, es[:5], Geometry(short.shape, phantom.geometry.ijk_to_ras))[1]

    few = ed.copy()
    few[2:] = 0
    assert "Only 2 slices" in reason(few)[1]

    gap = ed.copy()
    gap[4][gap[4] == WALL] = 0
    assert "slice 5" in reason(gap)[1]

    still, text = reason(ed, ed)
    assert "same labels" in text and still.segments[7].ed_mm is not None
    assert "select a cine" in reason(ed, None)[1]

    alone = [np.where(labels == RIGHT, 0, labels) for labels in frames]
    lost, text = reason(*alone)
    assert "not labeled along the septum in the basal slices" in text and lost.insertion is None
    assert lost.slices[0].ed_mm is not None  # by slice the wall is known

    noise = np.random.default_rng(0).integers(0, 4, ed.shape).astype(np.uint8)
    assert reason(noise, noise[::-1])[0].slices == {}
    assert reason(np.zeros_like(ed), es)[0].slices == {}
    assert reason(np.full_like(ed, LEFT), es)[0].slices == {}

    no_wall_left = es.copy()
    no_wall_left[:6] = 0
    lost = regional_function(ed, no_wall_left, phantom.geometry, HEART)
    assert lost.segments[7].ed_mm and lost.segments[7].es_mm is None and lost.segments[7].thickening_percent is None


@pytest.mark.slow
def test_where_the_patients_axes_do_not_tell_the_order_of_the_slices_does_with_a_warning(thin, thin_frames):
    across = np.array([(0, 1, -1), (1, 0, 0), (0, 1, 1)]).T * (1, 1.4, 7)  # slices lie across "front and above"
    for turned in (across, across * (-1, 1, -1), across * (-1, -1, 1)):  # left-handed grids, as the phantom's own is
        matrix = np.eye(4)
        matrix[:3, :3] = turned
        assert np.linalg.det(turned) < 0
        found = regional_function(*thin_frames, Geometry(thin.shape, matrix), HEART)

        assert min(range(1, 17), key=lambda number: found.segments[number].thickening_percent) == 11
        assert ["does not clearly show" in notice.text for notice in found.notices] == [True]


@pytest.mark.slow
def test_a_mirrored_heart_is_measured_with_a_warning(phantom, frames):
    matrix = phantom.geometry.ijk_to_ras.copy()
    matrix[0] = -matrix[0]  # the patient's left and right are exchanged
    found = regional_function(*frames, Geometry(phantom.shape, matrix), HEART)

    assert ["mirrored" in notice.text for notice in found.notices] == [True]


@pytest.mark.slow
def test_remnants_at_the_base_leave_rings_and_walls_where_they_are(phantom, frames, regional):
    ed, es = (labels.copy() for labels in frames)
    cavity = np.argwhere(ed[0] == LEFT)
    ed[0] = 0
    ed[0][tuple(cavity[:60].T)] = LEFT  # an open remnant: the slice has no wall
    found = regional_function(ed, es, phantom.geometry, HEART)
    assert found.rings == ((1, 2, 3), (4, 5), (6, 7)) and found.notices == ()

    es[1:4] = es[6]  # at end-systole alone, the half toward the apex is larger
    found = regional_function(frames[0], es, phantom.geometry, HEART)
    assert found.rings == regional.rings and found.notices == ()


@pytest.mark.slow
def test_another_model_is_rejected_in_one_sentence(phantom, frames):
    with pytest.raises(ModelError, match="does not label the left ventricle"):
        regional_function(*frames, phantom.geometry, find_model("abdomen-ct"))
    with pytest.raises(ValueError, match="differ"):
        regional_function(frames[0][1:], frames[1], phantom.geometry, HEART)
