"""Agreement of cardiac function: limits by hand, ejection fractions of the phantom, and omitted cases."""

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pytest import approx

from DINSegmentLib.geometry import Geometry
from DINSegmentLib.model import LEFT_VENTRICLE, RIGHT_VENTRICLE, find_model, label_of
from DINSegmentLib.phantom import ES_PHASE, CardiacPhantom
from DINSegmentLib.training.agreement import Agreement, csv_text, format_table, json_content, limits
from DINSegmentLib.training.cases import Case

HEART = find_model("cardiac-mr")
GRID = Geometry((2, 10, 10), np.diag([10.0, 10.0, 10.0, 1.0]))  # 1 ml a voxel


def heart(lv: int, rv: int = 0) -> np.ndarray:
    labels = np.zeros(200, np.uint8)
    labels[:lv], labels[lv : lv + rv] = 3, 1
    return labels.reshape(GRID.shape)


def agreement(*volumes, nominal=False):
    """Of subjects with (true EDV, true ESV, predicted EDV, predicted ESV) of the left ventricle in ml."""
    found = Agreement(HEART)
    for number, (ed, es, ours_ed, ours_es) in enumerate(volumes):
        for name, truth, ours in (("ED", ed, ours_ed), ("ES", es, ours_es)):
            case = Case(f"p{number}_f{name}_{name}", heart(0), heart(truth, 10), GRID, f"p{number}", nominal)
            found.add(case, heart(ours, 10), [])
    return found


def test_bias_and_limits_are_those_computed_by_hand():
    # true EF 50, 60, 50%; predicted 50, 70, 40%: differences 0, 10, -10, their SD 10
    found = {(one.structure, one.figure): one for one in limits(
        agreement((100, 50, 100, 50), (100, 40, 100, 30), (100, 50, 100, 60)).pairs
    )}  # fmt: skip

    ef = found["Left ventricle", "ef_percent"]
    assert (ef.count, ef.bias, ef.sd) == (3, approx(0, abs=1e-9), approx(10))
    assert (ef.low, ef.high) == (approx(-19.6), approx(19.6))
    esv = found["Left ventricle", "esv_ml"]
    assert (esv.bias, esv.sd) == (approx(0, abs=1e-9), approx(10))
    right = found["Right ventricle", "ef_percent"]
    assert (right.bias, right.low, right.high) == approx((0, 0, 0))


def test_a_ventricle_that_was_not_found_is_no_ejection_fraction_of_a_hundred():
    found = agreement((100, 50, 100, 0), (100, 50, 90, 45))

    lost, _ = [pair for pair in found.pairs if pair.structure == "Left ventricle"]
    assert lost.edv_ml == approx(100) and math.isnan(lost.esv_ml) and math.isnan(lost.ef_percent)
    ef = next(one for one in limits(found.pairs) if one.figure == "ef_percent")
    assert (ef.count, ef.bias) == (1, approx(0)) and math.isnan(ef.sd)
    assert next(csv.DictReader(io.StringIO(csv_text(found.pairs))))["ef_percent"] == ""
    (line,) = [line for line in format_table(found).splitlines() if line.split()[:3] == ["Left", "ventricle", "EF"]]
    assert line.split()[-4:] == ["1", "0.0", "-", "-"]


def test_only_cases_that_come_as_ed_and_es_are_paired():
    found = agreement((100, 50, 100, 50))
    for name in ("p7_f01_ED", "p8", "p9_ES", "ES"):
        found.add(Case(name, heart(0), heart(100), GRID), heart(100), [])
    assert {pair.subject for pair in found.pairs} == {"p0"}
    for phase, volume in (("ED", 80), ("ES", 20)):  # data set with dataset.toml: the name is the subject
        found.add(Case(f"heart01_{phase}", heart(0), heart(volume), GRID), heart(volume), [])
    assert next(pair for pair in found.pairs if pair.subject == "heart01").ef_percent == approx(75)


def test_two_examinations_of_a_subject_are_not_mixed():
    found = Agreement(HEART)
    for name, volume in (("p1_v1_ED", 100), ("p1_v1_ES", 40), ("p1_v2_ED", 150)):
        found.add(Case(name, heart(0), heart(volume), GRID, "p1"), heart(volume), [])
    (pair,) = [one for one in found.pairs if one.structure == "Left ventricle"]
    assert (pair.subject, pair.ef_percent) == ("p1_v1", approx(60))
    found.add(Case("p1_v2_frame09_ES", heart(0), heart(75), GRID, "p1"), heart(75), [])
    pairs = {one.subject: one.ef_percent for one in found.pairs if one.structure == "Left ventricle"}
    assert pairs == {"p1_v1": approx(60), "p1_v2": approx(50)}


@pytest.mark.parametrize("nominal", [False, True])
def test_volumes_without_a_measured_spacing_are_said_to_be_nominal(nominal):
    found = agreement((100, 50, 100, 50), nominal=nominal)
    assert ("nominal" in format_table(found)) is nominal
    assert json_content(found)["nominal_spacing"] is nominal


def dots(found: Agreement, code: str) -> np.ndarray:
    """(N, 2): rows and columns of the pixels in a structure's color."""
    picture = Image.open(io.BytesIO(found.picture())).convert("RGB")
    assert picture.size == (1200, 456)
    return np.argwhere((np.abs(np.asarray(picture).astype(int) - label_of(HEART, code).color) < 6).all(axis=-1))


def test_a_dot_for_each_subject_stands_at_its_mean_and_difference():
    found = agreement(*((100, 50, 100, 40 + n) for n in range(9)))  # EF 60 to 52 for 50%: differences 10 to 2
    left, right = dots(found, LEFT_VENTRICLE), dots(found, RIGHT_VENTRICLE)  # the right ventricle's are all at 0
    half = np.ptp(right, axis=0) / 2
    high, low = left.min(axis=0)[0] + half[0], left.max(axis=0)[0] - half[0]

    assert (left[:, 1] < 600).all() and (right[:, 1] > 600).all()  # each in its panel
    assert left.mean(axis=0) == approx((left.min(axis=0) + left.max(axis=0)) / 2, abs=1)  # as far from each other
    assert left[left[:, 1].argmax(), 0] == approx(high, abs=half[0])  # the larger difference has the larger mean
    assert right.mean(axis=0)[0] == approx(low + (low - high) * 2 / 8, abs=1)


def test_a_subject_without_a_ventricle_has_no_dot():
    found = agreement((100, 50, 100, 0))
    assert len(dots(found, LEFT_VENTRICLE)) == 0 < len(dots(found, RIGHT_VENTRICLE))


def test_the_phantoms_ejection_fractions_come_out_within_a_point_and_do_not_depend_on_the_spacing():
    phantom = CardiacPhantom(shape=(9, 160, 160), spacing=(2.0, 2.0, 10.0))
    halved = Geometry(phantom.shape, phantom.geometry.ijk_to_ras @ np.diag([0.5, 0.5, 0.5, 1.0]))
    found, other = Agreement(HEART), Agreement(HEART)
    for name, phase in (("ED", 0.0), ("ES", ES_PHASE)):
        image, label = phantom.frame(phase)
        case = Case(f"heart_{name}", image, label, phantom.geometry)
        found.add(case, label, [])
        other.add(replace(case, geometry=halved), label, [])

    for pair, key in zip(found.pairs, ("LV", "RV"), strict=True):
        assert pair.ef_percent == approx(phantom.ejection_fraction[key], abs=1)
    for pair, small in zip(found.pairs, other.pairs, strict=True):
        assert small.ef_percent == approx(pair.ef_percent) and small.edv_ml == approx(pair.edv_ml / 8)
