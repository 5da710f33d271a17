"""Search for cases in folders, DICOM series, archives and tables; their names and models."""
