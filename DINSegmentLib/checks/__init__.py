"""Checks whether a volume can be segmented (`volume`) and suits the model (`fit`)."""
