"""Which files make which case: folders, DICOM series, tables and names."""
