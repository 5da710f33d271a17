"""Grouping of images into volumes and cines, in one place for all commands and inputs.

Images form a stack if patient, study and series agree, and also what they show (magnitude or phase, description,
protocol, echo, kernel). Series of one slice position each form a stack if their planes are parallel and similar.
Directions, spacings and positions are compared as numbers, not as text.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...notices import Notice
from . import kinds
from .files import Slice
from .identity import Identity, identities, plain, shown, spellings

DIRECTION = 1e-3
"""Directions whose cosines differ by less (0.06 degrees) count as equal."""

SPACING = 1e-3
"""Pixel spacings whose relative difference is smaller count as equal."""

PLACE = 0.1
"""Images closer than this share of the slice thickness are at the same position; see `same_place`."""

_MOST_PARTS = 12  # distinct values of an attribute in a series; more are a time course
_PARTS = (  # attributes that separate images at one position that are not frames of a cine, and their names in messages
    ("ImageType", "image type"), ("EchoNumbers", "echo"), ("EchoTime", "echo time"),
    ("InversionTime", "inversion time"), ("DiffusionBValue", "b-value"), ("ConvolutionKernel", "kernel"),
    ("SeriesDescription", "description"),    ("ProtocolName", "protocol"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stack:
    """Images that form a volume or cine according to their headers; the grid is checked later.

    Args:
        slices: its images.
        uids, numbers: of its series, in order; entries may be empty.
        description: of these series if they share it, otherwise empty.
        part: what distinguishes it from other stacks of the series; empty if it is the whole series.
        notices: what the user should know about how it was assembled.
        kind: key of `kinds.LEFT_OUT` for images that are not meant for segmentation; otherwise empty.
    """

    slices: tuple[Slice, ...]
    uids: tuple[str, ...]
    numbers: tuple[str, ...]
    description: str
    part: str = ""
    notices: tuple[Notice, ...] = ()
    kind: str = ""

    @property
    def choice(self) -> str | None:
        """Text by which a later run finds the same stack, see `choose`; None if nothing identifies it."""
        name = next(filter(None, (*self.uids, *self.numbers, self.description)), "")
        return " ".join(filter(None, (name, self.part and f"[{self.part}]"))) or None

    @property
    def number(self) -> str:
        """Series number such as ``5``, or ``10-18`` for several series; empty if none has a number."""
        known = [number for number in self.numbers if number]
        return known[0] if len(set(known)) == 1 else f"{known[0]}-{known[-1]}" if known else ""

    def is_called(self, wanted: str) -> bool:
        """Whether the text selects this stack: UID, number or description of one of its series."""
        name, _, part = wanted.partition(" [")
        return name in (*self.uids, *self.numbers, self.description) and part.rstrip("]") in ("", self.part)

    def __str__(self) -> str:
        uid = "" if self.number or self.description else f" UID {self.uids[0]}"
        part = f" [{self.part}]" if self.part else ""
        return f'{self.number or "no number"} "{self.description}"{part}{uid}, {len(self.slices)} slices'


def choose(stacks: Sequence[Stack], wanted: str | None) -> list[Stack]:
    """Return the stacks that the user may mean; without ``wanted``, all that may be segmented, or all if none may.

    Stacks that are not meant for segmentation match only if no other stack does.
    """
    meant = [one for one in stacks if wanted is None or one.is_called(wanted)]
    if wanted is not None and not meant and "[" in wanted:  # names a part of what is now the whole series
        return choose(stacks, wanted.partition(" [")[0])
    return [one for one in meant if not one.kind] or meant


def stacks_of(slices: Sequence[Slice]) -> list[Stack]:
    """Sort images into stacks, in the order of their first images; those not meant for segmentation have a ``kind``."""
    series: dict[Hashable, list[Slice]] = defaultdict(list)
    person: dict[Path | tuple, Identity] = {}
    for item, identity in zip(slices, identities(slices), strict=True):
        person[item.key] = identity
        series[_series_key(item)].append(item)
    parts = [part for items in series.values() for part in _parts_of_series(items, person)]
    joined = _join(parts, person)
    return [_with_spellings(one) for one in _named_apart(joined)]


def same_place(slices: Sequence[Slice]) -> float:
    """Distance in mm below which two of these images are at the same position.

    A tenth of the slice thickness, at most 0.1 mm, which is a common precision of positions; 0.01 mm if the
    thickness is unknown.
    """
    thickness = kinds.number(slices[0].header, "SliceThickness")
    return min(0.1, PLACE * thickness) if thickness and thickness > 0 else 0.01


def places(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Group images by position along the normal of the first image's plane.

    Raises:
        ValueError, TypeError: a position or direction is not a number.
    """
    normal, tolerance = np.cross(*slices[0].axes), same_place(slices)
    heights = np.array([item.position for item in slices]) @ normal
    groups: list[list[Slice]] = []
    base = -np.inf
    for index in np.argsort(heights, kind="stable"):
        if heights[index] - base < tolerance:
            groups[-1].append(slices[index])
        else:
            groups.append([slices[index]])
            base = heights[index]
    return groups


def are_alike(one: Slice, other: Slice) -> bool:
    """Whether two images have the same size, pixel size and directions."""
    return (
        (one.header.get("Rows"), one.header.get("Columns")) == (other.header.get("Rows"), other.header.get("Columns"))
        and (one.index is None) == (other.index is None)
        and np.allclose(one.axes, other.axes, rtol=0, atol=DIRECTION)
        and np.allclose(one.pixel_size, other.pixel_size, rtol=SPACING, atol=0)
    )


def _series_key(item: Slice) -> Hashable:
    """Key of an image's series: its UID or, if anonymization removed it, folder, study, number and description."""
    uid = str(item.header.get("SeriesInstanceUID") or "")
    return uid or (item.path.parent, _study(item), *titles(item))


def _study(item: Slice) -> str:
    return str(item.header.get("StudyInstanceUID") or "")


def titles(item: Slice) -> tuple[str, str]:
    """Return number and description of an image's series; each may be empty."""
    number, text = item.header.get("SeriesNumber"), item.header.get("SeriesDescription")
    return "" if number is None else str(number), str(text or "")


def where(item: Slice) -> str:
    """Format an image for a message: its file and series."""
    number, description = titles(item)
    return f'{item} (series {number or "without number"} "{description}")'


def _parts_of_series(items: Sequence[Slice], person: dict) -> list[Stack]:
    """Split a series into the stacks that it holds, each named by what distinguishes it."""
    parts: list[tuple[str, list[Slice]]] = [("", list(items))]
    people = {person[item.key] for item in items}
    parts = _split(parts, lambda item: person[item.key], "", shown)
    parts = _split(parts, _study, "study", str)
    parts = _split(parts, kinds.kind, "", str)
    parts = _split(parts, lambda item: _numberless(titles(item)[1]), "description", str)
    parts = _split(parts, lambda item: _numberless(item.header.get("ProtocolName")), "protocol", str)
    parts = _split(parts, lambda item: str(item.header.get("StackID") or ""), "stack", str)
    parts = [one for part in parts for one in _by_folder(*part)]
    for tag, called in _PARTS:
        parts = [one for part in parts for one in _by_attribute(*part, tag, called)]
    number, description = titles(items[0])
    told = ""
    if len(people) == 1 and len({_study(item) for item in items}) > 1:
        told = f'Series {number} "{description}" has images of several studies: they are kept apart.'
    if len(people) > 1:
        names = " and ".join(sorted(map(shown, people)))
        told = f'Series {number} "{description}" has images of different patients ({names}): they are kept apart.'
    uid = str(items[0].header.get("SeriesInstanceUID") or "")
    notices = (Notice("identity", told),) if told else ()
    return [
        Stack(tuple(one), (uid,), (number,), titles(one[0])[1], part, notices, kinds.kind(one[0]))
        for part, one in parts
    ]


def _split(
    parts: Iterable[tuple[str, list[Slice]]], key: Callable, called: str, written: Callable
) -> list[tuple[str, list[Slice]]]:
    result = []
    for part, items in parts:
        groups = defaultdict(list)
        for item in items:
            groups[key(item)].append(item)
        for value, group in groups.items():
            what = " ".join(filter(None, (called, written(value)))) if len(groups) > 1 else ""
            result.append((", ".join(filter(None, (part, what))), group))
    return result


def _by_folder(part: str, items: list[Slice]) -> list[tuple[str, list[Slice]]]:
    """Split by folder if two folders show the same position at the same time; otherwise keep the files together."""
    folders = {item.path.parent for item in items}
    if len(folders) == 1:
        return [(part, items)]
    try:
        for group in places(items):
            seen: dict[Hashable, Path] = {}
            for item in group:
                if seen.setdefault(kinds.moment(item), item.path.parent) != item.path.parent:
                    return _split([(part, items)], lambda item: item.path.parent, "folder", lambda path: path.name)
    except (ValueError, TypeError, AttributeError, OverflowError):  # damaged; reported when the file is read
        pass
    return [(part, items)]


def _by_attribute(part: str, items: list[Slice], tag: str, called: str) -> list[tuple[str, list[Slice]]]:
    """Split by an attribute if images at one position differ in it."""
    if len({id(item.header.get(tag)) for item in items}) == 1:  # the usual case: files share objects for equal values
        return [(part, items)]
    values = {item.key: kinds.value(item.header, tag) for item in items}
    if not 1 < len(set(values.values())) <= _MOST_PARTS:
        return [(part, items)]
    try:
        differ = any(len({values[item.key] for item in group}) > 1 for group in places(items))
    except (ValueError, TypeError, AttributeError, OverflowError):
        return [(part, items)]
    return _split([(part, items)], lambda item: values[item.key], called, str) if differ else [(part, items)]


def _join(parts: Sequence[Stack], person: dict) -> list[Stack]:
    """Join series of one position each, in place of the first: many scanners store one series per slice."""
    families: dict[Hashable, list[Stack]] = defaultdict(list)
    order: list[Hashable] = []
    for number, one in enumerate(parts):
        key = _family(one, person, families) or number
        if key not in families:
            order.append(key)
        families[key].append(one)
    return [stack for key in order for stack in _stacks_of_family(families[key])]


def _family(one: Stack, person: dict, families: dict[Hashable, list[Stack]]) -> Hashable | None:
    """Key of what a series of one position shares with others of its stack; None if it has several positions."""
    first = one.slices[0]
    try:
        if first.is_multi_frame or len(places(one.slices)) > 1 or one.kind:
            return None
        key = (
            person[first.key], _study(first) or first.path.parent, one.part,
            _numberless(one.description), _numberless(first.header.get("ProtocolName")), len(one.slices) > 1,
        )  # fmt: skip
        for known, members in families.items():
            if isinstance(known, tuple) and known[:-1] == key and are_alike(members[0].slices[0], first):
                return known
        return *key, len(families)
    except (ValueError, TypeError, AttributeError, OverflowError):  # damaged; reported when the file is read
        return None


def _stacks_of_family(family: list[Stack]) -> list[Stack]:
    """Join series of one position each with parallel planes: one stack, or several if they show a region twice."""
    if len(family) == 1:
        return family
    family = sorted(family, key=_by_number)
    by_text = defaultdict(list)
    for one in family:
        by_text[one.description].append(one)
    if len(by_text) > 1 and _overlap(family):
        return [stack for group in by_text.values() for stack in _stacks_of_family(group)]
    runs = _runs(family) if _overlap(family) else [family]
    if len(family[0].slices) == 1 and any(len(run) < 3 for run in runs):  # single images need not form a stack
        return family
    return [_joined(run) for run in runs]


def _overlap(family: Sequence[Stack]) -> bool:
    """Whether two of the series show the same position, or overlapping slices."""
    together = [one.slices[0] for one in family]
    found = places(together)
    if len(found) < len(family):
        return True
    thickness = kinds.number(together[0].header, "SliceThickness") or 0
    normal = np.cross(*together[0].axes)
    gaps = np.diff([float(group[0].position @ normal) for group in found])
    return bool(len(gaps) and thickness > 0 and gaps.min() < 0.9 * thickness and gaps.min() < 0.75 * gaps.max()) or (
        bool(len(gaps)) and thickness > 0 and gaps.max() < 0.75 * thickness
    )


def _runs(family: Sequence[Stack]) -> list[list[Stack]]:
    """Split into stacks acquired one after the other; return the whole family if that is not possible."""
    normal, tolerance = np.cross(*family[0].slices[0].axes), same_place(family[0].slices)
    runs: list[list[Stack]] = [[]]
    heights: list[float] = []  # of the current run
    for one in family:
        height = float(one.slices[0].position @ normal)
        back = bool(heights) and min(heights) < height < max(heights)
        far = back and abs(height - heights[-1]) > 0.5 * (max(heights) - min(heights))
        if far or any(abs(height - other) < tolerance for other in heights):
            runs.append([])
            heights = []
        runs[-1].append(one)
        heights.append(height)
    return runs if all(len(run) > 2 and not _overlap(run) for run in runs) else [list(family)]


def _by_number(one: Stack) -> tuple:
    number = one.numbers[0]
    return (int(number) if number.isdecimal() else 0, kinds.number(one.slices[0].header, "AcquisitionTime") or 0.0)


def _joined(family: Sequence[Stack]) -> Stack:
    if len(family) == 1:
        return family[0]
    descriptions = {one.description for one in family}
    return Stack(
        slices=tuple(item for one in family for item in one.slices),
        uids=tuple(uid for one in family for uid in one.uids),
        numbers=tuple(number for one in family for number in one.numbers),
        description=descriptions.pop() if len(descriptions) == 1 else "",
        part=family[0].part,
        notices=tuple(dict.fromkeys(notice for one in family for notice in one.notices)),
    )


def _named_apart(stacks: Sequence[Stack]) -> list[Stack]:
    """Number the stacks of one series that have the same part name."""
    seen: dict[tuple, int] = defaultdict(int)
    result = []
    for one in stacks:
        key: tuple = (one.uids, one.part)
        if not any(one.uids):
            key = (*key, one.numbers, one.description, one.slices[0].path.parent)
        seen[key] += 1
        if seen[key] > 1:
            one = replace(one, part=" ".join(filter(None, (one.part, f"part {seen[key]}"))))
        result.append(one)
    return result


def _with_spellings(one: Stack) -> Stack:
    names = spellings(one.slices)
    if len(names) < 2:
        return one
    text = f"One patient ID has {len(names)} names ({'; '.join(names)}): the images are taken as those of one patient."
    return replace(one, notices=(*one.notices, Notice("identity", text)))


def _numberless(text: object) -> str:
    """Remove the numbers from a description, because they may count slices."""
    return re.sub(r"\d+", "#", plain(text))
