"""The model catalog: manifests and weights in Resources/Models, verified by hash; does not need torch."""

import hashlib
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .. import bounded, resources
from ..errors import InputError, ModelError
from ..messages import Sentence as _
from . import limits
from .config import NetworkConfig
from .enhancement import METHODS, STRENGTH_RANGE, Enhancement
from .labels import ANATOMY, MYOCARDIUM, Code, Label

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1

# clean-up steps that a manifest may request; the engine performs them
CLEANUP_STEPS = ("doubtful_base", "largest_component")

_LARGEST_WEIGHTS = 4096 * bounded.MB
_BODY_AXES = str.maketrans("LPI", "RAS")  # maps both directions along a body axis to one letter


@dataclass(frozen=True)
class Axes:
    """Orientation of the slices that the network was trained on.

    ``rows`` and ``columns`` are the directions, in the letters L R P A S I, in which a slice's row and column index
    increase; several letters mean the direction between them. ``slices`` is also such a direction, or ``stack``: the
    axis along which slices were acquired, in any direction of the body.
    """

    slices: str
    rows: str
    columns: str


@dataclass(frozen=True)
class Intensity:
    """How voxel values are mapped to [0, 1].

    ``percentile``: the ``lower`` percentile of the whole volume to 0, the ``upper`` one to 1, with clipping.
    ``window``: [``lower``, ``upper``] to [0, 1], with clipping.
    """

    method: str
    upper: float
    lower: float = 0.0


@dataclass(frozen=True)
class EnhancementDefaults:
    """Default enhancement of a model, and the methods and strengths that its training covered."""

    default: Enhancement
    trained_methods: tuple[str, ...]
    trained_range: tuple[float, float]

    def covers(self, enhancement: Enhancement) -> bool:
        """Whether training covered this enhancement."""
        low, high = self.trained_range
        within = enhancement.method == "none" or low <= enhancement.strength <= high
        return within and enhancement.method in self.trained_methods


@dataclass(frozen=True)
class Expectations:
    """Properties of volumes that suit a model, each as (least, most); None if the manifest does not specify it.

    ``slices``: number of slices; ``thickness``: distance between slices in mm; ``pixel``: pixel size in mm
    along rows and columns; ``minimum``, ``maximum``: ranges of the smallest and the largest voxel value.
    """

    slices: tuple[float, float] | None = None
    thickness: tuple[float, float] | None = None
    pixel: tuple[float, float] | None = None
    minimum: tuple[float, float] | None = None
    maximum: tuple[float, float] | None = None


@dataclass(frozen=True)
class Model:
    """A model folder as its manifest describes it; ``network`` has its architecture parameters.

    ``spacing``: in-plane pixel size in mm at which the network works; ``neighbour_distance``: distance in mm
    between neighboring input slices of a network with ``neighbours``. ``mirroring``: by default, average the scores
    of each slice and its mirror image; only if training used mirroring. ``expects``: used for warnings
    about a volume; does not change results. ``temperature``: divides the scores before softmax to calibrate the
    probabilities (found by `training.calibration`); does not change labels. ``joined``: label values
    that the clean-up treats as one structure.
    """

    id: str
    version: str
    title: str
    modality: str
    labels: tuple[Label, ...]
    spacing: float
    axes: Axes
    intensity: Intensity
    enhancement: EnhancementDefaults
    network: NetworkConfig
    neighbour_distance: float
    mirroring: bool
    expects: Expectations
    cleanup: tuple[str, ...]
    weights_path: Path
    sha256: str
    licence: str
    citation: tuple[str, ...]
    training_data: str
    validation: dict[str, Any]
    folder: Path
    temperature: float = 1.0
    joined: tuple[tuple[int, ...], ...] = ()

    def verify(self) -> None:
        """Verify the weight file's hash, see `read_weights`."""
        self.read_weights()

    def read_weights(self) -> bytes:
        """Return the bytes of the weight file, exactly those that were hashed.

        Raises:
            ModelError: the file is missing or changed.
        """
        try:
            content = bounded.read_bytes(self.weights_path, _LARGEST_WEIGHTS)
        except (OSError, ValueError) as error:
            raise ModelError(
                _(
                    "The weights of {model} are missing ({path}): reinstall the extension, or copy them there.",
                    model=self.id,
                    path=self.weights_path,
                )
            ) from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(
                _(
                    "The weights of {model} do not match their checksum (file changed or copy incomplete): "
                    'reinstall the extension, or run "dinsegment doctor".',
                    model=self.id,
                )
            )
        return content


def catalogue() -> dict[str, Model]:
    """Return all bundled models by ID; weights are not read.

    Raises:
        ModelError: a manifest cannot be used, or two models have the same ID.
    """
    models: dict[str, Model] = {}
    for folder in sorted(path.parent for path in (resources.root() / "Models").glob(f"*/{MANIFEST}")):
        model = read_manifest(folder)
        if model.id in models:
            raise ModelError(
                _(
                    'Two model folders share the id "{model}": {folder} and {other}.',
                    model=model.id,
                    folder=models[model.id].folder,
                    other=folder,
                )
            )
        models[model.id] = model
    return models


def find_model(model: str) -> Model:
    """Find a model by its ID in the catalog or by the path of its folder.

    Raises:
        ModelError: the model is not found, or its manifest cannot be used.
    """
    if (Path(model) / MANIFEST).is_file():
        return read_manifest(Path(model))
    known = catalogue()
    if model not in known:
        raise ModelError(
            _(
                'Unknown model "{model}": choose one of {known}, or a model folder.',
                model=model,
                known=", ".join(sorted(known)),
            )
        )
    return known[model]


def label_of(model: Model, code: str) -> Label | None:
    """Return the model's structure with a SNOMED CT code; None if it has none."""
    return next(iter(labels_of(model, code)), None)


def labels_of(model: Model, code: str) -> list[Label]:
    """Return all structures of the model with a SNOMED CT code, with any modifier."""
    return [label for label in model.labels if (label.kind.scheme, label.kind.value) == ("SCT", code)]


def read_manifest(folder: Path) -> Model:
    """Read and check the manifest of a model folder.

    Raises:
        ModelError: the manifest is missing, is not JSON, or has an invalid value.
    """
    path = folder / MANIFEST
    try:
        values = bounded.read_json(path, bounded.MB)
    except (OSError, ValueError) as error:
        raise ModelError(
            _("The model manifest {path} cannot be read ({error}): restore the file.", path=path, error=error)
        ) from error
    try:
        if values["schema"] != SCHEMA_VERSION:
            raise ValueError(f"schema {values['schema']} is not {SCHEMA_VERSION}")
        model = _model(values, folder)
        _check(model)
    except KeyError as error:
        raise ModelError(
            _("The model manifest {path} lacks the entry {error}: add it.", path=path, error=error)
        ) from error
    except Exception as error:  # unusual values can raise any exception
        raise ModelError(
            _(
                "The model manifest {path} has a value that cannot be used ({error}): correct it.",
                path=path,
                error=error,
            )
        ) from error
    return model


def _model(values: dict[str, Any], folder: Path) -> Model:
    return Model(
        id=str(values["id"]),
        version=str(values["version"]),
        title=str(values["title"]),
        modality=str(values["modality"]),
        labels=tuple(_label(v) for v in values["labels"]),
        spacing=float(values["spacing"]),
        axes=Axes(**values["axes"]),
        intensity=Intensity(**values["intensity"]),
        enhancement=_enhancement(values["enhancement"]),
        network=_network(values["network"]),
        neighbour_distance=float(values.get("neighbour_distance", 0)),
        mirroring=bool(values.get("mirroring", False)),
        expects=Expectations(**{name: _range(name, pair) for name, pair in values.get("expects", {}).items()}),
        cleanup=tuple(values["cleanup"]),
        weights_path=folder / values["weights"]["file"],
        sha256=str(values["weights"]["sha256"]),
        licence=str(values["licence"]),
        citation=tuple(values["citation"]),
        training_data=str(values["training_data"]),
        validation=dict(values["validation"]),
        folder=folder,
        temperature=float(values.get("temperature", 1)),
        joined=tuple(tuple(int(value) for value in together) for together in values.get("joined", [])),
    )


def _network(values: dict[str, Any]) -> NetworkConfig:
    limits.check_network(values)
    return NetworkConfig.from_dict(values)


def _enhancement(values: dict[str, Any]) -> EnhancementDefaults:
    try:
        default = Enhancement(**{one.name: values[one.name] for one in fields(Enhancement) if one.name in values})
    except InputError as error:
        raise ValueError(str(error)) from error
    low, high = (float(v) for v in values["trained_range"])
    return EnhancementDefaults(default, tuple(values["trained_methods"]), (low, high))


def _label(values: dict[str, Any]) -> Label:
    codes = {name: Code(*code) for name, code in values["terminology"].items()}
    red, green, blue = (int(v) for v in values["color"])
    name, volume = str(values["name"]), values.get("plausible_ml")
    plausible = None if volume is None else _range(f"volume of {name}", volume)
    return Label(
        int(values["value"]), name, (red, green, blue), codes["type"], codes.get("modifier"),
        codes.get("category", ANATOMY), plausible,
    )  # fmt: skip


def _range(name: str, pair: list[float]) -> tuple[float, float]:
    low, high = (float(v) for v in pair)
    if not -math.inf < low <= high < math.inf:
        raise ValueError(f"the expected {name} {pair} is not a range")
    return low, high


def _check(model: Model) -> None:
    limits.check_texts([model.id, model.version, model.title, model.modality, *(label.name for label in model.labels)])
    values = [label.value for label in model.labels]
    if not values or values != list(range(1, len(values) + 1)):
        raise ValueError(f"label values are {values}, not 1, 2, 3, ...")
    if model.network.classes != len(values) + 1:
        raise ValueError("network classes must be the number of labels plus one for the background")
    if len({"".join(filter(str.isalnum, label.name.casefold())) for label in model.labels}) < len(values):
        raise ValueError("two labels share one name, or the letters and numbers of it")
    limits.check_range("spacing (mm)", model.spacing, limits.SPACING)
    limits.check_range("temperature", model.temperature, limits.TEMPERATURE)
    if not 0 <= model.neighbour_distance < math.inf:
        raise ValueError(f"neighbor distance {model.neighbour_distance} mm is negative")
    if any(not 0 <= channel <= 255 for label in model.labels for channel in label.color):
        raise ValueError("a color is outside 0..255")
    _check_axes(model.axes)
    if model.intensity.method not in ("percentile", "window"):
        raise ValueError(f"intensity method {model.intensity.method!r} is neither percentile nor window")
    if model.intensity.method == "percentile" and not 0 <= model.intensity.lower < model.intensity.upper <= 100:
        raise ValueError(
            f"the percentiles {model.intensity.lower} and {model.intensity.upper} are not a range within [0, 100]"
        )
    if model.intensity.method == "window" and not model.intensity.lower < model.intensity.upper:
        raise ValueError("the intensity window is empty")
    if unknown := set(model.enhancement.trained_methods) - set(METHODS):
        raise ValueError(f"unknown enhancement: {', '.join(sorted(unknown))}")
    low, high = model.enhancement.trained_range
    if not STRENGTH_RANGE[0] <= low <= model.enhancement.default.strength <= high <= STRENGTH_RANGE[1]:
        raise ValueError("the enhancement's trained range must lie in [0, 2] and hold its default strength")
    if model.weights_path.parent != model.folder or model.weights_path.name in ("", ".."):
        raise ValueError("the weight file must lie in the model's folder")
    if unknown := set(model.cleanup) - set(CLEANUP_STEPS):
        raise ValueError(f"unknown clean-up: {', '.join(sorted(unknown))}")
    joined = [value for together in model.joined for value in together]
    if min(map(len, model.joined), default=2) < 2 or len(set(joined)) < len(joined) or set(joined) - set(values):
        raise ValueError(f"joined structures {model.joined} are not two or more labels each, and no label twice")
    if "doubtful_base" in model.cleanup and label_of(model, MYOCARDIUM) is None:
        raise ValueError("the clean-up doubtful_base needs a label that is myocardium by its code")


def _check_axes(axes: Axes) -> None:
    for direction in (axes.slices, axes.rows, axes.columns):
        if direction != "stack" and not (direction and set(direction) <= set("LRPASI")):
            raise ValueError(f"axis direction {direction!r} is not made of the letters L R P A S I")
    if "stack" in (axes.rows, axes.columns):
        raise ValueError("only slices can run along the stack")
    used = "".join(d for d in (axes.slices, axes.rows, axes.columns) if d != "stack").translate(_BODY_AXES)
    if len(set(used)) < len(used):
        raise ValueError("two axis directions share an axis of the body")
