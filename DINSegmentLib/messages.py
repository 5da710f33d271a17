"""Sentences for people that Slicer can translate, made where there is no Slicer.

Imported as ``_``, as `slicer.i18n.tr` is in the panel, so that Slicer's tools find the texts in the source:
``_("{name} is empty: give a volume with an image in it.", name=name)``. The panel translates what it shows; everybody
else sees plain English.
"""

import sys
from collections.abc import Callable
from typing import Any


class Sentence(str):
    """A sentence in English that remembers what it was made of.

    Args:
        template: a literal, with named fields as for `str.format`.
        fields: numbers, texts or other sentences.

    Its translation context is what `slicer.i18n` would take for the calling file: folder and file, such as
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
        """The sentence by ``translate(context, text)``; in English where the translation's fields do not fit."""
        fields = {
            name: value.translated(translate) if isinstance(value, Sentence) else value
            for name, value in self.fields.items()
        }
        try:
            return translate(self.context, self.template).format(**fields)
        except (LookupError, ValueError):
            return str(self)


def of(error: BaseException) -> str:
    """What an error says: its `Sentence`, where it was made with one, for ``str(error)`` is plain text."""
    return error.args[0] if error.args and isinstance(error.args[0], Sentence) else str(error)


def to_json(text: str) -> Any:
    """A text for another process; `from_json` is the way back. Anything else than a number or sentence is text."""
    if not isinstance(text, Sentence):
        return text
    fields = {name: _plain(value) for name, value in text.fields.items()}
    return {"context": text.context, "template": text.template, "fields": fields}


def from_json(value: Any) -> str:
    """A `Sentence`, or a plain text as it came."""
    if not isinstance(value, dict):
        return value
    fields = {name: from_json(field) for name, field in value["fields"].items()}
    return Sentence._made(value["context"], value["template"], fields)


def _plain(value: Any) -> Any:
    if isinstance(value, Sentence):
        return to_json(value)
    if hasattr(value, "item"):
        value = value.item()  # numpy's numbers
    return value if isinstance(value, int | float | str) else str(value)


def _context(module: dict[str, Any]) -> str:
    parts = str(module["__name__"]).split(".")
    return ".".join([*parts, "__init__"][-2:] if "__path__" in module else parts[-2:])
