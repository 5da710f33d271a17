"""Whether a volume can be segmented (`volume`), and whether it suits the model (`fit`)."""
