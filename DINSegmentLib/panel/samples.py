"""Sample volumes; `HEART` has the form that Slicer's Sample Data module expects."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer.util
from slicer.i18n import tr as _

from .. import resources, scene
from .process import Process

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
HEART_MODEL = "cardiac-mr"  # the initial model, so that the sample works offline
CINE, LATE, ABDOMEN = "cine", "late", "abdomen"  # names in `phantom.sample.SAMPLES`
CT = "CTLiver"  # Slicer's abdomen sample, which it downloads


def download_ct() -> Any:
    """Download Slicer's abdominal CT.

    Raises:
        RuntimeError: the download failed.
    """
    import SampleData

    found = SampleData.SampleDataLogic().downloadSamples(CT)
    if not found:
        raise RuntimeError(_("Slicer could not download {name}: check the network, then try again.").format(name=CT))
    return found[0]


def load_heart() -> Any:
    """Load the bundled heart at end-diastole."""
    return slicer.util.loadVolume(HEART_FILE, {"name": HEART["nodeNames"]})


class Phantom:
    """Generates a sample in a separate process, which takes some seconds, and loads it.

    Args:
        parent: QObject that owns the process.
        made: called with the new volume node.
        failed: called with the reason.
    """

    def __init__(self, parent: Any, made: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        self._made, self._failed = made, failed
        self._name, self._said = "", list[str]()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process = Process(parent, lambda text: self._said.append(text), "phantom.__main__")
        self._process.client = self

    @property
    def busy(self) -> bool:
        return self._folder is not None

    def make(self, name: str) -> None:
        """Start to generate `CINE`, `LATE` or `ABDOMEN`.

        Raises:
            OSError: temporary files cannot be created.
        """
        self._name, self._said = name, []
        self._folder = tempfile.TemporaryDirectory(prefix="DINSegment-")
        self._process.start("--output", self._folder.name, "--only", name)

    def end(self) -> None:
        """Stop generating."""
        if self.busy:
            self._process.end()
            self._clean()

    def _clean(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def received(self, data: bytes) -> None:
        """Ignore the names of the files."""

    def ended(self, code: int, crashed: bool) -> None:
        if self._folder is None:
            return
        files = sorted(Path(self._folder.name).iterdir())
        try:
            if code != 0 or not files:
                said = "\n".join(self._said).strip()
                raise RuntimeError(said.splitlines()[-1] if said else _("its process ended"))
            node = _load(self._name, files[0])
        except Exception as error:
            self._clean()
            self._failed(str(error))
            return
        self._clean()
        self._made(node)


def _load(name: str, path: Path) -> Any:
    """Load the file's volume without keeping a reference to the file, which is temporary."""
    from .. import io  # SimpleITK must not slow down the panel's start

    if name == CINE:
        cine = io.read_cine(path)
        times = [1000 * time for time in cine.times or range(len(cine.array))]
        return scene.add_cine(cine.array, cine.first.geometry, times, _("Cine phantom"))
    image = io.read(path)
    called = _("Late enhancement phantom") if name == LATE else _("Abdomen phantom")
    return slicer.util.addVolumeFromArray(image.array, image.geometry.ijk_to_ras, name=called)
