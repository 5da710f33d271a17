"""Tables from real programs, label maps among images, and statistics as Parquet."""

import os
from pathlib import Path

import pytest
from input_files import cases, reasons, volume

from DINSegmentLib.batch.tables import write_parquet, write_statistics
from DINSegmentLib.inputs.candidates import Found
from DINSegmentLib.inputs.search import find

TABLES = {
    "sep line": "sep=;\npath;case;dose\nimages/a.nii.gz;one;1,5\n",
    "sep line of Excel in quotes": '"sep=;"\r\npath;case;dose\r\nimages/a.nii.gz;one;1,5\r\n',
    "sep tab": "sep=\t\npath\tcase\tdose\nimages/a.nii.gz\tone\t1,5\n",
    "semicolons": "path;case;dose\nimages/a.nii.gz;one;1,5\n",
    "tabs": "path\tcase\tdose\nimages/a.nii.gz\tone\t1,5\n",
    "byte order mark": "\ufeffpath;case;dose\nimages/a.nii.gz;one;1,5\n",
    "sep after a mark": "\ufeffsep=;\npath;case;dose\nimages/a.nii.gz;one;1,5\n",
    "backslashes": "path;case;dose\nimages\\a.nii.gz;one;1,5\n",
    "dot and backslashes": "path;case;dose\n.\\images\\a.nii.gz;one;1,5\n",
    "quoted comma": 'path,case,dose\nimages/a.nii.gz,one,"1,5"\n',
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables_are_read_as_programs_write_them(tmp_path, text):
    image = volume(tmp_path / "images" / "a.nii.gz")
    (tmp_path / "t.csv").write_bytes(text.encode())
    (found,) = find([tmp_path / "t.csv"])
    assert isinstance(found, Found) and found.path.resolve() == image
    assert found.case == "one" and found.extra == {"dose": "1,5"}


def test_unicode_text_of_excel_is_read(tmp_path):
    volume(tmp_path / "ä.nii.gz")
    (tmp_path / "t.tsv").write_bytes("path\tcase\nä.nii.gz\tone\n".encode("utf-16"))
    assert list(cases(find([tmp_path / "t.tsv"]))) == ["one"]


def test_the_home_folder_and_frames_of_a_spreadsheet(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    volume(tmp_path / "home" / "a.nii.gz")
    (tmp_path / "t.csv").write_text("path,frame\n~/a.nii.gz,1.0\n", encoding="utf-8")
    (found,) = find([tmp_path / "t.csv"])
    assert isinstance(found, Found) and found.frame == 1


@pytest.mark.skipif(os.sep != "/", reason="a backslash divides folders there")
def test_a_file_whose_name_has_a_backslash_is_meant_where_there_is_one(tmp_path):
    image = volume(tmp_path / "images\\a.nii.gz")
    (tmp_path / "t.csv").write_text("path,case\nimages\\a.nii.gz,one\n", encoding="utf-8")
    (found,) = find([tmp_path / "t.csv"])
    assert found.path == image


def test_a_table_of_one_column_may_have_commas_in_its_paths(tmp_path):
    image = volume(tmp_path / "a, b.nii.gz")
    (tmp_path / "t.csv").write_text("path\na, b.nii.gz\n", encoding="utf-8")
    (found,) = find([tmp_path / "t.csv"])
    assert found.path == image


def test_line_numbers_count_the_sep_line(tmp_path):
    (tmp_path / "t.csv").write_text("sep=;\npath;case\nnone.nii;x\n", encoding="utf-8")
    assert "Line 3 of" in reasons(find([tmp_path / "t.csv"]))["none.nii"]


@pytest.mark.parametrize("ending", ["_gt", "_seg", "-label", "_mask", ".labels", "_Segmentation"])
def test_label_maps_beside_their_images_are_left_out_with_a_word(tmp_path, ending):
    volume(tmp_path / "patient001_frame01.nii.gz")
    labels = volume(tmp_path / f"patient001_frame01{ending}.nii.gz")
    found = find([tmp_path])
    assert list(cases(found)) == ["patient001_frame01"]
    assert "is named like the label map of patient001_frame01.nii.gz" in reasons(found)[labels.name]
    (named,) = find([labels])
    assert isinstance(named, Found) and "named like a label map" in named.notices[0].text


@pytest.mark.parametrize("name", ["a_mask.nii.gz", "label0001.nii.gz", "segmentation.nii.gz", "mask.nii"])
def test_what_is_only_called_like_labels_is_taken_with_a_word(tmp_path, name):
    volume(tmp_path / name)
    (found,) = find([tmp_path])
    assert isinstance(found, Found) and "named like a label map" in found.notices[0].text


def entry(name: str, volume_ml: float, **extra: str) -> dict:
    structure = {
        "value": 3, "name": "Left ventricle", "voxels": 100, "volume_ml": volume_ml, "mean": None, "sd": 1.25,
        "slices": 9,
        "touches_border": True, "touches_end": False, "confidence": 0.9,
    }  # fmt: skip
    return {"case": name, "input": f"/{name}", "model": {"id": "m"}, "structures": [structure], "extra": extra}


def test_parquet_holds_what_the_table_holds_with_numbers_as_numbers(tmp_path: Path):
    from pyarrow import parquet

    entries = [entry("b", 12.5, site="X", case="own"), entry("a", 7.0)]
    write_statistics(entries, tmp_path / "statistics.csv")
    write_parquet(entries, tmp_path / "statistics.parquet")
    table = parquet.read_table(tmp_path / "statistics.parquet")
    assert table.column_names == (tmp_path / "statistics.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    rows = table.to_pylist()
    assert [(row["case"], row["volume_ml"], row["voxels"], row["mean"], row["sd"]) for row in rows] == [
        ("a", 7.0, 100, None, 1.25), ("b", 12.5, 100, None, 1.25),
    ]  # fmt: skip
    assert (rows[0]["site"], rows[1]["site"], rows[1]["own case"]) == (None, "X", "own")


def test_a_decimal_comma_with_a_sign_is_no_formula(tmp_path):
    write_statistics([entry("a", 7.0, shift="-1,5")], tmp_path / "statistics.csv")
    assert '"-1,5"' in (tmp_path / "statistics.csv").read_text(encoding="utf-8")
