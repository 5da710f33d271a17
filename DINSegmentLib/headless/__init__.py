"""Files to volumes and back, and Slicer's libraries without its desktop."""

from .boot import boot
from .cine import Cine, count_frames, read_cine
from .image import Image, case_name
from .nodes import add_volume, save_segmentation
from .person import Person
from .reading import files_of, read
from .writing import write_labelmap, write_volume

__all__ = [
    "Cine",
    "Image",
    "Person",
    "add_volume",
    "boot",
    "case_name",
    "count_frames",
    "files_of",
    "read",
    "read_cine",
    "save_segmentation",
    "write_labelmap",
    "write_volume",
]
