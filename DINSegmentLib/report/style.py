"""The review page's look, light and dark, on screen and on paper. CSS."""

STYLE = """
:root {
  color-scheme: light dark;
  --back: #f5f6f8; --card: #fff; --ink: #1b1f27; --dim: #5b6472; --line: #d8dce3; --accent: #1f5fbf; --soft: #e6eefb;
  --warn: #8a4b00; --fail: #b3171f; --good: #14703a; --bar: 3rem; --top: 6rem;
  font: 14px/1.4 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
  scroll-padding: var(--top) 0 1rem;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171c; --card: #1c2027; --ink: #e8ebf0; --dim: #9aa4b2; --line: #333a45; --accent: #7fb0ff;
    --soft: #22304a;
    --warn: #f2b04d; --fail: #ff8a80; --good: #6fd39a;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--back); color: var(--ink); min-width: 60rem; }
h1, h2, p { margin: 0; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; overflow-wrap: anywhere; }
button, input, select { font: inherit; color: inherit; }
button, select, input { background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: .2rem .55rem; }
button { cursor: pointer; white-space: nowrap; }
button:hover { border-color: var(--accent); }
button[aria-pressed="true"] { background: var(--soft); border-color: var(--accent); font-weight: 600; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
kbd { font: .85em ui-monospace, "DejaVu Sans Mono", monospace; color: var(--dim); border: 1px solid var(--line);
  border-radius: 4px; padding: 0 .3em; }
header { display: flex; gap: 2rem; justify-content: space-between; align-items: end; padding: 1rem 1.25rem .75rem; }
#summary, #counts, .count, .from, #shown { color: var(--dim); }
.progress { display: flex; gap: .6rem; align-items: end; text-align: right; white-space: nowrap; }
#done { width: 14rem; height: .9rem; }
.bar { position: sticky; top: 0; left: 0; z-index: 3; display: flex; flex-wrap: wrap; gap: .4rem .9rem;
  align-items: center;
  padding: .5rem 1.25rem; background: var(--back); border-block: 1px solid var(--line); }
.search input { width: 15rem; }
.group { display: flex; gap: .35rem; align-items: center; }
.bar input[type="number"] { width: 5.2rem; }
#structure { max-width: 11rem; }
#shown { margin-left: auto; }
#message { margin: .6rem 1.25rem 0; padding: .4rem .7rem; border-left: 4px solid var(--accent);
  background: var(--soft); }
main { padding: 0 1.25rem 3rem; outline: none; }
main > table { width: 100%; table-layout: fixed; border-collapse: separate; border-spacing: 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
main thead th { position: sticky; top: var(--bar); z-index: 2; padding: .35rem .4rem; background: var(--back);
  border-bottom: 1px solid var(--line); vertical-align: bottom; }
main thead th.first { width: 15.5rem; text-align: left; }
main thead button { border: 0; padding: .15rem; background: none; font-weight: 600; font-size: .92em;
  width: 100%; white-space: normal; text-align: right; }
main thead .first button { text-align: left; padding-left: .65rem; }
main thead th:not([aria-sort="none"]) button { color: var(--accent); }
.swatch { display: inline-block; width: .75em; height: .75em; border-radius: 3px; margin-right: .35em;
  box-shadow: inset 0 0 0 1px rgb(128 128 128 / .5); }
tbody { background: var(--card); }
tbody > tr:last-child > td { vertical-align: top; border-bottom: 1px solid var(--line); }
tbody > tr > th { padding: .5rem .75rem; text-align: left; vertical-align: top; font-weight: 400;
  border-bottom: 1px solid var(--line); border-left: 5px solid transparent; }
tbody[data-mark="checked"] > tr > th { border-left: 5px solid var(--good); }
tbody[data-mark="poor"] > tr > th { border-left: 5px double var(--fail); }
tbody[aria-current] { background: var(--soft); }
tbody:focus { outline: 2px solid var(--accent); outline-offset: -2px; }
.numbers td { height: 2rem; padding: .3rem .55rem 0; text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; font-weight: 600;
  overflow-wrap: anywhere; }
.from { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .9em; }
.marks { display: flex; gap: .35rem; margin: .4rem 0; }
.note { width: 100%; background: transparent; }
.who, .look { content-visibility: auto; }
.who { contain-intrinsic-size: auto 7rem; min-height: 7rem; }
.look { display: flex; flex-wrap: wrap; align-items: start; gap: .3rem 1rem; padding: .1rem .55rem .5rem;
  contain-intrinsic-size: auto 7.6rem; }
.strip { flex: 0 1 auto; min-width: 0; padding: 0; border: 0; background: none; line-height: 0; }
.strip img { max-height: 7rem; max-width: 100%; object-fit: contain; object-position: left top; border-radius: 4px;
  background: #000; }
.beat { flex: none; padding: 0; border-color: var(--line); background: none; line-height: 0; }
svg { font-size: 12px; }
svg text { fill: var(--dim); }
.beat svg { width: 12rem; height: 7rem; }
.rule { stroke: var(--line); }
.mark { stroke: var(--dim); stroke-dasharray: 3 3; }
.curve { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
#beat svg { flex: 0 1 40rem; min-width: 0; }
#beat p { margin-top: .3rem; color: var(--dim); }
.nothing { flex: none; display: grid; place-items: center; width: 12rem; height: 7rem; color: var(--dim);
  border: 1px dashed var(--line); border-radius: 4px; }
.reasons { flex: 1 1 20rem; margin: 0; padding: 0; overflow: auto; list-style: none;
  color: var(--warn); }
.reasons:empty { display: none; }
.reason { flex: 1; overflow: auto; }
.reason b, .failed .numbers td:nth-child(2) { color: var(--fail); font-weight: 600; }
.unusual, .warned { color: var(--warn); font-weight: 600; font-size: .9em; }
#nothing { padding: 3rem; text-align: center; color: var(--dim); }
dialog { border: 1px solid var(--line); border-radius: 10px; background: var(--card); color: var(--ink);
  padding: 1rem 1.25rem; }
dialog::backdrop { background: rgb(0 0 0 / .6); }
#large { width: min(96vw, 100rem); max-height: 96vh; }
.dialog-head { display: flex; gap: .6rem; align-items: center; margin-bottom: .8rem; }
.dialog-head h2 { margin-right: auto; }
h2:focus { outline: none; }
#large-marks { display: flex; gap: .35rem; }
#tiles { display: grid; grid-template-columns: repeat(var(--columns, 4), 1fr); gap: 4px; max-width: 118vh;
  margin: 0 auto; }
#tiles img { width: 100%; aspect-ratio: 1; object-fit: cover; background: #000; border-radius: 4px; }
.details { display: flex; gap: 2rem; margin-top: .9rem; align-items: start; }
.details table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.details th, .details td { padding: .15rem .6rem; text-align: right; font-weight: 400; }
.details tr:first-child th { color: var(--dim); border-bottom: 1px solid var(--line); }
.details th[scope="row"], #numbers th:nth-child(2) { text-align: left; white-space: nowrap; }
#remarks { flex: 1; min-width: 0; overflow-wrap: anywhere; }
#remarks p { margin-top: .3rem; color: var(--dim); }
#remarks .reason { color: inherit; }
#key-list { display: grid; grid-template-columns: auto 1fr; gap: .4rem 1rem; margin: 0 0 1rem; }
#key-list dt { display: flex; gap: .3rem; }
#key-list dd { margin: 0; }
@media print {
  :root { color-scheme: light; --back: #fff; --card: #fff; --ink: #000; --dim: #444; --line: #bbb; --soft: #fff;
    --warn: #6b3a00; --fail: #900; --good: #060; font-size: 10px; }
  body, main > table { min-width: 0 !important; }
  @page { size: landscape; margin: 1cm; }
  .bar, #message, .note:placeholder-shown, dialog { display: none !important; }
  main, header { padding-inline: 0; }
  main thead th { position: static; }
  main thead th.first { width: 11rem; }
  tbody { break-inside: avoid; }
  .who, .look { content-visibility: visible; min-height: 0; }
  button, .note { border: 0; padding: 0; background: none; }
  .marks button:not([aria-pressed="true"]), .arrow { display: none; }
}
"""
