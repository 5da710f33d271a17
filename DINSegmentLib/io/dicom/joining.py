"""Joining of series of one slice position each: many scanners store a series for every slice."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from . import kinds
from .stacks import Stack, are_alike, numberless, places, same_place, study


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
