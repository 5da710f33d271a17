"""Save to DICOM database; the database is a test double, because Slicer's own was not measured."""

import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage


class Database:
    """Files by the UIDs of their instances, as of `ctkDICOMDatabase`."""

    def __init__(self, folder):
        self.folder, self.files = folder, {}

    def fileForInstance(self, uid):
        return self.files.get(uid, "")

    def take(self, folder, database, copyFiles=False):
        assert database is self and copyFiles  # the folder is gone afterwards
        for path in Path(folder).iterdir():
            kept = shutil.copy(path, self.folder / path.name)
            self.files[str(pydicom.dcmread(kept).SOPInstanceUID)] = str(kept)


@pytest.fixture
def database(monkeypatch, tmp_path):
    import slicer

    made, module = Database(tmp_path), ModuleType("DICOMLib")
    module.DICOMUtils = ModuleType("DICOMUtils")
    module.DICOMUtils.importDicom = made.take
    monkeypatch.setitem(sys.modules, "DICOMLib", module)
    monkeypatch.setattr(slicer, "dicomDatabase", made, raising=False)
    return made


@pytest.fixture
def labels(repository):
    path = repository / "Resources" / "SampleData" / "cardiac_phantom_ED_label.nrrd"
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@pytest.fixture
def result(desk, panel, heart, labels):
    """The phantom's labels as a result of its volume, as a run leaves it."""
    from DINSegmentLib import scene
    from DINSegmentLib.model import find_model

    model = find_model("cardiac-mr")
    panel.ui.previewCheckBox.checked = False
    panel.ui.inputSelector.setCurrentNode(heart)
    node = scene.write_segmentation(labels, heart, model.labels)
    scene.note(node, scene.RUN, {"model": model.id, "version": "7.5", "weights_sha256": "ab" * 32, "review": []})
    panel.ui.outputSelector.setCurrentNode(node)
    desk.turn(0.05)
    return node


def load_from(database, heart, tmp_path):
    """Write the volume's slices as DICOM files, and leave it as Slicer's DICOM reader does."""
    from DINSegmentLib import scene

    volume = scene.read_volume(heart)
    matrix, uids = volume.geometry.ijk_to_ras, []
    flip = np.array([-1, -1, 1])
    for k, plane in enumerate(volume.array):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = MRImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = f"2.25.5.{k + 1}"
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        axes = [flip * matrix[:3, axis] / volume.geometry.spacing[axis] for axis in (0, 1)]
        values = {
            "SOPClassUID": MRImageStorage, "SOPInstanceUID": f"2.25.5.{k + 1}", "StudyInstanceUID": "2.25.1",
            "SeriesInstanceUID": "2.25.2", "FrameOfReferenceUID": "2.25.3", "Modality": "MR", "PatientID": "42",
            "PatientName": "Phantom^Heart", "Rows": plane.shape[0], "Columns": plane.shape[1], "InstanceNumber": k + 1,
            "ImageOrientationPatient": [f"{v:.12f}"[:16] for axis in axes for v in axis],
            "ImagePositionPatient": [f"{v:.9f}"[:16] for v in flip * (matrix @ (0, 0, k, 1))[:3]],
            "PixelSpacing": [f"{v:.9g}" for v in volume.geometry.spacing[1::-1]], "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
            "PixelRepresentation": 1, "PixelData": np.ascontiguousarray(plane, np.int16).tobytes(),
        }  # fmt: skip
        for name, value in values.items():
            setattr(data, name, value)
        path = tmp_path / f"slice{k}.dcm"
        data.save_as(path, enforce_file_format=True)
        database.files[values["SOPInstanceUID"]] = str(path)
        uids.append(values["SOPInstanceUID"])
    heart.SetAttribute("DICOM.instanceUIDs", " ".join(uids))


def test_segmentation_measurements_and_report_go_beside_the_study(
    desk, panel, heart, result, labels, database, tmp_path
):
    import highdicom as hd

    load_from(database, heart, tmp_path)
    before = set(database.files)
    desk.unfold(panel.ui.reportGroup)
    desk.click(panel.ui.databaseButton)
    assert panel.ui.statusLabel.text.startswith("3 objects ")
    saved = [pydicom.dcmread(database.files[uid]) for uid in set(database.files) - before]
    assert sorted(one.Modality for one in saved) == ["DOC", "SEG", "SR"]
    assert {(one.StudyInstanceUID, one.PatientID) for one in saved} == {("2.25.1", "42")}
    (uid,) = [one.SOPInstanceUID for one in saved if one.Modality == "SEG"]
    stored = hd.seg.segread(database.files[uid]).get_pixels_by_source_instance(
        [f"2.25.5.{k + 1}" for k in range(len(labels))], combine_segments=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(stored, labels)


def test_what_cannot_be_saved_is_said(desk, panel, heart, result, database, monkeypatch, tmp_path):
    import slicer

    desk.unfold(panel.ui.reportGroup)
    desk.click(panel.ui.databaseButton)
    assert "was not loaded from Slicer's DICOM database" in panel.ui.statusLabel.text
    load_from(database, heart, tmp_path)
    monkeypatch.setattr(sys.modules["DICOMLib"].DICOMUtils, "importDicom", lambda *_, **__: None)
    desk.unfold(panel.ui.reportGroup)
    desk.click(panel.ui.databaseButton)
    assert "did not accept all objects" in panel.ui.statusLabel.text
    monkeypatch.setattr(slicer, "dicomDatabase", None)
    desk.unfold(panel.ui.reportGroup)
    desk.click(panel.ui.databaseButton)
    assert "DICOM database is not open" in panel.ui.statusLabel.text
