"""Finding of cases: folders, DICOM series, tables and names."""
