"""Translation of the library's sentences into Slicer's language."""

from slicer.i18n import translate

from ..messages import Sentence, of


def told(text: str | BaseException) -> str:
    """Translate a sentence or an error's message; plain text is unchanged."""
    text = of(text) if isinstance(text, BaseException) else text
    return text.translated(translate) if isinstance(text, Sentence) else text
