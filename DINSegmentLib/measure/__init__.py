"""Numbers from labels; numpy alone, and SimpleITK for parts."""

from .overlap import dice
from .quality import Flag, flags, mean_confidence
from .volumes import StructureStatistics, statistics

__all__ = ["Flag", "StructureStatistics", "dice", "flags", "mean_confidence", "statistics"]
