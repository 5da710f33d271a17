"""Cases listed in a table; invalid lines are named."""

from pathlib import Path

import pytest
from input_files import cases, reasons, series, volume

from DINSegmentLib.inputs.search import Refused, find


def table(path: Path, text: str, encoding: str = "utf-8-sig") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table(delimiter, tmp_path):
    volume(tmp_path / "data" / "a.nii.gz")
    volume(tmp_path / "data" / "b c, d; e.nii")
    series(tmp_path / "exam", "1.1", prefix="A", SeriesNumber=7)
    series(tmp_path / "exam", "1.2", prefix="B", SeriesNumber=8)
    text = (
        'Path|case|model|series|frame|Site|größe\ndata/a.nii.gz|first|abdomen-ct||2|"Köln\nWest"|1\n\n'
        f'"data/b c, d; e.nii"\n{tmp_path / "exam"}|||7|||\n'
    )
    listed = table(tmp_path / "list.csv", text.replace("|", delimiter))
    first, second, third = find([listed])
    assert (first.path, first.case, first.model, first.frame) == (
        tmp_path / "data" / "a.nii.gz", "first", "abdomen-ct", 2,
    )  # fmt: skip
    assert first.extra == {"Site": "Köln\nWest", "größe": "1"}
    assert (second.case, second.model, second.extra) == ("b c, d; e", None, {"Site": "", "größe": ""})
    assert (third.case, third.series, len(third.files)) == ("exam", "1.1", 4)


def test_lines_that_cannot_be_used_are_named_and_the_rest_goes_on(tmp_path):
    volume(tmp_path / "a.nii")
    series(tmp_path / "exam", "1.1", prefix="A", SeriesNumber=7)
    series(tmp_path / "exam", "1.2", prefix="B", SeriesNumber=8)
    lines = [
        "path,series,frame",
        "none.nii",
        ",7",
        "a.nii,,two",
        "a.nii,3",
        "a,b,c,d",
        "exam",
        "exam,9",
        '"a"x',
        "a.nii",
    ]
    found = find([table(tmp_path / "list.csv", "\r\n".join(lines))])
    assert list(cases(found)) == ["a"]
    told = [item.reason for item in found if isinstance(item, Refused)]
    expected = [
        "does not exist",
        "no path",
        '"two" as frame',
        "leave it empty",
        "4 cells",
        "holds 2",
        "no series",
        "quot",
    ]
    assert len(told) == len(expected)
    for number, (reason, text) in enumerate(zip(told, expected, strict=True), 2):
        assert f"Line {number} of" in reason and text in reason, reason


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"", "no column"), (b"file,case\na.nii,1\n", "no column"), (b"path,x,x\n", 'two columns "x"'),
     ("path\nä.nii\n".encode("latin-1"), "not UTF-8"), ("path\nä.nii\n".encode("cp1252"), "not UTF-8")],
)  # fmt: skip
def test_tables_that_cannot_be_used(content, text, tmp_path):
    (tmp_path / "list.csv").write_bytes(content)
    assert text in reasons(find([tmp_path / "list.csv"]))["list.csv"]


def test_two_lines_with_one_case_id_get_two_names(tmp_path):
    for name in ("x/a.nii", "y/a.nii", "y/b.nii"):
        volume(tmp_path / name)
    listed = table(tmp_path / "list.csv", "path,case\nx/a.nii,heart\ny/a.nii,heart\ny/b.nii,heart\nx/a.nii,again\n")
    found = find([listed])
    assert len(cases(found)) == 3 and set(cases(found)) >= {"x_heart", "y_heart_a_nii"}
    assert "twice" in found[3].reason
