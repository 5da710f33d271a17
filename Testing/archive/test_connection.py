"""Archive options, credentials and the journal, tested without a server."""

import json
import math

import pytest
import requests
from pydicom.dataset import Dataset

from DINSegmentLib.archive.connection import PASSWORD, TOKEN, USER, Archive, Credentials, read_credentials
from DINSegmentLib.archive.journal import NAME, Entry, Journal
from DINSegmentLib.archive.watch import filters
from DINSegmentLib.cli import main
from DINSegmentLib.errors import ArchiveDenied, ArchiveError, Cancelled, InputError, OutputError

ENTRY = Entry("2.25.1", "wish", 7, (("2.25.2", "2.25.3"),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anna:a:b c\n", Credentials("anna", "a:b c")), ("Bearer abc.def", Credentials(token="abc.def")),
        ("anna:", Credentials("anna", "")),
    ],
)  # fmt: skip
def test_credentials_of_a_file(text, expected, tmp_path):
    path = tmp_path / "secret"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    assert read_credentials(path, {USER: "other"}) == expected


@pytest.mark.parametrize("text", ["", "anna", "anna:one\nanna:two", ":password"])
def test_a_file_without_credentials_is_refused_without_its_text(text, tmp_path):
    path = tmp_path / "secret"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(InputError, match="write one line") as error:
        read_credentials(path)
    assert "two" not in str(error.value) and ":password" not in str(error.value).replace("user:password", "")


def test_credentials_of_the_environment_and_never_in_a_log():
    found = read_credentials(None, {USER: "anna", PASSWORD: "hidden", TOKEN: "secret"})
    assert found == Credentials("anna", "hidden", "secret")
    assert "hidden" not in repr(found) + str(found) and "secret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://archive.example/dicom-web", "is not encrypted"), ("archive.example", "is not the address"),
        ("ftp://archive.example", "is not the address"), ("https://anna:hidden@archive.example", "holds credentials"),
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_used(url, reason):
    with pytest.raises(InputError, match=reason) as error:
        Archive(url, Credentials("anna", "hidden"))
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize("uid", ["../../etc/passwd", "2.25.1/../..", "", ".", "1..2", "2.25.1\n", "2.25." + "1" * 64])
def test_a_uid_that_is_a_path_is_refused_before_anything_is_written(uid, tmp_path):
    archive = Archive("https://localhost:1/dicom-web", Credentials())
    with pytest.raises(ArchiveError, match="is not a DICOM UID"):
        archive.fetch("2.25.1", "2.25.2", [uid], tmp_path / "images")
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize("archive_sends", ["pages of 100", "everything, whatever the offset", "nothing"])
def test_a_search_finds_each_study_once_and_ends(archive_sends, monkeypatch):
    archive = Archive("https://localhost:1/dicom-web", Credentials())
    there = [{"0020000D": {"vr": "UI", "Value": [f"2.25.{number}"]}} for number in range(250)]
    asked: list[int] = []

    def search(limit, offset, **_):
        asked.append(offset)
        assert len(asked) < 9, "the search does not end"
        if archive_sends == "nothing":
            return []
        return there[offset : offset + 100] if archive_sends == "pages of 100" else there

    monkeypatch.setattr(archive._client, "search_for_studies", search)
    found = [str(one.StudyInstanceUID) for one in archive.studies({})]
    assert found == ([] if archive_sends == "nothing" else [f"2.25.{number}" for number in range(250)])


def test_an_answer_without_uids_is_refused(monkeypatch):
    archive = Archive("https://localhost:1/dicom-web", Credentials())
    monkeypatch.setattr(archive._client, "search_for_studies", lambda **_: [{}])
    with pytest.raises(ArchiveError, match="does not answer as a DICOMweb service"):
        archive.studies({})


def test_an_archive_that_never_answers_is_given_up_in_one_sentence():
    said: list[str] = []
    archive = Archive("https://localhost:1/dicom-web", Credentials(), patience=1.5, report=said.append)
    with pytest.raises(ArchiveError, match="search for studies"):
        archive.studies({})
    assert len(said) == 1 and "https://localhost:1/dicom-web" in said[0] and "1 s" in said[0]


@pytest.mark.parametrize(("status", "is_final"), [(500, False), (404, False), (507, False), (401, True), (403, True)])
def test_only_rejected_credentials_are_final(status, is_final, monkeypatch):
    def refuse(**_):
        response = requests.Response()
        response.status_code = status
        raise requests.HTTPError(response=response)

    archive = Archive("https://localhost:1/dicom-web", Credentials())
    monkeypatch.setattr(archive._client, "search_for_studies", refuse)
    with pytest.raises(ArchiveError) as error:
        archive.studies({})
    assert isinstance(error.value, ArchiveDenied) == is_final


def test_an_image_that_does_not_fit_the_disk_is_an_output_error(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    image = Dataset()
    image.SOPInstanceUID = "2.25.3"
    archive = Archive("https://localhost:1/dicom-web", Credentials())
    monkeypatch.setattr(archive._client, "iter_series", lambda *_, **__: [image])
    monkeypatch.setattr("pydicom.dcmwrite", full)
    with pytest.raises(OutputError, match="No space left"):
        archive.fetch("2.25.1", "2.25.2", ["2.25.3"], tmp_path)


def test_waiting_ends_at_an_interrupt():
    archive = Archive("https://localhost:1/dicom-web", Credentials(), patience=math.inf)
    archive.stop = lambda: True
    with pytest.raises(Cancelled):
        archive.studies({})


def test_the_journal_survives_a_kill_in_the_middle_of_a_line(tmp_path):
    Journal(tmp_path).add(ENTRY)
    path = tmp_path / NAME
    path.write_text(path.read_text(encoding="utf-8") + '{"study": "2.25.4", "ask', encoding="utf-8")
    again = Journal(tmp_path)
    assert again.find("2.25.1", "wish") == ENTRY
    assert again.find("2.25.1", "another wish") is None and again.find("2.25.4", "wish") is None
    again.add(Entry("2.25.5", "wish", 1, fault="It cannot be done."))
    last = Journal(tmp_path)
    assert last.find("2.25.1", "wish") == ENTRY and last.find("2.25.5", "wish").fault == "It cannot be done."
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["study"] for line in lines if line.endswith("}")] == ["2.25.1", "2.25.5"]


def test_a_query_is_read_as_attributes():
    assert filters("?ModalitiesInStudy=MR&StudyDate=20260101-") == {"ModalitiesInStudy": "MR", "StudyDate": "20260101-"}
    with pytest.raises(InputError, match="is not a query"):
        filters("everything")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--study", "2.25.1", "--anonymous"], "does not work together with --anonymous"),
        (["--study", "2.25.1", "heart.nii.gz"], "does not work together with INPUT"),
        ([], "needs --study UID or --watch QUERY"),
        (["--study", "2.25.1", "--watch", "Modality=MR"], "needs --study UID or --watch QUERY"),
        *(
            (["--study", "2.25.1", *given], f"does not work together with {given[0]}")
            for given in (["--overwrite"], ["--slices", "i"], ["--resample"], ["--no-recursive"])
        ),
        *((["--watch", "Modality=MR", "--interval", wrong], "interval") for wrong in ("0", "-5", "0.9", "nan", "inf")),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(arguments, reason, tmp_path, capsys):
    options = ["segment", "--dicomweb", "https://localhost:1/dicom-web", "--model", "auto", "--output", str(tmp_path)]
    assert main([*options, *arguments]) == 2
    assert reason in capsys.readouterr().err and not list(tmp_path.iterdir())
