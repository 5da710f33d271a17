"""Numbers from labels; numpy alone, and SimpleITK for parts."""

from .confidence import Confidence, Doubt, slices_to_review
from .function import CardiacFunction, Ventricle, cardiac_function
from .overlap import dice
from .quality import Flag, flags
from .volumes import StructureStatistics, statistics

__all__ = [
    "CardiacFunction",
    "Confidence",
    "Doubt",
    "Flag",
    "StructureStatistics",
    "Ventricle",
    "cardiac_function",
    "dice",
    "flags",
    "slices_to_review",
    "statistics",
]
