"""Translatable sentences: what they store, and that every sentence the panel can show is one."""

import ast
import json
import pickle
import string

import numpy as np
import pytest

from DINSegmentLib.errors import DINSegmentError, InputError
from DINSegmentLib.messages import Sentence as _
from DINSegmentLib.messages import from_json, of, to_json

LANGUAGE = {
    "{name} has {count:.1f} parts: {cause}.": "{cause} : {name} a {count:.2f} parties.",
    "it is old": "elle est vieille",
}


def translate(context, text):
    return LANGUAGE.get(text, text)


@pytest.fixture
def sentence():
    return _("{name} has {count:.1f} parts: {cause}.", name="v", count=np.float64(2), cause=_("it is old"))


def test_a_sentence_is_its_english_text(sentence):
    assert sentence == "v has 2.0 parts: it is old." and isinstance(sentence, str)


def test_its_translation_fills_the_fields_by_their_own_format_and_translates_sentences_in_it(sentence):
    assert sentence.translated(translate) == "elle est vieille : v a 2.00 parties."


@pytest.mark.parametrize("wrong", ["{other} a {count}", "{name", "{name:d}"])
def test_a_translation_whose_fields_do_not_fit_leaves_the_english(sentence, wrong):
    assert sentence.translated(lambda context, text: wrong) == sentence


def test_its_context_is_folder_and_file():
    from DINSegmentLib.engine.device import choose
    from DINSegmentLib.geometry import Geometry

    with pytest.raises(DINSegmentError) as wrong:
        choose("fpga")
    assert of(wrong.value).context == "engine.device"
    with pytest.raises(DINSegmentError) as wrong:
        Geometry((1, 1, 1), np.zeros((4, 4)))
    assert of(wrong.value).context == "DINSegmentLib.geometry"


def test_it_survives_json_and_pickle(sentence):
    for copy in (from_json(json.loads(json.dumps(to_json(sentence)))), pickle.loads(pickle.dumps(sentence))):
        assert copy == sentence and copy.context == sentence.context
        assert copy.translated(translate) == sentence.translated(translate)
    assert from_json(to_json("plain")) == "plain"


def test_an_error_gives_its_sentence_back(sentence):
    assert of(InputError(sentence)) is sentence
    assert of(ValueError("plain")) == "plain"


# the files of the floors below the panel whose sentences it shows
FILES = (
    "engine/*.py",
    "measure/cardiac.py",
    "measure/confidence.py",
    "measure/function.py",
    "scene/*.py",
    "worker/*.py",
    "geometry.py",
    "model/*.py",
    "checks/*.py",
    "resources.py",
)
ERRORS = {name for name, kind in vars(__import__("DINSegmentLib.errors").errors).items() if isinstance(kind, type)}
TEXT = {
    **dict.fromkeys(ERRORS, 0),
    "Notice": 1,
    "Device": 1,
    "cpu": 0,
    "fall_back_to_cpu": 0,
    "_fail": 1,
    "_give_up": 1,
    "_row": 0,
}


def faults(source):
    """What cannot be translated, each with its line."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "_":
            template = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if not isinstance(template, str):
                yield f"{node.lineno}: no literal"
            elif {field for _, field, _, _ in string.Formatter().parse(template) if field} != {
                keyword.arg for keyword in node.keywords
            }:
                yield f"{node.lineno}: other fields"
        elif name in TEXT and len(node.args) > TEXT[name]:
            text = node.args[TEXT[name]]
            if isinstance(text, ast.JoinedStr | ast.Constant):
                yield f"{node.lineno}: {name} without _()"


@pytest.mark.parametrize("pattern", FILES)
def test_what_the_panel_may_show_can_be_translated(pattern, repository):
    paths = sorted((repository / "DINSegmentLib").glob(pattern))
    assert paths
    found = [f"{path.name}:{fault}" for path in paths for fault in faults(path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('raise InputError(f"{name} is empty.")', "1: InputError without _()"),
        ('Notice("range", "Odd values.")', "1: Notice without _()"),
        ('raise InputError(_(f"{name} is empty."))', "1: no literal"),
        ('raise InputError(_("{name} is empty.", node=1))', "1: other fields"),
    ],
)
def test_the_lint_finds(source, fault):
    assert list(faults(source)) == [fault]
