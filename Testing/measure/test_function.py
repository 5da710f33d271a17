"""Cardiac function: by hand on blocks, and on the beating phantom against its closed forms."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pytest import approx

from DINSegmentLib.errors import InputError, ModelError
from DINSegmentLib.geometry import Geometry
from DINSegmentLib.measure import CardiacFunction, Ventricle, cardiac_function
from DINSegmentLib.measure.function import base_first
from DINSegmentLib.measure.regional import regional_function
from DINSegmentLib.model import find_model
from DINSegmentLib.phantom import ES_PHASE, CardiacPhantom
from DINSegmentLib.phantom.heart import emptying

HEART = find_model("cardiac-mr")
GRID = Geometry((6, 10, 30), np.diag([-10.0, -10.0, 10.0, 1.0]))  # 1 ml a voxel; the gap is in the 10 mm


def stack(lv, rv=(0, 10, 10, 10, 5, 0), wall=(0, 5, 5, 5, 5, 0)):
    """Labels (6, 10, 30) with so many voxels of every structure in each slice, in the order of the stack."""
    labels = np.zeros((6, 300), np.uint8)
    for plane, *counts in zip(labels, rv, wall, lv, strict=True):
        start = 0
        for value, count in enumerate(counts, start=1):
            plane[start : start + count] = value
            start += count
    return labels.reshape(GRID.shape)


ED = stack(lv=(0, 30, 40, 30, 20, 0))  # 120 ml
ES = stack(lv=(0, 0, 20, 15, 5, 0), rv=(0, 0, 8, 8, 5, 0))  # 40 ml and 21 ml
MIDDLE = stack(lv=(0, 10, 30, 20, 10, 0), rv=(0, 0, 10, 10, 5, 0))  # 70 ml


def test_every_figure_is_the_one_computed_by_hand():
    found = cardiac_function([MIDDLE, ED, ES], GRID, HEART, (0, 30, 60), heart_rate=60, height_cm=180, weight_kg=80)

    assert (found.ed_frame, found.es_frame) == (1, 2)
    assert found.lv_ml == approx((70, 120, 40)) and found.rv_ml == approx((25, 35, 21))
    assert found.myocardium_ml == approx((20, 20, 20)) and found.mass_g == approx(20 * 1.05)
    assert (found.lv.edv_ml, found.lv.esv_ml, found.lv.sv_ml) == approx((120, 40, 80))
    assert found.lv.ef_percent == approx(100 * 80 / 120)
    assert (found.rv.edv_ml, found.rv.esv_ml) == approx((35, 21)) and found.rv.ef_percent == approx(40)
    assert found.cardiac_output_l_min == approx(4.8)
    assert found.bsa_m2 == approx(2.0)  # root of 180 * 80 / 3600
    assert found.indexed["lv_edv_ml_m2"] == approx(60) and found.indexed["mass_g_m2"] == approx(10.5)
    assert found.indexed["cardiac_index_l_min_m2"] == approx(2.4)
    assert found.notices == () and found.mass_frame == 1


def test_figures_survive_json_and_get_a_person_later():
    plain = cardiac_function([MIDDLE, ED, ES], GRID, HEART, (0, 30, 60))
    again = CardiacFunction.from_dict(json.loads(json.dumps(plain.as_dict())))

    assert again == plain and again.rows() == plain.rows()
    person = dict(heart_rate=60, height_cm=180, weight_kg=80)
    assert again.for_person(**person) == cardiac_function([MIDDLE, ED, ES], GRID, HEART, (0, 30, 60), **person)
    assert again.for_person(**person).for_person() == plain


def test_one_base_slice_less_or_more_gives_the_range():
    lv = cardiac_function([ED, ES], GRID, HEART).lv

    assert lv.edv_range_ml == approx((90, 150)) and lv.esv_range_ml == approx((20, 60))
    # one change at a time: 1 - 40 / 90, 1 - 40 / 150, 1 - 20 / 120, 1 - 60 / 120
    assert lv.ef_range_percent == approx((50, 100 * 100 / 120))


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize("step", [1, -1])
def test_no_figure_depends_on_how_the_stack_is_stored(order, step):
    labels = [frame[::step].transpose(order) for frame in (ED, ES)]
    sizes = np.array([10.0, 1.0, 1.0])[list(order)]  # along the array's axes: slices have the largest voxels
    expected = cardiac_function([ED, ES], Geometry(GRID.shape, np.diag([1.0, 1.0, 10.0, 1.0])), HEART)

    found = cardiac_function(labels, Geometry(labels[0].shape, np.diag([*sizes[::-1], 1.0])), HEART)
    assert found == expected


def test_structures_are_found_by_their_code_whatever_they_are_called_and_numbered():
    renamed = replace(HEART, labels=tuple(replace(one, name="x", value=one.value + 7) for one in HEART.labels[::-1]))
    labels = [np.where(frame > 0, frame + 7, 0).astype(np.uint8) for frame in (ED, ES)]

    assert cardiac_function(labels, GRID, renamed) == cardiac_function([ED, ES], GRID, HEART)
    with pytest.raises(ModelError, match="does not label the left ventricle"):
        cardiac_function([ED, ES], GRID, find_model("abdomen-ct"))


def test_a_model_without_right_ventricle_or_myocardium_gives_the_left_one_alone():
    alone = replace(HEART, labels=HEART.labels[2:])
    found = cardiac_function([ED, ES], GRID, alone)

    assert found.lv.edv_ml == approx(120) and found.rv == Ventricle() and found.mass_g is None
    assert found.notices == ()


def test_one_frame_gives_volumes_and_mass_and_no_ejection_fraction():
    found = cardiac_function([ED], GRID, HEART, heart_rate=60)

    assert found.lv_ml == approx((120,)) and found.mass_g == approx(21) and found.mass_frame == 0
    assert found.lv == found.rv == Ventricle()
    assert (found.ed_frame, found.es_frame, found.cardiac_output_l_min) == (None, None, None)
    assert "one frame" in texts(found)[0]


def test_a_frame_without_left_ventricle_withholds_what_needs_end_systole():
    empty = stack(lv=(0,) * 6)
    found = cardiac_function([ED, empty, ES], GRID, HEART, heart_rate=60)

    assert found.lv_ml == (approx(120), None, approx(40)) and found.es_frame is None
    assert found.lv.edv_ml == approx(120) and found.mass_g == approx(21)
    assert (found.lv.esv_ml, found.lv.ef_percent, found.cardiac_output_l_min) == (None, None, None)
    assert fields(found) == [{"where": "frame 2"}]
    nothing = cardiac_function([empty, empty], GRID, HEART)
    assert nothing.lv == Ventricle() and nothing.mass_g is None
    assert fields(nothing) == [{"where": "any frame"}]


def test_a_lost_right_ventricle_costs_only_its_own_figures():
    found = cardiac_function([ED, stack(lv=(0, 0, 20, 15, 5, 0), rv=(0,) * 6)], GRID, HEART)

    assert found.rv == Ventricle() and found.lv.ef_percent == approx(100 * 80 / 120)
    assert fields(found) == [{"name": "right ventricle", "frame": 2}]


@pytest.mark.parametrize("rv", [(0, 10, 10, 10, 5, 0), (0, 12, 12, 12, 6, 0)])
def test_a_right_ventricle_that_does_not_empty_has_no_ejection_fraction(rv):
    """35 ml at end-diastole, and at end-systole as many, or 42 ml."""
    found = cardiac_function([ED, stack(lv=(0, 0, 20, 15, 5, 0), rv=rv)], GRID, HEART)

    assert found.rv.edv_ml == approx(35) and found.rv.esv_ml == approx(sum(rv))
    assert found.rv.sv_ml is found.rv.ef_percent is found.rv.ef_range_percent is None
    assert found.lv.ef_percent == approx(100 * 80 / 120)
    assert "right ventricle is not smaller at end-systole" in texts(found)[-1]


def test_no_beat_gives_no_ejection_fraction():
    found = cardiac_function([ED, ED], GRID, HEART)
    assert found.lv == Ventricle() and "same volume in every frame" in texts(found)[0]


def test_a_missing_apex_withholds_the_figures():
    cut = [stack(lv=(0, 0, 30, 40, 30, 12)), stack(lv=(0, 0, 0, 20, 15, 4))]  # 12 is more than a quarter of 40
    found = cardiac_function(cut, GRID, HEART)

    assert found.lv == Ventricle() and found.mass_g is None and found.rv.edv_ml == approx(35)
    assert fields(found)[0] == {"name": "left ventricle", "end": "apex"}
    tapered = cardiac_function([stack(lv=(0, 0, 30, 40, 30, 10)), ES], GRID, HEART)
    assert tapered.lv.edv_ml == approx(110)
    assert fields(tapered) == [{"name": "left ventricle", "ends": "apex"}]


def test_a_missing_base_withholds_the_figures():
    cut = [stack(lv=(40, 40, 30, 20, 5, 0)), stack(lv=(15, 20, 15, 10, 0, 0))]
    found = cardiac_function(cut, GRID, HEART)

    assert found.lv == Ventricle() and found.mass_g is None
    assert fields(found)[0] == {"name": "left ventricle", "end": "base"}
    narrower = cardiac_function([stack(lv=(35, 40, 30, 20, 5, 0)), cut[1]], GRID, HEART)
    assert narrower.lv.edv_ml == approx(130) and fields(narrower)[0] == {"name": "left ventricle", "ends": "base"}
    down = cardiac_function([cut[0], ES], GRID, HEART)  # at end-systole the base is in the stack
    assert down.lv.edv_ml == approx(135) and fields(down)[0] == {"name": "left ventricle", "ends": "base"}


@pytest.mark.parametrize("step", [1, -1])
def test_a_slice_without_a_ventricle_between_others_withholds_its_figures(step):
    hole = stack(lv=(0, 0, 20, 0, 5, 0), rv=(0, 0, 8, 8, 5, 0))[::step]
    found = cardiac_function([MIDDLE[::step], ED[::step], hole], GRID, HEART)
    assert found.lv == Ventricle() and found.mass_g is None and found.rv.ef_percent == approx(40)
    assert fields(found) == [{"name": "left ventricle", "frame": 3, "slice": 4 if step == 1 else 3}]

    right = stack(lv=(0, 0, 20, 15, 5, 0), rv=(0, 8, 0, 0, 5, 0))[::step]
    found = cardiac_function([ED[::step], right], GRID, HEART)
    assert found.rv == Ventricle() and found.lv.ef_percent == approx(100 * 80 / 120)
    elsewhere = cardiac_function([ED, stack(lv=(0, 10, 30, 0, 10, 0)), ES], GRID, HEART)  # neither ED nor ES
    assert elsewhere.notices == () and elsewhere.lv.ef_percent == approx(100 * 80 / 120)


def beating(*middles):
    """Frames with 60 ml of left ventricle and so much more in each of two middle slices; the right one moves along."""
    return [stack(lv=(0, 30, ml, ml, 30, 0), rv=(0, 10, 10, 10 + ml // 10, 5, 0)) for ml in middles]


BEAT = 70, 65, 55, 45, 35, 30, 40, 50, 60, 65  # middle slices in ml: 200 ml in the first frame, 120 ml in the sixth


@pytest.mark.parametrize(
    ("frame", "middle", "share"),
    [(0, 90, 50 / 240), (0, 80, None), (5, 10, 50 / 200), (5, 20, None), (3, 90, 70 / 240)],
)
def test_a_jump_at_end_diastole_or_end_systole_is_noticed(frame, middle, share):
    """The neighbor of the first frame is the last."""
    middles = [*BEAT[:frame], middle, *BEAT[frame + 1 :]]
    found = cardiac_function(beating(*middles), GRID, HEART)
    assert fields(found) == ([{"name": "left ventricle", "frame": frame + 1, "share": approx(share)}] if share else [])
    assert found.lv.ef_percent is not None
    assert cardiac_function(beating(*middles[:8]), GRID, HEART).notices == ()  # of few frames, any may be missing


@pytest.mark.parametrize("count", [2, 8, 10, 20, 30])
@pytest.mark.parametrize("part", [1.0, 0.5])
def test_a_beat_or_a_part_of_it_has_no_jumps(count, part):
    emptied = [emptying(part * frame / count) for frame in range(count)]
    found = cardiac_function(beating(*(round(70 - 45 * share) for share in emptied)), GRID, HEART)
    assert found.notices == () and found.lv.ef_percent > 30


@pytest.mark.parametrize("step", [1, -1])
def test_a_remnant_in_the_basal_slice_does_not_turn_the_heart_around(step):
    remnant = stack(lv=(0, 3, 40, 30, 20, 0), rv=(0, 0, 10, 10, 5, 0), wall=(0, 0, 5, 5, 5, 0))
    found = cardiac_function([frame[::step] for frame in (remnant, ES)], GRID, HEART)
    assert found.lv.edv_range_ml == approx((90, 96))  # of 93 ml, the basal slice has 3

    cut = [stack(lv, (0,) * 6, (0, 0, 0, 5, 5, 5)) for lv in ((0, 0, 3, 40, 30, 20), (0, 0, 0, 20, 15, 10))]
    found = cardiac_function([frame[::step] for frame in cut], GRID, HEART)
    assert found.lv == Ventricle() and fields(found)[0] == {"name": "left ventricle", "end": "apex"}


@pytest.mark.parametrize(
    "heart",
    [
        (55, 50, 40, 20),
        (5, 40, 50, 30, 20),
        (1, 10, 50, 45, 30),
        (45, 50, 40, 35, 2),
        (50, 50, 50, 9),
        (9, 9),
        (7,),
        (),
    ],
)
def test_the_base_is_in_the_larger_half_of_the_heart(heart):
    assert base_first(np.array((0, *heart, 0)))
    assert sum(heart) in (0, 7, 18) or not base_first(np.array((0, *heart[::-1])))


def test_a_base_slice_that_myocardium_does_not_enclose_is_told():
    def ring(*gaps):
        """3 x 3 pixels of cavity, 12 edges, in a wall that lacks so many of its pixels at these edges."""
        labels = np.zeros((5, 9, 9), np.uint8)
        labels[1:3, 0] = 1  # some right ventricle, toward the base
        for plane, gap in zip(labels[1:], gaps, strict=True):
            plane[2:7, 2:7], plane[3:6, 3:6] = 2, 3
            plane[2, 3 : 3 + gap] = 0
        return labels

    grid = Geometry((5, 9, 9), np.diag([1.0, 1.0, 10.0, 1.0]))
    smaller = ring(0, 0, 0, 0)
    smaller[4] = 0

    def told(labels):
        return [one for one in fields(cardiac_function([labels, smaller], grid, HEART)) if "share" in one]

    assert told(ring(3, 0, 0, 0)) == [{"frame": 1, "share": 9 / 12}]  # of the edges
    for quiet in (ring(0, 3, 0, 0), ring(3, 3, 3, 0)):  # not at the base; a wall that is never closed gives no notice
        assert told(quiet) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"labels": []}, "no frame"),
        ({"labels": [ED, ES[1:]]}, "Frame 2"),
        ({"times": [0]}, "2 frames and 1 times"),
        ({"times": [30, 10]}, "not increasing"),
        ({"heart_rate": 0}, "heart rate"),
        ({"height_cm": 1.8, "weight_kg": 80}, "height of 1.8 cm"),
        ({"weight_kg": float("nan")}, "weight"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(arguments, text):
    with pytest.raises(InputError, match=text):
        cardiac_function(**{"labels": [ED, ES], "geometry": GRID, "model": HEART, **arguments})


@pytest.mark.parametrize(
    ("times", "right", "said"),
    [
        ((0, 330_000, 660_000), (0, 330, 660), {"wrong": approx(990), "right": approx(0.99)}),  # ms called s
        ((0, 0.33, 0.66), (0, 330, 660), {"wrong": approx(0.00099), "right": approx(0.99)}),  # s called ms
        ((0, 20_000, 40_000), (0, 20_000, 40_000), {"seconds": approx(60)}),  # a thousandth makes no beat
    ],
)
def test_frame_times_in_a_wrong_unit_are_corrected_or_noticed(times, right, said):
    found = cardiac_function([MIDDLE, ED, ES], GRID, HEART, times)
    assert found.times_ms == approx(right) and fields(found)[0] == said


@pytest.mark.parametrize("times", [(0, 33, 66), (0, 330, 660), (0, 2000, 4000), (0, 1, 2)])
def test_frame_times_of_a_part_of_a_beat_or_of_several_are_left(times):
    found = cardiac_function([MIDDLE, ED, ES], GRID, HEART, times)
    assert found.times_ms == times and not found.notices


@pytest.mark.parametrize(
    ("count", "step", "heart_rate", "noticed"),
    [
        (20, 1000, None, True), (20, 1000, 70, True), (10, 250, None, True),
        (10, 190, 120, True),  # 500 ms from beat to beat
        (8, 400, 70, True),
        (25, 25, 110, False), (20, 50, 70, False), (8, 110, 70, False), (8, 400, None, False),
        (80, 100, 70, False),  # several beats in real time
        (2, 350, 110, False), (3, 300, 90, False),  # only ED and ES
    ],
)  # fmt: skip
def test_frames_too_far_apart_for_a_heartbeat_are_noticed_once(count, step, heart_rate, noticed):
    frames = [ED, *[MIDDLE] * (count - 2), ES]
    times = [float(step * number) for number in range(count)]
    found = cardiac_function(frames, GRID, HEART, times, heart_rate)
    said = [{"step": step}] if noticed else []
    assert [one for one in fields(found) if "step" in one] == said
    assert cardiac_function(frames, GRID, HEART, times).for_person(heart_rate) == found


def test_height_without_weight_is_told():
    found = cardiac_function([ED, ES], GRID, HEART, height_cm=180)
    assert found.bsa_m2 is None and found.indexed is None and "height and weight" in texts(found)[0]


def test_rows_and_dictionary_hold_the_figures_with_their_units():
    found = cardiac_function([ED, ES], GRID, HEART, (0, 300), 60, 180, 80)
    rows = {row["quantity"]: row for row in found.rows()}

    assert rows["LV EDV"] == {
        "quantity": "LV EDV", "value": approx(120), "unit": "ml", "low": approx(90), "high": approx(150),
    }  # fmt: skip
    assert rows["LV stroke volume, indexed"]["value"] == approx(40)
    assert rows["RV ESV, indexed"]["value"] == approx(10.5) and rows["RV ESV, indexed"]["unit"] == "ml/m2"
    assert rows["LV mass, indexed"]["unit"] == "g/m2" and rows["Cardiac output, indexed"]["value"] == approx(2.4)
    assert found.curve()[1] == approx({"frame": 2, "time_ms": 300, "lv_ml": 40, "rv_ml": 21, "myocardium_ml": 20})
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["lv"]["edv_range_ml"] == approx([90, 150]) and told["indexed"]["rv_edv_ml_m2"] == approx(17.5)
    assert len(cardiac_function([ED], GRID, HEART).rows()) == 10


# The phantom's base plane lies on a slice boundary at end-diastole and end-systole; a slice of atria is above it.
PHANTOM = CardiacPhantom(shape=(10, 256, 208), above=1)


def texts(found):
    return tuple(one.text for one in found.notices)


def fields(found):
    return [one.text.fields for one in found.notices]


@pytest.fixture(scope="module")
def beat():
    """Images and labels of three frames: one on the way, ED, ES."""
    return [PHANTOM.frame(phase) for phase in (0.85, 0.0, ES_PHASE)]


@pytest.mark.slow
def test_the_phantoms_labels_give_its_volumes_within_a_percent_and_ejection_fractions_within_a_point(beat):
    found = cardiac_function([label for _, label in beat], PHANTOM.geometry, HEART)

    assert (found.ed_frame, found.es_frame, texts(found)) == (1, 2, ())
    assert (found.lv.edv_ml, found.lv.esv_ml) == approx(PHANTOM.lv, rel=0.01)
    assert (found.rv.edv_ml, found.rv.esv_ml) == approx(PHANTOM.rv, rel=0.01)
    assert found.lv.ef_percent == approx(PHANTOM.ejection_fraction["LV"], abs=1)
    assert found.rv.ef_percent == approx(PHANTOM.ejection_fraction["RV"], abs=1)
    assert found.mass_g == approx(PHANTOM.mass, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("above", [0, 1])
def test_what_the_network_finds_in_the_phantom_is_printed_beside_the_truth(above):
    from DINSegmentLib.engine.segmenter import Segmenter

    segmenter, phantom = Segmenter(HEART, "cpu"), CardiacPhantom(shape=(9 + above, 256, 208), above=above)
    images, truth_labels = zip(*[phantom.frame(phase) for phase in (0.0, ES_PHASE)], strict=True)
    labels = [segmenter.segment(image, phantom.geometry).labels for image in images]
    found = cardiac_function(labels, phantom.geometry, HEART)

    print(f"\nA stack of {len(labels[0])} slices, {above} above the base:", *texts(found), sep="\n")
    truth = {
        "LV EDV": phantom.lv[0], "LV ESV": phantom.lv[1], "RV EDV": phantom.rv[0], "RV ESV": phantom.rv[1],
        "LV mass": phantom.mass, **{f"{s} ejection fraction": ef for s, ef in phantom.ejection_fraction.items()},
    }  # fmt: skip
    for row in found.rows():
        if (right := truth.get(row["quantity"])) is not None:
            value = row["value"]
            off = f"{value - right:+.1f} points" if row["unit"] == "%" else f"{100 * (value / right - 1):+.1f} %"
            bounds = "" if row["low"] is None else f", one base slice {row['low']:.1f} to {row['high']:.1f}"
            print(f"{row['quantity']}: {value:.1f} {row['unit']}, {off} from {right:.1f}{bounds}")
    assert (found.ed_frame, found.es_frame) == (0, 1)
    walls = [regional_function(*pair, phantom.geometry, HEART) for pair in (labels, truth_labels)]
    for moment in ("ed_mm", "es_mm"):
        pairs = [[getattr(one.segments[number], moment) for one in walls] for number in range(1, 17)]
        known = [abs(found - right) for found, right in pairs if found is not None]
        print(f"Wall thickness, {moment}: {len(known)} of 16 segments, mean absolute error {np.mean(known):.2f} mm")
