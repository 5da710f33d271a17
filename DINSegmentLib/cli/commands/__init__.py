"""Functions for the commands of `dinsegment`: they take options and console, and return the exit code.

Heavy packages are imported inside the functions, so that each command loads only what it uses.
"""

from ...batch import FORMATS, FRAME_FORMATS
from .ablation import ablation
from .calibrate import calibrate
from .demo import demo
from .enhance import enhance
from .evaluate import evaluate
from .explain import explain
from .function import function
from .inspect import inspect
from .installation import bench, doctor, models
from .pack import pack
from .report import report
from .rerun import rerun
from .segment import segment
from .sheet import sheet
from .train import train

__all__ = [
    "FORMATS", "FRAME_FORMATS", "ablation", "bench", "calibrate", "demo", "doctor", "enhance", "evaluate", "explain",
    "function", "inspect", "models", "pack", "report", "rerun", "segment", "sheet", "train",
]  # fmt: skip
