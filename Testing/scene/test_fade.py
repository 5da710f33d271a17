"""Fading between the original and the enhanced volume."""

import numpy as np
from slice_views import state

from DINSegmentLib.scene import compare
from DINSegmentLib.scene.views import COMPARE_VIEWS


def test_fading_lays_the_enhanced_volume_over_the_original(trio, views):
    volume, enhanced, _ = trio
    compare.fade(volume, enhanced, 0.25)
    compare.fade(volume, enhanced, 0.75)
    for name in ("Red", "Green", "Yellow"):
        composite = views(name)[1]
        shown = composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID(), composite.GetForegroundOpacity()
        assert shown == (volume.GetID(), enhanced.GetID(), 0.75)


def test_after_fading_every_view_shows_what_it_showed(trio, views, add_volume):
    volume, enhanced, _ = trio
    other = add_volume(np.zeros((2, 3, 4), np.int16), np.eye(4), name="other")
    views("Red")[1].SetBackgroundVolumeID(other.GetID())
    views("Red")[1].SetForegroundVolumeID(volume.GetID())
    views("Red")[1].SetForegroundOpacity(0.125)
    views("Green")[1].SetBackgroundVolumeID(volume.GetID())
    before = {name: state(*views(name)) for name in ("Red", "Green", "Yellow")}
    compare.fade(volume, enhanced, 0.3)
    compare.fade(volume, enhanced, 0.6)
    compare.end_fade()
    assert {name: state(*views(name)) for name in before} == before
    views("Red")[1].SetForegroundOpacity(0.5)
    compare.end_fade()
    assert views("Red")[1].GetForegroundOpacity() == 0.5


def test_views_outside_the_layout_and_those_of_the_comparison_do_not_fade(trio, views):
    volume, enhanced, _ = trio
    compare.show(*trio)
    compare.fade(volume, enhanced, 0.5)
    assert all(views(name)[1].GetForegroundVolumeID() is None for name in (*COMPARE_VIEWS, "Red", "Green", "Yellow"))


def test_volumes_that_went_while_fading_stay_gone(trio, views, scene, add_volume):
    volume, enhanced, _ = trio
    other = add_volume(np.zeros((2, 3, 4), np.int16), np.eye(4), name="other")
    views("Red")[1].SetForegroundVolumeID(other.GetID())
    compare.fade(volume, enhanced, 0.5)
    scene.RemoveNode(other)
    scene.RemoveNode(enhanced)
    compare.end_fade()
    assert views("Red")[1].GetBackgroundVolumeID() is None and views("Red")[1].GetForegroundVolumeID() is None


def test_a_fade_ends_with_its_scene(trio, views, scene, heart, add_volume):
    compare.fade(*trio[:2], 0.5)
    scene.Clear(0)
    volume = add_volume(heart.labels.astype(np.int16), heart.matrix)
    views("Red")[1].SetBackgroundVolumeID(volume.GetID())
    before = state(*views("Red"))
    compare.end_fade()
    assert state(*views("Red")) == before
    compare.fade(volume, volume, 0.5)
    compare.end_fade()
    assert state(*views("Red")) == before
