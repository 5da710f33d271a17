"""Enhanced multi-frame DICOM files: each frame is converted to a slice like that of a single-frame file.

Attributes that a single-frame file has in its header are in functional groups (PS3.3, C.7.6.16), per frame or shared.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from ...errors import InputError
from .files import Slice
from .header import Attributes, Header


def _inversion(times: Any) -> list[str] | None:
    """Return the inversion times; None if they are zero, which means that there was no inversion."""
    known = [f"{float(time):.10g}" for time in np.atleast_1d(times) if time]
    return known or None


# attribute of a single-frame file: functional group, attribute in the group, conversion
_GROUPS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "ImagePositionPatient": ("PlanePositionSequence", "ImagePositionPatient", list),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "ImageOrientationPatient", list),
    "PixelSpacing": ("PixelMeasuresSequence", "PixelSpacing", list),
    "RescaleSlope": ("PixelValueTransformationSequence", "RescaleSlope", str),
    "RescaleIntercept": ("PixelValueTransformationSequence", "RescaleIntercept", str),
    "ImageType": ("MRImageFrameTypeSequence", "FrameType", list),
    "ComplexImageComponent": ("MRImageFrameTypeSequence", "ComplexImageComponent", str),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime", "{:.10g}".format),
    "InversionTime": ("MRModifierSequence", "InversionTimes", _inversion),
    "ConvolutionKernel": ("CTReconstructionSequence", "ConvolutionKernel", str),
    "SliceThickness": ("PixelMeasuresSequence", "SliceThickness", str),
    "StackID": ("FrameContentSequence", "StackID", str),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber", int),
    "TriggerTime": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", "{:.10g}".format),
    "NominalInterval": ("CardiacSynchronizationSequence", "RRIntervalTimeNominal", round),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex", int),
}
_TIMES = {pydicom.datadict.tag_for_keyword(_GROUPS[name][1]) for name in ("TriggerTime", "TemporalPositionIdentifier")}
_TAGS = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "DimensionIndexSequence"]


def expand(slices: Iterable[Slice], name: str) -> list[Slice]:
    """Replace each enhanced file by its frames as single slices; other slices are unchanged.

    Raises:
        InputError: a file is damaged, or does not describe all of its frames.
    """
    return [one for item in slices for one in (_frames(item, name) if item.is_enhanced else [item])]


def _frames(item: Slice, name: str) -> list[Slice]:
    shown = f"{item.path.name} in {name}"
    try:
        with pydicom.config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(item.path, stop_before_pixels=True, specific_tags=_TAGS)
            groups = list(data.get("PerFrameFunctionalGroupsSequence") or ())
            found = [Slice(item.path, _header(item.header, one, data), index) for index, one in enumerate(groups)]
    except Exception as error:  # pydicom raises many exception types for damaged bytes
        raise InputError(f"{shown} is damaged: export the series again.") from error
    frames = int(item.header.get("NumberOfFrames") or 1)
    if len(found) != frames:
        raise InputError(f"{shown} has {frames} frames and describes {len(found)}: export the series again.")
    return found


def _header(whole: Attributes, frame: Dataset, data: Dataset) -> Attributes:
    """Build the header that a single-frame file would have, from the frame's and the shared functional groups."""
    groups = [frame, *(data.get("SharedFunctionalGroupsSequence") or ())]
    values: dict[str, Any] = {"NumberOfFrames": None}
    for name, (group, attribute, written) in _GROUPS.items():
        value = _value(groups, group, attribute)
        if value is not None:
            values[name] = written(value)
    if "TemporalPositionIdentifier" not in values and "TemporalPositionIdentifier" not in whole:
        pointers = [one.get("DimensionIndexPointer") for one in data.get("DimensionIndexSequence") or ()]
        indices = np.atleast_1d(
            _value(groups, "FrameContentSequence", "DimensionIndexValues") or []
        )  # a single value is not a list
        times = [index for pointer, index in zip(pointers, indices, strict=False) if pointer in _TIMES]
        if times:
            values["TemporalPositionIdentifier"] = int(times[0])
    return whole.but(**values) if isinstance(whole, Header) else _but(whole, values)


def _but(whole: Dataset, values: dict[str, Any]) -> Dataset:
    """Return a copy with changed values in new elements, because all frames share those of the file."""
    header = Dataset()
    header.update({element.tag: element for element in whole if element.keyword not in values})
    for name, value in values.items():
        if value is not None:
            setattr(header, name, value)
    return header


def _value(groups: Sequence[Dataset], group: str, attribute: str) -> Any:
    """Return an attribute of a functional group, per-frame before shared; None if it is missing."""
    for one in groups:
        (first, *_others) = one.get(group) or (Dataset(),)
        if first.get(attribute) not in (None, ""):
            return first.get(attribute)
    return None
