"""DIN itself: ConvNeXt encoder, DIFM, decoder. torch and nothing else."""

from .din import DIN
from .folding import fold
from .storage import restored, stored

__all__ = ["DIN", "fold", "restored", "stored"]
