"""A user's data set: pairs of image and label files, and `dataset.toml`, which describes them.

    FOLDER/dataset.toml
    FOLDER/images/NAME.nii.gz        or .nii, .nrrd, .mha
    FOLDER/labels/NAME.nii.gz        on the same grid; integers, 0 for background

`Documentation/training.md` lists the entries. SimpleITK and jsonschema are imported late, because training on `.npz`
cases does not need them.
"""

import gzip
import json
import math
import tomllib
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import resources
from ..checks.volume import check_array
from ..errors import GeometryError, InputError, ModelError
from ..geometry import LPS_TO_RAS, Geometry
from ..model import MANIFEST, SCHEMA_VERSION, read_manifest

if TYPE_CHECKING:
    import SimpleITK as sitk

FILE = "dataset.toml"
SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")

_BASE = "CardiacMR"  # model folder with the defaults: network, enhancement, the network's citation
_AXES = {  # description: directions in a manifest
    "stack": {"slices": "stack", "rows": "PI", "columns": "L"},
    "axial": {"slices": "S", "rows": "P", "columns": "L"},
    "coronal": {"slices": "A", "rows": "I", "columns": "L"},
    "sagittal": {"slices": "L", "rows": "I", "columns": "P"},
}
_INTENSITY = {"CT": {"method": "window", "lower": -160.0, "upper": 240.0}}  # soft tissue
_OTHER_INTENSITY = {"method": "percentile", "upper": 99.0}
# colors for color-blind users: Okabe and Ito, jfly.uni-koeln.de/color, 2008
_COLORS = (
    [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
)  # fmt: skip
_PRIVATE_SCHEME = "99DINSEGMENT"  # DICOM PS3.16, chapter 8: private coding schemes begin with 99
_LICENSE = "Not stated: ask the owners of the data before you pass the model on. Not for diagnosis."
_TAKEN = ("minutes", "step", "loss", "dice", "mean")  # column names of a run's curve and of tables
_OFF = 0.1  # largest distance between the corners of image and label, as a share of the smallest voxel side


def manifest(folder: Path) -> dict[str, Any]:
    """Create the manifest of the model that a data set trains, without a checksum of weights.

    Raises:
        InputError: `dataset.toml` is missing, is not TOML, or has an invalid entry.
    """
    path, values = folder / FILE, _read(folder)
    base = json.loads((resources.root() / "Models" / _BASE / MANIFEST).read_text(encoding="utf-8"))
    axes = values.get("axes", "stack")
    split = values["split"]
    optional: dict[str, Any] = {name: values[name] for name in ("neighbour_distance", "joined") if name in values}
    made: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "id": values["id"],
        "version": values.get("version", "0.1.0"),
        "title": values["title"],
        "modality": values["modality"],
        "labels": [_label(label) for label in values["labels"]],
        "spacing": values["spacing"],
        "axes": _AXES[axes] if isinstance(axes, str) else axes,
        "intensity": values.get("intensity", _INTENSITY.get(values["modality"], _OTHER_INTENSITY)),
        "enhancement": base["enhancement"],
        "network": {**base["network"], **values.get("network", {}), "classes": len(values["labels"]) + 1},
        **optional,
        "mirroring": values.get("mirroring", False),
        "cleanup": values.get("cleanup", []),
        "weights": {"file": "weights.pt", "sha256": ""},
        "licence": values.get("licence", _LICENSE),
        "citation": [*base["citation"][:1], *values.get("citation", [])],
        "training_data": f"{values['title']}: {len(split['train'])} volumes; weights chosen by {len(split['valid'])} "
        "others.",
        "validation": {},
    }
    _check(made, path)
    return made


def files(folder: Path, split: str) -> list[Path]:
    """List the images of a split in the order of `dataset.toml`; each has a label file with the same grid.

    Raises:
        InputError: the split is missing; a file is missing, damaged or not a volume; grids of image and label differ.
    """
    names = _read(folder)["split"]
    if split not in names:
        raise InputError(f'{folder / FILE} has no split named "{split}": choose one of {", ".join(names)}.')
    found = []
    for name in names[split]:
        image, label = (_find(folder / part, name) for part in ("images", "labels"))
        _check_grids(image, label)
        found.append(image)
    return found


def name_of(image: Path) -> str:
    """Name of a case: its file name without the suffix."""
    return next((image.name.removesuffix(s) for s in SUFFIXES if image.name.endswith(s)), image.stem)


def read(image: Path) -> tuple[np.ndarray, np.ndarray, Geometry]:
    """Read a file of `files` with its label.

    Returns:
        image (K, J, I) in the file's number type, label (K, J, I) uint8, their grid.

    Raises:
        InputError: a file is missing or damaged, or a label value is not in the data set.
        GeometryError: image and label have different grids.
    """
    folder = image.parent.parent
    count = len(_read(folder)["labels"])
    label = _find(folder / "labels", name_of(image))
    _check_grids(image, label)
    (voxels, geometry), (truth, _) = (_voxels(path) for path in (image, label))
    check_array(voxels, geometry, str(image))
    with np.errstate(invalid="ignore"):  # NaN is not an integer either
        known = truth.astype(np.uint8)
    if (wrong := truth[(known != truth) | (known > count)]).size:
        values = ", ".join(f"{value:g}" for value in np.unique(wrong)[:5])
        raise InputError(
            f"{label} holds the label value {values}, and {FILE} names 1 to {count}: name it there, or correct the "
            "file."
        )
    return voxels, known, geometry


def _label(values: dict[str, Any]) -> dict[str, Any]:
    value, name = values["value"], values["name"]
    return {
        "value": value,
        "name": name,
        "color": values.get("color", _COLORS[(value - 1) % len(_COLORS)]),
        "terminology": values.get("terminology", {"type": [_PRIVATE_SCHEME, name, name]}),
        **({"plausible_ml": values["plausible_ml"]} if "plausible_ml" in values else {}),
    }


def _read(folder: Path) -> dict[str, Any]:
    """Read the entries of `dataset.toml` and check their types."""
    import jsonschema

    path = folder / FILE
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{folder} has no {FILE}: write one, or name a model in the training file.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): correct it.") from error
    wrong = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(_schema()).iter_errors(values))
    if wrong is not None:
        place = wrong.json_path.removeprefix("$").removeprefix(".")
        several = wrong.validator in ("anyOf", "oneOf")
        reason = f"{wrong.instance!r} has none of the forms in Documentation/training.md" if several else wrong.message
        raise InputError(f"{path} cannot be used ({place}{': ' if place else ''}{reason}): correct it.")
    seen: dict[str, str] = {}
    for split, names in values["split"].items():
        for name in names:
            if name in seen:
                raise InputError(f"{path} has {name} in {seen[name]} and in {split}: keep it in one of them.")
            seen[name] = split
    return values


@cache
def _schema() -> dict[str, Any]:
    """Return the manifest's schema, which fits most entries, with what a data set may omit made optional."""
    schema = json.loads((resources.root() / "Models" / "manifest.schema.json").read_text(encoding="utf-8"))
    entries = schema["properties"]
    label = entries["labels"]["items"]
    name = {"type": "string", "pattern": r"^[^~^|]+$", "not": {"enum": _TAKEN}}  # ~ ^ | separate terminology entries
    case = {"type": "string", "pattern": r"^[^/\\]+$"}
    network = {key: value for key, value in entries["network"]["properties"].items() if key != "classes"}
    own = {
        "labels": {
            **entries["labels"],
            "items": {**label, "required": ["value", "name"], "properties": {**label["properties"], "name": name}},
        },
        "axes": {"anyOf": [{"enum": list(_AXES)}, entries["axes"]]},
        "network": {**entries["network"], "required": [], "properties": network},
        "split": {
            "type": "object",
            "required": ["train", "valid"],
            "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": True, "items": case},
        },
    }
    same = (
        "id", "version", "title", "modality", "spacing", "intensity", "neighbour_distance", "mirroring", "cleanup",
        "joined", "licence", "citation",
    )  # fmt: skip
    return {
        **schema,
        "required": ["id", "title", "modality", "spacing", "labels", "split"],
        "properties": {**{entry: entries[entry] for entry in same}, **own},
    }


def _check(made: dict[str, Any], path: Path) -> None:
    """Check what a schema cannot express, as for the manifest of any model folder."""
    try:
        with TemporaryDirectory() as folder:
            (Path(folder) / MANIFEST).write_text(json.dumps(made), encoding="utf-8")
            read_manifest(Path(folder))
    except ModelError as error:
        raise InputError(f"{path} cannot be used ({error.__cause__}): correct it.") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be used (network: {error}): correct it.") from error


def _find(folder: Path, name: str) -> Path:
    found = [path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
    if not found:
        raise InputError(
            f"{folder} has no file of {name} ({', '.join(SUFFIXES)}): add it, or take {name} out of {FILE}."
        )
    if len(found) > 1:
        raise InputError(f"{folder} has {found[0].name} and {found[1].name}: keep one file of {name}.")
    return found[0]


def _check_grids(image: Path, label: Path) -> None:
    """Compare the grids in the headers of two files."""
    one, other = _geometry(_header(image), image), _geometry(_header(label), label)
    if one.shape != other.shape:
        raise GeometryError(
            f"{image} has {one.shape} voxels and {label} {other.shape}: draw the labels on the image's grid, or "
            "resample them to it."
        )
    corners = np.array([(*index, 1) for index in np.ndindex(2, 2, 2)]) * (*np.subtract(one.shape[::-1], 1), 1)
    apart = np.linalg.norm(corners @ (one.ijk_to_ras - other.ijk_to_ras).T, axis=1).max()
    if apart > _OFF * one.spacing.min():
        raise GeometryError(
            f"{image} and {label} lie up to {apart:.3g} mm apart: draw the labels on the image's grid, or resample "
            "them to it."
        )


def _header(path: Path) -> "sitk.ImageFileReader":
    """Return a reader that has read the header of a single-channel 3-D volume."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # the checks here already reject what matters in ITK's warnings
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        if "orthonormal" in str(error):
            raise GeometryError(f"{path} has axes that are not at right angles: resample it first.") from error
        raise InputError(f"{path} cannot be read (damaged, or not a volume): copy or export it again.") from error
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1 or min(reader.GetSize()) < 2:
        raise InputError(f"{path} is not a grayscale volume with several slices: use one 3-D image of one frame.")
    return reader


def _voxels(path: Path) -> tuple[np.ndarray, Geometry]:
    import SimpleITK as sitk

    reader = _header(path)
    try:
        if reader.HasMetaDataKey("vox_offset") and _length(path) < _nifti_length(reader):
            raise EOFError
        array = sitk.GetArrayFromImage(reader.Execute())
    except (RuntimeError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} cannot be read (damaged or truncated): copy or export it again.") from error
    return array, _geometry(reader, path)


def _nifti_length(header: "sitk.ImageFileReader") -> int:
    """Minimum size in bytes of a NIfTI file; ITK silently fills missing bytes with zeros."""
    stored = int(header.GetMetaData("bitpix")) // 8 * math.prod(header.GetSize())
    return int(float(header.GetMetaData("vox_offset"))) + stored


def _length(path: Path) -> int:
    """Size of a file in bytes, uncompressed; raise EOFError, OSError or zlib.error for a truncated compressed file."""
    if not path.name.endswith(".gz"):
        return path.stat().st_size
    with gzip.open(path) as stream:
        return sum(map(len, iter(lambda: stream.read(1 << 24), b"")))


def _geometry(header: "sitk.ImageFileReader", path: Path) -> Geometry:
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(header.GetDirection(), (3, 3)) * header.GetSpacing()
    matrix[:3, 3] = header.GetOrigin()
    try:
        return Geometry(header.GetSize()[::-1], LPS_TO_RAS @ matrix)
    except GeometryError as error:
        raise GeometryError(f"{path}: {error}") from error
