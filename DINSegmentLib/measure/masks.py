"""Masks: where one lies, the largest of its parts, and how well two agree."""

import numpy as np


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box around a mask of any dimension; None: it is empty.

    Each axis is searched in what the axes before have left: a few times faster than SimpleITK's label filters.
    """
    found: list[slice] = []
    for axis in range(mask.ndim):
        places = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(places):
            return None
        found.append(slice(int(places[0]), int(places[-1]) + 1))
        mask = mask[(slice(None),) * axis + (found[-1],)]
    return tuple(found)


def largest_part(mask: np.ndarray) -> np.ndarray:
    """The largest part of a mask (K, J, I), not empty, connected by faces, edges and corners; bool.

    Of two of one size it is the first.
    """
    import SimpleITK as sitk  # heavy, and only this needs it

    components = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
    parts = sitk.GetArrayViewFromImage(components)  # only as long as its image lives
    sizes = np.bincount(parts[mask])  # faster than RelabelComponent; no voxel of the mask is in part 0
    return parts == sizes.argmax()


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """2 |P and T| / (|P| + |T|) of two boolean arrays of one shape; nan where both are empty."""
    total = int(prediction.sum()) + int(truth.sum())
    return 2 * int((prediction & truth).sum()) / total if total else float("nan")
