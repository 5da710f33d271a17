"""The engine: array, geometry and parameters in, labels out; it knows no files, no scene and no desktop.

`segmenter` runs a model (torch); `preprocessing`, `orientation`, `parameters` and `checks` need numpy alone, so that a
preview works where torch is not installed.
"""
