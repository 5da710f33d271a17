"""Which images make one volume or one cine: the only place that decides it, for every command and every input.

Images belong together when patient, study and series agree, and what they show (magnitude or phase, description,
protocol, echo, kernel); series that hold one slice position each make a stack when their planes are parallel and alike.
Directions, spacings and positions are compared as numbers, never as texts.
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
"""Cosines of two directions that differ by less, 0.06 degrees, are alike."""

SPACING = 1e-3
"""Pixel spacings that differ by less than this share are alike."""

PLACE = 0.1
"""Images less than this share of the slice thickness apart show one place; see `same_place`."""

_MOST_PARTS = 12  # values of an attribute at one place; more of them are a time course
_PARTS = (  # what distinguishes images at one position that are not frames of one cine, and how a message calls it
    ("ImageType", "image type"), ("EchoNumbers", "echo"), ("EchoTime", "echo time"),
    ("InversionTime", "inversion time"), ("DiffusionBValue", "b-value"), ("ConvolutionKernel", "kernel"),
    ("SeriesDescription", "description"),    ("ProtocolName", "protocol"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stack:
    """Images that make one volume or one cine, as far as their headers show; whether they do is seen later.

    Args:
        slices: its images.
        uids, numbers: of the series that it is made of, in their order; each perhaps empty.
        description: of these series where they share one, else empty.
        part: how it differs from other stacks of the same series; empty: it is the whole series.
        notices: what a user should know of how it was put together.
        kind: of images that are not meant to be segmented, a key of `kinds.LEFT_OUT`; empty: they may be.
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
        """By which a later run finds the same stack, see `choose`; None: nothing names it."""
        name = next(filter(None, (*self.uids, *self.numbers, self.description)), "")
        return " ".join(filter(None, (name, self.part and f"[{self.part}]"))) or None

    @property
    def number(self) -> str:
        """``5``, or ``10-18`` of several series; empty: none has a number."""
        known = [number for number in self.numbers if number]
        return known[0] if len(set(known)) == 1 else f"{known[0]}-{known[-1]}" if known else ""

    def is_called(self, wanted: str) -> bool:
        """Whether a user may mean this stack: one of its series by UID, number or description."""
        name, _, part = wanted.partition(" [")
        return name in (*self.uids, *self.numbers, self.description) and part.rstrip("]") in ("", self.part)

    def __str__(self) -> str:
        uid = "" if self.number or self.description else f" UID {self.uids[0]}"
        part = f" [{self.part}]" if self.part else ""
        return f'{self.number or "no number"} "{self.description}"{part}{uid}, {len(self.slices)} slices'


def choose(stacks: Sequence[Stack], wanted: str | None) -> list[Stack]:
    """Those that a user may mean; without a wish all that may be segmented, or all where none may.

    A name holds for stacks that are left out only where no other has it.
    """
    meant = [one for one in stacks if wanted is None or one.is_called(wanted)]
    if wanted is not None and not meant and "[" in wanted:  # of a part that is the whole series now
        return choose(stacks, wanted.partition(" [")[0])
    return [one for one in meant if not one.kind] or meant


def stacks_of(slices: Sequence[Slice]) -> list[Stack]:
    """Sort images to stacks, in the order of their first images; those not to be segmented have their reason."""
    series: dict[Hashable, list[Slice]] = defaultdict(list)
    person: dict[Path | tuple, Identity] = {}
    for item, identity in zip(slices, identities(slices), strict=True):
        person[item.key] = identity
        series[_series_key(item)].append(item)
    parts = [part for items in series.values() for part in _parts_of_series(items, person)]
    joined = _join(parts, person)
    return [_with_spellings(one) for one in _named_apart(joined)]


def same_place(slices: Sequence[Slice]) -> float:
    """Distance in mm under which two of these images show one place.

    A tenth of the slice thickness and at most 0.1 mm, which is how precisely positions may be written; 0.01 mm where no
    thickness is known.
    """
    thickness = kinds.number(slices[0].header, "SliceThickness")
    return min(0.1, PLACE * thickness) if thickness and thickness > 0 else 0.01


def places(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Images by the place that they show, along the normal of the first one's plane.

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
    """Whether two images have as many pixels of one size and the same directions."""
    return (
        (one.header.get("Rows"), one.header.get("Columns")) == (other.header.get("Rows"), other.header.get("Columns"))
        and (one.index is None) == (other.index is None)
        and np.allclose(one.axes, other.axes, rtol=0, atol=DIRECTION)
        and np.allclose(one.pixel_size, other.pixel_size, rtol=SPACING, atol=0)
    )


def _series_key(item: Slice) -> Hashable:
    """Anonymized files may all have an empty UID: folder, number and description still distinguish series."""
    uid = str(item.header.get("SeriesInstanceUID") or "")
    return uid or (item.path.parent, _study(item), *titles(item))


def _study(item: Slice) -> str:
    return str(item.header.get("StudyInstanceUID") or "")


def titles(item: Slice) -> tuple[str, str]:
    """Number and description of an image's series, each perhaps empty."""
    number, text = item.header.get("SeriesNumber"), item.header.get("SeriesDescription")
    return "" if number is None else str(number), str(text or "")


def where(item: Slice) -> str:
    """An image as a message names it: its file and its series."""
    number, description = titles(item)
    return f'{item} (series {number or "without number"} "{description}")'


def _parts_of_series(items: Sequence[Slice], person: dict) -> list[Stack]:
    """One series as the stacks that it holds, each named by what sets it apart."""
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
    """Files of several folders are one stack unless two folders show the same place at the same time."""
    folders = {item.path.parent for item in items}
    if len(folders) == 1:
        return [(part, items)]
    try:
        for group in places(items):
            seen: dict[Hashable, Path] = {}
            for item in group:
                if seen.setdefault(kinds.moment(item), item.path.parent) != item.path.parent:
                    return _split([(part, items)], lambda item: item.path.parent, "folder", lambda path: path.name)
    except (ValueError, TypeError, AttributeError, OverflowError):  # damaged, which is reported when it is read
        pass
    return [(part, items)]


def _by_attribute(part: str, items: list[Slice], tag: str, called: str) -> list[tuple[str, list[Slice]]]:
    """Split where images of one place differ in an attribute."""
    if len({id(item.header.get(tag)) for item in items}) == 1:  # most often: equal values of files are one object
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
    """Take series of one place each together, in the place of the first: many scanners store one for each slice."""
    families: dict[Hashable, list[Stack]] = defaultdict(list)
    order: list[Hashable] = []
    for number, one in enumerate(parts):
        key = _family(one, person, families) or number
        if key not in families:
            order.append(key)
        families[key].append(one)
    return [stack for key in order for stack in _stacks_of_family(families[key])]


def _family(one: Stack, person: dict, families: dict[Hashable, list[Stack]]) -> Hashable | None:
    """What a series of one place shares with others of its stack; None: it is not of one place."""
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
    except (ValueError, TypeError, AttributeError, OverflowError):  # damaged, which is reported when it is read
        return None


def _stacks_of_family(family: list[Stack]) -> list[Stack]:
    """Series of one place each and of parallel planes: one stack, or several that show the same region twice."""
    if len(family) == 1:
        return family
    family = sorted(family, key=_by_number)
    by_text = defaultdict(list)
    for one in family:
        by_text[one.description].append(one)
    if len(by_text) > 1 and _overlap(family):
        return [stack for group in by_text.values() for stack in _stacks_of_family(group)]
    runs = _runs(family) if _overlap(family) else [family]
    if len(family[0].slices) == 1 and any(len(run) < 3 for run in runs):  # single images need not be a stack
        return family
    return [_joined(run) for run in runs]


def _overlap(family: Sequence[Stack]) -> bool:
    """Whether two of the series show one place, or slices that lie in each other."""
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
    """Stacks that were acquired one after the other; the family as a whole where it does not come apart so."""
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
    """The same; stacks of one series with one part name get a number behind it."""
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
    """A description without the numbers by which slices may be counted in it."""
    return re.sub(r"\d+", "#", plain(text))
