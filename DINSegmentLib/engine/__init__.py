"""The engine: turns array, geometry and parameters into labels, without files, scene or user interface.

`segmenter` runs a model and needs torch; `parameters`, `preprocessing` and `preview` need only numpy, so that the
preview works without torch.
"""
