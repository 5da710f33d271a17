"""The workflows for a public host are valid files; they are read here, but have not been run."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / ".github" / "workflows").glob("*.yml"))


def read(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_step_does_one_thing_and_no_failure_is_swallowed(path):
    workflow = read(path)

    assert {"name", True, "jobs", "permissions"} == set(workflow)  # YAML reads the key `on` as true
    for job in workflow["jobs"].values():
        assert job["runs-on"] and "continue-on-error" not in job
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step
            assert "continue-on-error" not in step
            assert "|| true" not in step.get("run", "") and "set +e" not in step.get("run", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_commands_of_the_steps_are_sound_shell(path):
    for job in read(path)["jobs"].values():
        for step in job["steps"]:
            if "run" in step:
                checked = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, encoding="utf-8")
                assert checked.returncode == 0, step["run"] + checked.stderr


def test_three_systems_run_the_tests():
    desktop = read(WORKFLOWS[-1])["jobs"]["desktop"]

    assert {name.partition("-")[0] for name in desktop["strategy"]["matrix"]["system"]} == {
        "ubuntu",
        "windows",
        "macos",
    }
    assert any(step.get("run") == "python -m pytest" for step in desktop["steps"])


def test_torch_is_the_version_of_the_lock(repository):
    (pin,) = (
        line
        for line in (repository / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if line.startswith("torch==")
    )

    (tests,) = (path for path in WORKFLOWS if path.stem == "tests")
    assert f"pip install {pin} " in tests.read_text(encoding="utf-8")


def test_slicer_gets_torch_from_its_own_extension_not_from_pip(repository):
    (workflow,) = (path for path in WORKFLOWS if path.stem == "slicer")
    text = workflow.read_text(encoding="utf-8")

    assert "pip install" not in text and "install_torch_in_slicer.py" in text
