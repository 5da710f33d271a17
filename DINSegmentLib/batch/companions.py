"""Late enhancement paired with cines of the same patient, whose right ventricle defines the start of the segments."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DINSegmentError
from ..io.image import Image
from ..io.study import place_of
from ..isolation import attempt
from ..measure import Insertion, RegionalFunction, regional_function
from ..model import INFARCT, Model, catalogue, find_model, label_of
from .case import Case
from .cine_results import is_of_heart
from .record import Record

if TYPE_CHECKING:
    from ..engine.segmenter import Segmenter

BY_CINE, BY_MODEL = "the cine of the same study", "the labels of {model} in this image"


def paired(cases: Sequence[Case], model_of: Callable[[Case], Model | None]) -> list[Case]:
    """Return all cases of a run, late enhancement with its companions.

    These are the cardiac cases of the same patient, study and frame of reference.
    """
    kinds = [model_of(case) for case in cases]
    late = [case for case, model in zip(cases, kinds, strict=True) if model and label_of(model, INFARCT)]
    hearts = [case for case, model in zip(cases, kinds, strict=True) if model and is_of_heart(model)]
    if not late or not hearts:
        return list(cases)
    places = {case.name: attempt(partial(place_of, case.files), case.name).value for case in (*hearts, *late)}

    of_place = defaultdict(list)
    for case in hearts:
        of_place[places[case.name]].append(case.name)
    of_place.pop(None, None)  # of unknown place
    names = {case.name: tuple(of_place.get(places[case.name], ())) for case in late}
    return [replace(case, companions=names.get(case.name, ())) for case in cases]


def waves(cases: Sequence[Case]) -> list[list[Case]]:
    """Sort cases so that each comes after its companions; without empty groups."""
    parts = [case for case in cases if not case.companions], [case for case in cases if case.companions]
    return [part for part in parts if part]


def insertion_for(case: Case, image: Image, segmenter: "Segmenter") -> tuple[Insertion | None, str]:
    """Return the insertion points of the right ventricle for a late-enhancement image, and their source as a noun.

    Those of the case come first, then the record of a companion, then the cardiac model's labels of this image;
    (None, "") if none of them has insertion points.
    """
    if case.insertion is not None:
        return case.insertion, case.insertion_from
    for name in case.companions:
        found = insertion_of_record(case.output / f"{name}.json")
        if found is not None:
            return found, BY_CINE
    model = _of_right_ventricle()
    if model is None:
        return None, ""
    try:
        labels = type(segmenter)(model, segmenter.device.name).segment(image.array, image.geometry).labels
        found = regional_function(labels, None, image.geometry, model).insertion
    except DINSegmentError:
        return None, ""  # the infarct is then not reported by segment
    return found, BY_MODEL.format(model=model.id) if found else ""


def insertion_of_record(path: Path) -> Insertion | None:
    """Read the insertion points from the record of a cine, in patient coordinates; None if there are none."""
    read = attempt(lambda: Record.read(path), path.name)
    cine = read.value.cine if read.value else None
    regional = attempt(lambda: RegionalFunction.from_dict(cine["regional"]), path.name).value if cine else None
    return regional.insertion if regional else None


def insertion_of_infarct(infarct: Mapping[str, Any] | None) -> tuple[Insertion | None, str]:
    """Return the insertion points in a record's ``infarct`` and their source; (None, "") if there are none."""
    if not infarct or not (places := infarct.get("insertion")):
        return None, ""
    return Insertion(tuple(places["anterior"]), tuple(places["inferior"])), str(infarct["insertion_from"])


def _of_right_ventricle() -> Model | None:
    """Return the model that labels both ventricles in a single image."""
    return next((find_model(name) for name, one in catalogue().items() if is_of_heart(one)), None)
