"""The simulated Slicer interface behaves like Slicer as far as the panel's tests depend on it."""

from typing import Annotated

import numpy as np
import pytest

UI = """<ui version="4.0"><class>Small</class>
<widget class="qMRMLWidget" name="Small"><layout class="QVBoxLayout">
 <item><widget class="QPushButton" name="button"><property name="text"><string>Go</string></property></widget></item>
 <item><widget class="QCheckBox" name="box"/></item>
 <item><widget class="QSpinBox" name="spin"><property name="maximum"><number>99</number></property></widget></item>
 <item><widget class="ctkSliderWidget" name="slider">
  <property name="maximum"><double>2.0</double></property></widget></item>
 <item><widget class="qMRMLNodeComboBox" name="nodes">
  <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
  <property name="noneEnabled"><bool>true</bool></property></widget></item>
</layout></widget>
<connections><connection><sender>Small</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
 <receiver>nodes</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""


@pytest.fixture
def ui(desk, tmp_path):
    """The widgets of a small `.ui` file on the scene."""
    import slicer

    path = tmp_path / "Small.ui"
    path.write_text(UI, encoding="utf-8")
    widget = slicer.util.loadUI(str(path))
    widget.setMRMLScene(slicer.mrmlScene)
    yield slicer.util.childWidgetVariables(widget)
    widget.setMRMLScene(None)


@pytest.fixture
def parameters(desk):
    """A wrapped parameter node: flag, count (1 to 10), strength and volume."""
    import slicer
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        volume: slicer.vtkMRMLScalarVolumeNode
        flag: bool = True
        count: Annotated[int, WithinRange(1, 10)] = 3
        strength: float = 0.5

    return Parameters(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "Small"))


def connect(parameters, ui):
    widgets = {"flag": ui.box, "count": ui.spin, "strength": ui.slider, "volume": ui.nodes}
    return parameters.connectParametersToGui(widgets)


def volume(name="volume"):
    import slicer

    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)


# PythonQt


def test_a_property_is_an_attribute_and_cannot_be_called(ui):
    ui.button.text = "Stop"
    ui.button.setEnabled(False)
    assert (ui.button.text, ui.button.enabled, ui.button.name) == ("Stop", False, "button")
    with pytest.raises(TypeError, match="not callable"):
        ui.button.text()


def test_qt_holds_no_signal_slot_or_property_class(desk):
    import qt

    assert not {"Signal", "Slot", "Property"} & set(vars(qt))


@pytest.mark.parametrize("signature", ["pressed(int)", "noSuchSignal()", "clicked"])
def test_an_unknown_signal_is_refused(ui, signature):
    with pytest.raises(ValueError, match="QPushButton has no signal"):
        ui.button.connect(signature, print)


def test_a_slot_gets_as_many_values_as_its_signature_names(ui):
    got = []
    ui.box.connect("clicked()", lambda *values: got.append(values))
    ui.box.connect("toggled(bool)", lambda *values: got.append(values))
    ui.spin.connect("valueChanged(int)", lambda *values: got.append(values))
    ui.box.click()
    ui.spin.value = 5
    assert sorted(got, key=len) == [(), (True,), (5,)]


def test_a_disconnected_slot_is_called_no_more(ui):
    got = []
    ui.slider.connect("valueChanged(double)", got.append)
    ui.slider.value = 1.5
    assert ui.slider.disconnect("valueChanged(double)", got.append)
    ui.slider.value = 0.5
    assert got == [1.5]
    assert not ui.slider.disconnect("valueChanged(double)", got.append)


def test_what_a_slot_raises_comes_up_in_run_until_and_only_once(desk, ui):
    def slot():
        raise KeyError("from a slot")

    ui.button.connect("clicked()", slot)
    ui.button.click()
    with pytest.raises(KeyError, match="from a slot"):
        desk.run_until(lambda: True)
    desk.run_until(lambda: True)


def test_run_until_gives_up(desk):
    with pytest.raises(AssertionError, match="waited 0.01 s for a miracle"):
        desk.run_until(lambda: False, 0.01, "a miracle")


def test_a_hidden_or_disabled_button_cannot_be_clicked(desk, panel):
    with pytest.raises(AssertionError, match="segmentButton is disabled: Choose a volume first."):
        desk.click(panel.ui.segmentButton)
    panel.ui.segmentButton.visible = False
    with pytest.raises(AssertionError, match="segmentButton is not shown"):
        desk.click(panel.ui.segmentButton)


# parameter nodes


def test_widgets_show_the_parameter_node_and_it_follows_them(ui, parameters):
    node = volume()
    connect(parameters, ui)
    assert (ui.box.checked, ui.spin.value, ui.slider.value, ui.nodes.currentNode()) == (True, 3, 0.5, None)

    ui.box.checked, ui.spin.value, ui.slider.value = False, 7, 1.25
    ui.nodes.setCurrentNode(node)
    kept = parameters.flag, parameters.count, parameters.strength, parameters.volume
    assert kept == (False, 7, 1.25, node)

    parameters.flag, parameters.count, parameters.strength, parameters.volume = True, 4, 0.25, None
    assert (ui.box.checked, ui.spin.value, ui.slider.value, ui.nodes.currentNode()) == (True, 4, 0.25, None)


def test_disconnect_gui_parts_them(ui, parameters):
    parameters.disconnectGui(connect(parameters, ui))
    ui.spin.value = 8
    assert parameters.count == 3
    parameters.count = 5
    assert ui.spin.value == 8


def test_a_parameter_outside_its_range_or_of_another_type_is_refused_and_the_old_one_stays(parameters):
    with pytest.raises(ValueError, match="outside"):
        parameters.count = 11
    with pytest.raises(TypeError):
        parameters.count = "4"
    with pytest.raises(ValueError, match="vtkMRMLScalarVolumeNode"):
        parameters.volume = parameters.parameterNode
    assert parameters.count == 3 and parameters.volume is None


def test_a_value_outside_the_range_in_a_widget_is_a_fault_in_a_slot(desk, ui, parameters):
    connect(parameters, ui)
    ui.spin.value = 50
    with pytest.raises(ValueError, match="outside"):
        desk.raise_faults()
    assert parameters.count == 3


# widgets


def test_a_node_list_follows_the_scene(ui):
    import slicer

    got = []
    ui.nodes.connect("currentNodeChanged(vtkMRMLNode*)", got.append)
    assert ui.nodes.currentNode() is None
    first, second = volume("first"), volume("second")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert ui.nodes.nodeCount() == 2 and ui.nodes.currentNode() is None

    ui.nodes.setCurrentNode(first)
    slicer.mrmlScene.RemoveNode(second)
    assert ui.nodes.currentNode() is first
    slicer.mrmlScene.RemoveNode(first)
    assert ui.nodes.currentNode() is None and got == [first, None]
    made = ui.nodes.addNode()
    assert ui.nodes.currentNode() is made and ui.nodes.nodeCount() == 1
    ui.nodes.setCurrentNode(None)
    assert got == [first, None, made, None]


def test_a_slider_moves_its_box_and_keeps_its_range(ui):
    ui.slider.value = 5
    assert ui.slider.value == 2.0


# layouts and the scene


def test_a_layout_makes_its_slice_views_and_their_composites_at_once(desk):
    import slicer

    layouts = desk.application.layouts
    layouts.setLayout(layouts.node.SlicerLayoutOneUpRedSliceView)
    assert layouts.sliceViewNames() == ["Red"]
    layouts.setLayout(layouts.node.SlicerLayoutThreeOverThreeView)
    names = layouts.sliceViewNames()
    assert sorted(names) == ["Green", "Green+", "Red", "Red+", "Yellow", "Yellow+"]
    for name in names:
        composite = layouts.sliceWidget(name).mrmlSliceCompositeNode()
        assert composite.GetLayoutName() == name and slicer.mrmlScene.IsNodePresent(composite)


def test_compared_views_scroll_together_while_the_user_scrolls_and_no_others(desk):
    import slicer

    from DINSegmentLib.scene import compare

    array = np.arange(20 * 8 * 8, dtype=np.float32).reshape(20, 8, 8)
    first, second = (slicer.util.addVolumeFromArray(array, np.diag([1.0, 1.0, 2.0, 1.0])) for _ in range(2))
    red = desk.application.layouts.sliceWidget("Red").sliceLogic()
    before = red.GetSliceOffset()
    compare.show(first, second)
    logics = [
        desk.application.layouts.sliceWidget(name).sliceLogic() for name in desk.application.layouts.sliceViewNames()
    ]
    original = logics[0]
    original.StartSliceOffsetInteraction()
    original.SetSliceOffset(10.0)
    original.EndSliceOffsetInteraction()
    assert [logic.GetSliceOffset() for logic in logics] == [10.0, 10.0, 10.0]
    assert red.GetSliceOffset() == before

    original.SetSliceOffset(24.0)  # by a program, as in Slicer
    assert [logic.GetSliceOffset() for logic in logics] == [24.0, 10.0, 10.0]
    compare.restore()


def test_a_saved_scene_comes_back_with_voxels_and_parameters(desk, parameters, tmp_path):
    import slicer

    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    parameters.volume = slicer.util.addVolumeFromArray(array, name="kept")
    parameters.count = 6
    desk.save_scene(tmp_path / "scene.mrb")
    desk.clear_scene()
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []

    desk.load_scene(tmp_path / "scene.mrb")
    again = type(parameters)(slicer.util.getNode("Small"))
    assert again.count == 6 and again.volume.GetName() == "kept"
    assert np.array_equal(slicer.util.arrayFromVolume(again.volume), array)
