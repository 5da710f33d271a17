// the cardiac cycle of a cine: its curve, drawn when the page was made, and its values

function drawn(svg) {
  const frame = element("template");
  frame.innerHTML = svg;
  return frame.content;
}

// The curve of a row, which opens the large view.
function smallCurve(row) {
  if (!row.case.beat?.small) return "";
  const title = "Volumes of both ventricles over the cardiac cycle: enlarge (Enter)";
  return button(drawn(row.case.beat.small), () => enlarge(row), {className: "beat", title});
}

// Curve and values for the large view.
function largeCurve(one) {
  const {beat} = one;
  if (!beat) return [];
  const heading = ["", "Value", "One basal slice fewer or more"].map((text) => element("th", {scope: "col"}, text));
  const figures = beat.figures.map(([name, value, range]) => element("tr", {},
    element("th", {scope: "row"}, name), cell(value), cell(range)));
  const shown = `Slices, structures and confidence are of frame ${beat.frame} of ${beat.frames}.`;
  return [drawn(beat.large),
    element("div", {}, element("table", {className: "figures"}, element("tr", {}, ...heading), ...figures),
      element("p", {}, shown))];
}
