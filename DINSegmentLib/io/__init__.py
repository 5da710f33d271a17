"""Reading and writing of image files."""

from .cine import Cine, count_frames, read_cine
from .image import AS_STORED, Image, Reading, SliceFile, case_name
from .person import Person
from .reading import files_of, read
from .writing import write_labelmap, write_volume

__all__ = [
    "AS_STORED",
    "Cine",
    "Image",
    "Person",
    "Reading",
    "SliceFile",
    "case_name",
    "count_frames",
    "files_of",
    "read",
    "read_cine",
    "write_labelmap",
    "write_volume",
]
