"""Many inputs to files: what will be written, one case after the other, and what came of each."""

FORMATS = ("seg.nrrd", "nii.gz", "dcm", "stl", "obj", "ply")
FRAME_FORMATS = ("seg.nrrd", "nii.gz", "stl", "obj", "ply")  # of the frames of a cine
