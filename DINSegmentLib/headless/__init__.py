"""Files to volumes and back, and Slicer's libraries without its desktop."""

from .boot import boot
from .cine import Cine, files_of_cine, read_cine
from .image import Image, case_name
from .nodes import add_volume, save_segmentation
from .reading import files_of, read
from .writing import write_labelmap, write_volume

__all__ = [
    "Cine",
    "Image",
    "add_volume",
    "boot",
    "case_name",
    "files_of",
    "files_of_cine",
    "read",
    "read_cine",
    "save_segmentation",
    "write_labelmap",
    "write_volume",
]
