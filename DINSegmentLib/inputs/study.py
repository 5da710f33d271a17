"""Choice of a model for each image of a study, by its content: `--model auto`.

Precision comes first: planes, slices, frames and times decide; descriptions, in any language, can only
confirm or exclude. Uncertain images are listed with the reason, and left to the user.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..checks import fit
from ..model import LEFT_VENTRICLE, Model, catalogue, label_of

if TYPE_CHECKING:
    from ..io.dicom.stacks import Stack

_SHORT_AXIS = np.array([0.64, -0.60, -0.47])  # LPS, from base to apex, average of many hearts
_NEAR = 0.8  # cosine: within 37 degrees
_LONGEST_BEAT = 2000.0  # ms
_LONGEST_STEP = 350.0  # ms between frames of a cine; in a perfusion series it is a heartbeat
_FEWEST_PHASES = 10  # of a cine whose description is uninformative

_SAX = (
    r"sax|sa|short ?ax(?:is)?|short|kurz\w*|kurze ?achse|petit ?axe|eje ?corto|asse ?corto|korte ?as|"
    r"kort ?axel|ka|短軸|短轴|단축|коротк\w*"
)
_OTHER_MR = {
    "a long-axis view": r"lax|long ?ax(?:is)?|lange? ?achse|langachse|grand ?axe|eje ?largo|asse ?lungo|vla|hla|"
    r"[2345] ?(?:ch|cv|kk|chamber|kammer|k|c)\w*|[lr]vot|長軸|长轴|장축|длинн\w*",
    "tagging": r"\w*tag\w*|c?spamm|harp|grid\w*|dense|raster\w*|gitter\w*|marquage",
    "flow": r"\w*flow\w*|qf|fluss\w*|flux|flujo|flusso|venc\w*|pc|pca|phase ?contrast\w*|phasenkontrast|velocity|"
    r"q ?flow|v\d{2,}",
    "perfusion": r"perf\w*|aif|dyn\w*|first ?pass|stress ?dyn|erste ?passage|premier ?passage",
    "mapping": r"\w*map\w*|\w*molli\w*|shmolli|sasha|t[12]\w*|ecv|carte|karte|r2",
    "late enhancement": rf"{fit.LATE}|de|ir|ti",
    "a localizer": r"scout\w*|loc\w*|survey|plan\w*|rep[eé]rage|topo\w*",
    "spin echo or morphology": r"haste|tse|fse|stir|tirm|dark ?blood|black ?blood|bb|morpho\w*|pd|dixon|vibe",
    "another region": r"aort\w*|pulm\w*|valve\w*|klappe\w*|atri\w*|vorhof\w*|mra|angio\w*|whole ?heart|coron\w*",
    "derived": r"moco|mip|mpr|subtra\w*|sub|average|avg|strain|reformat\w*|calc\w*|seg\w*|result\w*",
}
LATE = _OTHER_MR["late enhancement"]
MAGNITUDE = r"magn?|magnitude\w*"
"""Words for the magnitude images that come with phase-sensitive late enhancement, which the model was trained on."""
_OTHER_STILL = r"mag\w*|real|imag\w*|stress\w*|rest|ruhe|fat\w*|water\w*"  # words for images of other types of series
_ABDOMEN = (
    r"abd\w*|abdomen\w*|liver|leber|foie|higado|hígado|fegato|bauch\w*|pelvis|becken|tap|cap|ventre|"
    r"oberbauch|portal\w*|"
    r"port?ven\w*|buik|腹\w*|живот|брюшн\w*|thorax ?abd\w*"
)
_CONTRAST = (
    r"ce|cect|c\+|contrast\w*|kontrast\w*|km|contraste|mdc|portal\w*|pv|porto\w*|ven\w*|iv|inject\w*|"
    r"enhanced|art\w*|phase|増強|增强|造影"
)
_OTHER_CT = {
    "without contrast": r"nativ\w*|plain|ohne|sans|sin|senza|non ?contrast|noncontrast|nc|unenhanced|without|pre|nect|"
    r"平扫|"
    r"単純|c-",
    "another region": r"head|neck|hals|kopf|sch[aä]e?del|brain|hirn|chest|thorax|lung\w*|poumon\w*|spine|ws|"
    r"lws|bws|hws|"
    r"knee|"
    r"hip|arm|leg|card\w*|coron\w*|herz|calcium|cta|angio\w*|cranio|cerv\w*|extrem\w*",
    "a scout": r"scout\w*|topo\w*|loc\w*|surview|scano\w*|monitor\w*|premonitor\w*|bolus\w*|smart ?prep|test\w*",
    "derived": r"mpr|mip|cor\w*|sag\w*|reformat\w*|3d|vrt|dose\w*|protocol|report|key\w*|iod\w*|jod\w*|vnc|mono\w*|"
    r"perf\w*|pet|ac",
    "a sharp kernel": r"bone|knochen|os|hueso|osso|lung\w*|sharp|b[67]\d\w?|br[67]\d\w?|bl[567]\d\w?|yc|edge",
}


@dataclass(frozen=True)
class Verdict:
    """The model for an image, and why, as a noun; without a model, why not.

    ``uncertain``: it may suit a model, but the user must decide.
    """

    model: str | None
    why: str
    uncertain: bool = False


def verdict(stack: "Stack") -> Verdict:
    """Choose the model for the images of a DICOM stack."""
    from ..io.dicom.stacks import are_alike, places  # pydicom takes 0.25 s to import

    first = stack.slices[0]
    modality = str(first.header.get("Modality") or "")
    if modality not in ("MR", "CT"):
        return Verdict(None, f"of modality {modality or 'unknown'}")
    try:
        if not all(are_alike(first, item) for item in stack.slices):
            return Verdict(None, "of several planes or sizes")
        found = places(stack.slices)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return Verdict(None, "without a position in the patient")
    counts = {len(group) for group in found}
    if len(counts) > 1:
        return Verdict(None, "of different numbers of images at its slices", uncertain=True)
    seen = _Seen(stack, len(found), counts.pop(), float(abs(np.cross(*first.axes) @ _SHORT_AXIS)), _gap(found))
    return _mr(seen) if modality == "MR" else _ct(seen)


def file_verdict(path: Path, frame: int | None) -> Verdict:
    """Choose the model for a volume file: the only one without contrary evidence.

    A model for late enhancement needs a file name that says so: the voxels alone hardly distinguish it from cine.
    """
    from .. import io

    image = io.read(path, frame=frame if frame or io.count_frames(path) == 1 else 1)
    seen = fit.look(np.asarray(image.array), image.geometry, name=path.name)
    known = {name: model for name, model in catalogue().items() if not fit.contradicts(model, seen.late)}
    fitting = [name for name, model in known.items() if not list(fit.notices(seen, model))]
    if len(fitting) == 1:
        return Verdict(fitting[0], f"an image that suits only {fitting[0]}")
    why = (
        "not like the training data of any model"
        if not fitting
        else f"like the training data of {' and '.join(fitting)}"
    )
    return Verdict(None, why, uncertain=True)


def of_modality(stack: "Stack") -> str | None:
    """Return the model for a series selected by the user: the one for its modality."""
    modality = str(stack.slices[0].header.get("Modality") or "")
    if modality == "MR":
        late = _late_model() if fit.says(stack.description, LATE) else None
        return late or _heart()
    return next((name for name, one in catalogue().items() if one.modality == modality), None)


def described(models: Sequence[Model], description: str, asked: bool = False) -> list[Model]:
    """Return the models that a series' description does not rule out, see `fit.contradicts`.

    Magnitude images of late enhancement are for `cardiac-lge` only if the user ``asked`` for the series.
    """
    left = [model for model in models if not fit.contradicts(model, fit.says(description, LATE))]
    magnitude = not asked and fit.says(description, MAGNITUDE)
    return [model for model in left if not (magnitude and fit.is_late(model))]


@dataclass(frozen=True)
class _Seen:
    """A stack with its slices and frames, cosine of its normal to the heart's axis, and slice distance in mm."""

    stack: "Stack"
    slices: int
    frames: int
    along_heart: float
    gap: float

    def says(self, pattern: str) -> bool:
        return fit.says(self.text, pattern)

    @property
    def text(self) -> str:
        header = self.stack.slices[0].header
        words = [self.stack.description, *(str(header.get(tag) or "") for tag in ("SeriesDescription", "ProtocolName"))]
        return " ".join(words)

    def tag(self, name: str) -> str:
        value = self.stack.slices[0].header.get(name)
        words = (
            value if value is not None and not isinstance(value, str) and hasattr(value, "__iter__") else [value or ""]
        )
        return " ".join(map(str, words)).upper()

    def span(self) -> tuple[float, float] | None:
        """Time from first to last frame and the largest step, in ms, by trigger times; None if there are none."""
        from ..io.dicom import kinds
        from ..io.dicom.stacks import places

        times = [kinds.number(item.header, "TriggerTime") for item in places(self.stack.slices)[0]]
        known = sorted(time for time in times if time is not None)
        if len(known) < 2 or len(set(known)) < len(times):
            return None
        return known[-1] - known[0], float(np.diff(known).max())


def _mr(seen: _Seen) -> Verdict:
    if why := _ruled_out(seen, _OTHER_MR, allowed="late enhancement"):
        return Verdict(None, why)
    late = seen.says(LATE) or bool(seen.tag("InversionTime")) or "IR" in seen.tag("ScanningSequence").split()
    if seen.along_heart < _NEAR:
        return Verdict(None, "not a short-axis view", uncertain=seen.says(_SAX))
    if not 5 <= seen.slices <= 20 or not 4 <= seen.gap <= 12:
        return Verdict(None, f"a short-axis view of {seen.slices} slices {seen.gap:.3g} mm apart, too few or too close")
    if late:
        return _late(seen)
    what = f"{seen.slices} short-axis slices"
    if "SE" in seen.tag("ScanningSequence").split():
        return Verdict(None, "spin echo")
    if seen.frames == 1:
        if seen.says(_SAX) and not seen.says(_OTHER_STILL):
            return Verdict(_heart(), f"short-axis still: {what}")
        return Verdict(None, f"perhaps a short-axis still ({what})", uncertain=True)
    span = seen.span()
    if span is None:
        return Verdict(None, f"perhaps a short-axis cine ({what}), without trigger times", uncertain=True)
    if span[0] > _LONGEST_BEAT or span[1] > _LONGEST_STEP:
        return Verdict(None, f"{seen.frames} frames over {span[0] / 1000:.3g} s, longer than a heartbeat")
    if not seen.says(_SAX) and seen.frames < _FEWEST_PHASES:
        return Verdict(None, f"perhaps a short-axis cine ({what}) of {seen.frames} frames", uncertain=True)
    return Verdict(_heart(), f"short-axis cine: {what}, {seen.frames} frames")


def _late(seen: _Seen) -> Verdict:
    model = _late_model()
    if seen.frames > 1:
        return Verdict(None, "late enhancement or inversion recovery of several frames")
    if model is None:
        return Verdict(None, "late enhancement, for which there is no model")
    if not seen.says(LATE):
        return Verdict(None, "perhaps late enhancement", uncertain=True)
    if seen.says(MAGNITUDE):
        return Verdict(None, "magnitude images of late enhancement; phase-sensitive ones suit better", uncertain=True)
    return Verdict(model, f"late enhancement: {seen.slices} short-axis slices")


def _ct(seen: _Seen) -> Verdict:
    rest = {
        name: pattern for name, pattern in _OTHER_CT.items() if not (name == "another region" and seen.says(_ABDOMEN))
    }
    if why := _ruled_out(seen, rest):
        return Verdict(None, why)
    part, agent = seen.tag("BodyPartExamined"), seen.tag("ContrastBolusAgent").strip()
    kernel = seen.tag("ConvolutionKernel")
    normal = np.abs(np.cross(*seen.stack.slices[0].axes))
    if normal[2] < 0.95:
        return Verdict(None, "not axial")
    if seen.frames > 1:
        return Verdict(None, f"{seen.frames} images at every slice", uncertain=True)
    if re.search(r"\b([BI][67]\d|BR[67]\d|BL[567]\d|BONE|LUNG|EDGE|YC|FC[358]\d)", kernel):
        return Verdict(None, "a sharp kernel")
    if seen.slices < 30 or seen.slices * seen.gap < 150 or not 0.5 <= seen.gap <= 6:
        return Verdict(None, f"CT of {seen.slices} slices {seen.gap:.3g} mm apart, too few for an abdomen")
    what = f"abdominal CT with contrast: {seen.slices} slices"
    in_abdomen = part in ("ABDOMEN", "ABDOMENPELVIS", "CHESTABDOMEN", "CHESTABDPELVIS", "LIVER") or seen.says(_ABDOMEN)
    if part and part not in ("PARTIALBODY", "WHOLEBODY") and not in_abdomen:
        return Verdict(None, f"CT of another region ({part})")
    if not in_abdomen:
        return Verdict(None, "CT of a region that its header does not name", uncertain=True)
    if agent in ("", "NONE", "NO", "N", "ORAL", "WATER", "BARIUM", "GASTROGRAFIN") and not seen.says(_CONTRAST):
        return Verdict(None, "CT for which its header names no contrast agent", uncertain=True)
    return Verdict(next(name for name, one in catalogue().items() if one.modality == "CT"), what)


def _ruled_out(seen: _Seen, others: dict[str, str], allowed: str = "") -> str:
    types = seen.tag("ImageType").split()
    if "DERIVED" in types or "SECONDARY" in types:
        return "derived from other images"
    if {"PCA", "M_PCA"} & set(types):
        return "flow by its image type"
    if {"MPR", "MIP", "PROJECTION", "LOCALIZER", "MAP", "T1", "T2", "SUBTRACTION", "PERFUSION"} & set(types):
        return "not an original image by its image type"
    sequence = seen.tag("SequenceName").casefold()
    if re.search(r"tag|spamm|_v\d{2,}|venc", sequence):
        return "tagging or flow by its sequence"
    return next((name for name, pattern in others.items() if name != allowed and seen.says(pattern)), "")


def _heart() -> str:
    of_heart = (name for name, one in catalogue().items() if label_of(one, LEFT_VENTRICLE) is not None)
    return next(name for name in of_heart if not fit.is_late(catalogue()[name]))


def _late_model() -> str | None:
    return next((name for name, one in catalogue().items() if fit.is_late(one)), None)


def _gap(found: Sequence[Sequence]) -> float:
    """Median slice distance in mm."""
    if len(found) < 2:
        return 0.0
    positions = np.array([group[0].position for group in found])
    return float(np.median(np.linalg.norm(np.diff(positions, axis=0), axis=1)))
