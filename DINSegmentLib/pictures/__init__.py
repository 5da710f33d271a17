"""Slices with outlines and curves, drawn once for previews, reports and thumbnails."""
