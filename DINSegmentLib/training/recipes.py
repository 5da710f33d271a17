"""The recipe of each bundled model; a user's model gets the one of its kind."""

from ..models import Model
from .augmentation import Augmentation
from .train import Recipe


def recipe(model: Model) -> Recipe:
    """Hearts come rotated and mirrored in the plane; a body that lies on a table does not."""
    if model.axes.slices == "stack":
        return Recipe(minutes=122.0, validate_minutes=6.0)
    upright = {"free_rotation": 0.0, "rotation": 15.0, "mirror": False}
    gentle = Augmentation(**upright, scale=(0.85, 1.18), shift=24.0, intensity=0.35)
    return Recipe(augmentation=Augmentation(**upright), gentle=gentle)
