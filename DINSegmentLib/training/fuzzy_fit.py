"""Fit of the enhancement to the pair of images in the paper's main figure (arXiv 2509.05953).

``python -m DINSegmentLib.training.fuzzy_fit DATA_FOLDER`` prints the fit on the CT slices of a training folder. The
figure's original is a CT slice in the window -125 to 275 HU, as the abdominal model uses it; its enhanced copy has
gray levels up to 128 of 255; 128 is mapped to 1 here. With ``--search``, the windows of `model.fuzzy` are fitted.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.preprocessing import normalization
from ..model import Enhancement, find_model
from ..model.enhancement import enhance
from ..model.fuzzy import FITTED, Windows, enhanced_in_windows
from ..model.orientation import orientation
from .cases import cases

# gray level of the original: of the enhanced image, whose maximum is 128; the first is the middle of 8 to 16
MEASURED = {
    12: 63.5, 20: 74.0, 30: 82.0, 40: 86.0, 60: 94.0, 80: 100.0, 100: 107.0, 128: 112.0, 160: 117.0, 200: 121.0,
    255: 128.0,
}  # fmt: skip
MEASURED_SPREAD = (2.0, 3.0)  # gray levels, at one gray level of the original above 100
_AROUND = 4  # half the width of a bin of the original's gray levels


@dataclass(frozen=True)
class Fit:
    """Quality of a fit, in gray levels from 0 to 128.

    Args:
        curve: mean of the enhanced slices for each gray level of `MEASURED`.
        error: root mean square difference from `MEASURED`.
        spread: standard deviation within a slice at one gray level above 100, averaged over levels and slices.
        gradient: left minus right third of the air around the body, mean absolute difference.
    """

    curve: dict[int, float]
    error: float
    spread: float
    gradient: float


def slices_of(folder: Path, per_case: int = 3) -> np.ndarray:
    """Return evenly spaced slices of the CT cases of a folder's ``train`` split: (S, H, W) float32 in [0, 1]."""
    model, found = find_model("abdomen-ct"), []
    for case in cases(folder, "train"):
        volume = orientation(case.geometry, model.axes).to_model(case.image)
        picked = volume[len(volume) // (2 * per_case) :: len(volume) // per_case][:per_case]
        found.append(normalization(case.image, model.intensity)(picked))
    return np.concatenate(found)


def fit(slices: np.ndarray, enhanced: np.ndarray) -> Fit:
    """Compare slices and their enhanced copies with the measurements in the figure."""
    grays = np.rint(slices * 255)
    enhanced = 128 * enhanced
    curve = {at: float(enhanced[abs(grays - at) <= (_AROUND if at < 255 else 0)].mean()) for at in MEASURED}
    spreads = [
        made[gray == at].std()
        for gray, made in zip(grays, enhanced, strict=True)
        for at in MEASURED
        if 100 <= at < 255 and (gray == at).sum() > 50
    ]
    third, gradients = slices.shape[2] // 3, []
    for gray, made in zip(grays, enhanced, strict=True):
        left, right = (made[:, side][gray[:, side] <= 1] for side in (slice(third), slice(-third, None)))
        if min(left.size, right.size) > 100:
            gradients.append(abs(left.mean() - right.mean()))
    error = np.sqrt(np.mean([(curve[at] - value) ** 2 for at, value in MEASURED.items()]))
    return Fit(curve, float(error), float(np.mean(spreads or [0])), float(np.mean(gradients or [0])))


def search(slices: np.ndarray) -> Windows:
    """Search the windows with the least squared error of the curve, and of the spread if it is too large."""
    from scipy.optimize import minimize

    names = [one.name for one in fields(Windows) if one.name != "count"]

    def windows(values: Sequence[float]) -> Windows:
        chosen: dict[str, Any] = dict(zip(names, map(float, values), strict=True))
        return replace(FITTED, **chosen)

    def loss(values: Sequence[float]) -> float:
        found = fit(slices, enhanced_in_windows(slices, 1.0, np, windows(values)))
        return found.error**2 + max(0.0, found.spread - float(np.mean(MEASURED_SPREAD))) ** 2

    start = [getattr(FITTED, name) for name in names]
    return windows(minimize(loss, start, method="Nelder-Mead", options={"maxfev": 90}).x)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the fits of ``fuzzy`` and ``log``."""
    parser = argparse.ArgumentParser(prog="python -m DINSegmentLib.training.fuzzy_fit")
    parser.add_argument("data", type=Path, help="training folder of abdominal CT")
    parser.add_argument("--search", action="store_true", help="fit the windows again; takes minutes")
    options = parser.parse_args(arguments)
    slices = slices_of(options.data)
    if options.search:
        print(search(slices))
    print(f"{len(slices)} slices; gray levels of 128; measured spread {MEASURED_SPREAD[0]:g} to {MEASURED_SPREAD[1]:g}")
    print("original ", *(f"{at:5d}" for at in MEASURED))
    print("measured ", *(f"{value:5.0f}" for value in MEASURED.values()))
    for method in ("fuzzy", "log"):
        found = fit(slices, enhance(slices, Enhancement(method, 1.0)))
        print(f"{method:9}", *(f"{value:5.0f}" for value in found.curve.values()))
        print(f"          rmse {found.error:.2f}, spread {found.spread:.2f}, left-right in air {found.gradient:.2f}")


if __name__ == "__main__":
    main()
