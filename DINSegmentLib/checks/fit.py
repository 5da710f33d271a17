"""Summary of a volume, and how it differs from a model's training data; numpy only."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..geometry import CUBIC, Geometry
from ..messages import Sentence as _
from ..model import INFARCT, Enhancement, Model, label_of
from ..model.orientation import Orientation, orientation
from ..notices import Notice
from .volume import check_array

LATE = r"lge|mde|late(?!ral)\w*|delayed\w*|psir\w*|viab\w*|sp(?:ä|ae)t\w*|spat|tardi\w*|realce|r[eé]haussement"
"""Words for late enhancement in names of files and series, in several languages."""

_NEAR_AXIS = np.cos(np.radians(10))  # slices tilted less than this count as axial, coronal or sagittal


@dataclass(frozen=True)
class Look:
    """Properties of a volume that its voxels show.

    Args:
        geometry: grid of the volume.
        lowest, highest: smallest and largest value.
        modality: DICOM modality; empty if unknown.
        late: whether its name says that it is late enhancement.
    """

    geometry: Geometry
    lowest: float
    highest: float
    modality: str = ""
    late: bool = False


def look(array: np.ndarray, geometry: Geometry, modality: str = "", name: str = "") -> Look:
    """Inspect a volume (K, J, I) of any real type, in two passes over its voxels.

    Raises:
        InputError, GeometryError: the volume cannot be segmented.
    """
    return Look(geometry, *check_array(array, geometry, _("The volume")), modality, says(name, LATE))


def says(name: str, words: str) -> bool:
    """Whether one of some words, a regular expression, is in a name, at whose punctuation and digits words also end."""
    plain = re.sub(r"[_/.,;:()\[\]*-]+", " ", name.casefold())
    plain = f"{plain} {re.sub(r'(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])', ' ', plain)}"
    return bool(re.search(rf"(?<!\w)(?:{words})(?!\w)", plain))


def is_late(model: Model) -> bool:
    """Whether a model is for late enhancement: it labels infarct."""
    return label_of(model, INFARCT) is not None


def contradicts(model: Model, late: bool) -> bool:
    """Whether a name rules a model out: of the models for MR, those for late enhancement need a name that says so
    (``late``), and the others one that does not. In CT, the same words are phases of contrast.
    """
    return _same(model.modality, "MR") and is_late(model) != late


def summary(seen: Look) -> str:
    """Describe a volume by size and voxel size along I, J and K, and its range of values, such as
    ``216 x 256 x 10 voxels, 1.50 x 1.50 x 10.0 mm, values 0 to 874``.
    """
    return _(
        "{size} voxels, {spacing} mm, values {lowest:g} to {highest:g}",
        size=" x ".join(str(n) for n in seen.geometry.shape[::-1]),
        spacing=" x ".join(_millimeters(mm) for mm in seen.geometry.spacing),
        lowest=seen.lowest,
        highest=seen.highest,
    )


def notices(seen: Look, model: Model) -> list[Notice]:
    """Return notices about how a volume differs from a model's training data.

    Of the voxels, only the range is used. The manifest's ``expects`` defines range, slices, thickness and pixels;
    what it omits is not checked. `_view` checks the view.
    """
    return list(_notices(seen, model))


def untrained(model: Model, enhancement: Enhancement) -> list[Notice]:
    """Return a notice if the model was not trained with this enhancement."""
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
    """Return the ID of the model that suits a volume best, as the panel's suggestion.

    If the volume's modality is known, only models of that modality count. Models are ranked by matching value range,
    then by whether the name contradicts them, then by number of notices, then by their order.
    """
    alike = [name for name, model in models.items() if _same(model.modality, seen.modality)] or list(models)

    def unlikeness(name: str) -> tuple[bool, bool, int]:
        kinds = [one.kind for one in _notices(seen, models[name])]
        return "range" in kinds, contradicts(models[name], seen.late), len(kinds)

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
    """Return why the volume is not a stack like those that a model for stacks was trained on; empty if it is.

    Nearly cubic voxels do not form a stack. If the model's slices are oblique to the body (its rows or columns have
    two letters), slices across a body axis are the wrong view. Nothing is reported if I, J and K are
    exactly along R, A and S, because the file most likely has no stored directions.
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
    """Return the expected range if a value is outside of it."""
    if wanted is None or all(wanted[0] <= value <= wanted[1] for value in values):
        return None
    return wanted


def _between(wanted: tuple[float, float]) -> str:
    return _("{least:g} to {most:g}", least=wanted[0], most=wanted[1])


def _millimeters(mm: float) -> str:
    return f"{mm:.2f}" if mm < 9.995 else f"{mm:.1f}"
