"""Grouping of images into volumes and cines, in one place for all commands and inputs.

Images form a stack if patient, study, series and frame of reference agree, and also what they show (magnitude or
phase, description, protocol, echo, kernel). Series of one slice position each form a stack if their planes are
parallel and similar.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...notices import Notice
from . import kinds
from .files import Slice
from .identity import Identity, identities, shown, spellings
from .joining import join
from .stacks import Stack, frame_of_reference, numberless, places, study, titles

_MOST_PARTS = 12  # distinct values of an attribute in a series; more are a time course
_JITTER = 1e-3  # numbers whose relative difference is smaller are one value of an attribute, as scanners round them
_PARTS = (  # attributes that separate images at one position that are not frames of a cine, and their names in messages
    ("ImageType", "image type"), ("EchoNumbers", "echo"), ("EchoTime", "echo time"),
    ("InversionTime", "inversion time"), ("DiffusionBValue", "b-value"), ("ConvolutionKernel", "kernel"),
    ("SeriesDescription", "description"), ("ProtocolName", "protocol"),
)  # fmt: skip


def stacks_of(slices: Sequence[Slice]) -> list[Stack]:
    """Sort images into stacks, in the order of their first images; those not meant for segmentation have a ``kind``."""
    series: dict[Hashable, list[Slice]] = defaultdict(list)
    person: dict[Path | tuple, Identity] = {}
    for item, identity in zip(slices, identities(slices), strict=True):
        person[item.key] = identity
        series[_series_key(item)].append(item)
    parts = [part for items in series.values() for part in _parts_of_series(items, person)]
    joined = join(parts, person)
    return [_with_spellings(one) for one in _named_apart(joined)]


def _series_key(item: Slice) -> Hashable:
    """Key of an image's series: its UID or, if anonymization removed it, folder, study, number and description."""
    uid = str(item.header.get("SeriesInstanceUID") or "")
    return uid or (item.path.parent, study(item), *titles(item))


def _parts_of_series(items: Sequence[Slice], person: dict) -> list[Stack]:
    """Split a series into the stacks that it holds, each named by what distinguishes it."""
    parts: list[tuple[str, list[Slice]]] = [("", list(items))]
    people = {person[item.key] for item in items}
    parts = _split(parts, lambda item: person[item.key], "", shown)
    parts = _split(parts, study, "study", str)
    parts = _split(parts, kinds.kind, "", str)
    parts = _split(parts, lambda item: numberless(titles(item)[1]), "description", str)
    parts = _split(parts, lambda item: numberless(item.header.get("ProtocolName")), "protocol", str)
    parts = _split(parts, lambda item: str(item.header.get("StackID") or ""), "stack", str)
    parts = [one for part in parts for one in _by_frame_of_reference(*part)]
    parts = [one for part in parts for one in _by_folder(*part)]
    for tag, called in _PARTS:
        parts = [one for part in parts for one in _by_attribute(*part, tag, called)]
    parts = [one for part in parts for one in _by_acquisition(*part)]
    number, description = titles(items[0])
    told = ""
    if len(people) == 1 and len({study(item) for item in items}) > 1:
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


def _by_frame_of_reference(part: str, items: list[Slice]) -> list[tuple[str, list[Slice]]]:
    """Split by frame of reference, counted from 1 in names; images without one stay with those of the only one."""
    known = list(dict.fromkeys(map(frame_of_reference, items)))
    if len({*known} - {""}) < 2 or len(known) == len(items) > 2:  # each image its own: an anonymization made them up
        return [(part, items)]
    return _split([(part, items)], lambda item: 1 + known.index(frame_of_reference(item)), "frame of reference", str)


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
    stored = {item.key: kinds.value(item.header, tag) for item in items}
    shared = _without_jitter(stored.values())
    values = {key: shared.get(value, value) for key, value in stored.items()}
    if not 1 < len(set(values.values())) <= _MOST_PARTS:
        return [(part, items)]
    try:
        differ = any(len({values[item.key] for item in group}) > 1 for group in places(items))
    except (ValueError, TypeError, AttributeError, OverflowError):
        return [(part, items)]
    return _split([(part, items)], lambda item: values[item.key], called, str) if differ else [(part, items)]


def _without_jitter(values: Iterable[Hashable]) -> dict[Hashable, float]:
    """Map numbers to the lowest of those that differ only by rounding, written with three decimals."""
    result: dict[Hashable, float] = {}
    lowest = -math.inf
    for value in sorted({value for value in values if isinstance(value, float)}):
        if not math.isclose(value, lowest, rel_tol=_JITTER):
            lowest = value
        result[value] = round(lowest, 3)
    return result


def _by_acquisition(part: str, items: list[Slice]) -> list[tuple[str, list[Slice]]]:
    """Split a cine that was acquired several times; numbers that count slices, frames or images do not split it."""
    numbers = {item.key: kinds.number(item.header, "AcquisitionNumber") or 0.0 for item in items}
    known = sorted({*numbers.values()})
    if len(known) < 2:
        return [(part, items)]
    try:
        groups = places(items)
    except (ValueError, TypeError, AttributeError, OverflowError):  # damaged; reported when the file is read
        return [(part, items)]
    if not any(_are_cines(groups, numbers, tag) for tag in kinds.TIMES):
        return [(part, items)]
    # counted from 1, because in the series of another slice the numbers may continue
    return _split([(part, items)], lambda item: 1 + known.index(numbers[item.key]), "acquisition", str)


def _are_cines(groups: Sequence[Sequence[Slice]], numbers: Mapping[tuple, float], tag: str) -> bool:
    """Whether each acquisition is a cine of every position, and at every position they share a time."""
    shares = set()
    for group in groups:
        times = [kinds.number(item.header, tag) for item in group]
        acquired = [numbers[item.key] for item in group]
        if None in times or not len(set(times)) < len(set(zip(acquired, times, strict=True))) == len(group):
            return False
        shares.add(frozenset(Counter(acquired).items()))
    return len(shares) == 1 and min(count for _, count in shares.pop()) > 1


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
