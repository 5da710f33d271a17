"""DIN itself: ConvNeXt encoder, DIFM, decoder. torch and nothing else."""

from .din import DIN, DINConfig, din_base, din_small
from .folding import fold
from .storage import restored, stored

__all__ = ["DIN", "DINConfig", "din_base", "din_small", "fold", "restored", "stored"]
