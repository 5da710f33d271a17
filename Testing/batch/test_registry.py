"""File names of a run: never two alike on any file system, and no table of another run replaced."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from DINSegmentLib.batch import registry
from DINSegmentLib.batch.case import Case, Output
from DINSegmentLib.batch.format_table import of_cine
from DINSegmentLib.errors import OutputError
from DINSegmentLib.inputs.candidates import Candidate, Found
from DINSegmentLib.inputs.names import name_cases, safe

ODD = st.text(st.sampled_from('aAbBßẞſsSıIiİéE\u0301Å\u212bKk\u212a ._-/\\:*?"<>|\0\n\x7f\u2028conCONux1'), max_size=12)
SUFFIXES = st.sampled_from(
    [("nii.gz", "json"), ("seg.nrrd", "_confidence.nii.gz", "png", "json"), ("_wall.stl", "json")]
)


def case(name, suffixes=("nii.gz", "json"), folder="out"):
    formats = {"_confidence.nii.gz": "confidence", "_wall.stl": "stl"}
    outputs = (Output(formats.get(one, one), one if one[0] == "_" else f".{one}") for one in suffixes)
    return Case(Path("in") / "v.nii", name, Path(folder), tuple(outputs))


def folded(path):
    """As the least particular file systems compare names."""
    return unicodedata.normalize("NFC", str(path)).casefold()


@given(ODD)
def test_a_safe_name_is_one_file_name_on_every_system(text):
    name = safe(text)
    assert safe(name) == name and name not in ("", ".", "..") and Path(name).name == name
    assert not set(name) & set('<>:"/\\|?*') and all(letter.isprintable() or letter == " " for letter in name)
    stem = name.partition(".")[0].casefold()
    assert stem.strip() not in {
        "con",
        "prn",
        "aux",
        "nul",
        *(f"{one}{n}" for one in ("com", "lpt") for n in range(1, 10)),
    }
    assert not name.endswith((" ", ".")) and not name.startswith(".")


@given(st.lists(st.tuples(ODD, SUFFIXES), max_size=6), st.booleans())
def test_cases_that_were_registered_share_no_file(wanted, many):
    names, files = registry.Names(many), []
    for text, suffixes in wanted:
        one = case(safe(text), suffixes)
        try:
            names.reserve(one, ())
        except OutputError:
            continue
        files += [folded(path.name) for path in of_cine(one, (), 2).paths]
    assert len(files) == len(set(files))
    if many:
        assert not {folded(name) for name in registry.TABLES} & set(files)


@given(st.lists(ODD, min_size=1, max_size=8))
def test_cases_of_a_search_are_named_apart(texts):
    candidates = [
        Candidate(Found(Path(f"/data/{number}/v.nii"), text or "v", 0), Path("/data"), ("nii",))
        for number, text in enumerate(texts)
    ]
    names = [folded(found.case) for found in name_cases(candidates, Path("out")) if isinstance(found, Found)]
    assert len(names) == len(set(names)) == len(texts)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (case("a", ("nii.gz", "_confidence.nii.gz", "json")), case("a_confidence")),
        (case("Heart"), case("heart")),
        (case("a_curve", ("png", "json")), case("a")),
        (case("a", ("_wall.stl", "json")), case("a_wall", ("stl", "json"))),
    ],
)
def test_the_second_of_two_with_one_file_is_refused(first, second):
    names = registry.Names(many=True)
    names.reserve(first, ())
    with pytest.raises(OutputError, match=f"is also a file of {first.name}"):
        names.reserve(second, ())
    names.reserve(case("other"), ())


def test_a_case_with_the_name_of_a_table_is_refused_where_there_are_tables():
    with pytest.raises(OutputError, match=r"Summary\.json is also a file of the run's tables"):
        registry.Names(many=True).reserve(case("Summary"), ())
    registry.Names(many=False).reserve(case("summary"), ())


ASKED = {"model": "m", "strength": None}


@pytest.fixture
def earlier(tmp_path):
    """Tables of a run with the cases a and b, of which b failed."""
    for name in (registry.STATISTICS, registry.PAGE):
        (tmp_path / name).write_text(name, encoding="utf-8")
    inputs = [{"case": "a", "outputs": ["a.json"]}, {"case": "b", "outputs": []}]
    summary = {"parameters": ASKED, "inputs": inputs, "tables": registry.hashes(tmp_path)}
    (tmp_path / registry.SUMMARY).write_text(json.dumps(summary), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("cases", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_tables_of_this_run_are_continued(cases, earlier):
    registry.check_tables(earlier, ASKED, cases)


def test_an_empty_folder_is_free(tmp_path):
    registry.check_tables(tmp_path, ASKED, ["a"])
    registry.check_tables(tmp_path / "none", ASKED, ["a"])


def edit(name, text):
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "asked", "cases"),
    [
        (lambda folder: None, ASKED, ["b", "c"]),
        (lambda folder: None, {**ASKED, "strength": 1.0}, ["a", "b"]),
        (edit(registry.STATISTICS, "my own table"), ASKED, ["a", "b"]),
        (edit(registry.FUNCTION, "my own table"), ASKED, ["a", "b"]),
        (edit(registry.PAGE, "my page"), ASKED, ["a", "b"]),
        (edit(registry.SUMMARY, "{}"), ASKED, ["a", "b"]),
        (edit(registry.SUMMARY, "[" * 100_000), ASKED, ["a", "b"]),
        (lambda folder: (folder / registry.SUMMARY).unlink(), ASKED, ["a", "b"]),
    ],
)  # fmt: skip
def test_tables_that_would_be_lost_are_not_replaced(change, asked, cases, earlier):
    change(earlier)
    with pytest.raises(OutputError, match="add --overwrite"):
        registry.check_tables(earlier, asked, cases)
