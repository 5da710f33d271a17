"""The wheel beside other packages: the lowest and the newest versions that it admits, and Slicer's and later Pythons.

Each test makes an environment of its own from the package index and takes minutes: `make test-versions`.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.versions

TORCH = "torch=="  # the lock's; other versions are declared and not run, because they are gigabytes


def lock(repository: Path, start: str) -> str:
    (line,) = (
        one
        for one in (repository / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if one.startswith(start)
    )
    return line


def dependencies(repository: Path) -> list[str]:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [one for one in project["dependencies"] if not one.startswith("torch")]


def lowest(requirement: str) -> str:
    """``numpy>=1.26`` to ``numpy==1.26.*``."""
    name, bound = re.fullmatch(r"([\w.-]+)>=([\d.]+)(?:,.*)?", requirement).groups()
    return f"{name}=={bound}.*"


def interpreter(version: str) -> str:
    """A Python of this version that runs, on the path or among pyenv's; a skip where there is none."""
    candidates = [
        shutil.which(f"python{version}"),
        *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
    ]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
            return candidate
    pytest.skip(f"no Python {version} here")


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of `make dist`."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder)]
    source = folder / "source"
    shutil.copytree(repository, source, ignore=shutil.ignore_patterns(".*", "build", "out", "runs", "Testing"))
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def environment(python: str, folder: Path, *packages: str) -> Path:
    """A fresh environment with these packages; returns its folder of programs."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    install(folder / "bin", *packages)
    return folder / "bin"


def install(programs: Path, *arguments: object) -> None:
    index = ["--extra-index-url", os.environ["TORCH_INDEX"]] if os.environ.get("TORCH_INDEX") else []
    run = outside(programs, "python", "-m", "pip", "install", "--quiet", *index, *arguments)
    assert run.returncode == 0, run.stdout + run.stderr


def outside(programs: Path, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program where neither it nor pip finds the checkout, whose ``dinsegment.egg-info`` looks installed."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [programs / name, *map(str, arguments)],
        capture_output=True, encoding="utf-8", cwd=programs.parent, env=clean,
    )  # fmt: skip


def dinsegment(programs: Path, *arguments: object, code: int = 0) -> str:
    """What the installed command prints."""
    run = outside(programs, "dinsegment", *arguments)
    assert run.returncode == code, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.mark.parametrize("which", ["lowest", "newest"])
def test_the_wheel_segments_the_sample_with_the_versions_that_it_admits(which, repository, wheel, tmp_path):
    wanted = dependencies(repository)
    pins = list(map(lowest, wanted)) if which == "lowest" else wanted
    python = interpreter(f"{sys.version_info[0]}.{sys.version_info[1]}")
    programs = environment(python, tmp_path / "fresh", lock(repository, TORCH), *pins, str(wheel))
    sample = repository / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"

    dinsegment(programs, "segment", sample, "--model", "cardiac-mr", "--output", tmp_path / "out", "--format", "nii.gz")

    import SimpleITK as sitk

    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "cardiac_phantom_ED.nii.gz")))
    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(sample.with_name("cardiac_phantom_ED_label.nrrd"))))
    for value, least in ((1, 0.93), (2, 0.85), (3, 0.93)):
        dice = 2 * ((labels == value) & (truth == value)).sum() / ((labels == value).sum() + (truth == value).sum())
        assert dice > least


@pytest.mark.parametrize("version", ["2.5.5", "2.5.7"])
def test_an_nrrd_lies_where_its_space_says_with_slicers_and_a_later_simpleitk(version, repository, wheel, tmp_path):
    """Version 2.5.5 turns left-anterior-superior by 180 degrees."""
    import numpy as np
    import SimpleITK as sitk

    wanted = [one for one in dependencies(repository) if not one.lower().startswith("simpleitk")]
    python = interpreter(f"{sys.version_info[0]}.{sys.version_info[1]}")
    programs = environment(python, tmp_path / "fresh", *wanted, f"SimpleITK=={version}")
    install(programs, "--no-deps", wheel)
    voxels = np.arange(32, dtype="<i2").tobytes()
    for space, signs in (("left-posterior-superior", (-1, -1, 1)), ("right-anterior-superior", (1, 1, 1)),
                         ("left-anterior-superior", (-1, 1, 1))):  # fmt: skip
        path = tmp_path / f"{space}.nrrd"
        header = (
            f"NRRD0004\ntype: short\ndimension: 3\nspace: {space}\nsizes: 4 4 2\nendian: little\nencoding: raw\n"
            "space directions: (1,0,0) (0,2,0) (0,0,8)\nspace origin: (10,20,30)\n\n"
        )
        path.write_bytes(header.encode() + voxels)
        dinsegment(programs, "enhance", path, "--output", tmp_path / f"{space}.nii.gz")
        image = sitk.ReadImage(str(tmp_path / f"{space}.nii.gz"))
        to_ras = np.array([-1, -1, 1])
        assert np.allclose(np.array(image.GetOrigin()) * to_ras, np.array([10, 20, 30]) * signs)
        steps = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        assert np.allclose(steps * to_ras[:, None], np.diag([1, 2, 8]) * np.array(signs)[:, None])


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_what_needs_no_torch_runs_under_other_pythons(version, repository, wheel, tmp_path):
    programs = environment(interpreter(version), tmp_path / "fresh", *dependencies(repository))
    install(programs, "--no-deps", wheel)
    sample = repository / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"

    assert "cardiac-mr" in dinsegment(programs, "models")
    dinsegment(programs, "enhance", sample, "--output", tmp_path / "enhanced.nii.gz")
    assert (tmp_path / "enhanced.nii.gz").stat().st_size > 1000
    refused = dinsegment(programs, "segment", sample, "--model", "cardiac-mr", "--output", tmp_path / "out", code=2)
    assert "The Python package torch is not installed: run dinsegment doctor" in refused and "Traceback" not in refused
