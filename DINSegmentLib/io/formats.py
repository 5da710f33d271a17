"""Volume file formats, one line each; DICOM is recognized by content, see `dicom`."""

from collections.abc import Callable
from pathlib import Path

from . import metaimage, nifti, nrrd
from .header import Header

FORMATS: dict[str, tuple[Callable[[Path], Header], str]] = {  # suffix: header reader, ITK reader of the voxels
    ".nii.gz": (nifti.read_header, "NiftiImageIO"),
    ".nii": (nifti.read_header, "NiftiImageIO"),
    ".nrrd": (nrrd.read_header, "NrrdImageIO"),
    ".nhdr": (nrrd.read_header, "NrrdImageIO"),
    ".mha": (metaimage.read_header, "MetaImageIO"),
    ".mhd": (metaimage.read_header, "MetaImageIO"),
}
SUFFIXES = tuple(FORMATS)
