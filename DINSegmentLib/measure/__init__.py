"""Numbers from labels; numpy alone, and SimpleITK for parts."""

from .function import CardiacFunction, Ventricle, cardiac_function
from .overlap import dice
from .quality import Flag, flags, mean_confidence
from .volumes import StructureStatistics, statistics

__all__ = [
    "CardiacFunction",
    "Flag",
    "StructureStatistics",
    "Ventricle",
    "cardiac_function",
    "dice",
    "flags",
    "mean_confidence",
    "statistics",
]
