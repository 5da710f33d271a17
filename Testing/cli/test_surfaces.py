"""`dinsegment segment --format stl`: a surface for each structure."""

import json

from stl import enclosed_ml

NAMES = ("outer-part", "wall", "inner-part")


def test_each_structure_gets_a_surface_of_its_volume(segment, write, tmp_path):
    assert segment(write("heart.nii.gz"), "--format", "nii.gz", "--format", "ply", "--format", "stl").code == 0

    out = tmp_path / "out"
    files = {f"heart_{name}.{end}" for name in NAMES for end in ("ply", "stl")}
    assert {path.name for path in out.iterdir()} == files | {"heart.nii.gz", "heart.json"}
    structures = json.loads((out / "heart.json").read_text(encoding="utf-8"))["structures"]
    for name, structure in zip(NAMES, structures, strict=True):
        assert structure["volume_ml"] > 0
        assert abs(enclosed_ml(out / f"heart_{name}.stl") / structure["volume_ml"] - 1) < 0.01


def test_surfaces_of_an_earlier_run_count_as_done_and_rerun_makes_the_same(
    segment, command, write, tmp_path, tiny_model
):
    path = write("heart.nii.gz")
    assert segment(path, "--format", "stl").code == 0
    first = {one.name: one.read_bytes() for one in (tmp_path / "out").glob("*.stl")}
    assert "already segmented, skipped" in segment(path, "--format", "stl").out
    again = command("rerun", tmp_path / "out" / "heart.json", "--output", tmp_path / "again", "--model", tiny_model)

    assert again.code == 0, again.err
    assert len(first) == 3
    assert {one.name: one.read_bytes() for one in (tmp_path / "again").glob("*.stl")} == first


def test_a_surface_that_is_there_already_is_not_replaced_without_a_word(segment, write, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "heart_wall.obj").write_text("mine", encoding="utf-8")
    outcome = segment(write("heart.nii.gz"), "--format", "obj")

    assert outcome.code == 2
    assert "heart_wall.obj exists already" in outcome.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["heart_wall.obj"]
