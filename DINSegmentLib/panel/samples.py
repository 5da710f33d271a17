"""Volumes to try the module with; `HEART` is described as Slicer's Sample Data module expects it."""

from typing import Any

from slicer.i18n import tr as _

from .. import resources

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
