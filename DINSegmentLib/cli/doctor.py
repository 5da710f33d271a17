"""Check of the installation: each finding says what is missing and how to get it; nothing is changed."""

import importlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from .. import resources
from ..batch.versions import version
from ..errors import DeviceError, ModelError
from ..model import MANIFEST, TERMINOLOGY_CONTEXT, read_manifest

Status = Literal["ok", "warn", "fail"]

_TESTED_PYTHONS = ((3, 11), (3, 12))
_ENOUGH_MEMORY = 2 << 30  # needed for a CT of 100 slices


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Args:
        name: what was checked, one or two words.
        status: ``ok``; ``warn``: something is slower or unavailable; ``fail``: nothing can be segmented.
        text: what was found.
        advice: what to do about it; empty if ok.
    """

    name: str
    status: Status
    text: str
    advice: str = ""


@dataclass(frozen=True)
class _Package:
    """A package, the module that it provides, and what does not work without it."""

    name: str
    module: str
    without: Status
    purpose: str


_PACKAGES = (
    _Package("torch", "torch", "fail", "it runs the network"),
    _Package("numpy", "numpy", "fail", "it holds the voxels"),
    _Package("SimpleITK", "SimpleITK", "fail", "it reads and writes volumes"),
    _Package("slicer-core", "slicer", "warn", "it writes seg.nrrd; nii.gz works without"),
    _Package("vtk", "vtkmodules", "warn", "slicer-core needs it"),
    _Package("Pillow", "PIL", "warn", "it draws the images of --preview and demo"),
    _Package("pydicom", "pydicom", "warn", "it reads DICOM folders"),
    _Package("highdicom", "highdicom", "warn", "it writes DICOM results"),
    _Package("reportlab", "reportlab", "warn", "it writes reports as PDF"),
    _Package("jsonschema", "jsonschema", "warn", "it checks the manifests of models in detail"),
)


def examine() -> list[Finding]:
    """Check Python, packages, devices, bundled files, the temporary folder and memory.

    Packages are imported, except those needed only for training.
    """
    packages = [_package(package) for package in _PACKAGES]
    return [_python(), *packages, _training(), *_devices(), *_bundled(), _temporary_folder(), *_memory()]


def format_findings(findings: list[Finding]) -> str:
    """Format a line for each finding, its advice below it, and a summary."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:4}  {finding.name:{width}}  {finding.text}")
        if finding.advice:
            lines.append(f"{'':{width + 8}}{finding.advice}")
    failed, warned = (sum(finding.status == status for finding in findings) for status in ("fail", "warn"))
    if failed:
        lines.append(f"DINSegment cannot work: {failed} of {len(findings)} checks failed.")
    elif warned:
        lines.append(f"DINSegment works, with limits: see {warned} of {len(findings)} checks.")
    else:
        lines.append(f"DINSegment is ready: all {len(findings)} checks passed.")
    return "\n".join(lines)


def _python() -> Finding:
    found = sys.version.split()[0]
    if sys.version_info[:2] in _TESTED_PYTHONS:
        return Finding("Python", "ok", found)
    tested = " or ".join(f"{major}.{minor}" for major, minor in _TESTED_PYTHONS)
    return Finding("Python", "warn", f"{found} is untested", f"Use Python {tested}.")


def _package(package: _Package) -> Finding:
    pinned = _pinned_version(package.name)
    wanted = package.name + (f"=={pinned}" if pinned else "")
    if find_spec(package.module) is None:
        return Finding(package.name, package.without, f"missing: {package.purpose}", f"pip install {wanted}")
    try:
        importlib.import_module(package.module)
    except (ImportError, OSError) as error:  # for example a missing system library
        reason = str(error).splitlines()[0]
        return Finding(
            package.name,
            package.without,
            f"does not load ({reason}): {package.purpose}",
            f"Install the named system library, or pip install --force-reinstall {wanted}",
        )
    found = version(package.name, package.module)
    if pinned and found and found.split("+")[0] != pinned:
        return Finding(package.name, "warn", f"{found} is untested", f"pip install {wanted}")
    return Finding(package.name, "ok", found or "present")


def _pinned_version(package: str) -> str | None:
    """Return the exact version that DINSegment's installation requires; None if not pinned, as in Slicer."""
    try:
        requirements = metadata.requires("dinsegment") or []
    except metadata.PackageNotFoundError:
        return None
    pins = (re.fullmatch(rf"{re.escape(package)}\s*==\s*([^;\s]+)", requirement) for requirement in requirements)
    return next((pin[1] for pin in pins if pin), None)


def _training() -> Finding:
    if find_spec("monai") is None:
        return Finding("training", "ok", "monai is not installed; only train and evaluate need it")
    return Finding("training", "ok", f"monai {version('monai', 'monai')}")


def _devices() -> Iterator[Finding]:
    try:
        from ..engine.device import choose
    except (ImportError, OSError):
        return  # torch's own finding is sufficient
    yield Finding("CPU", "ok", f"computes in {choose('cpu').precision}")
    try:
        yield Finding("CUDA", "ok", choose("cuda").reason)
    except DeviceError as error:
        if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists():
            yield Finding("CUDA", "warn", "an NVIDIA driver is installed, but torch cannot use the device", str(error))
        else:
            yield Finding("CUDA", "ok", "no device; not needed")
    if sys.platform == "darwin":
        try:
            yield Finding("MPS", "ok", choose("mps").reason)
        except DeviceError as error:
            yield Finding("MPS", "warn", "not available", str(error))
    automatic = choose("auto")
    yield Finding("device", "ok", f"without --device: {automatic.name} ({automatic.reason})")


def _bundled() -> Iterator[Finding]:
    try:
        root = resources.root()
    except ModelError as error:
        yield Finding("Resources", "fail", "missing", str(error))
        return
    manifests = sorted((root / "Models").glob(f"*/{MANIFEST}"))
    if not manifests:
        yield Finding("models", "fail", f"none in {root / 'Models'}", "Reinstall DINSegment.")
    yield from (_model(path) for path in manifests)
    yield _sample(root / "SampleData")
    yield _terminology(root)


def _model(manifest: Path) -> Finding:
    try:
        model = read_manifest(manifest.parent)
        model.verify()
    except ModelError as error:
        return Finding(manifest.parent.name, "fail", "cannot be used", str(error))
    if fault := _schema_fault(manifest):
        return Finding(model.id, "warn", f"its manifest is invalid ({fault})", f"Correct {manifest}.")
    return Finding(model.id, "ok", f"{model.version}, weights verified")


def _schema_fault(manifest: Path) -> str | None:
    """Return where and how a manifest violates the schema; None if it does not, or cannot be checked."""
    schema = manifest.parent.parent / "manifest.schema.json"
    if not schema.is_file() or find_spec("jsonschema") is None:
        return None
    import jsonschema

    validator = jsonschema.validators.validator_for(rules := json.loads(schema.read_text(encoding="utf-8")))(rules)
    fault = next(validator.iter_errors(json.loads(manifest.read_text(encoding="utf-8"))), None)
    return fault and f"{'.'.join(map(str, fault.absolute_path)) or 'manifest'}: {fault.message}"


def _sample(folder: Path) -> Finding:
    images = [path for path in sorted(folder.glob("*.nrrd")) if not path.stem.endswith("_label")]
    whole = [path for path in images if path.with_name(f"{path.stem}_label.nrrd").is_file()]
    if images and whole == images and (folder / "truth.json").is_file():
        return Finding("sample", "ok", ", ".join(path.stem for path in images))
    return Finding("sample", "warn", f"incomplete in {folder}", f"python -m DINSegmentLib.phantom --output {folder}")


def _terminology(root: Path) -> Finding:
    for path in sorted(root.glob("*.term.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if content.get("SegmentationCategoryTypeContextName") == TERMINOLOGY_CONTEXT:
            return Finding("terminology", "ok", path.name)
    return Finding("terminology", "fail", f"no file for {TERMINOLOGY_CONTEXT!r} in {root}", "Reinstall DINSegment.")


def _temporary_folder() -> Finding:
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"DINSegment")
            file.flush()
            return Finding("temporary", "ok", f"{tempfile.gettempdir()} can be written")
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("temporary", "fail", f"no folder can be written ({reason})", "Set TMPDIR to a writable folder.")


def _memory() -> Iterator[Finding]:
    try:
        from ..memory import available
    except ImportError:
        return  # the finding about the missing package is sufficient
    free = available()
    if free is None:
        return
    text = f"{free / 2**30:.1f} GiB free"
    if free >= _ENOUGH_MEMORY:
        yield Finding("memory", "ok", text)
    else:
        yield Finding("memory", "warn", text, "Large volumes need about 2 GiB: close other programs.")
