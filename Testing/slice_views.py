"""What slice views show, for tests of overlays and their removal."""


def state(view, composite):
    """What a view shows and where it cuts."""
    shown = composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID(), composite.GetLabelVolumeID()
    switches = composite.GetForegroundOpacity(), composite.GetLinkedControl(), composite.GetHotLinkedControl()
    kept = [composite.GetNodeReferenceID(f"DINSegment.{layer}") for layer in ("Background", "Foreground")]
    return *shown, *switches, *kept, composite.GetAttributeNames(), matrix_of(view).tolist(), view.GetFieldOfView()


def matrix_of(view):
    """Slice to RAS, (4, 4)."""
    import slicer

    return slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
