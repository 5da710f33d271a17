"""A model whose structures each have one distinct color in a picture."""

from dataclasses import replace

import pytest

from DINSegmentLib.model import Axes, Code, Label, find_model

PART = Code("SCT", "0", "Part")


@pytest.fixture(scope="package")
def model():
    """A model for axial slices with two structures, pure red and pure green."""
    labels = (Label(1, "Red", (255, 0, 0), PART), Label(2, "Green", (0, 255, 0), PART))
    return replace(find_model("cardiac-mr"), labels=labels, axes=Axes("S", "L", "A"))
