"""Parts of the panel. Here alone, and in DINSegment.py, the library knows Qt."""
