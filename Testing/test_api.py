"""The names of `import DINSegmentLib`: their examples run, and importing them does not load torch."""

import doctest
import subprocess
import sys

import numpy as np
import pytest

import DINSegmentLib as din
from DINSegmentLib import api
from DINSegmentLib.engine.parameters import Parameters
from DINSegmentLib.engine.segmenter import segment


def test_the_examples_of_the_documentation_hold():
    failed, tried = doctest.testmod(api)
    assert tried > 5 and failed == 0


def test_labels_are_those_of_the_engine(tiny_model, write):
    volume = din.read_volume(write("heart.nrrd"))
    enhancement = din.Enhancement("gamma", 0.5)
    found = din.Segmenter(str(tiny_model), "cpu").segment(volume, enhancement)
    asked = Parameters(enhancement=enhancement)
    expected = segment(volume.array, volume.geometry, din.find_model(str(tiny_model)), asked, "cpu")
    assert np.array_equal(found.labels, expected.labels) and found.labels.any()
    assert found.parameters.enhancement == enhancement


def test_a_name_that_is_not_offered_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segmenter'"):
        din.segmenter  # noqa: B018


def test_importing_it_loads_neither_torch_nor_numpy():
    code = "import sys, DINSegmentLib; print(sorted({'torch', 'numpy', 'SimpleITK'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert run.stdout == "[]\n"
