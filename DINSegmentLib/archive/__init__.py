"""Fetching of studies from a DICOM archive and storing of results in it, through DICOMweb."""
