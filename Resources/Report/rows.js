const UNUSUAL = 3.5;  // robust standard deviations; a warning weighs as much
const NONE = "\u2013";
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const names = [...new Set(data.cases.flatMap((one) => one.structures.map((structure) => structure.name)))];
const withBeats = data.cases.some((one) => one.beat);
const marks = new Marks(data.run, new Map(data.cases.map((one) => [one.case, Date.parse(one.date) || 0])));
const collator = new Intl.Collator(undefined, {numeric: true});

function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function button(text, action, properties = {}) {
  return element("button", {type: "button", onclick: action, ...properties}, text);
}

function fixed(value, digits) {
  return value === null || value === undefined ? NONE : value.toFixed(digits);
}

function swatch(name) {
  const node = element("span", {className: "swatch"});
  if (data.colors[name]) node.style.background = `rgb(${data.colors[name]})`;
  else node.hidden = true;
  return node;
}

// rows: one tbody a case, built once; order and filters only move and hide them

const columns = [
  {title: "Case", value: (row) => row.case.case, start: 1},
  {title: "Outlier score", value: (row) => row.score, start: -1, hint:
    "Robust standard deviations between the most unusual volume and the run's median, plus 3.5 for each warning"},
  {title: "Warnings", value: (row) => row.case.notices.length, start: -1},
  {title: "Confidence", value: (row) => row.case.confidence, start: 1},
  {title: "Review", value: (row) => ["", "poor", "checked"].indexOf(marks.get(row.case.case).mark), start: 1, hint:
    "Unmarked cases first, then poor ones, then checked ones"},
  ...(withBeats ? [{title: "LV EF", unit: "%", value: (row) => row.case.beat?.ef ?? null, start: 1, hint:
    "Left-ventricular ejection fraction of a cine"}] : []),
  ...names.map((name) => ({title: name, unit: "ml", value: (row) => row.volumes[names.indexOf(name)], start: -1})),
];

function makeRow(one) {
  const found = names.map((name) => one.structures.find((structure) => structure.name === name));
  const row = {
    case: one,
    volumes: found.map((structure) => structure?.volume_ml ?? null),
    score: one.error ? Infinity
      : Math.max(0, ...found.map((structure) => Math.abs(structure?.deviation ?? 0))) + UNUSUAL * one.notices.length,
    text: [one.case, one.input, one.model, one.error, ...one.notices.map((each) => each.text)].join("\n").toLowerCase(),
  };
  row.note = element("input", {className: "note", placeholder: "Note", "aria-label": `Note on ${one.case}`});
  row.note.onchange = () => mark(row, {note: row.note.value.trim()});
  row.buttons = markButtons(row);
  row.state = cell(NONE);
  const head = element("th", {scope: "row", rowSpan: 2}, element("div", {className: "who"},
    element("span", {className: "name"}, one.case),
    element("span", {className: "from", title: one.input}, one.model || one.input),
    element("span", {className: "marks"}, ...row.buttons, ...reportLinks(one)), row.note));
  const numbers = element("tr", {className: "numbers"}, head,
    cell(one.error ? "failed" : fixed(row.score, 1)),
    cell(one.notices.length ? `\u26a0 ${one.notices.length}` : one.error ? NONE : "0"), cell(fixed(one.confidence, 2)),
    row.state,
    ...(withBeats ? [cell(fixed(one.beat?.ef, 1))] : []),
    ...found.map((structure) => volumeCell(structure, one.notices)));
  const look = element("div", {className: "look"}, pictureOf(row), smallCurve(row), reasons(one));
  row.body = element("tbody", {tabIndex: -1, "aria-label": one.case}, numbers,
    element("tr", {}, element("td", {colSpan: columns.length - 1}, look)));
  row.body.classList.toggle("failed", Boolean(one.error));
  row.body.onpointerdown = () => select(row, false);
  return row;
}

// Links to the pages of a case, which open beside this one.
function reportLinks(one) {
  return one.reports.map((href) => element("a", {href, target: "_blank"}, href.endsWith(".pdf") ? "PDF" : "Report"));
}

function cell(text) {
  return element("td", {}, text);
}

function volumeCell(structure, notices) {
  const node = cell(fixed(structure?.volume_ml, 1));
  const distance = Math.abs(structure?.deviation ?? 0);
  if (distance >= UNUSUAL) {
    const [arrow, side] = structure.deviation > 0 ? ["\u25b2", "above"] : ["\u25bc", "below"];
    const title = `${fixed(distance, 1)} robust standard deviations ${side} the run's median`;
    node.prepend(element("span", {className: "unusual", title}, arrow), " ");
  }
  const own = notices.filter((notice) => structure && notice.structure === structure.name);
  if (own.length) {
    node.append(" ", element("span", {className: "warned", title: own.map((each) => each.text).join("\n")}, "\u26a0"));
  }
  return node;
}

function pictureOf(row) {
  const nothing = element("span", {className: "nothing"}, "No preview");
  if (!row.case.picture) return row.case.error ? "" : nothing;
  const image = element("img", {loading: "lazy", alt: `Slices of ${row.case.case}`, src: row.case.picture});
  image.onerror = () => image.replaceWith(nothing);
  return button(image, () => enlarge(row), {className: "strip", title: "Enlarge (Enter)"});
}

function reasons(one) {
  if (one.error) return element("p", {className: "reason"}, element("b", {}, "\u2716 Failed: "), one.error);
  return element("ul", {className: "reasons"}, ...one.notices.map((each) => element("li", {}, `\u26a0 ${each.text}`)));
}

function markButtons(row) {
  return [["checked", "\u2713 Checked"], ["poor", "\u2717 Poor"]].map(([name, text]) => {
    const node = button(text, () => mark(row, {mark: marks.get(row.case.case).mark === name ? "" : name}));
    node.dataset.mark = name;
    return node;
  });
}
