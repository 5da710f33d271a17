"""The wheel's packages: those in DINSegmentLib, and Resources as a folder inside it; pyproject.toml says the rest."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["DINSegmentLib", "DINSegmentLib.*"]), "DINSegmentLib.Resources"])
