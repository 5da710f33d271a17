"""Sentences for the user that Slicer can translate, created in code that does not depend on Slicer.

Imported as ``_``, like `slicer.i18n.tr` in the panel, so that Slicer's tools find the texts in the source:
``_("{name} is empty: use a volume that contains an image.", name=name)``. The panel translates the texts that it
shows; all other output is in English.
"""

import sys
from collections.abc import Callable
from typing import Any


class Sentence(str):
    """An English sentence that keeps its template and fields, so that it can be translated later.

    Args:
        template: a string literal with named fields as for `str.format`.
        fields: numbers, texts or other sentences.

    The translation context is the one `slicer.i18n` would use for the calling file: folder and file, such as
    ``checks.volume``.
    """

    context: str
    template: str
    fields: dict[str, Any]

    def __new__(cls, template: str, /, **fields: Any) -> "Sentence":
        return cls._made(_context(sys._getframe(1).f_globals), template, fields)

    @classmethod
    def _made(cls, context: str, template: str, fields: dict[str, Any]) -> "Sentence":
        made = super().__new__(cls, template.format(**fields))
        made.context, made.template, made.fields = context, template, fields
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return from_json, (to_json(self),)

    def translated(self, translate: Callable[[str, str], str]) -> str:
        """Translate with ``translate(context, text)``; return English if the translation's fields do not match."""
        fields = {
            name: value.translated(translate) if isinstance(value, Sentence) else value
            for name, value in self.fields.items()
        }
        try:
            return translate(self.context, self.template).format(**fields)
        except (LookupError, ValueError):
            return str(self)


def of(error: BaseException) -> str:
    """Return an error's message as the `Sentence` it was created with, if any; ``str(error)`` would be plain text."""
    return error.args[0] if error.args and isinstance(error.args[0], Sentence) else str(error)


def to_json(text: str) -> Any:
    """Convert a message for another process; `from_json` reverses it. Unsupported objects become text."""
    if not isinstance(text, Sentence):
        return text
    fields = {name: _plain(value) for name, value in text.fields.items()}
    return {"context": text.context, "template": text.template, "fields": fields}


def from_json(value: Any) -> str:
    """Restore a `Sentence`, or return plain text unchanged."""
    if not isinstance(value, dict):
        return value
    fields = {name: from_json(field) for name, field in value["fields"].items()}
    return Sentence._made(value["context"], value["template"], fields)


def _plain(value: Any) -> Any:
    if isinstance(value, Sentence):
        return to_json(value)
    if hasattr(value, "item"):
        value = value.item()  # NumPy scalar to Python number
    return value if isinstance(value, int | float | str) else str(value)


def _context(module: dict[str, Any]) -> str:
    parts = str(module["__name__"]).split(".")
    return ".".join([*parts, "__init__"][-2:] if "__path__" in module else parts[-2:])
