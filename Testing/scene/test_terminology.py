"""Every structure of every model is in the bundled terminology, with its code and color."""

import pytest

from DINSegmentLib import resources
from DINSegmentLib.errors import ModelError
from DINSegmentLib.model import TERMINOLOGY_CONTEXT, catalogue, read_manifest
from DINSegmentLib.scene import terminology

CODES = {
    "53085002": (), "74281007": (), "87878005": (), "15825003": (), "28231008": (), "64033007": ("7771000", "24028007"),
    "10200004": (), "15776009": (), "78961009": (), "69695003": (), "55641003": ("no-reflow",),
}  # fmt: skip


@pytest.fixture
def logic(scene):
    import slicer

    terminology.load()
    return slicer.modules.terminologies.logic()


def test_the_thirteen_structures_are_in_the_list_by_their_snomed_codes(logic):
    assert {code for code, modifier in colors(logic) if not modifier} == set(CODES)
    expected = {(code, modifier) for code, modifiers in CODES.items() for modifier in modifiers}
    assert {key for key in colors(logic) if key[1]} == expected


def test_every_label_of_every_model_has_the_color_of_its_entry(logic):
    import slicer

    known = colors(logic)
    recipe = read_manifest(resources.root() / "Models" / "CardiacLGE")
    for model in [*catalogue().values(), recipe]:
        for label in model.labels:
            entry = slicer.vtkSlicerTerminologyEntry()
            assert logic.DeserializeTerminologyEntry(terminology.entry(label), entry)
            assert entry.GetTerminologyContextName() == TERMINOLOGY_CONTEXT
            modifier = entry.GetTypeModifierObject()
            key = (entry.GetTypeObject().GetCodeValue(), modifier.GetCodeValue() or "" if modifier else "")
            assert known[key] == label.color, (model.id, label.name)


def test_no_two_structures_share_a_color(logic):
    used = [color for (code, modifier), color in colors(logic).items() if modifier or code != "64033007"]
    assert len(used) == len(set(used)) == 13


def test_loading_twice_and_clearing_the_scene_keeps_one_list(logic, scene):
    import vtk

    terminology.load()
    scene.Clear(0)
    terminology.load()
    names = vtk.vtkStringArray()
    logic.GetLoadedTerminologyNames(names)
    assert [names.GetValue(i) for i in range(names.GetNumberOfValues())].count(TERMINOLOGY_CONTEXT) == 1


def test_a_missing_list_says_what_to_do(scene, tmp_path, monkeypatch):
    import slicer

    fresh = slicer.vtkSlicerTerminologiesModuleLogic()
    monkeypatch.setattr(slicer.modules.terminologies, "logic", lambda: fresh)
    monkeypatch.setattr(resources, "root", lambda: tmp_path)
    with pytest.raises(ModelError, match="reinstall"):
        terminology.load()


def colors(logic) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Color of every (type code, modifier code) in the list, as Slicer's logic finds them."""
    import slicer

    found = {}
    for place, code in enumerate(("123037004", "49755003")):  # anatomy, and what disease has changed
        category = slicer.vtkSlicerTerminologyCategory()
        assert logic.GetNthCategoryInTerminology(TERMINOLOGY_CONTEXT, place, category)
        assert (category.GetCodingSchemeDesignator(), category.GetCodeValue()) == ("SCT", code)
        for index in range(logic.GetNumberOfTypesInTerminologyCategory(TERMINOLOGY_CONTEXT, category)):
            kind = slicer.vtkSlicerTerminologyType()
            logic.GetNthTypeInTerminologyCategory(TERMINOLOGY_CONTEXT, category, index, kind)
            found[kind.GetCodeValue(), ""] = tuple(kind.GetRecommendedDisplayRGBValue())
            if not kind.GetHasModifiers():
                continue
            for number in range(logic.GetNumberOfTypeModifiersInTerminologyType(TERMINOLOGY_CONTEXT, category, kind)):
                modifier = slicer.vtkSlicerTerminologyType()
                logic.GetNthTypeModifierInTerminologyType(TERMINOLOGY_CONTEXT, category, kind, number, modifier)
                found[kind.GetCodeValue(), modifier.GetCodeValue()] = tuple(modifier.GetRecommendedDisplayRGBValue())
    return found
