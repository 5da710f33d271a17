"""The engine: turns array, geometry and parameters into labels, without files, scene or user interface.

`segmenter` runs a model and needs torch; `preprocessing`, `orientation`, `parameters` and `checks` need only numpy, so
that the preview works without torch.
"""
