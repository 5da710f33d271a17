"""Training and evaluation; Slicer never imports this package."""
