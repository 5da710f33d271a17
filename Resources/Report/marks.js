"use strict";

// The marks of a run: case -> {mark: "checked", "poor" or "", note, time}, kept in the browser's memory for the run. A
// mark older than its result was made for another one and does not count.
class Marks {
  // results: case -> milliseconds at which its result was made, 0 when unknown
  constructor(run, results) {
    this.key = `dinsegment-marks:${run}`;
    this.results = results;
    this.kept = true;
    this.all = new Map();
    this.read();
  }

  read() {
    try {
      this.all = new Map(JSON.parse(localStorage.getItem(this.key) ?? "[]"));
    } catch {
      this.kept = false;  // switched off in this browser: the marks last as long as the page
    }
  }

  get(name) {
    const entry = this.all.get(name);
    return entry && this.counts(name, entry.time) ? entry : {mark: "", note: "", time: ""};
  }

  counts(name, time) {
    return this.results.has(name) && Date.parse(time) >= this.results.get(name);
  }

  set(name, change) {
    if (this.kept) this.read();  // another tab may have written
    const now = Math.max(Date.now(), this.results.get(name));  // clocks of two machines may differ
    this.put(name, {...this.get(name), ...change, time: new Date(now).toISOString()});
    this.write();
  }

  put(name, entry) {
    if (entry.mark || entry.note) this.all.set(name, entry);
    else this.all.delete(name);
  }

  write() {
    try {
      localStorage.setItem(this.key, JSON.stringify([...this.all]));
    } catch {
      this.kept = false;
    }
  }

  toCsv() {
    const rows = [...this.results.keys()].map((name) => [name, this.get(name)]).filter(([, entry]) => entry.time);
    const lines = rows.map(([name, entry]) => [name, entry.mark, entry.note, entry.time]);
    return [["case", "mark", "note", "time"], ...lines].map((row) => row.map(csvCell).join(",") + "\r\n").join("");
  }

  // Takes the marks of a CSV file that are newer than ours; says what became of them in a sentence.
  fromCsv(text) {
    const [head, ...rows] = csvRows(text);
    const [name, mark, note, time] = ["case", "mark", "note", "time"].map((title) => head.indexOf(title));
    if (name < 0 || mark < 0) {
      return "This file has no columns “case” and “mark”: choose a file that was exported here.";
    }
    if (this.kept) this.read();
    const count = {taken: 0, unknown: 0, older: 0, wrong: 0};
    for (const row of rows) {
      const entry = {mark: row[mark] ?? "", note: row[note] ?? "", time: row[time] || new Date().toISOString()};
      if (!this.results.has(row[name])) count.unknown += 1;
      else if (!["checked", "poor", ""].includes(entry.mark) || Number.isNaN(Date.parse(entry.time))) count.wrong += 1;
      else if (!this.counts(row[name], entry.time)) count.older += 1;
      else if (Date.parse(entry.time) >= (Date.parse(this.get(row[name]).time) || 0)) {
        this.put(row[name], entry);
        count.taken += 1;
      }
    }
    this.write();
    return [
      `${count.taken} of ${rows.length} marks imported.`,
      count.unknown && `${count.unknown} belong to no case of this run.`,
      count.older && `${count.older} are older than the result of their case.`,
      count.wrong && `${count.wrong} have a mark or time that cannot be read.`,
    ].filter(Boolean).join(" ");
  }
}

// A spreadsheet must not take a text for a formula: an apostrophe stands before it, and goes when the file is read.
function csvCell(text) {
  const safe = text.replace(/^(?='*[=+\-@])/, "'");
  return /[",;\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csvRows(text) {
  const head = text.split("\n", 1)[0];
  const separator = [";", "\t"].find((one) => head.includes(one)) ?? ",";  // a spreadsheet may have changed it
  const cells = new RegExp(`("(?:[^"]|"")*"|[^"${separator}\\r\\n]*)(${separator}|\\r?\\n|$)`, "g");
  const rows = [[]];
  for (const [, cell, end] of text.replace(/^\uFEFF/, "").matchAll(cells)) {
    const plain = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
    rows.at(-1).push(plain.replace(/^'(?='*[=+\-@])/, ""));
    if (end.endsWith("\n")) rows.push([]);
  }
  return rows.filter((row) => row.some(Boolean));
}
