"""The review page's curves: what it knows of a cine, and the JavaScript that draws it, which follows `report_rows`."""

from collections.abc import Mapping
from typing import Any

_FIGURES = (
    ("EDV", "edv_ml", "ml", "edv_range_ml"),
    ("ESV", "esv_ml", "ml", "esv_range_ml"),
    ("stroke volume", "sv_ml", "ml", None),
    ("ejection fraction", "ef_percent", "%", "ef_range_percent"),
)


def beat(cine: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Of a record's ``cine``, what the page shows: volumes in ml by frame, times in ms, frames counted from 0.

    ``figures`` are rows of a name, a value, a unit and a range, null where something was withheld or is not known.
    """
    if not cine:
        return None
    function = cine["function"]
    sides = [(side, function[side.lower()]) for side in ("LV", "RV")]
    figures = [
        [f"{side} {name}", _round(one[key]), unit, [_round(end) for end in one[ends]] if ends and one[ends] else None]
        for side, one in sides
        for name, key, unit, ends in _FIGURES
    ]
    figures.append(["LV mass", _round(function["mass_g"]), "g", None])
    if function["heart_rate"] is not None:
        figures.append(["Heart rate", _round(function["heart_rate"]), "/min", None])
        figures.append(["Cardiac output", _round(function["cardiac_output_l_min"]), "l/min", None])
    return {
        "frames": cine["frames"],
        "frame": cine["frame"] - 1,
        "times": function["times_ms"] and [_round(time) for time in function["times_ms"]],
        "lv": [_round(volume) for volume in function["lv_ml"]],
        "rv": [_round(volume) for volume in function["rv_ml"]],
        "ed": function["ed_frame"],
        "es": function["es_frame"],
        "ef": _round(function["lv"]["ef_percent"]),
        "figures": figures,
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


CURVES = r"""
// the beat of a cine: volumes of both ventricles over time, drawn where they stand

function drawn(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A round number of at least this size.
function tick(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((one) => power * one >= least);
}

// full: with axes and a dot for each frame
function curveOf(one, width, height, full) {
  const beat = one.beat;
  const [left, right, top, bottom] = full ? [44, width - 16, 22, height - 40] : [6, width - 6, 16, height - 6];
  const places = beat.times ?? beat.lv.map((_, frame) => frame + 1);
  const step = tick(Math.max(1, ...beat.lv, ...beat.rv) / 5);
  const most = step * Math.ceil(Math.max(1, ...beat.lv, ...beat.rv) / step);
  const x = (frame) => left + (places[frame] - places[0]) / (places.at(-1) - places[0] || 1) * (right - left);
  const y = (volume) => bottom - volume / most * (bottom - top);
  const text = (content, at, attributes) => drawn("text", {x: at[0], y: at[1], ...attributes}, content);
  const rule = (at) => drawn("line", {class: "rule", x1: at[0], y1: at[1], x2: at[2], y2: at[3]});
  const parts = [rule([left, bottom, right, bottom])];
  if (full) {
    for (let volume = 0; volume <= most; volume += step) {
      parts.push(rule([left, y(volume), right, y(volume)]),
        text(`${volume}`, [left - 6, y(volume) + 4], {"text-anchor": "end"}));
    }
    const below = (content, at) => text(content, [at, bottom + 16], {"text-anchor": "middle"});
    parts.push(...[0, places.length - 1].map((frame) => below(fixed(places[frame], 0), x(frame))),
      below(beat.times ? "ms" : "frame", (left + right) / 2),
      text("ml", [left - 6, top - 8], {"text-anchor": "end"}));
  }
  for (const [name, frame] of [["ED", beat.ed], ["ES", beat.es]]) {
    if (frame === null) continue;
    const side = x(frame) < left + 12 ? "start" : x(frame) > right - 12 ? "end" : "middle";
    parts.push(drawn("line", {class: "mark", x1: x(frame), y1: top, x2: x(frame), y2: bottom}),
      text(name, [x(frame), top - 4], {"text-anchor": side}));
  }
  for (const [side, volumes] of [["RV", beat.rv], ["LV", beat.lv]]) {
    const color = data.sides[side] ? `rgb(${data.sides[side]})` : "currentColor";
    const line = volumes.map((volume, frame) => (volume === null ? ""
      : `${(volumes[frame - 1] ?? null) === null ? "M" : "L"}${x(frame).toFixed(1)} ${y(volume).toFixed(1)}`));
    parts.push(drawn("path", {class: "curve", "data-side": side, d: line.join(""), stroke: color}));
    if (!full) continue;
    volumes.forEach((volume, frame) => {
      if (volume === null) return;
      const time = beat.times ? `, ${fixed(places[frame], 0)} ms` : "";
      const told = drawn("title", {}, `${side} ${fixed(volume, 1)} ml, frame ${frame + 1}${time}`);
      parts.push(drawn("circle", {cx: x(frame), cy: y(volume), r: 3.5, fill: color}, told));
    });
    const at = side === "LV" ? left : left + 60;
    parts.push(drawn("circle", {cx: at + 5, cy: height - 8, r: 5, fill: color}), text(side, [at + 15, height - 4], {}));
  }
  const label = `Volumes of ${one.case} over the beat, ejection fraction of the left ventricle ${percent(beat.ef)}`;
  return drawn("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label}, ...parts);
}

function percent(value) {
  return value === null ? "withheld" : `${fixed(value, 1)} %`;
}

// The curve of a row, which opens the large view.
function smallCurve(row) {
  if (!row.case.beat) return "";
  const title = "Volumes of both ventricles over the beat: enlarge (Enter)";
  return button(curveOf(row.case, 190, 112, false), () => enlarge(row), {className: "beat", title});
}

// Curve and figures for the large view.
function largeCurve(one) {
  const {beat} = one;
  if (!beat) return [];
  const heading = ["", "Value", "One base slice less or more"].map((text) => element("th", {scope: "col"}, text));
  const figures = beat.figures.map(([name, value, unit, range]) => element("tr", {},
    element("th", {scope: "row"}, name), cell(value === null ? "withheld" : `${fixed(value, 1)} ${unit}`),
    cell(range ? `${fixed(range[0], 1)} to ${fixed(range[1], 1)}` : "")));
  const shown = `Slices, structures and confidence are of frame ${beat.frame + 1} of ${beat.frames}.`;
  return [curveOf(one, 560, 300, true),
    element("div", {}, element("table", {className: "figures"}, element("tr", {}, ...heading), ...figures),
      element("p", {}, shown))];
}
"""
