"""What each command of `dinsegment` does: options and console in, exit code out.

Heavy packages are imported inside the functions, so that a command pays only for what it uses.
"""

from ..batch import FORMATS
from .demo import demo
from .enhance import enhance
from .inspect import bench, doctor, models
from .segment import segment
from .training import evaluate, pack, train

__all__ = ["FORMATS", "bench", "demo", "doctor", "enhance", "evaluate", "models", "pack", "segment", "train"]
