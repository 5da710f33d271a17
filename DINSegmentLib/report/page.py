"""The review page's HTML: what it may do (nothing but show itself and pictures from disk), its parts, its data."""

import base64
import hashlib
import html
import json
from typing import Any

from .curve import CURVES
from .data import ROWS
from .marks import MARKS
from .script import SCRIPT
from .style import STYLE

# Everything that is not named is forbidden: no network, no script or style but our own, no forms, no frames. Of a page
# from disk 'self' means other files on disk, in Chromium and in Firefox.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src '{style}'; script-src '{script}'; "
    "base-uri 'none'; form-action 'none'"
)

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<header>
  <div class="headline">
    <h1>{title}</h1>
    <p id="summary"></p>
  </div>
  <div class="progress">
    <div><p id="counts" role="status"></p><progress id="done" value="0" aria-label="Cases marked"></progress></div>
    <button id="export" type="button">Export marks</button>
    <button id="import" type="button">Import marks</button>
    <button id="help" type="button" aria-keyshortcuts="?">Keys <kbd>?</kbd></button>
    <input id="file" type="file" accept=".csv,text/csv" hidden>
  </div>
</header>
<div class="bar" role="search" aria-label="Filters">
  <label class="search">Filter <input id="text" type="search" placeholder="name, warning, note ( / )"></label>
  <span id="toggles" class="group" role="group" aria-label="Show only"></span>
  <span class="group" role="group" aria-label="Volume of a structure">
    <label>Volume of <select id="structure"></select></label>
    <label>from <input id="least" type="number" min="0" step="any"></label>
    <label>to <input id="most" type="number" min="0" step="any"></label> ml
  </span>
  <label>Confidence at most <input id="sure" type="number" min="0" max="1" step="any"></label>
  <button id="clear" type="button">Clear filters</button>
  <span id="shown" role="status"></span>
</div>
<p id="message" role="status" hidden></p>
<main tabindex="-1">
  <noscript><p>This page needs JavaScript, which your browser has switched off.</p></noscript>
  <table><caption class="hidden">Cases of the run; sort by a button in the heading.</caption><thead></thead></table>
  <p id="nothing" hidden>No case passes the filters.</p>
</main>
<dialog id="large" aria-labelledby="large-name">
  <div class="dialog-head">
    <h2 id="large-name" tabindex="-1" autofocus></h2>
    <span id="large-marks"></span>
    <button id="previous" type="button">Previous <kbd>k</kbd></button>
    <button id="next" type="button">Next <kbd>j</kbd></button>
    <button id="close" type="button">Close <kbd>Esc</kbd></button>
  </div>
  <div id="tiles"></div>
  <div id="beat" class="details"></div>
  <div class="details"><table id="numbers"></table><div id="remarks"></div></div>
</dialog>
<dialog id="keys" aria-labelledby="keys-name">
  <div class="dialog-head">
    <h2 id="keys-name" tabindex="-1" autofocus>Keys</h2>
    <button id="keys-close" type="button">Close <kbd>Esc</kbd></button>
  </div>
  <dl id="key-list"></dl>
  <p>Marks and notes stay in this browser, for this run. Export them to keep them elsewhere.</p>
</dialog>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def page(title: str, data: Any) -> str:
    """The whole page.

    Args:
        title: of the run.
        data: values that JSON knows; `report_script` reads them.
    """
    script = MARKS + ROWS + CURVES + SCRIPT
    policy = _POLICY.format(style=_hash(STYLE), script=_hash(script))
    # in JSON a "<" stands only within strings, so that the escaped one means the same and ends no script
    values = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return _PAGE.format(title=html.escape(title), policy=policy, style=STYLE, data=values, script=script)


def _hash(text: str) -> str:
    """As a content security policy names a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
