"""Joining of series of one slice position each: many scanners store a series for every slice."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from . import kinds
from .stacks import Stack, are_alike, frame_of_reference, numberless, places, same_place, study


def join(parts: Sequence[Stack], person: dict) -> list[Stack]:
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
        first.pixel_size  # noqa: B018, raises if damaged, before another series is compared with it
        key = (
            person[first.key], study(first) or first.path.parent, one.part,
            numberless(one.description), numberless(first.header.get("ProtocolName")), len(one.slices) > 1,
        )  # fmt: skip
        for known, members in families.items():
            like = isinstance(known, tuple) and known[:-1] == key and are_alike(members[0].slices[0], first)
            if like and len({frame_of_reference(each.slices[0]) for each in (one, *members)} - {""}) < 2:
                return known
        return *key, len(families)
    except (ValueError, TypeError, AttributeError, OverflowError):  # damaged; reported when the file is read
        return None


def _stacks_of_family(family: list[Stack]) -> list[Stack]:
    """Join series of one position each with parallel planes: one stack, or several if they show a region twice.

    They stay single if they show it twice and their order does not reveal which of them belong together.
    """
    if len(family) == 1:
        return family
    family = sorted(family, key=_by_number)
    by_text = defaultdict(list)
    for one in family:
        by_text[one.description].append(one)
    if len(by_text) > 1 and _overlap(family):
        return [stack for group in by_text.values() for stack in _stacks_of_family(group)]
    overlap = _overlap(family)
    runs = _runs(family) if overlap or not _thickness(family) else [family]
    if len(runs) > 1 and not all(len(run) > 2 and not _overlap(run) for run in runs):
        if overlap and len({len(group) for group in places([one.slices[0] for one in family])}) == 1:
            return family
        runs = [family]  # a position that is repeated among others is named when the stack is read
    if len(family[0].slices) == 1 and any(len(run) < 3 for run in runs):  # single images need not form a stack
        return family
    return [_joined(run) for run in runs]


def _overlap(family: Sequence[Stack]) -> bool:
    """Whether two of the series show the same position, or overlapping slices."""
    together = [one.slices[0] for one in family]
    found = places(together)
    if len(found) < len(family):
        return True
    thickness = _thickness(family)
    normal = np.cross(*together[0].axes)
    gaps = np.diff([float(group[0].position @ normal) for group in found])
    if not len(gaps) or not thickness:
        return False
    is_uneven = gaps.min() < 0.9 * thickness and gaps.min() < 0.75 * gaps.max()
    return bool(is_uneven or gaps.max() < 0.75 * thickness)


def _thickness(family: Sequence[Stack]) -> float:
    """Slice thickness in mm; 0 if it is unknown."""
    return max(0.0, kinds.number(family[0].slices[0].header, "SliceThickness") or 0.0)


def _runs(family: Sequence[Stack]) -> list[list[Stack]]:
    """Split where a position is repeated, or where the order of the series returns into the region that they cover."""
    normal, tolerance = np.cross(*family[0].slices[0].axes), same_place(family[0].slices)
    runs: list[list[Stack]] = [[]]
    heights: list[float] = []  # of the current run
    for one in family:
        height = float(one.slices[0].position @ normal)
        back = bool(heights) and min(heights) < height < max(heights)
        far = back and abs(height - heights[-1]) > 0.5 * (max(heights) - min(heights))
        turned = back and len(heights) > 1 and (height - heights[-1]) * (heights[-1] - heights[-2]) < 0
        if far or turned or any(abs(height - other) < tolerance for other in heights):
            started = turned and _began_before(heights, height)
            runs.append([runs[-1].pop()] if started else [])
            heights = heights[-1:] if started else []
        runs[-1].append(one)
        heights.append(height)
    return runs


def _began_before(heights: Sequence[float], height: float) -> bool:
    """Whether the last position of a run fits the distances of the next run better, which turns back from there."""
    if len(heights) < 3:
        return False
    usual, last = abs(heights[-2] - heights[-3]), abs(heights[-1] - heights[-2])
    return abs(abs(height - heights[-1]) - usual) < abs(last - usual)


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
