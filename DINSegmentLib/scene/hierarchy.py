"""Slicer's subject hierarchy, the tree of patients, studies and folders in the Data module."""

from typing import Any

import slicer


def place_beside(volume_node: Any, node: Any) -> None:
    """Put a node under the study or folder of its volume, so that the Data module lists them together."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    volume_item, item = hierarchy.GetItemByDataNode(volume_node), hierarchy.GetItemByDataNode(node)
    if volume_item and item:
        hierarchy.SetItemParent(item, hierarchy.GetItemParent(volume_item))


def attribute(node: Any, name: str) -> str:
    """Return an attribute of the node's item in the tree; empty if missing."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(node)
    return hierarchy.GetItemAttribute(item, name) if item else ""
