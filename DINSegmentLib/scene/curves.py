"""A volume-time curve as nodes: a table, a series for each structure, and the chart that a plot view shows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import slicer
from vtkmodules.vtkCommonCore import vtkDoubleArray

from ..messages import Sentence as _

_TABLE, _CHART = "DINSegment.CurveTable", "DINSegment.CurveChart"  # roles of a segmentation's references
_SERIES = {"lv_ml": (_("Left ventricle"), (0.8, 0.2, 0.2)), "rv_ml": (_("Right ventricle"), (0.2, 0.4, 0.8))}


def write_curve(
    rows: Sequence[Mapping[str, float | None]], node: Any, told: Callable[[str], str] = str
) -> Any:  # fmt: skip
    """Keep a curve with the segmentation that it was measured in; one of an earlier run is replaced.

    Args:
        rows: of every frame, as ``CardiacFunction.curve`` gives them; the frame or the time is the x axis.
        node: the segmentation node.
        told: gives what is written in the chart in the user's language.

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
