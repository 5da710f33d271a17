"""Choice of series to fetch from an archive, by headers alone; the archive is a stand-in that has them."""

from pathlib import Path

import pydicom
import pytest
from phantom_files import cine, stack

from DINSegmentLib.archive.choice import choose
from DINSegmentLib.errors import ArchiveError
from DINSegmentLib.model import catalogue, find_model

STUDY = "2.25.9"


class Headers:
    """The two queries that `choose` makes, answered from files."""

    url = "http://archive.example"

    def __init__(self, folder: Path) -> None:
        self._found = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(folder.rglob("*.dcm"))]

    def series(self, study: str) -> list[pydicom.Dataset]:
        return list({one.SeriesInstanceUID: one for one in self._found}.values())

    def headers(self, study: str, series: str) -> list[pydicom.Dataset]:
        return [one for one in self._found if one.SeriesInstanceUID == series]


@pytest.fixture
def chosen(tmp_path):
    """Model of each series that is chosen, by description."""

    def choose_from(*descriptions: str, series: str | None = None) -> dict[str, str]:
        for number, text in enumerate(descriptions, 1):
            tags = {"SeriesInstanceUID": f"{STUDY}.{number}", "SeriesDescription": text, "SeriesNumber": number}
            stack(tmp_path / "there" / str(number), change=lambda k, tags=tags: tags)
        found = choose(Headers(tmp_path / "there"), STUDY, list(catalogue().values()), series, tmp_path / "headers")
        return {descriptions[int(one[1][-1]) - 1]: choice.model.id for choice in found for one in choice.instances}

    return choose_from


def test_a_name_decides_between_cine_and_late_enhancement(chosen):
    assert chosen("SAX", "LGE SAX") == {"SAX": "cardiac-mr", "LGE SAX": "cardiac-lge"}


def test_magnitude_images_of_late_enhancement_are_left(chosen):
    assert chosen("PSIR SAX", "PSIR SAX MAG", "LGE magnetom") == {
        "PSIR SAX": "cardiac-lge",
        "LGE magnetom": "cardiac-lge",
    }


def test_magnitude_images_that_are_asked_for_are_chosen(chosen):
    assert chosen("PSIR SAX", "PSIR SAX MAG", series="2") == {"PSIR SAX MAG": "cardiac-lge"}


def test_a_volume_in_several_series_is_named_after_the_first(tmp_path):
    cine(tmp_path / "there", change=lambda k, t: {"SeriesNumber": 1003 - k, "SeriesDescription": "cine sax"})
    archive = Headers(tmp_path / "there")
    (choice,) = choose(archive, STUDY, [find_model("cardiac-mr")], None, tmp_path / "headers")
    assert choice.name == f"series{min(one.SeriesNumber for one in archive.series(STUDY))}"


@pytest.mark.parametrize("level", ["SOPInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("uid", ["../../../elsewhere", "/absolute", ""])
def test_a_uid_that_is_a_path_is_refused_and_nothing_is_written(level, uid, tmp_path):
    stack(tmp_path / "there")
    archive = Headers(tmp_path / "there")
    bad = f"{tmp_path}/absolute" if uid == "/absolute" else uid
    for header in archive._found:
        header[level]._value = bad  # pydicom checks only values that are set
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArchiveError, match="is not a DICOM UID"):
        choose(archive, STUDY, list(catalogue().values()), None, tmp_path / "out" / STUDY / "headers")
    assert sorted(tmp_path.rglob("*")) == before
