"""`doctor`: findings in a complete installation and in broken ones."""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from DINSegmentLib import resources
from DINSegmentLib.cli import doctor
from DINSegmentLib.cli.doctor import Finding, examine, format_findings

EXAMINE = """
import json, sys
from dataclasses import asdict
from DINSegmentLib.cli.doctor import examine
print(json.dumps([[asdict(finding) for finding in examine()], sorted(sys.modules)]))
"""


def examined(*options, path=(), **environment):
    """Findings by name, and the modules loaded, of a process of its own."""
    environment = os.environ | environment
    environment["PYTHONPATH"] = os.pathsep.join([*map(str, path), environment["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, *options, "-c", EXAMINE], capture_output=True, encoding="utf-8", env=environment
    )
    assert done.returncode == 0, done.stderr
    findings, modules = json.loads(done.stdout.splitlines()[-1])
    return {finding["name"]: Finding(**finding) for finding in findings}, set(modules)


@pytest.fixture
def without(tmp_path):
    """Examine an installation without some packages: a folder of links to all others."""

    def examine_without(*missing):
        folder = tmp_path / "packages"
        folder.mkdir()
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if entry.name.split("-")[0].lower() not in missing:
                (folder / entry.name).symlink_to(entry)
        return examined("-S", path=[folder])[0]  # -S: no other packages

    return examine_without


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A resources folder with one model whose weights are right, and a terminology file."""
    source = resources.root()
    folder = tmp_path / "Models" / "Heart"
    folder.mkdir(parents=True)
    manifest = json.loads((source / "Models" / "CardiacMR" / "manifest.json").read_text(encoding="utf-8"))
    manifest["weights"] = {"file": "w.pt", "sha256": hashlib.sha256(b"weights").hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "w.pt").write_bytes(b"weights")
    for path in source.glob("*.term.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(resources, "root", lambda: tmp_path)
    return tmp_path


def by_name():
    return {finding.name: finding for finding in examine()}


def test_this_installation_has_every_package_and_loads_nothing_of_training():
    found, modules = examined()

    packages = ("torch", "numpy", "SimpleITK", "slicer-core", "vtk", "Pillow", "pydicom", "highdicom", "reportlab")
    for name in ("Python", *packages, "CPU", "memory"):
        assert found[name].status == "ok", found[name]
    assert not modules & {"monai", "matplotlib", "nibabel"}


def test_without_torch_it_says_how_to_get_it(without):
    found = without("torch")

    assert found["torch"].status == "fail"
    assert found["torch"].advice.startswith("pip install torch")
    assert "CPU" not in found and found["numpy"].status == "ok"


def test_without_slicer_core_it_only_warns_that_seg_nrrd_is_not_offered(without):
    found = without("slicer", "slicer_core", "vtk", "vtkmodules", "vtk.py")

    assert found["slicer-core"].status == "warn" and "seg.nrrd" in found["slicer-core"].text
    assert found["slicer-core"].advice.startswith("pip install slicer-core")
    assert found["CPU"].status == "ok"


def test_without_simpleitk_it_fails_in_words(without):
    found = without("simpleitk")
    assert found["SimpleITK"].status == "fail" and found["SimpleITK"].advice


@pytest.mark.parametrize("error", ["OSError", "ImportError"])
def test_a_torch_that_does_not_load_is_a_finding_with_the_reason(tmp_path, error):
    (tmp_path / "torch.py").write_text(
        f"raise {error}('libgomp.so.1: cannot open shared object file')", encoding="utf-8"
    )
    found, _ = examined(path=[tmp_path])

    assert found["torch"].status == "fail"
    assert "libgomp.so.1" in found["torch"].text and found["torch"].advice


def test_a_whole_model_is_verified(root):
    assert by_name()["cardiac-mr"].status == "ok"


def test_changed_weights_fail(root):
    (root / "Models" / "Heart" / "w.pt").write_bytes(b"changed")

    finding = by_name()["Heart"]
    assert finding.status == "fail" and "checksum" in finding.advice


def test_missing_weights_fail(root):
    (root / "Models" / "Heart" / "w.pt").unlink()

    finding = by_name()["Heart"]
    assert finding.status == "fail" and "missing" in finding.advice


def test_a_damaged_manifest_fails_and_the_other_models_are_still_looked_at(root):
    (root / "Models" / "Broken").mkdir()
    (root / "Models" / "Broken" / "manifest.json").write_text("{", encoding="utf-8")

    found = by_name()
    assert found["Broken"].status == "fail" and "manifest" in found["Broken"].advice
    assert found["cardiac-mr"].status == "ok"


def test_a_manifest_that_breaks_the_schema_is_named_with_the_place(root):
    schema = {"properties": {"labels": {"items": {"properties": {"value": {"minimum": 2}}}}}}
    (root / "Models" / "manifest.schema.json").write_text(json.dumps(schema), encoding="utf-8")

    finding = by_name()["cardiac-mr"]
    assert finding.status == "warn" and "labels.0.value" in finding.text


def test_no_model_at_all_fails(root):
    (root / "Models" / "Heart" / "manifest.json").unlink()
    assert by_name()["models"].status == "fail"


def test_a_missing_terminology_fails(root):
    assert by_name()["terminology"].status == "ok"
    for path in root.glob("*.term.json"):
        path.unlink()
    assert by_name()["terminology"].status == "fail"


def test_a_sample_without_its_truth_is_named_with_how_to_make_it_again(root):
    sample = root / "SampleData"
    sample.mkdir()
    for name in ("x.nrrd", "x_label.nrrd", "truth.json"):
        (sample / name).touch()
    assert by_name()["sample"].status == "ok"

    (sample / "x_label.nrrd").unlink()
    finding = by_name()["sample"]
    assert finding.status == "warn" and "DINSegmentLib.phantom" in finding.advice


def test_missing_resources_fail_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "package" / "resources.py"))

    found = by_name()
    assert found["Resources"].status == "fail" and found["Resources"].advice
    assert found["temporary"].status == "ok"


def test_a_temporary_folder_that_cannot_be_written_fails(monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    finding = by_name()["temporary"]
    assert finding.status == "fail" and "No space left" in finding.text and finding.advice


def test_little_memory_is_a_warning(monkeypatch):
    monkeypatch.setattr("DINSegmentLib.memory.available", lambda: 1 << 30)
    assert by_name()["memory"].status == "warn"


def test_an_untested_python_is_a_warning(monkeypatch):
    monkeypatch.setattr(doctor, "_TESTED_PYTHONS", ((3, 99),))
    assert by_name()["Python"].status == "warn"


def test_findings_are_printed_with_advice_and_a_summary():
    ok, warn = Finding("numpy", "ok", "2.4.6"), Finding("vtk", "warn", "missing", "pip install vtk")
    fail = Finding("torch", "fail", "missing", "pip install torch")

    text = format_findings([ok, warn, fail])
    assert "ok    numpy  2.4.6" in text and "pip install vtk" in text and "1 of 3 checks failed" in text
    assert "with limits" in format_findings([ok, warn])
    assert "ready" in format_findings([ok])
