"""Stacks, the images of one volume or cine, and the comparison of images by position, plane and title.

Directions, spacings and positions are compared as numbers, not as text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...notices import Notice
from . import kinds
from .files import Slice
from .identity import plain

DIRECTION = 1e-3
"""Directions whose cosines differ by less (0.06 degrees) count as equal."""

SPACING = 1e-3
"""Pixel spacings whose relative difference is smaller count as equal."""

PLACE = 0.1
"""Images closer than this share of the slice thickness are at the same position; see `same_place`."""


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


def titles(item: Slice) -> tuple[str, str]:
    """Return number and description of an image's series; each may be empty."""
    number, text = item.header.get("SeriesNumber"), item.header.get("SeriesDescription")
    return "" if number is None else str(number), str(text or "")


def where(item: Slice) -> str:
    """Format an image for a message: its file and series."""
    number, description = titles(item)
    return f'{item} (series {number or "without number"} "{description}")'


def study(item: Slice) -> str:
    return str(item.header.get("StudyInstanceUID") or "")


def frame_of_reference(item: Slice) -> str:
    """Return the UID of the coordinate system of positions; positions in different systems cannot be compared."""
    return str(item.header.get("FrameOfReferenceUID") or "")


def numberless(text: object) -> str:
    """Remove the numbers from a description, because they may count slices."""
    return re.sub(r"\d+", "#", plain(text))
