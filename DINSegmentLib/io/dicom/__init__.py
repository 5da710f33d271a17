"""Reading of DICOM files."""
