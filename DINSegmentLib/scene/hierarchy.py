"""Slicer's subject hierarchy: the tree of patients, studies and folders in which the Data module lists the nodes."""

from typing import Any

import slicer


def place_beside(volume_node: Any, node: Any) -> None:
    """Put a node under the study or folder of its volume, where Slicer's hierarchy lists the two together."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    volume_item, item = hierarchy.GetItemByDataNode(volume_node), hierarchy.GetItemByDataNode(node)
    if volume_item and item:
        hierarchy.SetItemParent(item, hierarchy.GetItemParent(volume_item))


def attribute(node: Any, name: str) -> str:
    """What a node's item in the tree carries under a name, or nothing."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(node)
    return hierarchy.GetItemAttribute(item, name) if item else ""
