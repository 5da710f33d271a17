"""The sentences of the floors below, in the language of Slicer."""

from slicer.i18n import translate

from ..messages import Sentence, of


def told(text: str | BaseException) -> str:
    """A sentence, or what an error says, translated; a plain text stays as it is."""
    text = of(text) if isinstance(text, BaseException) else text
    return text.translated(translate) if isinstance(text, Sentence) else text
