"""Results of an image in an archive: their record names the archive, and they are reproduced and reported from it."""

import json
import shutil

import pytest


@pytest.fixture
def archived(segment, write_series, tmp_path):
    """An archive with a series in its folder ``a``, and the record of its segmentation."""
    write_series("day")
    (tmp_path / "exam").mkdir()
    (tmp_path / "day").rename(tmp_path / "exam" / "a")
    archive = shutil.make_archive(str(tmp_path / "exam"), "zip", tmp_path / "exam")
    shutil.rmtree(tmp_path / "exam")
    outcome = segment(archive, "--format", "nii.gz")
    assert outcome.code == 0, outcome.err
    (record,) = (tmp_path / "out").glob("*.json")
    return tmp_path / "exam.zip", record


def test_an_image_in_an_archive_is_segmented_once_more_from_its_record(archived, command, tiny_model, tmp_path):
    archive, record = archived
    assert json.loads(record.read_bytes())["input"]["path"] == str(archive / "a")
    again = ("rerun", record, "--model", tiny_model, "--output")
    assert command(*again, tmp_path / "again").code == 0
    moved = archive.rename(tmp_path / "moved.zip")
    missing = command(*again, tmp_path / "missing")
    assert missing.code == 2 and str(archive) in missing.err
    assert command(*again, tmp_path / "other", "--input", moved).code == 0
    for folder in ("again", "other"):
        labels = f"{record.stem}.nii.gz"
        assert (tmp_path / folder / labels).read_bytes() == (tmp_path / "out" / labels).read_bytes()
    assert json.loads((tmp_path / "other" / record.name).read_bytes())["input"]["path"] == str(moved / "a")


def test_the_report_of_an_image_in_an_archive_is_written_from_its_record(archived, command, tiny_model):
    archive, record = archived
    for more in ((), ("--input", archive)):
        done = command("report", record, "--model", tiny_model, "--overwrite", *more)
        assert done.code == 0, done.err


def test_a_file_that_is_no_image_is_refused_in_one_sentence(archived, command, tiny_model, tmp_path):
    _, record = archived
    (tmp_path / "notes.txt").write_text("Base checked.", encoding="utf-8")
    for name in ("rerun", "report"):
        more = ("--output", tmp_path / "again", "--model", tiny_model, "--input", tmp_path / "notes.txt")
        refused = command(name, record, *more)
        assert refused.code == 2 and len(refused.err.splitlines()) == 1 and "notes.txt" in refused.err
