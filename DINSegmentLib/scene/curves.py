"""Volume-time curves as nodes: a table, a series for each structure, and the chart for a plot view."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import slicer
from vtkmodules.vtkCommonCore import vtkDoubleArray

from ..messages import Sentence as _

_TABLE, _CHART = "DINSegment.CurveTable", "DINSegment.CurveChart"  # reference roles of a segmentation
_SERIES = {"lv_ml": (_("Left ventricle"), (0.8, 0.2, 0.2)), "rv_ml": (_("Right ventricle"), (0.2, 0.4, 0.8))}


def write_curve(
    rows: Sequence[Mapping[str, float | None]], node: Any, told: Callable[[str], str] = str
) -> Any:  # fmt: skip
    """Store a curve with the segmentation that it was measured in, replacing an earlier one.

    Args:
        rows: one for each frame, as in ``CardiacFunction.curve``; the x axis is the frame or the time.
        node: the segmentation node.
        told: translates texts of the chart into the user's language.

    Returns:
        the ``vtkMRMLPlotChartNode``.
    """
    table = node.GetNodeReference(_TABLE) or _add(node, "vtkMRMLTableNode", "curve", _TABLE)
    table.RemoveAllColumns()
    for name in rows[0]:
        column = vtkDoubleArray()
        column.SetName(name)
        for row in rows:
            value = row[name]
            column.InsertNextValue(float("nan") if value is None else value)
        table.AddColumn(column)
    chart = curve_chart(node) or _add_chart(node, table, told)
    timed = rows[0]["time_ms"] is not None
    chart.SetXAxisTitle(told(_("Time (ms)") if timed else _("Frame")))
    for index in range(chart.GetNumberOfPlotSeriesNodes()):
        chart.GetNthPlotSeriesNode(index).SetXColumnName("time_ms" if timed else "frame")
    return chart


def curve_chart(node: Any) -> Any:
    """The chart of a segmentation, or None."""
    return node.GetNodeReference(_CHART)


def _add(node: Any, class_name: str, what: str, role: str) -> Any:
    added = slicer.mrmlScene.AddNewNodeByClass(class_name, f"{node.GetName()} {what}")
    node.SetNodeReferenceID(role, added.GetID())
    return added


def _add_chart(node: Any, table: Any, told: Callable[[str], str]) -> Any:
    chart = _add(node, "vtkMRMLPlotChartNode", "volumes over time", _CHART)
    chart.SetTitle(told(_("Volume over time")))
    chart.SetYAxisTitle(told(_("Volume (ml)")))
    for column, (name, color) in _SERIES.items():
        series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", told(name))
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetYColumnName(column)
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        series.SetColor(*color)
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    return chart
