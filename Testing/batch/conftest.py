"""A model whose structures can be told apart in a picture by one colour each."""

from dataclasses import replace

import pytest

from DINSegmentLib import models


@pytest.fixture(scope="package")
def model():
    """A model for axial slices with two structures, pure red and pure green."""
    labels = (models.Label(1, "Red", (255, 0, 0), ""), models.Label(2, "Green", (0, 255, 0), ""))
    return replace(models.find("cardiac-mr"), labels=labels, axes=models.Axes("S", "L", "A"))
