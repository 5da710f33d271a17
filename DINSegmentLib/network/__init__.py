"""The DIN network: ConvNeXt encoder, DIFM, decoder; depends only on torch."""

from .din import DIN
from .folding import fold
from .storage import restored, stored

__all__ = ["DIN", "fold", "restored", "stored"]
