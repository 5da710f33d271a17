"""Repeated actions of panel tests on the simulated Slicer interface."""

import numpy as np


def run(desk, panel, seconds=60):
    """Click and wait until the run is over."""
    desk.click(panel.ui.segmentButton)
    desk.run_until(lambda: not panel.panel.runner.busy, seconds, "the run")


def notices(container):
    """The texts of the rows of notices that are shown, from the top, after the name of their severity."""
    from PySide6.QtWidgets import QLabel

    rows = [one for one in container.children() if one.isWidgetType() and not one.isHidden()]
    labels = [row.findChildren(QLabel) for row in rows]
    return [f"{icon.toolTip}: {text.text}" for icon, text in labels]


def structures(panel):
    """Name, volume and mean of each row of the table of structures."""
    table = panel.ui.structuresTable
    figures = not table.isColumnHidden(3)
    columns = (2, 3, 4) if figures else (2,)
    return [[table.item(row, column).text() for column in columns] for row in range(table.rowCount)]


def labels_of(node, volume, model):
    import slicer

    found = np.zeros(slicer.util.arrayFromVolume(volume).shape, np.uint8)
    for label in model.labels:
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, f"DINSegment_{label.value}", volume)
        found[mask > 0] = label.value
    return found


def add_result(volume, model="cardiac-mr", voxels=100):
    """A result of the volume, as a run leaves it, with voxels of the left ventricle in one slice."""
    from DINSegmentLib import scene
    from DINSegmentLib.model import find_model

    labels = np.zeros(volume.GetImageData().GetDimensions()[::-1], np.uint8)
    labels[2].ravel()[:voxels] = 3
    node = scene.write_segmentation(labels, volume, find_model(model).labels)
    review = [
        {"slice": 2, "axis": 0, "structure": "Myocardium", "expected_errors": 5.0, "text": "Small.", "frame": None}
    ]
    scene.note(node, scene.RUN, {"model": model, "review": review})
    return node
