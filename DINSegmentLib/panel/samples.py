"""Volumes to try the module with; `HEART` is described as Slicer's Sample Data module expects it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer.util
from slicer.i18n import tr as _

from .. import resources, scene
from .process import LIBRARY, python

HEART_FILE = str(resources.root() / "SampleData" / "cardiac_phantom_ED.nrrd")
HEART = {
    "category": "DINSegment",
    "sampleName": "DINSegmentHeart",
    "uris": (resources.root() / "SampleData" / "cardiac_phantom_ED.nrrd").resolve().as_uri(),
    "fileNames": "cardiac_phantom_ED.nrrd",
    "nodeNames": "Heart phantom",
    "loadFileType": "VolumeFile",
    "checksums": "SHA256:c047a2f81e774d283bc982d9d7a22ff5b237d297c386099fba1131335da0037b",
}
HEART_MODEL = "cardiac-mr"  # chosen at first, so that the sample works without a network
CINE, ABDOMEN = "cine", "abdomen"  # which `phantom.sample.SAMPLES` makes
CT = "CTLiver"  # Slicer's own sample of an abdomen, which it downloads


def download_ct() -> Any:
    """Slicer's CT of an abdomen.

    Raises:
        RuntimeError: it could not be downloaded.
    """
    import SampleData

    found = SampleData.SampleDataLogic().downloadSamples(CT)
    if not found:
        raise RuntimeError(_("Slicer could not download {name}: check the network, then try again.").format(name=CT))
    return found[0]


def load_heart() -> Any:
    """The bundled heart at end-diastole."""
    return slicer.util.loadVolume(HEART_FILE, {"name": HEART["nodeNames"]})


_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from DINSegmentLib.phantom.__main__ import main; sys.exit(main())"
)


class Phantom:
    """Makes a sample in a process of its own, which takes some seconds, and loads it.

    Args:
        parent: QObject that owns the process.
        made: called with the new volume node.
        failed: called with the reason.
    """

    def __init__(self, parent: Any, made: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        self._made, self._failed = made, failed
        self._name = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process = qt.QProcess(parent)
        self._process.connect("finished(int,QProcess::ExitStatus)", self._on_finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._on_fault)

    @property
    def busy(self) -> bool:
        return self._folder is not None

    def make(self, name: str) -> None:
        """Begin to make `CINE` or `ABDOMEN`.

        Raises:
            OSError: there is no place for temporary files.
        """
        self._name, self._folder = name, tempfile.TemporaryDirectory(prefix="DINSegment-")
        arguments = ["-P", "-c", _START, LIBRARY, "--output", self._folder.name, "--only", name]
        self._process.start(python(), arguments)

    def end(self) -> None:
        """Stop: the sample is no longer needed."""
        if self.busy:
            self._process.blockSignals(True)
            self._process.kill()
            self._process.waitForFinished(2000)
            self._process.blockSignals(False)
            self._clean()

    def _clean(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _on_fault(self, fault: int) -> None:
        if fault == qt.QProcess.FailedToStart:  # after all others, `finished` comes
            self._clean()
            self._failed(_("{program} cannot be started.").format(program=python()))

    def _on_finished(self, code: int, status: int) -> None:
        if self._folder is None:
            return
        files = sorted(Path(self._folder.name).iterdir())
        try:
            if code != 0 or not files:
                said = bytes(self._process.readAllStandardError().data()).decode(errors="replace").strip()
                raise RuntimeError(said.splitlines()[-1] if said else _("its process ended"))
            node = _load(self._name, files[0])
        except Exception as error:
            self._clean()
            self._failed(str(error))
            return
        self._clean()
        self._made(node)


def _load(name: str, path: Path) -> Any:
    """The file's volume, which is in the scene without the file: that is temporary."""
    from .. import io  # SimpleITK is not for the panel's start

    if name == CINE:
        cine = io.read_cine(path)
        times = [1000 * time for time in cine.times or range(len(cine.array))]
        return scene.add_cine(cine.array, cine.first.geometry, times, _("Cine phantom"))
    image = io.read(path)
    return slicer.util.addVolumeFromArray(image.array, image.geometry.ijk_to_ras, name=_("Abdomen phantom"))
