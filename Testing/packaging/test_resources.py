"""Resources are found in the source tree, in an installed extension and in a wheel, and are complete."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from DINSegmentLib import __version__, resources
from DINSegmentLib.errors import ModelError

ASK = "import DINSegmentLib.resources as r; print(r.root())"


def files_in(folder: Path, pattern: str = "*") -> set[str]:
    """Paths of all files under ``folder``, relative to it, without Python's caches."""
    paths = (path for path in folder.rglob(pattern) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in paths}


def root_seen_from(folder: Path, tmp_path: Path) -> Path:
    """What a fresh interpreter finds whose first search folder is ``folder``."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", ASK]
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=True)
    return Path(os.fsdecode(run.stdout).strip())


def source_copy(repository: Path, folder: Path) -> Path:
    """What the wheel is built from, copied so that building leaves nothing in the checkout."""
    folder.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE.txt"):
        shutil.copy(repository / name, folder)
    for name in ("DINSegmentLib", "Resources", "DINSegment"):
        shutil.copytree(repository / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = source_copy(repository, folder / "source")
    command = [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir"]
    run = subprocess.run([*command, str(folder), str(source)], capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stdout + run.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_source_tree_finds_resources_beside_the_package(repository, tmp_path):
    assert root_seen_from(repository, tmp_path) == repository / "Resources"
    assert resources.root().samefile(repository / "Resources")


def test_installed_extension_finds_resources_inside_the_package(repository, tmp_path):
    modules = tmp_path / "qt-scripted-modules"
    shutil.copytree(repository / "DINSegmentLib", modules / "DINSegmentLib")
    shutil.copytree(repository / "Resources", modules / "DINSegmentLib" / "Resources")
    # Slicer keeps the icons of all modules here: a folder with the right name but without our files.
    shutil.copytree(repository / "DINSegment" / "Resources", modules / "Resources")
    shutil.copy(repository / "DINSegment" / "DINSegment.py", modules)

    assert root_seen_from(modules, tmp_path) == modules / "DINSegmentLib" / "Resources"


def test_wheel_finds_resources_inside_the_package(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")

    assert root_seen_from(tmp_path / "site", tmp_path) == tmp_path / "site" / "DINSegmentLib" / "Resources"


def test_missing_resources_are_named_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "DINSegmentLib" / "resources.py"))

    with pytest.raises(ModelError, match=re.escape(str(tmp_path / "DINSegmentLib"))):
        resources.root()


def test_wheel_holds_the_whole_library_and_all_resources_and_nothing_else(repository, wheel):
    library = {f"DINSegmentLib/{name}" for name in files_in(repository / "DINSegmentLib", "*.py")}
    data = {f"DINSegmentLib/Resources/{name}" for name in files_in(repository / "Resources")}

    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert held == library | data


def test_resources_hold_models_and_the_sample_and_the_terminology(repository):
    names = files_in(repository / "Resources")

    assert any(re.fullmatch(r"Models/\w+/manifest\.json", name) for name in names)
    assert any(name.startswith("SampleData/") for name in names)
    assert "SegmentationCategoryTypeModifier-DINSegment.term.json" in names


def test_wheel_has_the_version_of_the_package(wheel):
    assert wheel.name.startswith(f"dinsegment-{__version__}-")


def test_wheel_has_the_console_script(wheel):
    entry_points = f"dinsegment-{__version__}.dist-info/entry_points.txt"

    assert "dinsegment = DINSegmentLib.cli:program" in zipfile.ZipFile(wheel).read(entry_points).decode()
