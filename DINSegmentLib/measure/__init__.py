"""Measurements from labels; needs only numpy, and SimpleITK for connected parts."""

from .cardiac import CardiacFunction, Ventricle
from .confidence import Confidence, frames_to_review, slices_to_review
from .flags import flags, flags_of_cine
from .function import cardiac_function
from .masks import dice
from .regional import RegionalFunction, Thickness, regional_function, regional_function_of_cine
from .short_axis import Insertion
from .volumes import StructureStatistics, statistics

__all__ = [
    "CardiacFunction",
    "Confidence",
    "Insertion",
    "RegionalFunction",
    "StructureStatistics",
    "Thickness",
    "Ventricle",
    "cardiac_function",
    "dice",
    "flags",
    "flags_of_cine",
    "frames_to_review",
    "regional_function",
    "regional_function_of_cine",
    "slices_to_review",
    "statistics",
]
