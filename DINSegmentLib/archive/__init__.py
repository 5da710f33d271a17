"""Studies from a DICOM archive and results back into it, by DICOMweb."""
