"""DINSegment's library: dual interaction network segmentation without a desktop."""

__version__ = "0.1.0"
