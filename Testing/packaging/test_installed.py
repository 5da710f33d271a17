"""`cmake --install`, with a test double of Slicer's macros, installs the whole extension, which works from there.

Source, build and installed tree lie in folders with blanks and letters outside ASCII.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cmake import CMAKE_BIN_DIR

MODULES = Path("lib", "Slicer-5.12", "qt-scripted-modules")


def cmake(*arguments: object) -> None:
    """Run the `cmake` of the test extra."""
    run = subprocess.run([Path(CMAKE_BIN_DIR, "cmake"), *map(str, arguments)], capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stdout + run.stderr


def files_in(folder: Path, pattern: str = "*") -> set[str]:
    """Paths of all files under ``folder``, relative to it, without Python's caches."""
    paths = (path for path in folder.rglob(pattern) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in paths}


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slicer's folder of scripted modules after the extension was installed."""
    folder = tmp_path_factory.mktemp("Ärztin Ω 心")
    source, build, prefix = (folder / name for name in ("Quellen für Slicer", "Bau é", "Programme ß"))
    source.mkdir()
    shutil.copy(repository / "CMakeLists.txt", source)
    for name in ("DINSegment", "DINSegmentLib", "Resources"):
        shutil.copytree(repository / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    slicer = repository / "Testing" / "packaging" / "slicer"
    # project() looks for compilers, which nothing here needs: this one says yes to everything
    compiler = shutil.which("true")
    compilers = [
        f"-DCMAKE_{language}_COMPILER{end}" for language in ("C", "CXX") for end in (f"={compiler}", "_FORCED=ON")
    ]
    cmake("-S", source, "-B", build, f"-DSlicer_DIR={slicer}", "-DBUILD_TESTING=ON", *compilers)
    cmake("--install", build, "--prefix", prefix)
    return prefix / MODULES


def test_installed_tree_holds_what_is_on_disk_and_nothing_else(repository, installed):
    module = {
        "DINSegment.py",
        "Scripts/DINSegmentBatch.py",
        "Resources/UI/DINSegment.ui",
        *(f"Resources/Icons/{name}.png" for name in ("DINSegment", "Note", "Problem", "Warning")),
    }
    library = {f"DINSegmentLib/{name}" for name in files_in(repository / "DINSegmentLib", "*.py")}
    library = {name for name in library if not name.startswith("DINSegmentLib/training/")}
    resources = {f"DINSegmentLib/Resources/{name}" for name in files_in(repository / "Resources")}

    assert files_in(installed) == module | library | resources
    assert files_in(installed.parents[2]) == {(MODULES / name).as_posix() for name in files_in(installed)}


@pytest.mark.torch
def test_training_is_not_installed_and_its_commands_say_what_to_do(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    (tmp_path / "a.toml").write_text("", encoding="utf-8")
    # the checkout's own editable install would be found behind the installed tree
    start = (
        "import sys; sys.meta_path[:] = [one for one in sys.meta_path if 'editable' not in repr(one).lower()]; "
        "from DINSegmentLib.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", start, "train", "--config", "a.toml", "--output", "run"]
    outcome = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert outcome.returncode == 2 and "cannot train or evaluate models" in outcome.stderr


def test_module_on_disk_is_installed_unchanged(repository, installed):
    folder = repository / "DINSegment"

    for name in files_in(folder) - {"CMakeLists.txt"}:
        assert (installed / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.torch
def test_installed_extension_segments_its_sample_under_a_plain_locale(installed, tmp_path):
    sample = installed / "DINSegmentLib" / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"
    output = tmp_path / "Ergebnis für Ω"
    environment = {**os.environ, "PYTHONPATH": str(installed), "LC_ALL": "POSIX", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "DINSegmentLib", "segment", sample, "--model", "cardiac-mr", "--device", "cpu"]

    run = subprocess.run(
        [*command, "--format", "seg.nrrd", "--no-mirroring", "--output", output],
        env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8",
    )  # fmt: skip

    assert run.returncode == 0, run.stderr
    assert (output / "cardiac_phantom_ED.seg.nrrd").stat().st_size > 0
    where = subprocess.run(
        [sys.executable, "-c", "import DINSegmentLib; print(ascii(DINSegmentLib.__file__))"],
        env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert where.stdout.strip() == ascii(str(installed / "DINSegmentLib" / "__init__.py"))
