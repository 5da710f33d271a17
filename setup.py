"""The wheel's packages: what lies in DINSegmentLib, and Resources as a folder inside it; the rest is in pyproject.toml."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["DINSegmentLib", "DINSegmentLib.*"]), "DINSegmentLib.Resources"])
