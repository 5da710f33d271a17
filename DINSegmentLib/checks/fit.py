"""What a volume is, in one line, and what about it is unlike a model's training data; numpy only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..geometry import CUBIC, Geometry
from ..messages import Sentence as _
from ..model import Enhancement, Model
from ..model.orientation import Orientation, orientation
from ..notices import Notice
from .volume import check_array

_NEAR_AXIS = np.cos(np.radians(10))  # slices tilted less than this show an axial, coronal or sagittal view


@dataclass(frozen=True)
class Look:
    """What one look at all voxels of a volume shows.

    Args:
        geometry: the volume's grid.
        lowest, highest: value.
        modality: as DICOM names it; empty: not known.
    """

    geometry: Geometry
    lowest: float
    highest: float
    modality: str = ""


def look(array: np.ndarray, geometry: Geometry, modality: str = "") -> Look:
    """Look at a volume (K, J, I), any real type; two passes over its voxels.

    Raises:
        InputError, GeometryError: the volume cannot be segmented.
    """
    return Look(geometry, *check_array(array, geometry, _("The volume")), modality)


def summary(seen: Look) -> str:
    """Size, voxel size and range of a volume, such as
    ``216 x 256 x 10 voxels, 1.50 x 1.50 x 10.0 mm, values 0 to 874``, along I, J and K.
    """
    return _(
        "{size} voxels, {spacing} mm, values {lowest:g} to {highest:g}",
        size=" x ".join(str(n) for n in seen.geometry.shape[::-1]),
        spacing=" x ".join(_millimeters(mm) for mm in seen.geometry.spacing),
        lowest=seen.lowest,
        highest=seen.highest,
    )


def notices(seen: Look, model: Model) -> list[Notice]:
    """What about a volume is unlike what a model was trained with; nothing when all is well.

    Of the voxels only the range counts. The manifest's ``expects`` decides about range, slices, thickness and pixels;
    what it does not say is not checked. `_view` decides about the view.
    """
    return list(_notices(seen, model))


def untrained(model: Model, enhancement: Enhancement) -> list[Notice]:
    """A notice where the model was not trained with such an enhancement."""
    if model.enhancement.covers(enhancement):
        return []
    low, high = model.enhancement.trained_range
    text = _(
        "{model} was not trained with {enhancement} (only {trained}, {low:g} to {high:g}): check the result carefully.",
        model=model.id,
        enhancement=str(enhancement),
        trained=", ".join(model.enhancement.trained_methods),
        low=low,
        high=high,
    )
    return [Notice("enhancement", text)]


def likely_model(seen: Look, models: Mapping[str, Model]) -> str:
    """The id of the model that suits a volume best, for the panel to suggest.

    Where the volume's modality is known, only the models of that modality count. Values unlike a model's come first,
    then the number of notices, then their order.
    """
    alike = [name for name, model in models.items() if _same(model.modality, seen.modality)] or list(models)

    def unlikeness(name: str) -> tuple[bool, int]:
        kinds = [one.kind for one in _notices(seen, models[name])]
        return "range" in kinds, len(kinds)

    return min(alike, key=unlikeness)


def _notices(seen: Look, model: Model) -> Iterator[Notice]:
    geometry, modality, lowest, highest = seen.geometry, seen.modality, seen.lowest, seen.highest
    orient, expects = orientation(geometry, model.axes), model.expects
    slices, thickness, pixels = geometry.shape[orient.order[0]], orient.spacing[0], orient.spacing[1:]

    if modality and not _same(modality, model.modality):
        yield Notice(
            "modality",
            _(
                "The volume is {modality}; this model was trained on {learned}. Choose another model or volume.",
                modality=modality,
                learned=model.modality,
            ),
        )
    if _outside(expects.minimum, lowest) or _outside(expects.maximum, highest):
        yield Notice(
            "range",
            _(
                "The intensity range {lowest:g} to {highest:g} does not match this model's {learned} training data. "
                "Load the image with its original intensities, or choose another model.",
                lowest=lowest,
                highest=highest,
                learned=model.modality,
            ),
        )
    if wanted := _outside(expects.slices, slices):
        yield Notice(
            "slices",
            _(
                "The volume has {slices} slices; this model expects {expected}. Check that it covers the expected "
                "anatomy.",
                slices=slices,
                expected=_between(wanted),
            ),
        )
    if wanted := _outside(expects.thickness, thickness):
        yield Notice(
            "thickness",
            _(
                "Slice spacing is {thickness} mm; this model expects {expected} mm. Check every slice of the result.",
                thickness=_millimeters(thickness),
                expected=_between(wanted),
            ),
        )
    if wanted := _outside(expects.pixel, *pixels):
        yield Notice(
            "pixel",
            _(
                "Pixel size is {pixels} mm; this model expects {expected} mm. Check the spacing in the header.",
                pixels=" x ".join(_millimeters(mm) for mm in pixels),
                expected=_between(wanted),
            ),
        )
    if model.axes.slices == "stack" and (text := _view(orient, geometry, model)):
        yield Notice("view", text)


def _view(orient: Orientation, geometry: Geometry, model: Model) -> str:
    """Why the volume is not a stack like those that a model for stacks was trained on, or nothing.

    A voxel that is nearly a cube belongs to no stack. Where the model's slices are oblique to the body, as its rows and
    columns say (one of them has two letters), slices across one of the body's axes are the wrong view. But nothing is
    said about a file whose I, J and K lie exactly along R, A and S: most likely its directions were never stored.
    """
    if orient.spacing[0] < CUBIC * max(orient.spacing[1:]):
        return _(
            "The voxels are nearly isotropic; slices were taken along {axis}. Check the result, or use the "
            "original stack of thick slices.",
            axis="KJI"[orient.order[0]],
        )
    if len(model.axes.rows + model.axes.columns) == 2 or np.allclose(np.abs(geometry.directions), np.eye(3), atol=1e-3):
        return ""
    row, column = (geometry.directions[:, 2 - axis] for axis in orient.order[1:])
    normal = np.cross(row, column)
    along = np.abs(normal / np.linalg.norm(normal))
    if along.max() < _NEAR_AXIS:
        return ""
    views = _("sagittal"), _("coronal"), _("axial")  # by the axis R, A, S across the slices
    return _(
        "The slices appear to be {view}, which does not match this model ({model}). Choose a matching series.",
        view=views[along.argmax()],
        model=model.title,
    )


def _same(modality: str, other: str) -> bool:
    return modality.strip().upper() == other.strip().upper()


def _outside(wanted: tuple[float, float] | None, *values: float) -> tuple[float, float] | None:
    """The expected range where a value lies outside of it."""
    if wanted is None or all(wanted[0] <= value <= wanted[1] for value in values):
        return None
    return wanted


def _between(wanted: tuple[float, float]) -> str:
    return _("{least:g} to {most:g}", least=wanted[0], most=wanted[1])


def _millimeters(mm: float) -> str:
    return f"{mm:.2f}" if mm < 9.995 else f"{mm:.1f}"
