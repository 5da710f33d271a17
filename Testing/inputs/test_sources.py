"""Archives and DICOMDIR, read safely, with the expected names."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from contextlib import ExitStack

import pydicom
import pytest
from input_files import cases, reasons, series, volume
from pydicom.fileset import FileSet
from pydicom.uid import generate_uid

from DINSegmentLib.inputs import archives
from DINSegmentLib.inputs.search import find

UNPACK_AND_BE_KILLED = """
import os, signal, sys
from contextlib import ExitStack
from pathlib import Path
from DINSegmentLib.inputs.search import find
unpack = ExitStack()
find([Path(sys.argv[1])], unpack=unpack)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def unpack():
    with ExitStack() as stack:
        yield stack


def tags(**more):
    return {
        "PatientID": "P",
        "StudyInstanceUID": generate_uid(),
        "StudyDate": "20200101",
        "StudyTime": "101010",
        "StudyID": "1",
        **more,
    }


def pack(folder, path):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    path.parent.mkdir(exist_ok=True)
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
            for file in files:
                archive.add(file, file.relative_to(folder))
    return path


@pytest.mark.parametrize("name", ["exam.zip", "exam.tar.gz", "exam.tgz"])
def test_an_archive_holds_the_cases_of_its_folder_and_is_gone_afterwards(tmp_path, name):
    series(tmp_path / "x" / "study" / "a", **tags())
    volume(tmp_path / "x" / "b.nii.gz")
    path = pack(tmp_path / "x", tmp_path / name)
    with ExitStack() as unpack:
        found = cases(find([path], unpack=unpack))
        assert set(found) == {"a", "b"} and len(found["a"].files) == 4
        place = found["a"].path
        assert place.is_dir()
    assert not place.exists()


def test_images_that_a_kill_left_are_removed_by_the_next_run(tmp_path, monkeypatch):
    path = pack(series(tmp_path / "x", **tags()), tmp_path / "exam.zip")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", UNPACK_AND_BE_KILLED, path], env={**os.environ, "TMPDIR": str(temporary)}, check=False
    )
    assert killed.returncode == -signal.SIGKILL and list(temporary.rglob("IM*"))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with ExitStack() as unpack:
        assert set(cases(find([path], unpack=unpack))) == {"exam"}
        assert len(list(temporary.rglob("IM*"))) == 4
        with ExitStack() as other:  # a run at the same time leaves alone what the first one needs
            assert set(cases(find([path], unpack=other))) == {"exam"}
        assert len(list(temporary.rglob("IM*"))) == 4
    assert not list(temporary.iterdir())


def names_in_two_runs(*paths, tmp_path):
    """The names of the cases, which must be the same in a second run."""
    runs = []
    for _ in range(2):
        with ExitStack() as unpack:
            runs.append(list(cases(find(list(paths), output=tmp_path / "out", unpack=unpack))))
    assert runs[0] == runs[1]
    return runs[0]


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_archives_that_hold_cases_of_one_name_give_it_their_own(tmp_path, suffix):
    for patient in ("patA", "patB"):
        series(tmp_path / patient / "DICOM", **tags())
        volume(tmp_path / patient / "deep" / "scan.nii.gz")
        pack(tmp_path / patient, tmp_path / "sent" / f"{patient}{suffix}")
    sent = [tmp_path / "sent" / f"{patient}{suffix}" for patient in ("patA", "patB")]
    expected = ["patA_deep_scan", "patA_DICOM", "patB_deep_scan", "patB_DICOM"]
    assert names_in_two_runs(*sent, tmp_path=tmp_path) == expected
    assert names_in_two_runs(tmp_path / "patA", tmp_path / "patB", tmp_path=tmp_path) == expected


def test_archives_of_one_name_get_their_folders(tmp_path):
    for day in ("monday", "tuesday"):
        pack(series(tmp_path / day / "x", **tags()), tmp_path / day / "exam.zip")
    days = [tmp_path / day / "exam.zip" for day in ("monday", "tuesday")]
    assert names_in_two_runs(*days, tmp_path=tmp_path) == ["monday_exam", "tuesday_exam"]


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_two_alike_series_of_an_archive_have_the_same_names_in_each_run(tmp_path, suffix):
    for number in (1, 2):
        series(tmp_path / "x", f"2.25.{number}", prefix=f"s{number}_", SeriesNumber=1, **tags())
    path = pack(tmp_path / "x", tmp_path / f"exam{suffix}")
    first, second = names_in_two_runs(path, tmp_path=tmp_path)
    assert first != second and {name.rpartition("_")[0] for name in (first, second)} == {"exam_1_thorax"}


def test_what_an_archive_holds_in_vain_is_named_as_a_part_of_it(tmp_path, unpack):
    (tmp_path / "a.nii").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "exam.zip", "w") as archive:
        archive.write(tmp_path / "a.nii", "deep/a.nii")
    (refused,) = find([tmp_path / "exam.zip"], unpack=unpack)
    assert refused.reason == f"{tmp_path}/exam.zip/deep/a.nii is an empty file: copy or export it again."


@pytest.mark.parametrize("name", ["../out.dcm", "/tmp/out.dcm", "a/../../out.dcm", "..\\out.dcm", "C:\\out.dcm"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_path_that_leads_outside_is_refused(tmp_path, unpack, name, kind):
    path = tmp_path / f"bad.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"x")
    else:
        with tarfile.open(path, "w") as archive:
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
    assert "leads outside" in reasons(find([path], unpack=unpack))[path.name]


def test_links_in_an_archive_are_not_followed(tmp_path, unpack):
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("a.nii.gz")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert not cases(find([path], unpack=unpack))


def test_a_bomb_does_not_go_off(tmp_path, unpack, monkeypatch):
    monkeypatch.setattr(archives, "_SMALL", 1 << 20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(64 << 20))
    assert path.stat().st_size < 100_000
    assert "unpacks to more" in reasons(find([path], unpack=unpack))[path.name]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 and no more"])
@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_damaged_archive_is_refused(tmp_path, unpack, content, name):
    (tmp_path / name).write_bytes(content)
    assert list(reasons(find([tmp_path / name], unpack=unpack))) == [name]


def directory(tmp_path):
    made = series(tmp_path / "x", **tags(SOPClassUID="1.2.840.10008.5.1.4.1.1.2", PatientName="A^B"))
    files = FileSet()
    for path in made.iterdir():
        files.add(pydicom.dcmread(path))
    files.write(tmp_path / "disc")
    return tmp_path / "disc" / "DICOMDIR"


def test_a_dicomdir_names_its_files(tmp_path):
    path = directory(tmp_path)
    series(path.parent / "other", **tags())  # is not listed
    (found,) = cases(find([path])).values()
    assert len(found.files) == 4 and "other" not in str(found.files)


def test_files_that_a_dicomdir_lists_in_vain_are_refused(tmp_path):
    path = directory(tmp_path)
    next(file for file in path.parent.rglob("*") if file.is_file() and file != path).unlink()
    assert "lists 1 files that do not exist" in reasons(find([path]))["DICOMDIR"]


def test_a_dicomdir_that_leads_outside_is_refused(tmp_path):
    path = directory(tmp_path)
    data = pydicom.dcmread(path)
    series(tmp_path / "secret", **tags())
    for record in data.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            record.ReferencedFileID = ["..", "secret", "IM000"]
    data.save_as(path)
    assert "outside of its folder" in reasons(find([path]))["DICOMDIR"]


def test_a_damaged_dicomdir_costs_only_itself(tmp_path):
    path = directory(tmp_path)
    path.write_bytes(path.read_bytes()[:600])
    volume(tmp_path / "a.nii.gz")
    assert set(cases(find([path, tmp_path / "a.nii.gz"]))) == {"a"}
