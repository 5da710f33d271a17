"""Outputs: all or none at any interruption, nothing replaced without being asked, one run per folder."""

import os
import shutil
import subprocess
import sys

import pytest

from DINSegmentLib import ownership
from DINSegmentLib.errors import OutputError
from DINSegmentLib.io import outputs

pytestmark = pytest.mark.faults

NAMES = ("h.seg.nrrd", "h.nii.gz", "h.json")


def state(folder):
    """Every visible file; what is unfinished has a name with a dot in front."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()}


def write(paths, overwrite):
    with outputs.beside(paths, overwrite) as folder:
        for path in paths:
            (folder / path.name).write_text("new", encoding="utf-8")


@pytest.fixture
def paths(tmp_path):
    return [tmp_path / "o" / name for name in NAMES]


def former(paths, overwrite):
    """What exists before: with ``overwrite`` an earlier result of two of the files."""
    paths[0].parent.mkdir()
    for path in paths[:2] if overwrite else []:
        path.write_text("earlier good", encoding="utf-8")
    return state(paths[0].parent)


@pytest.mark.parametrize("victim", range(len(NAMES)))
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failure_at_any_move_leaves_everything_as_it_was(overwrite, victim, paths, monkeypatch):
    before = former(paths, overwrite)

    def failing(real):
        def move(source, path, **options):
            if "new" in str(source).split(os.sep) and str(path) == str(paths[victim]):
                raise OSError(5, "Input/output error")
            return real(source, path, **options)

        return move

    for name in ("link", "rename"):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    with pytest.raises(OutputError, match="Input/output error"):
        write(paths, overwrite)
    assert state(paths[0].parent) == before and set(os.listdir(paths[0].parent)) == set(before)


_KILLED = """
import os, sys
from pathlib import Path
from DINSegmentLib.io import outputs
step, overwrite, *paths = sys.argv[1:]
paths = [Path(path) for path in paths]
count = 0
def patched(real):
    def move(*arguments, **options):
        global count
        count += 1
        if count == int(step):
            os._exit(9)
        return real(*arguments, **options)
    return move
with outputs.beside(paths, overwrite == "True") as folder:
    for path in paths:
        (folder / path.name).write_text("new")
    for name in ("link", "unlink", "rename"):
        setattr(os, name, patched(getattr(os, name)))
"""


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_a_kill_at_any_move_has_left_is_undone_or_finished_at_the_next_start(overwrite, paths, tmp_path):
    before = former(paths, overwrite)
    outcomes = []
    for step in range(1, 20):
        shutil.rmtree(paths[0].parent)
        former(paths, overwrite)
        command = [sys.executable, "-c", _KILLED, str(step), str(overwrite), *map(str, paths)]
        done = subprocess.run(command, capture_output=True)
        outputs.sweep(paths[0].parent)
        after = state(paths[0].parent)
        assert after in (before, dict.fromkeys(NAMES, "new")), (step, done.stderr)
        assert not [name for name in os.listdir(paths[0].parent) if name.startswith(".")]
        outcomes.append(after == before)
        if done.returncode == 0:
            break
    assert done.returncode == 0 and outcomes[0] and not outcomes[-1]


def test_what_came_after_the_check_is_not_replaced(paths):
    with pytest.raises(OutputError, match=r"h\.nii\.gz exists already"):
        with outputs.beside(paths, overwrite=False) as folder:
            for path in paths:
                (folder / path.name).write_text("new", encoding="utf-8")
            paths[1].write_text("of somebody else", encoding="utf-8")
    assert state(paths[0].parent) == {"h.nii.gz": "of somebody else"}


def test_a_folder_in_the_place_of_a_file_costs_nothing(paths):
    paths[0].parent.mkdir()
    paths[0].write_text("earlier good", encoding="utf-8")
    with pytest.raises(OutputError, match="is a folder"):
        with outputs.beside(paths) as folder:
            for path in paths:
                (folder / path.name).write_text("new", encoding="utf-8")
            paths[1].mkdir()
    assert state(paths[0].parent) == {"h.seg.nrrd": "earlier good"}


def test_a_link_in_the_place_of_an_output_is_replaced_itself_and_only_on_demand(paths, tmp_path):
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    paths[0].parent.mkdir()
    paths[1].symlink_to(tmp_path / "precious")
    source = tmp_path / "v.nii"
    source.touch()
    with pytest.raises(OutputError, match=r"h\.nii\.gz exists already"):
        outputs.check(source, paths, overwrite=False)
    write(paths, True)
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "mine" and not paths[1].is_symlink()
    for path in paths:
        path.unlink()
    paths[1].symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match=r"h\.nii\.gz exists already"):
        outputs.check(source, paths, overwrite=False)


def test_a_file_system_without_hard_links_does_as_well(paths, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write(paths, False)
    assert state(paths[0].parent) == dict.fromkeys(NAMES, "new")
    with pytest.raises(OutputError, match="exists already"):
        write(paths, False)


def test_one_run_holds_a_folder_and_the_next_is_told_which(tmp_path):
    with outputs.claimed(tmp_path / "deep" / "o"):
        with pytest.raises(OutputError, match=rf"in use by another run \(process {os.getpid()} on "):
            with outputs.claimed(tmp_path / "deep" / "o"):
                pass
    assert not (tmp_path / "deep").exists()
    with outputs.claimed(tmp_path):
        pass


def test_a_killed_run_holds_nothing(tmp_path):
    script = "import os, sys; from pathlib import Path; from DINSegmentLib import ownership;"
    script += "ownership.claim(Path(sys.argv[1])); os._exit(9)"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)])
    assert (tmp_path / ownership.MARK).is_file()
    with outputs.claimed(tmp_path):
        pass
    assert not any(tmp_path.iterdir())


def test_a_file_that_is_no_marker_of_ours_stays(tmp_path):
    (tmp_path / ownership.MARK).write_text("my own notes", encoding="utf-8")
    with pytest.raises(OutputError):
        with outputs.claimed(tmp_path):
            pass
    assert (tmp_path / ownership.MARK).read_text(encoding="utf-8") == "my own notes"


@pytest.mark.parametrize("name", [".dinsegment-vm-1234-x", ".dinsegment-backup"])
def test_no_folder_is_swept_for_its_name(name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").touch()
    outputs.sweep(tmp_path)
    assert (tmp_path / name / "mine").exists()


def test_the_former_name_of_the_module_still_works():
    from DINSegmentLib.batch import outputs as former_name

    assert former_name is outputs


@pytest.mark.parametrize("has_marker", [False, True])
def test_an_empty_folder_of_a_kill_before_its_marker_had_its_text_is_removed_by_the_next_run(has_marker, tmp_path):
    left, foreign = tmp_path / ".dinsegment-abcd1234", tmp_path / ".dinsegment-efgh5678"
    for folder in (left, foreign):
        folder.mkdir()
        if has_marker:
            (folder / ".dinsegment-owner").touch()
    (foreign / "data").write_text("not ours to delete", encoding="utf-8")

    with outputs.claimed(tmp_path):
        assert not left.exists() and (foreign / "data").exists()
