"""DICOM Structured Reports of measurements: TID 1500 with cardiac function (TID 1501) and structures (TID 1411)."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from .. import __version__
from ..errors import OutputError
from ..measure import CardiacFunction, StructureStatistics
from ..measure.cardiac import Ventricle
from ..measure.regional import RegionalFunction
from ..model import LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE, Label, Model, label_of
from .dicom_seg import code
from .dicom_source import LONGEST_TEXT, MANUFACTURER, UTF8, Source, equipment, one_line, unusable

_ML, _PERCENT, _GRAM = Code("ml", "UCUM", "milliliter"), Code("%", "UCUM", "percent"), Code("g", "UCUM", "gram")
_LITERS_A_MINUTE = Code("l/min", "UCUM", "liter per minute")
_NO_UNITS = Code("1", "UCUM", "no units")
_INTENSITY = {
    "CT": (codes.cid7469.XRayAttenuation, Code("[hnsf'U]", "UCUM", "Hounsfield unit")),
    "MR": (codes.cid7469.MRSignalIntensity, _NO_UNITS),
}
# CID 3833 (by modality), 3468 and 3469; the remaining codes are from CID 3835 and 12200
_EJECTION_FRACTION = {
    ("LV", "MR"): codes.cid3833.LeftVentricularEjectionFractionByMR,
    ("RV", "MR"): codes.cid3833.RightVentricularEjectionFractionByMR,
    ("LV", "CT"): codes.cid3833.LeftVentricularEjectionFractionByCT,
    ("RV", "CT"): codes.cid3833.RightVentricularEjectionFractionByCT,
}
_ED_VOLUME = {
    "LV": codes.cid3468.LeftVentricularEDVolume, "RV": codes.cid3468.RightVentricularEDVolume,
}  # fmt: skip
_ES_VOLUME = {
    "LV": codes.cid3469.LeftVentricularESVolume, "RV": codes.cid3469.RightVentricularESVolume,
}  # fmt: skip
_AHA_SEGMENTS = {  # CID 3717, by AHA segment number
    number: getattr(codes.cid3717, name)
    for number, name in enumerate(
        (
            *(f"LeftVentricle{ring}{wall}Segment" for ring in ("Basal", "Mid") for wall in (
                "Anterior", "Anteroseptal", "Inferoseptal", "Inferior", "Inferolateral", "Anterolateral"
            )),
            *(f"LeftVentricleApical{wall}Segment" for wall in ("Anterior", "Septal", "Inferior", "Lateral")),
            "ApexOfLeftVentricle",
        ),
        start=1,
    )
}  # fmt: skip
_THICKNESS, _MM = codes.LN.Thickness, Code("mm", "UCUM", "millimeter")
_RATIO = codes.DCM.WallThicknessRatioEndSystolicToEndDiastolic
_PROCEDURE = {"MR": codes.SCT.CardiacMRI, "CT": Code("77477000", "SCT", "Computed tomography")}
_IMAGING = Code("363679005", "SCT", "Imaging procedure")
_COMMENT = Code("121106", "DCM", "Comment")
_LONGEST_COMMENT = 1024

_Group = sr.MeasurementsAndQualitativeEvaluations | sr.VolumetricROIMeasurementsAndQualitativeEvaluations


@dataclass(frozen=True, eq=False)
class Segmented:
    """A segmentation object for the report, with the source of its slices and the statistics of its structures.

    ``phase`` of the cardiac cycle, such as "end-diastole"; empty if there is none.
    """

    segmentation: Dataset
    source: Source
    structures: Sequence[StructureStatistics]
    phase: str = ""


def write_dicom_sr(
    segmented: Sequence[Segmented], function: CardiacFunction | None, model: Model, path: Path, seed: bytes,
    notices: Sequence[str] = (), regional: RegionalFunction | None = None,
) -> sr.Comprehensive3DSR:  # fmt: skip
    """Write the measurements of a study as a Structured Report.

    The root is TID 1500. Each ventricle has a TID 1501 group with ejection fraction, volumes, stroke volume and, for
    the left one, myocardial mass and cardiac output. Each structure of each segmentation has a TID 1411 group with
    volume, and mean and standard deviation of the image, which refers to its segment. Values that are not reported
    elsewhere are omitted here too; ``notices`` state the reasons as comments.

    Args:
        segmented: at least one segmentation.
        function: cardiac function; None if not measured.
        model: model that made the labels.
        path: file to write; the caller removes it after an error.
        seed: as in `dicom_seg.write_dicom_seg`.
        notices: sentences about what to check.
        regional: wall thickness; has a TID 1501 group for each segment and phase. None if not measured.

    Raises:
        InputError: the source has values that DICOM does not allow.
        OutputError: the file cannot be read back as written.
    """
    source = segmented[0].source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of unusual values in the source
            groups: list[_Group] = [
                *_function(function, source, model, seed),
                *_regional(regional, source, model, seed),
                *(_structure(one, values, model, seed) for one in segmented for values in one.structures),
            ]
            for text in notices:
                _comment(groups[0], text)
            dataset = _build(segmented, groups, model, seed)
            dataset.save_as(path, enforce_file_format=True)
    except (AttributeError, KeyError, ValueError) as error:
        raise unusable(source, error) from error
    _check(path, groups)
    return dataset


def _build(segmented: Sequence[Segmented], groups: Sequence[_Group], model: Model, seed: bytes) -> sr.Comprehensive3DSR:
    source = segmented[0].source
    first = source.headers[0]
    # highdicom copies patient attributes from the first evidence, which needs a single-frame header
    evidence: list[Dataset] = []
    seen: set[str] = set()
    for one in segmented:
        stored = {instance.sop_instance: instance for instance in one.source.instances}
        for uid, instance in stored.items():
            if uid not in seen:
                seen.add(uid)
                item = Dataset() if evidence else _patient(first)
                item.StudyInstanceUID, item.SeriesInstanceUID = source.study, instance.series
                item.SOPClassUID, item.SOPInstanceUID = instance.sop_class, uid
                evidence.append(item)
    evidence += [one.segmentation for one in segmented]
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=source.uid(b"device", model.sha256.encode()),
        name=MANUFACTURER,
        manufacturer_name=MANUFACTURER,
        model_name=f"{model.id} {model.version}"[:LONGEST_TEXT],
        serial_number=model.sha256,
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device)),
        procedure_reported=_PROCEDURE.get(str(first.get("Modality")), _IMAGING),
        imaging_measurements=groups,
        title=codes.cid7021.ImagingMeasurementReport,
    )
    content = b"".join(str(one.segmentation.SOPInstanceUID).encode() for one in segmented)
    # the instance UID derives from the tree's text: other values are another report
    tree = str(report[0]).encode()
    dataset = sr.Comprehensive3DSR(
        evidence=evidence,
        content=report,
        series_instance_uid=source.uid(seed, b"report series"),
        series_number=source.series_number(1),
        sop_instance_uid=source.uid(seed, b"report", content, tree),
        instance_number=1,
        is_complete=True,
        is_final=False,  # not verified by a person
        is_verified=False,
        series_description=f"{MANUFACTURER} measurements",
        specific_character_set=UTF8,
        **equipment(model),
    )
    dataset["ContentDate"].value, dataset["ContentTime"].value = source.content_date
    for name in ("InstanceCreationDate", "InstanceCreationTime"):
        dataset.pop(name, None)
    for item in dataset.get("ContributingEquipmentSequence", ()):
        item.pop("ContributionDateTime", None)
    return dataset


def _patient(header: Dataset) -> Dataset:
    item = Dataset()
    item.update(header)
    return item


def _function(
    function: CardiacFunction | None, source: Source, model: Model, seed: bytes
) -> list[sr.MeasurementsAndQualitativeEvaluations]:
    """Create a group for each ventricle that the model labels."""
    if function is None:
        return []
    modality = str(source.headers[0].get("Modality"))
    groups = []
    for side, name, ventricle in (("LV", LEFT_VENTRICLE, function.lv), ("RV", RIGHT_VENTRICLE, function.rv)):
        label = label_of(model, name)
        if label is None:
            continue
        measured = _ventricle(ventricle, side, modality)
        if side == "LV":
            measured += [
                (codes.LN.LeftVentricleMass, function.mass_g, _GRAM),
                (codes.SCT.CardiacOutput, function.cardiac_output_l_min, _LITERS_A_MINUTE),
            ]
        group = sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(source.uid(seed, b"function", side.encode()), label.name),
            finding_type=code(label.kind),
            algorithm_id=_algorithm(model),
            measurements=_measurements(measured) or None,
        )
        groups.append(group)
    return groups


def _regional(
    regional: RegionalFunction | None, source: Source, model: Model, seed: bytes
) -> Iterator[sr.MeasurementsAndQualitativeEvaluations]:
    """Create a group for each segment of the left ventricle and each phase with a measured wall."""
    wall = label_of(model, MYOCARDIUM)
    if regional is None or wall is None:
        return
    for number, found in regional.segments.items():
        ratio = None if found.thickening_percent is None else 1 + found.thickening_percent / 100
        phases = {
            "end-diastole": [(_THICKNESS, found.ed_mm, _MM)],
            "end-systole": [(_THICKNESS, found.es_mm, _MM), (_RATIO, ratio, _NO_UNITS)],
        }
        for phase, values in phases.items():
            site = _AHA_SEGMENTS[number]
            if measured := _measurements(values):
                yield sr.MeasurementsAndQualitativeEvaluations(
                    tracking_identifier=sr.TrackingIdentifier(
                        source.uid(seed, b"segment", str(number).encode(), phase.encode()), f"{site.meaning}, {phase}"
                    ),
                    time_point_context=sr.TimePointContext(phase),
                    finding_type=code(wall.kind),
                    finding_sites=[sr.FindingSite(site)],
                    algorithm_id=_algorithm(model),
                    measurements=measured,
                )


def _ventricle(one: Ventricle, side: str, modality: str) -> list[tuple[Code, float | None, Code]]:
    fraction = _EJECTION_FRACTION.get((side, modality), codes.SCT.CardiacEjectionFraction)
    return [
        (fraction, one.ef_percent, _PERCENT),
        (_ED_VOLUME[side], one.edv_ml, _ML),
        (_ES_VOLUME[side], one.esv_ml, _ML),
        (codes.SCT.StrokeVolume, one.sv_ml, _ML),
    ]


def _structure(
    one: Segmented, values: StructureStatistics, model: Model, seed: bytes
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    label = next(label for label in model.labels if label.value == values.value)
    source = one.source
    series = {instance.series for instance in source.instances}
    origin = (
        {"source_series": sr.SourceSeriesForSegmentation(series.pop())}
        if len(series) == 1
        else {"source_images": [_image(source, uid) for uid in {o.sop_instance: None for o in source.instances}]}
    )
    measured = [_measurement(codes.SCT.Volume, values.volume_ml, _ML)]
    known = _INTENSITY.get(str(source.headers[0].get("Modality")))
    if known and values.mean is not None and values.sd is not None:
        intensity, unit = known
        measured += [
            _measurement(intensity, values.mean, unit, codes.SCT.Mean),
            _measurement(intensity, values.sd, unit, codes.SCT.StandardDeviation),
        ]
    named = f"{label.name}, {one.phase}" if one.phase else label.name
    uid = str(one.segmentation.SOPInstanceUID)
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(source.uid(seed, uid.encode(), str(label.value).encode()), named),
        referenced_segment=sr.ReferencedSegment(str(one.segmentation.SOPClassUID), uid, label.value, **origin),
        time_point_context=sr.TimePointContext(one.phase) if one.phase else None,
        finding_type=code(label.kind),
        finding_category=code(label.category),
        algorithm_id=_algorithm(model),
        finding_sites=_site(label),
        measurements=measured,
    )


def _image(source: Source, uid: str) -> sr.SourceImageForSegmentation:
    here = [one for one in source.instances if one.sop_instance == uid]
    frames = [one.frame for one in here if one.frame is not None]
    return sr.SourceImageForSegmentation(here[0].sop_class, uid, frames or None)


def _site(label: Label) -> list[sr.FindingSite] | None:
    """Finding site of a paired organ, because its code alone does not give the side."""
    return [sr.FindingSite(code(label.kind), laterality=code(label.modifier))] if label.modifier else None


def _algorithm(model: Model) -> sr.AlgorithmIdentification:
    parameters = [f"model {model.id} {model.version}", f"weights SHA-256 {model.sha256}"]
    return sr.AlgorithmIdentification(MANUFACTURER, __version__, parameters)


def _measurements(values: Sequence[tuple[Code, float | None, Code]]) -> list[sr.Measurement]:
    return [_measurement(name, value, unit) for name, value, unit in values if value is not None]


def _measurement(name: Code, value: float, unit: Code, derivation: Code | None = None) -> sr.Measurement:
    return sr.Measurement(name=name, value=float(f"{value:.6g}"), unit=unit, derivation=derivation)


def _comment(group: _Group, text: str) -> None:
    item = sr.TextContentItem(_COMMENT, text[:_LONGEST_COMMENT], sr.RelationshipTypeValues.CONTAINS)
    group[0].ContentSequence.append(item)


def _check(path: Path, groups: Sequence[_Group]) -> None:
    """Read the report back and count its groups.

    Raises:
        OutputError: the file cannot be read, or a group is missing.
    """
    try:
        content: Any = sr.srread(path).content
        stored = [*content.get_volumetric_roi_measurement_groups(), *content.get_image_measurement_groups()]
    except Exception as error:  # whatever the error, the file is unusable
        raise OutputError(f"{path.name} cannot be read back ({one_line(error)}): check the disk.") from error
    if len(stored) != len(groups):
        raise OutputError(f"{path.name} differs from the measurements written: check the disk.")
