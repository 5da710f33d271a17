"""A page as one HTML file: what it may do (nothing but show itself and pictures from disk), its parts, its data.

HTML, styles and scripts are files in ``Resources/Report``.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from typing import Any

from .. import resources

# Everything that is not named is forbidden: no network, no script or style but those of the page, no forms, no frames.
# Of a page from disk 'self' means other files on disk, in Chromium and in Firefox.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src '{style}'; script-src {script}; "
    "base-uri 'none'; form-action 'none'"
)


def page(name: str, title: str, styles: Sequence[str], scripts: Sequence[str] = (), **parts: Any) -> str:
    """Fill a page.

    Args:
        name: of the HTML file with the body of `page.html`; the fields in braces of both are filled.
        title: plain text.
        styles, scripts: names of files that become one style and one script, in this order.
        parts: HTML by the name of its field; of ``data``, values that JSON knows.
    """
    style, script = ("".join(map(_text, names)) for names in (styles, scripts))
    allowed = f"'{_hash(script)}'" if script else "'none'"
    if "data" in parts:
        # in JSON a "<" occurs only within strings, so that the escaped one means the same and ends no script
        text = json.dumps(parts["data"], allow_nan=False, separators=(",", ":"))
        parts["data"] = text.replace("<", "\\u003c")
    policy = _POLICY.format(style=_hash(style), script=allowed)
    title = html.escape(title)
    body = _text(name).format(title=title, script=script, **parts)
    return _text("page.html").format(title=title, policy=policy, style=style, body=body)


def _text(name: str) -> str:
    return (resources.root() / "Report" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
