"""Parts of the panel. Only this package and DINSegment.py use Qt."""
