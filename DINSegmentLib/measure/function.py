"""Cardiac function from the labels of a cine: volume curves, ejection fraction, mass, output."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import InputError, ModelError
from ..geometry import Geometry
from ..messages import Sentence as _
from ..model import INFARCT, LEFT_VENTRICLE, MYOCARDIUM, RIGHT_VENTRICLE, Model, label_of
from ..model.orientation import orientation
from ..notices import Notice
from .cardiac import HEART_RATES, MANY, CardiacFunction, Ventricle

_NAMES = {LEFT_VENTRICLE: _("left ventricle"), RIGHT_VENTRICLE: _("right ventricle"), MYOCARDIUM: _("myocardium")}

DENSITY = 1.05
"""Density of myocardium in g/ml."""

APEX_SHARE = 0.25
"""A cavity whose area in the stack's last slice exceeds this share of its largest area extends beyond the stack.

In ACDC's 70 training patients at end-diastole, with manual labels, this holds for 10 left and 3 right ventricles."""

ENCLOSED = 0.95
"""If less of the outline of the left ventricle's basal slice is enclosed by myocardium, it may lie above the base.

In ACDC's 140 training volumes, with manual labels, the share is 0.97 or more."""

_JUMP = 0.2
"""Share of EDV: a volume at ED or ES that differs by more from both neighboring frames is unlikely in a beat.

In a beat of `MANY` frames or more, volumes change little from ED or ES to the next frame."""

_LONGEST = 30_000.0
"""ms; a real-time cine covers several beats, but not more than a breath-hold."""


def cardiac_function(
    labels: Sequence[np.ndarray] | np.ndarray,
    geometry: Geometry,
    model: Model,
    times: Sequence[float] | None = None,
    heart_rate: float | None = None,
    height_cm: float | None = None,
    weight_kg: float | None = None,
) -> CardiacFunction:
    """Measure cardiac function by slice summation: the area in each slice times the slice distance, including the gap.

    Slices are oriented as for the network, see `orientation`. A ventricle that reaches the first or last slice may
    extend beyond the stack, which gives a notice. Its values are not reported if it clearly does: at the apical end, if
    its area there exceeds `APEX_SHARE` of its largest; at the basal end, if its area is largest there at ED and it is
    still there at ES, because the base descends by about a slice and ventricles narrow toward the valves. The basal end
    is the one with more labels at ED, see `base_first`. Values are also not reported if a structure is missing at ED or
    ES, or in a slice between others there; a single frame gives only the mass. If the left ventricle's basal slice is
    not enclosed by myocardium (`ENCLOSED`), the slice counts, with a notice. So does a volume at ED or ES that is far
    from those of the neighboring frames (`_JUMP`).

    Args:
        labels: (K, J, I) uint8 for each frame in temporal order, or one array (T, K, J, I).
        geometry: grid of all frames.
        model: model that made the labels; codes in its manifest identify the structures.
        times: of the frames in ms after the R wave or the first frame; if only a thousandth or a thousand times the
            values fit a heartbeat, their unit is wrong: they are converted, with a notice. Frames too far apart for a
            heartbeat give one, too, see `CardiacFunction.for_person`.
        heart_rate: beats per minute.
        height_cm, weight_kg: of the patient; both are needed for the body surface area.

    Raises:
        ModelError: the model has no left ventricle, or labels infarcts, which are imaged in a single phase.
        InputError: no frames, different grids, unusable times, or heart rate, height or weight out of range.
    """
    _check(labels, geometry, times)
    values = {code: label.value if (label := label_of(model, code)) else None for code in _NAMES}
    cavity, wall = values[LEFT_VENTRICLE], values[MYOCARDIUM]
    if label_of(model, INFARCT) is not None:
        raise ModelError(
            _("The model {model} is for late enhancement, not for cine: choose a cine model.", model=model.id)
        )
    if cavity is None:
        raise ModelError(
            _("The model {model} does not label the left ventricle: choose a cardiac model.", model=model.id)
        )
    axis = orientation(geometry, model.axes).order[0]
    slices = {code: _slices(labels, value, axis) for code, value in values.items()}
    left, voxel_ml = slices[LEFT_VENTRICLE].sum(axis=1), geometry.voxel_volume / 1000
    texts: list[str] = []
    ed, es = _phases(left, texts)
    mass_frame = 0 if len(left) == 1 and left.all() else ed
    heart = sum(counts[mass_frame or 0] for counts in slices.values())
    towards_apex = slice(None, None, 1 if base_first(heart) else -1)
    whole = {
        code: _is_whole(slices[code], towards_apex, [mass_frame, es], _NAMES[code], texts)
        for code in (LEFT_VENTRICLE, RIGHT_VENTRICLE)
        if values[code] is not None
    }
    lv, rv = (
        _ventricle(slices[code][:, towards_apex], voxel_ml, ed, es) if whole.get(code) else Ventricle()
        for code in (LEFT_VENTRICLE, RIGHT_VENTRICLE)
    )
    if rv.sv_ml is not None and rv.sv_ml <= 0:
        rv = replace(rv, sv_ml=None, ef_percent=None, ef_range_percent=None)
        texts.append(
            _(
                "The right ventricle is not smaller at end-systole than at end-diastole: its stroke volume and "
                "ejection fraction are not reported. Check its labels."
            )
        )
    if wall is not None:
        for frame in {frame: None for frame in (mass_frame, es) if frame is not None}:
            planes = np.moveaxis(labels[frame], axis, 0)[towards_apex]
            _check_base(planes, frame, cavity, wall, texts)
    mass = None
    if whole[LEFT_VENTRICLE] and wall is not None and mass_frame is not None:  # a cut-off cavity means a cut-off wall
        mass = slices[MYOCARDIUM][mass_frame].sum() * voxel_ml * DENSITY or None
        if mass is None:
            texts.append(_("No myocardium was found in frame {frame}: mass is not reported.", frame=mass_frame + 1))
    lv_ml, rv_ml, wall_ml = (tuple(n * voxel_ml or None for n in slices[code].sum(axis=1).tolist()) for code in _NAMES)
    found = CardiacFunction(
        lv_ml=lv_ml,
        rv_ml=rv_ml,
        myocardium_ml=wall_ml,
        times_ms=None if times is None else _milliseconds(times, texts),
        ed_frame=ed,
        es_frame=es,
        lv=lv,
        rv=rv,
        mass_g=mass,
        mass_frame=None if mass is None else mass_frame,
        heart_rate=None,
        cardiac_output_l_min=None,
        bsa_m2=None,
        notices=tuple(Notice("function", text) for text in texts),
    )
    return found.for_person(heart_rate, height_cm, weight_kg)


def _check(labels: Sequence[np.ndarray] | np.ndarray, geometry: Geometry, times: Sequence[float] | None) -> None:
    if not len(labels):
        raise InputError(_("The cine has no frames: use a cine with at least one."))
    for number, frame in enumerate(labels, start=1):
        if frame.shape != geometry.shape:
            raise InputError(
                _(
                    "Frame {number} of the cine has {other} voxels, its grid {shape}: use frames on one grid.",
                    number=number,
                    other=frame.shape,
                    shape=geometry.shape,
                )
            )
    if times is None:
        return
    if len(times) != len(labels):
        raise InputError(
            _(
                "The cine has {count} frames and {times} times: provide one time per frame, or none.",
                count=len(labels),
                times=len(times),
            )
        )
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise InputError(_("Frame times are not increasing: sort the frames, or omit the times."))


def _milliseconds(times: Sequence[float], texts: list[str]) -> tuple[float, ...]:
    """Return frame times in ms, with a wrong unit corrected."""
    count = len(times)
    beat = (times[-1] - times[0]) * count / (count - 1) if count > 1 else 0.0  # includes the duration of the last frame
    shortest, longest = (60_000 / rate for rate in reversed(HEART_RATES))
    factor = 1e-3 if beat > _LONGEST else 1e3 if 0 < beat < shortest / 100 else 1.0
    if not shortest <= factor * beat <= longest:
        factor = 1.0
    if factor != 1:
        text = _(
            "The frame times give a cine of {wrong:.3g} s: {right:.3g} s was assumed. Correct their unit in the file.",
            wrong=beat / 1000,
            right=factor * beat / 1000,
        )
        texts.append(text)
    elif beat > _LONGEST:
        texts.append(_("The frames cover {seconds:.0f} s: check the unit of their times.", seconds=beat / 1000))
    return tuple(factor * float(time) for time in times)


def _slices(labels: Sequence[np.ndarray] | np.ndarray, value: int | None, axis: int) -> np.ndarray:
    """Count the voxels of a label in each frame and slice, (T, slices)."""
    across = tuple({0, 1, 2} - {axis})
    return np.array([np.count_nonzero(frame == (256 if value is None else value), axis=across) for frame in labels])


def _phases(left: np.ndarray, texts: list[str]) -> tuple[int | None, int | None]:
    """Find the frames of the largest and the smallest left ventricle; None if the curve does not show one."""
    missing = np.flatnonzero(left == 0) + 1
    if len(missing):
        some = _("frame {numbers}", numbers=", ".join(map(str, missing)))
        where = _("any frame") if len(missing) == len(left) else some
        texts.append(
            _(
                "No left ventricle was found in {where}: end-systole and ejection fractions are not reported.",
                where=where,
            )
        )
    if len(left) == 1:
        texts.append(_("The input has one frame; ejection fraction needs a cine."))
        return None, None
    if not left.any():
        return None, None
    ed, es = int(left.argmax()), int(left.argmin())
    if left[ed] == left[es]:
        texts.append(_("The left ventricle has the same volume in every frame. Check that the input is a cine."))
        return None, None
    return ed, None if len(missing) else es


def base_first(heart: np.ndarray) -> bool:
    """Whether the stack begins at the base: with the half in which the heart, (slices,) voxels, is larger.

    An end slice less than half as large as its neighbor does not count: at the valves and at the tip, such a remnant
    says nothing about the end. Ventricles and wall together at ED, in the references of ACDC (160 volumes) and EMIDEC
    (76), always give the right end; the left ventricle's first and last slice do not.
    """
    held = trimmed = heart[heart > 0]
    while len(trimmed) > 2 and trimmed[0] < trimmed[1] / 2:
        trimmed = trimmed[1:]
    while len(trimmed) > 2 and trimmed[-1] < trimmed[-2] / 2:
        trimmed = trimmed[:-1]
    lead = _lead(trimmed) or _lead(held)  # in a straight heart, the end slices decide after all
    return lead >= 0


def _lead(slices: np.ndarray) -> int:
    """By how many voxels the first half of the slices is larger than the last."""
    half = max(1, len(slices) // 2)
    return int(slices[:half].sum()) - int(slices[-half:].sum())


def _is_whole(
    stored: np.ndarray, towards_apex: slice, frames: Sequence[int | None], name: str, texts: list[str]
) -> bool:
    """Whether a ventricle's values are reliable, from its voxels in each frame and stored slice (T, slices)."""
    slices = stored[:, towards_apex]
    known = [frame for frame in frames if frame is not None]
    if not known:
        return False
    if lost := [frame + 1 for frame in known if not slices[frame].any()]:
        texts.append(
            _(
                "No {name} was found in frame {frame}: its volumes and ejection fraction are not reported.",
                name=name,
                frame=lost[0],
            )
        )
        return False
    if gaps := [(frame + 1, hole + 1) for frame in known for hole in _holes(stored[frame])]:
        texts.append(
            _(
                "Frame {frame}: the {name} is missing in slice {slice}, between slices that show it: its volumes and "
                "ejection fraction are not reported.",
                name=name,
                frame=gaps[0][0],
                slice=gaps[0][1],
            )
        )
        return False
    if end := cut(slices, known):
        texts.append(
            _(
                "The stack does not cover the {end} of the {name}: its volumes and ejection fraction are not reported.",
                name=name,
                end=end,
            )
        )
        return False
    reached = [end for end, place in ((_("base"), 0), (_("apex"), -1)) if slices[known, place].any()]
    if reached:
        ends = _("{first} and the {second}", first=reached[0], second=reached[1]) if len(reached) > 1 else reached[0]
        texts.append(
            _(
                "The {name} extends to the last slice at the {ends}: part of it may be outside the stack.",
                name=name,
                ends=ends,
            )
        )
    _check_jumps(slices.sum(axis=1), known, name, texts)
    return True


def _holes(slices: np.ndarray) -> list[int]:
    """Slices without voxels between slices with voxels."""
    held = np.flatnonzero(slices)
    return [place for place in range(held[0], held[-1]) if not slices[place]]


def _check_jumps(volumes: np.ndarray, frames: Sequence[int], name: str, texts: list[str]) -> None:
    """Warn if the volume at ED or ES (the frames) differs from both neighbors by more than `_JUMP` of EDV.

    The first frame is the neighbor of the last. If the cine is only a part of a beat, the other neighbor decides.
    """
    if len(volumes) < MANY:
        return
    for frame in frames:
        jumps = [abs(int(volumes[frame]) - int(volumes[(frame + step) % len(volumes)])) for step in (-1, 1)]
        if (share := min(jumps) / int(volumes[frames[0]])) > _JUMP:
            texts.append(
                _(
                    "Frame {frame}: the volume of the {name} differs from both neighboring frames by at least "
                    "{share:.0%} of its end-diastolic volume. Check its labels in this frame.",
                    name=name,
                    frame=frame + 1,
                    share=share,
                )
            )


def _check_base(planes: np.ndarray, frame: int, left: int, wall: int, texts: list[str]) -> None:
    """Warn if myocardium encloses the left ventricle in most slices of a frame (slices, n, m) but not at its base."""
    shares = [enclosed(plane == left, plane == wall) for plane in planes if (plane == left).any()]
    if shares and shares[0] < ENCLOSED <= np.median(shares):
        texts.append(
            _(
                "Frame {frame}: myocardium surrounds only {share:.0%} of the left ventricle in its most basal slice. "
                "Check whether this slice is above the base.",
                frame=frame + 1,
                share=shares[0],
            )
        )


def enclosed(cavity: np.ndarray, wall: np.ndarray) -> float:
    """Share of a cavity's outline (pixel edges) that borders on wall."""
    cavity, wall = np.pad(cavity, 1), np.pad(wall, 1)
    edges = walled = 0
    for axis in (0, 1):
        for step in (1, -1):
            rim = cavity & ~np.roll(cavity, step, axis)
            edges += int(np.count_nonzero(rim))
            walled += int(np.count_nonzero(rim & np.roll(wall, step, axis)))
    return walled / edges


def _ventricle(slices: np.ndarray, voxel_ml: float, ed: int | None, es: int | None) -> Ventricle:
    """Measure a complete ventricle from its voxels in each frame and slice (T, slices), base first."""
    if ed is None:
        return Ventricle()
    at_ed = _by_base(slices[ed], voxel_ml)
    edv, edv_range = at_ed[1], (at_ed[0], at_ed[2])
    if es is None:
        return Ventricle(edv_ml=edv, edv_range_ml=edv_range)
    at_es = _by_base(slices[es], voxel_ml)
    esv = at_es[1]
    pairs = [*((volume, esv) for volume in at_ed if volume > 0), *((edv, volume) for volume in at_es)]
    fractions = [100 * (1 - systole / diastole) for diastole, systole in pairs]
    return Ventricle(
        edv_ml=edv,
        esv_ml=esv,
        sv_ml=edv - esv,
        ef_percent=100 * (1 - esv / edv),
        edv_range_ml=edv_range,
        esv_range_ml=(at_es[0], at_es[2]),
        ef_range_percent=(min(fractions), max(fractions)),
    )


def cut(slices: np.ndarray, frames: Sequence[int]) -> str | None:
    """Return the end, base or apex, at which the stack clearly cuts off the ventricle; see `cardiac_function`."""
    if any(slices[frame, -1] > APEX_SHARE * slices[frame].max() for frame in frames):
        return _("apex")
    if slices[frames[0], 0] == slices[frames[0]].max() and slices[frames, 0].all():
        return _("base")
    return None


def _by_base(slices: np.ndarray, voxel_ml: float) -> tuple[float, float, float]:
    """Volume in ml without the ventricle's most basal slice, as it is, and with that slice counted twice."""
    voxels, base = int(slices.sum()), int(slices[slices > 0][0])
    return (voxels - base) * voxel_ml, voxels * voxel_ml, (voxels + base) * voxel_ml
