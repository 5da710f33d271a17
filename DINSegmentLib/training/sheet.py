"""A sheet of augmented views, for a person to check what the network is shown."""

import io

import torch

from ..model import Model
from ..model.enhancement import enhance
from .recipe import Recipe
from .slices import Slices

_COLUMNS, _ROWS = 8, 3


def sheet(slices: Slices, model: Model, recipe: Recipe) -> bytes:
    """PNG: the first row holds slices as they are, the rows below views of them; beside each its enhanced copy.

    The upper views stray as far as ``recipe.augmentation`` allows, the lower ones as ``recipe.gentle`` does. Contours
    are the labels', in the model's colours.

    Args:
        slices: of a training set, on the CPU; slices that show structures are the likeliest to be drawn.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

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
    figure = Figure(figsize=(2 * _COLUMNS, 1.1 * len(lines) + 1), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(len(lines), _COLUMNS)
    for axes, (name, originals, enhanced, labels) in zip(grid, lines, strict=True):
        for column, one in enumerate(axes):
            one.set(xticks=[], yticks=[])
            pair = torch.cat([originals[column], enhanced[column]], dim=1)
            one.imshow(pair.numpy(), cmap="gray", vmin=0, vmax=1)
            for label in model.labels:
                mask = (labels[column] == label.value).numpy()
                if mask.any():
                    one.contour(mask, levels=[0.5], colors=[[c / 255 for c in label.color]], linewidths=0.8)
        axes[0].set_ylabel(name, fontsize="small")
    data = io.BytesIO()
    canvas.print_png(data)
    return data.getvalue()
