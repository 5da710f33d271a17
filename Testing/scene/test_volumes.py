"""A volume node is read without a copy and with its position in world coordinates."""

import numpy as np
import pytest

from DINSegmentLib.errors import GeometryError, InputError
from DINSegmentLib.scene import modality, read_volume


def test_the_array_is_the_nodes_own_memory(add_volume):
    import slicer

    node = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([1, 2, 3, 1]))
    array = read_volume(node).array
    assert np.shares_memory(array, slicer.util.arrayFromVolume(node)) and array.shape == (2, 3, 4)
    np.testing.assert_array_equal(array, slicer.util.arrayFromVolume(node))


def test_transforms_above_the_parent_count_too(add_volume, scene):
    import slicer

    parent, grandparent = np.eye(4), np.eye(4)
    parent[:3, 3], grandparent[:3, :3] = (1, 2, 3), np.diag([2, 3, 4])
    node = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([1, 2, 3, 1]), parent)
    above = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    slicer.util.updateTransformMatrixFromArray(above, grandparent)
    node.GetParentTransformNode().SetAndObserveTransformNodeID(above.GetID())
    expected = grandparent @ parent @ np.diag([1, 2, 3, 1])
    np.testing.assert_allclose(read_volume(node).geometry.ijk_to_ras, expected, atol=1e-12)


def test_a_bending_transform_is_refused(add_volume, scene):
    import vtk

    node = add_volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    bend = scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for position in ((0, 0, 0), (9, 0, 0), (0, 9, 0), (0, 0, 9), (5, 5, 5)):
        source.InsertNextPoint(position)
        target.InsertNextPoint(np.array(position) * (1 + 0.1 * np.sum(position)))
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    bend.SetAndObserveTransformToParent(spline)
    node.SetAndObserveTransformNodeID(bend.GetID())
    with pytest.raises(GeometryError, match=r"^heart .*\(warp\)"):
        read_volume(node)


def test_a_node_without_an_image_is_refused(scene):
    with pytest.raises(InputError, match="empty volume contains no image"):
        read_volume(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty volume"))


def test_a_node_whose_image_has_no_voxels_is_refused(scene):
    import vtk

    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "hollow volume")
    node.SetAndObserveImageData(vtk.vtkImageData())
    with pytest.raises(InputError, match="hollow volume contains no image"):
        read_volume(node)


@pytest.mark.parametrize("kind", ["vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode"])
@pytest.mark.parametrize("components", [2, 3, 30])
def test_several_values_in_a_voxel_are_refused(kind, components, scene):
    import vtk

    image = vtk.vtkImageData()
    image.SetDimensions(4, 3, 2)
    image.AllocateScalars(vtk.VTK_SHORT, components)
    node = scene.AddNewNodeByClass(kind, "many")
    node.SetAndObserveImageData(image)
    with pytest.raises(InputError, match=f"^many has {components} values"):
        read_volume(node)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, np.int64])
def test_every_number_type_of_a_file_reaches_the_scene(kind, add_volume):
    array = np.arange(24, dtype=kind).reshape(2, 3, 4)
    np.testing.assert_array_equal(read_volume(add_volume(array, np.eye(4))).array, array)


@pytest.mark.parametrize(("noted", "expected"), [("MR", "MR"), ("CT", "CT"), ("PT", ""), ("", "")])
def test_the_modality_is_that_of_the_dicom_series(noted, expected, add_volume, scene):
    import slicer

    node = add_volume(np.zeros((2, 3, 4), np.int16), np.eye(4))
    assert modality(node) == ""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    hierarchy.SetItemAttribute(item, "DICOM.Modality", noted)
    assert modality(node) == expected


@pytest.mark.parametrize(
    ("quantity", "units", "expected"),
    [
        (("112031", "DCM", "Attenuation Coefficient"), ("[hnsf'U]", "UCUM", "Hounsfield unit"), "CT"),
        (("110852", "DCM", "MR signal intensity"), ("1", "UCUM", "no units"), "MR"),
        (("110850", "DCM", "PET"), ("g/ml", "UCUM", "SUV"), ""),
        (None, ("[hnsf'U]", "UCUM", "Hounsfield unit"), "CT"),
        (("110852", "DCM", "MR signal intensity"), None, "MR"),
    ],
)
def test_the_modality_is_that_of_the_voxels_unit_and_quantity(quantity, units, expected, scene):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    node.SetVoxelValueQuantity(coded(quantity))
    node.SetVoxelValueUnits(coded(units))
    assert modality(node) == expected


def coded(entry):
    """A code as Slicer's DICOM reader notes it."""
    import slicer

    if entry is None:
        return None
    made = slicer.vtkCodedEntry()
    made.SetValueSchemeMeaning(*entry)
    return made
