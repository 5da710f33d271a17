"""Drawing of slices with outlines, and of curves, for previews, reports and thumbnails."""
