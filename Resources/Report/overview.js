const rows = data.cases.map(makeRow);
let order = rows, shown = rows, current = null, sorted = {column: columns[1], direction: -1};

// order

const heads = columns.map((column, place) => {
  const control = button(column.title, () => sortBy(column));
  if (column.unit) control.prepend(swatch(column.title));
  control.append(column.unit ? ` ${column.unit} ` : " ", element("span", {className: "arrow", "aria-hidden": "true"}));
  return element("th", {scope: "col", className: place ? "" : "first", title: column.hint ?? ""}, control);
});
const table = document.querySelector("main table");
table.tHead.append(element("tr", {}, ...heads));
table.style.minWidth = `${15.5 + 5.8 * columns.length}rem`;

function sortBy(column) {
  sort(column, column === sorted.column ? -sorted.direction : column.start);
  scrollTo({top: 0});
  select(shown[0], false);
}

function sort(column, direction) {
  sorted = {column, direction};
  const keyed = rows.map((row) => [column.value(row), row]);
  keyed.sort(([a, rowA], [b, rowB]) => (a === null) - (b === null)  // what is not known comes last
    || (a === b ? 0 : direction * (typeof a === "string" ? collator.compare(a, b) : a - b))
    || collator.compare(rowA.case.case, rowB.case.case));
  order = keyed.map(([, row]) => row);
  table.append(...order.map((row) => row.body));
  heads.forEach((head, place) => {
    const here = columns[place] === column;
    head.setAttribute("aria-sort", here ? (direction > 0 ? "ascending" : "descending") : "none");
    head.querySelector(".arrow").textContent = here ? (direction > 0 ? "\u25b2" : "\u25bc") : "";
  });
  shown = order.filter((row) => !row.body.hidden);
}

// filters: a row passes when it has every word, the volume, the confidence, and one of each group of pressed buttons

const markOf = (row) => marks.get(row.case.case).mark;
const toggles = [
  {group: "result", text: "Warnings", passes: (row) => row.case.notices.length > 0},
  {group: "result", text: "Failures", passes: (row) => row.case.error !== ""},
  {group: "mark", text: "Unmarked", passes: (row) => markOf(row) === ""},
  {group: "mark", text: "Checked", passes: (row) => markOf(row) === "checked"},
  {group: "mark", text: "Poor", passes: (row) => markOf(row) === "poor"},
];
for (const toggle of toggles) {
  toggle.count = element("span", {className: "count"});
  toggle.node = button(`${toggle.text} `, () => press(toggle, !toggle.on));
  toggle.node.append(toggle.count);
}
$("toggles").append("Only ", ...toggles.map((toggle) => toggle.node));
$("structure").append(...names.map((name) => element("option", {}, name)));
for (const id of ["text", "structure", "least", "most", "sure"]) $(id).oninput = filter;
$("clear").onclick = () => {
  for (const id of ["text", "least", "most", "sure"]) $(id).value = "";
  for (const toggle of toggles) toggle.on = false;
  filter();
};

function press(toggle, on) {
  toggle.on = on;
  filter();
}

function filter() {
  const words = $("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const structure = names.indexOf($("structure").value);
  const [least, most, sure] = [$("least").value, $("most").value, $("sure").value];
  const groups = ["result", "mark"].map((group) => toggles.filter((toggle) => toggle.on && toggle.group === group));
  for (const row of rows) {
    const text = words.length ? `${row.text}\n${row.note.value.toLowerCase()}` : "";
    const volume = row.volumes[structure] ?? null;
    row.body.hidden = !(words.every((word) => text.includes(word))
      && (!least || (volume !== null && volume >= Number(least)))
      && (!most || (volume !== null && volume <= Number(most)))
      && (!sure || (row.case.confidence !== null && row.case.confidence <= Number(sure)))
      && groups.every((group) => !group.length || group.some((toggle) => toggle.passes(row))));
  }
  for (const toggle of toggles) toggle.node.setAttribute("aria-pressed", Boolean(toggle.on));
  shown = order.filter((row) => !row.body.hidden);
  $("shown").textContent = `${shown.length} of ${rows.length} shown`;
  $("nothing").hidden = shown.length > 0;
  if (!current || current.body.hidden) select(shown[0], false);
}

// the case in hand

function select(row, reveal) {
  if (current) current.body.removeAttribute("aria-current");
  current = row ?? null;
  if (!current) return;
  current.body.setAttribute("aria-current", "true");
  if (reveal) {
    current.body.scrollIntoView({block: "nearest"});
    if (!$("large").open) current.body.focus({preventScroll: true});
  }
}

function step(count) {
  const place = shown.indexOf(current) + count;
  if (shown[place]) select(shown[place], true);
  if ($("large").open) enlarge(current);
}

function mark(row, change) {
  const place = shown.indexOf(row);
  marks.set(row.case.case, change);
  showMark(row);
  count();
  filter();
  if (row === current || !row.body.hidden || place < 0) return;
  select(shown[Math.min(place, shown.length - 1)], true);  // the filters hide it now: the next takes its place
  if ($("large").open && current) enlarge(current);
  else $("large").close();
}

function showMark(row) {
  const entry = marks.get(row.case.case);
  row.body.dataset.mark = entry.mark;
  row.note.value = entry.note;
  row.state.textContent = entry.mark || NONE;
  const large = current === row ? [...$("large-marks").children] : [];
  for (const node of [...row.buttons, ...large]) node.setAttribute("aria-pressed", node.dataset.mark === entry.mark);
}

function count() {
  for (const toggle of toggles) toggle.count.textContent = rows.filter(toggle.passes).length;
  const [unmarked, checked, poor] = toggles.slice(2).map((toggle) => toggle.count.textContent);
  $("counts").textContent = `${checked} checked \u00b7 ${poor} poor \u00b7 ${unmarked} unmarked`;
  $("done").value = rows.length - Number(unmarked);
}

function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

// the large view

async function enlarge(row) {
  select(row, true);
  const one = row.case;
  $("large-name").textContent = one.case;
  $("large-marks").replaceChildren(...markButtons(row));
  $("large-links").replaceChildren(...reportLinks(one));
  showMark(row);
  const heading = ["", "Structure", "ml", "Deviation", "Mean", "SD", "Slices", "Confidence", "At the border"];
  $("numbers").replaceChildren(element("tr", {}, ...heading.map((text) => element("th", {scope: "col"}, text))),
    ...one.structures.map((structure) => element("tr", {}, cell(fixed(structure.value, 0)),
      element("th", {scope: "row"}, swatch(structure.name), structure.name),
      ...[["volume_ml", 1], ["deviation", 1], ["mean", 1], ["sd", 1], ["slices", 0], ["confidence", 2]].map(
        ([key, digits]) => cell(fixed(structure[key], digits))), cell(structure.touches_border ? "yes" : "no"))));
  $("numbers").hidden = !one.structures.length;
  $("remarks").replaceChildren(reasons(one), ...[one.input, one.model, ].filter(Boolean).map(
    (text) => element("p", {}, text)));
  $("tiles").replaceChildren();
  $("tiles").classList.remove("single");
  $("slice").textContent = "";
  $("cycle").replaceChildren(...largeCurve(one));
  $("cycle").hidden = !one.beat;
  if (!$("large").open) $("large").showModal();
  if (one.picture) await showTiles(row);
}

// The strip holds squares side by side: each is shown on its own, so that they can be large.
async function showTiles(row) {
  const picture = element("img", {src: row.case.picture});
  await picture.decode().catch(() => say(`The image of ${row.case.case} cannot be read.`));
  if (current !== row || !picture.naturalHeight) return;
  const number = Math.max(1, Math.round(picture.naturalWidth / picture.naturalHeight));
  $("tiles").replaceChildren(...Array.from({length: number}, (_, place) => tileOf(row, place, number)));
  $("tiles").style.setProperty("--columns", Math.min(4, number));
}

function tileOf(row, place, number) {
  const slice = row.case.slices[place];
  const alt = slice === undefined ? `Slice ${place + 1} of ${number} shown` : `Slice ${slice + 1}`;
  const image = element("img", {src: row.case.picture, alt});
  image.style.objectPosition = `${number > 1 ? 100 * place / (number - 1) : 0}% 0`;
  const toggle = () => showSlice(row, tile.classList.contains("chosen") ? null : place);
  const tile = element("figure", {onclick: toggle}, image);
  if (slice === undefined) return tile;
  const reason = reasonAt(row, place);
  tile.append(element("figcaption", {title: reason}, alt, reason ? " \u26a0" : ""));
  tile.classList.toggle("flagged", reason !== "");
  return tile;
}

// slices to review

// Squares of a case that show a slice to review, the worst first.
function flagged(row) {
  return row.case.review.map((one) => row.case.slices.indexOf(one.slice)).filter((place) => place >= 0);
}

function reasonAt(row, place) {
  return row.case.review.find((one) => one.slice === row.case.slices[place])?.text ?? "";
}

// One square large, with the reason for its review; null: all of them.
function showSlice(row, place) {
  $("tiles").classList.toggle("single", place !== null);
  [...$("tiles").children].forEach((tile, at) => tile.classList.toggle("chosen", at === place));
  const reason = place === null ? "" : reasonAt(row, place);
  $("slice").textContent = place === null ? "" : `Slice ${row.case.slices[place] + 1}${reason ? `: ${reason}` : ""}`;
}

async function stepSlice(count) {
  const chosen = [...$("tiles").children].findIndex((tile) => tile.classList.contains("chosen"));
  const places = flagged(current);
  const next = !$("large").open || chosen < 0 ? (count > 0 ? 0 : places.length - 1) : places.indexOf(chosen) + count;
  if (places[next] !== undefined) {
    if (!$("large").open) await enlarge(current);
    showSlice(current, places[next]);
    return;
  }
  const at = shown.indexOf(current);
  const others = count > 0 ? shown.slice(at + 1) : shown.slice(0, at).reverse();
  const row = others.find((one) => flagged(one).length > 0);
  if (!row) return;
  await enlarge(row);
  showSlice(row, flagged(row).at(count > 0 ? 0 : -1));
}

$("previous").onclick = () => step(-1);
$("next").onclick = () => step(1);
$("close").onclick = () => $("large").close();
$("large").onclose = () => select(current, true);
$("help").onclick = () => $("keys").showModal();
$("keys-close").onclick = () => $("keys").close();

// keys

const keys = [
  [["j", "ArrowDown"], "next case", () => step(1)],
  [["k", "ArrowUp"], "previous case", () => step(-1)],
  [["ArrowRight"], "next slice to review, in this case and then in others", () => stepSlice(1)],
  [["ArrowLeft"], "previous slice to review", () => stepSlice(-1)],
  [["o"], "open the report of the case", () => current.body.querySelector(".marks a")?.click()],
  [["Enter"], "enlarge the slices, or close them", () => ($("large").open ? $("large").close() : enlarge(current))],
  [["1"], "mark as checked", () => mark(current, {mark: "checked"})],
  [["2"], "mark as poor", () => mark(current, {mark: "poor"})],
  [["0"], "unmark", () => mark(current, {mark: ""})],
  [["n"], "write a note; Enter ends it", () => $("large").open || current.note.focus()],
  [["/"], "filter by text; Enter ends it", () => $("large").open || $("text").focus()],
  [["?"], "show these keys", () => $("keys").showModal()],
];
const labels = {ArrowDown: "\u2193", ArrowUp: "\u2191", ArrowRight: "\u2192", ArrowLeft: "\u2190"};
$("key-list").append(...keys.flatMap(([letters, text]) => [
  element("dt", {}, ...letters.map((letter) => element("kbd", {}, labels[letter] ?? letter))), element("dd", {}, text),
]));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || $("keys").open) return;
  if (event.target.matches("input, select")) {
    if (["Enter", "Escape"].includes(event.key)) event.target.blur();
    return;
  }
  const known = keys.find(([letters]) => letters.includes(event.key));
  if (!known || (event.key === "Enter" && event.target.matches("button"))) return;
  event.preventDefault();
  if (current || ["/", "?"].includes(event.key)) known[2]();
});

// marks in and out

$("export").onclick = () => {
  const address = URL.createObjectURL(new Blob(["\uFEFF", marks.toCsv()], {type: "text/csv"}));  // tells Excel: UTF-8
  const name = data.title.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[.-]+|-+$/g, "");
  element("a", {href: address, download: `${name || "run"}-marks.csv`}).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};
$("import").onclick = () => $("file").click();
$("file").onchange = async () => {
  const [file] = $("file").files;
  say(marks.fromCsv(await file.text()));
  $("file").value = "";
  refresh();
};
addEventListener("storage", (event) => {  // another tab has marked
  if (event.key !== marks.key) return;
  marks.read();
  refresh();
});

function refresh() {
  rows.forEach(showMark);
  count();
  filter();
}

// start

new ResizeObserver(() => {
  const bar = document.querySelector(".bar").offsetHeight;
  const root = document.documentElement.style;
  root.setProperty("--bar", `${bar}px`);
  root.setProperty("--top", `${bar + table.tHead.offsetHeight}px`);
}).observe(document.querySelector(".bar"));
const failures = rows.filter((row) => row.case.error).length;
$("summary").textContent = [
  `${rows.length} cases`, `${failures} failed`, `${rows.filter((row) => row.case.notices.length).length} with warnings`,
  ...data.others,
  ...new Set(data.cases.map((one) => one.model).filter(Boolean)),
].join(" \u00b7 ");
$("done").max = Math.max(1, rows.length);
sort(columns[1], -1);
refresh();
if (!marks.kept) say("This browser does not keep marks for pages from disk: export them before you close the page.");
