"""Numbers from labels; numpy alone."""

from .overlap import dice
from .volumes import StructureStatistics, statistics

__all__ = ["StructureStatistics", "dice", "statistics"]
