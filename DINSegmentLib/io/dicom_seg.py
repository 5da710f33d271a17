"""DICOM Segmentation objects from label volumes."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from .. import __version__
from ..errors import OutputError
from ..model import Code, Label, Model
from .dicom_source import (
    LONGEST_TEXT,
    MANUFACTURER,
    UTF8,
    Instance,
    Source,
    equipment,
    one_line,
    reference,
    unusable,
)  # fmt: skip


def write_dicom_seg(
    labels: np.ndarray, source: Source, model: Model, path: Path, seed: bytes, phase: str = "", number: int = 1
) -> Segmentation:
    """Write labels as a DICOM Segmentation file, read it back and compare it voxel by voxel.

    The object's type is BINARY, which viewers have long supported; LABELMAP is smaller, but few support it yet. Segment
    numbers are the label values. All structures of the model are described, even without voxels, which means
    "searched but not found"; frames without voxels are omitted unless there are no voxels at all, because an image
    needs frames.

    The same labels, source, model and seed give an identical file: UIDs derive from ``seed`` and the study
    (the instance's also from labels and slices); dates and times are those of the source, or 1900-01-01 if it
    has none. Only another version of DINSegment, highdicom or pydicom may write different bytes.

    Args:
        labels: unsigned (K, J, I) on the grid of ``source``, 0 background, else label values of the model.
        source: the slices that were segmented.
        model: its labels define names, colors and codes.
        path: file to write; the caller removes it after an error.
        seed: identifies this run: hash of the input, parameters, model and version.
        phase: of the cardiac cycle, for the object's description.
        number: of the object in its series, from 1.

    Returns:
        the object, so that other objects can refer to it.

    Raises:
        InputError: the source has values that DICOM does not allow.
        OutputError: the written file differs from what was intended.
    """
    slices = "".join(f"{one.sop_instance} {one.frame}\n" for one in source.instances)
    content = str(labels.shape).encode(), np.ascontiguousarray(labels).tobytes()
    instance = source.uid(seed, b"instance", slices.encode(), *content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of unusual values, highdicom of empty labels
            dataset = _build(labels, source, model, source.uid(seed, b"series"), instance, phase, number)
            _finish(dataset, source, source.uid(seed, b"dimensions"))
            _refer(dataset, source)
            dataset.save_as(path, enforce_file_format=True)
    except (AttributeError, KeyError, ValueError) as error:
        raise unusable(source, error) from error
    check(path, labels, source.instances)
    return dataset


def check(path: Path, labels: np.ndarray, instances: Sequence[Instance]) -> None:
    """Read a DICOM Segmentation and compare it with the expected labels.

    Args:
        labels: (K, J, I), values are segment numbers.
        instances: source of each slice, in the order of K.

    Raises:
        OutputError: the file cannot be read, or a voxel differs.
    """
    try:
        stored = _read(path, instances)
    except Exception as error:  # whatever the error, the file is unusable
        raise OutputError(
            f"{path.name} cannot be read back ({one_line(error)}): check the disk, or choose seg.nrrd or nii.gz."
        ) from error
    if not np.array_equal(stored, labels):
        raise OutputError(f"{path.name} differs from the labels written: check the disk, or choose seg.nrrd or nii.gz.")


def _read(path: Path, instances: Sequence[Instance]) -> np.ndarray:
    data = hd.seg.segread(path)
    how: dict[str, Any] = dict(
        combine_segments=True, ignore_spatial_locations=False, assert_missing_frames_are_empty=True
    )
    if instances[0].frame is None:
        return data.get_pixels_by_source_instance([one.sop_instance for one in instances], **how)
    stored: np.ndarray | None = None
    for uid in {one.sop_instance for one in instances}:
        here = [k for k, one in enumerate(instances) if one.sop_instance == uid]
        planes = data.get_pixels_by_source_frame(uid, [instances[k].frame or 1 for k in here], **how)
        stored = np.zeros((len(instances), *planes.shape[1:]), planes.dtype) if stored is None else stored
        stored[here] = planes
    assert stored is not None
    return stored


def _build(
    labels: np.ndarray, source: Source, model: Model, series: str, instance: str, phase: str, number: int
) -> Segmentation:
    first = source.headers[0]
    # highdicom reads both from here; some scanners write the gap or a negative number as the distance
    distance = round(float(source.geometry.spacing[2]), 6)
    first.SliceThickness, first.SpacingBetweenSlices = first.get("SliceThickness") or distance, distance
    return Segmentation(
        source_images=source.headers,
        pixel_array=labels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(label, model) for label in model.labels],
        omit_empty_frames=True,
        series_instance_uid=series,
        sop_instance_uid=instance,
        series_number=source.series_number(),
        instance_number=number,
        series_description=f"{MANUFACTURER} {model.id}"[:LONGEST_TEXT],
        content_label=MANUFACTURER.upper(),
        content_description=(f"{model.title}, {phase}" if phase else model.title)[:LONGEST_TEXT],
        **equipment(model),
    )


def _segment(label: Label, model: Model) -> SegmentDescription:
    made = SegmentDescription(
        segment_number=label.value,
        segment_label=label.name[:LONGEST_TEXT],
        segmented_property_category=code(label.category),
        segmented_property_type=code(label.kind),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=MANUFACTURER,
            version=__version__,
            family=codes.DCM.ArtificialIntelligence,
            parameters={"model": model.id, "model_version": model.version, "weights_sha256": model.sha256},
        ),
        display_color=hd.color.CIELabColor.from_rgb(*label.color),
    )
    if label.modifier:
        made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [code(label.modifier)]
    return made


def code(one: Code) -> hd.sr.CodedConcept:
    """Convert a code for highdicom."""
    return hd.sr.CodedConcept(one.value, one.scheme, one.meaning[:LONGEST_TEXT])


def _finish(dataset: Segmentation, source: Source, dimensions: str) -> None:
    """Set what highdicom omits, and replace values that would differ between runs: writing times, a random UID."""
    dataset.SpecificCharacterSet = UTF8
    dataset.ContentCreatorName = ""  # no person created it, but the field is required
    dataset["ContentDate"].value, dataset["ContentTime"].value = source.content_date
    del dataset.InstanceCreationDate, dataset.InstanceCreationTime
    for item in dataset.get("ContributingEquipmentSequence", ()):
        item.pop("ContributionDateTime", None)
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions


def _refer(dataset: Segmentation, source: Source) -> None:
    """Refer to the stored objects, because highdicom was given one series and one instance per slice."""
    stored = {str(header.SOPInstanceUID): one for header, one in zip(source.headers, source.instances, strict=True)}
    for group in dataset.PerFrameFunctionalGroupsSequence:
        for derivation in group.get("DerivationImageSequence", ()):
            for item in derivation.SourceImageSequence:
                one = stored.get(item.ReferencedSOPInstanceUID)
                if one is None:
                    continue  # the segments of a slice share the item
                item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.sop_class, one.sop_instance
                if one.frame is not None:
                    item.ReferencedFrameNumber = one.frame
    dataset.SourceImageSequence = [reference(one) for one in source.objects]
    by_series: dict[str, list[Dataset]] = defaultdict(list)
    for one in source.objects:
        by_series[one.series].append(reference(one))
    dataset.ReferencedSeriesSequence = []
    for uid, items in by_series.items():
        series = Dataset()
        series.ReferencedInstanceSequence, series.SeriesInstanceUID = items, uid
        dataset.ReferencedSeriesSequence.append(series)
