"""Preview of augmented training samples for visual inspection."""

import io

import numpy as np
import torch
from PIL import Image

from ..model import Model
from ..model.enhancement import enhance
from ..pictures.overlay import overlay
from ..pictures.sheet import tiles
from .recipe import Recipe
from .slices import Slices

_COLUMNS, _ROWS = 8, 3
_SIDE = 120  # pixels of a sample


def sheet(slices: Slices, model: Model, recipe: Recipe) -> bytes:
    """PNG: unaugmented slices in the first row, augmented ones below, each next to its enhanced copy.

    The upper rows use ``recipe.augmentation``, the lower ones ``recipe.gentle``. Contours show the labels in
    the model's colors.

    Args:
        slices: a training set on the CPU; only slices that show a structure are drawn.
    """
    torch.manual_seed(recipe.seed)
    batch = next(slices.batches(_COLUMNS, 1.0, torch.Generator().manual_seed(recipe.seed)))
    middle = batch.images.shape[1] // 2
    size = recipe.sizes[0]
    stored = batch.images[:, middle]
    enhanced = torch.from_numpy(enhance(stored.numpy(), model.enhancement.default))
    lines = [("as stored", stored, enhanced, batch.labels[:, middle].long())]
    for name, augmentation in (("augmented", recipe.augmentation), ("augmented gently", recipe.gentle)):
        for _ in range(_ROWS):
            original, enhanced, truth = augmentation(batch, size, model.enhancement.default.method)
            lines.append((name, original[:, middle], enhanced[:, middle], truth))
    rows = [
        (name, [_pair(*views, model) for views in zip(originals.numpy(), copies.numpy(), labels.numpy(), strict=True)])
        for name, originals, copies, labels in lines
    ]
    data = io.BytesIO()
    tiles(rows).save(data, "PNG")
    return data.getvalue()


def _pair(original: np.ndarray, enhanced: np.ndarray, labels: np.ndarray, model: Model) -> Image.Image:
    """Draw a sample and its enhanced copy side by side, both with the outlines of the labels."""
    picture = Image.new("RGB", (2 * _SIDE, _SIDE))
    for place, plane in enumerate((original, enhanced)):
        tile = overlay(plane.clip(0, 1), labels.astype(np.uint8), (_SIDE, _SIDE), model.labels)
        picture.paste(tile, (place * _SIDE, 0))
    return picture
