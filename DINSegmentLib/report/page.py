"""One-file HTML pages: security policy (only the page itself and local images), parts, and data.

HTML, styles and scripts are files in ``Resources/Report``.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from typing import Any

from .. import resources

# Everything not listed is forbidden: network, other scripts or styles than the page's, forms, frames.
# For a page opened from disk, 'self' means other files on disk, in Chromium and Firefox.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src '{style}'; script-src {script}; "
    "base-uri 'none'; form-action 'none'"
)


def page(name: str, title: str, styles: Sequence[str], scripts: Sequence[str] = (), **parts: Any) -> str:
    """Fill a page.

    Args:
        name: name of the HTML file with the body of `page.html`; the fields in braces of both are filled.
        title: plain text.
        styles, scripts: names of files that are joined into one style and one script, in this order.
        parts: HTML by name of the field; ``data`` is a JSON value.
    """
    style, script = ("".join(map(_text, names)) for names in (styles, scripts))
    allowed = f"'{_hash(script)}'" if script else "'none'"
    if "data" in parts:
        # in JSON, "<" occurs only in strings, where escaping keeps its meaning and cannot end the script
        text = json.dumps(parts["data"], allow_nan=False, separators=(",", ":"))
        parts["data"] = text.replace("<", "\\u003c")
    policy = _POLICY.format(style=_hash(style), script=allowed)
    title = html.escape(title)
    body = _text(name).format(title=title, script=script, **parts)
    return _text("page.html").format(title=title, policy=policy, style=style, body=body)


def _text(name: str) -> str:
    return (resources.root() / "Report" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Hash of a script or style as in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
