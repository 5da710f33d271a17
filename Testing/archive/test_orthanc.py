"""Studies from a real archive and results stored in it: complete, without repeats, and with clear errors."""

import json
import os
import re
import signal
import threading
import time

import highdicom as hd
import numpy as np
import psutil
import pydicom
import pytest
from orthanc import certificate, header, until

from DINSegmentLib.phantom import CardiacPhantom

STUDY = "2.25.100"
WHOLE = {"SEG": 2, "SR": 1, "DOC": 1}  # what is stored of a cine, by modality


@pytest.fixture(scope="module")
def beat() -> np.ndarray:
    """(T, K, J, I) of a heart phantom."""
    return CardiacPhantom(shape=(5, 48, 48), spacing=(4.0, 4.0, 20.0)).cine(3)[0]


@pytest.fixture
def filled(orthanc, write_study, beat):
    """An archive that holds the phantom's study."""
    archive = orthanc()
    archive.put(write_study(beat, STUDY, (4, 4, 20)))
    return archive


def results(archive) -> dict[str, list[str]]:
    """UIDs of all objects that are not images."""
    return {kind: sorted(uids) for kind, uids in archive.held().items()}


def test_results_are_stored_beside_the_study_and_a_second_run_stores_nothing(filled, segment, tmp_path):
    outcome = segment(filled, "--study", STUDY)
    assert outcome.code == 0 and "4 objects stored" in outcome.out, outcome.err
    first = results(filled)
    assert {kind: len(uids) for kind, uids in first.items()} == WHOLE
    for uid in first["SEG"]:
        seg = hd.seg.segread(filled.file(uid))
        assert seg.StudyInstanceUID == STUDY and seg.PatientID == "42"
        (series,) = seg.ReferencedSeriesSequence
        assert series.SeriesInstanceUID == f"{STUDY}.4"
    report = pydicom.dcmread(filled.file(first["SR"][0]))
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    document = pydicom.dcmread(filled.file(first["DOC"][0]))
    assert document.EncapsulatedDocument.startswith(b"%PDF-") and document.StudyInstanceUID == STUDY
    assert not (tmp_path / "out" / STUDY / ".images").exists()  # nothing of the patient's images is left behind

    outcome = segment(filled, "--study", STUDY)
    assert outcome.code == 0 and "skipped" in outcome.out
    (tmp_path / "out" / "archive.jsonl").unlink()  # and without a memory of it
    outcome = segment(filled, "--study", STUDY)
    assert outcome.code == 0 and "0 objects stored" in outcome.out
    assert segment(filled, "--study", STUDY, "--output", tmp_path / "elsewhere").code == 0
    assert results(filled) == first


def test_results_that_somebody_removed_are_stored_again(filled, segment):
    assert segment(filled, "--study", STUDY).code == 0
    first = results(filled)
    (uid,) = filled.ask("tools/lookup", method="POST", data=first["SR"][0]).json()
    assert filled.ask(f"instances/{uid['ID']}", method="DELETE").ok
    outcome = segment(filled, "--study", STUDY)
    assert outcome.code == 0 and "1 objects stored" in outcome.out
    assert results(filled) == first


def test_results_of_a_cine_in_several_series_are_named_after_the_first(orthanc, write_study, beat, segment, tmp_path):
    archive, folder = orthanc(), write_study(beat, STUDY, (4, 4, 20))
    for path in folder.glob(f"{STUDY}.4.*.dcm"):
        data, number = pydicom.dcmread(path), 400 + int(path.stem.rpartition(".")[2])
        data.SeriesInstanceUID, data.SeriesNumber = f"{STUDY}.{number}", number
        data.save_as(path)
    archive.put(folder)
    assert segment(archive, "--study", STUDY).code == 0
    written = list((tmp_path / "out" / STUDY).iterdir())
    assert written and all(path.name.startswith(("series401.", "series401_")) for path in written)


def test_images_that_arrive_after_the_results_are_segmented_too(orthanc, write_study, beat, segment, tmp_path):
    archive, folder = orthanc(), write_study(beat, STUDY, (4, 4, 20))
    (late := tmp_path / "late").mkdir()
    for path in folder.glob(f"{STUDY}.4.*.5.dcm"):
        path.rename(late / path.name)
    archive.put(folder)
    assert segment(archive, "--study", STUDY).code == 0
    first = results(archive)
    archive.put(late)
    outcome = segment(archive, "--study", STUDY)
    assert outcome.code == 0 and "4 objects stored" in outcome.out, outcome.err
    record = json.loads((tmp_path / "out" / STUDY / "series4.json").read_text(encoding="utf-8"))
    assert record["input"]["shape"][0] == 5
    assert {kind: len(set(uids) - set(first[kind])) for kind, uids in results(archive).items()} == WHOLE
    assert "skipped" in segment(archive, "--study", STUDY).out


def test_another_format_is_written_even_if_the_results_are_stored(filled, segment, tmp_path):
    assert segment(filled, "--study", STUDY, "--confidence").code == 0
    first = results(filled)
    assert segment(filled, "--study", STUDY, "--format", "html", "--preview", "--confidence").code == 0
    for ending in ("_report.html", ".png", "_confidence.nii.gz"):
        assert (tmp_path / "out" / STUDY / f"series4{ending}").is_file()
    assert results(filled) == first


@pytest.mark.parametrize("moment", ["fetching", "storing"])
def test_a_run_that_was_killed_is_made_whole_by_the_next(moment, filled, segment, start, tmp_path):
    process = start(filled, "--study", STUDY)
    images = tmp_path / "out" / STUDY / ".images"
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if moment == "fetching" and any(images.rglob("*.dcm")):
            break
        if moment == "storing" and results(filled):
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert segment(filled, "--study", STUDY).code == 0
    assert {kind: len(uids) for kind, uids in results(filled).items()} == WHOLE


def test_an_archive_that_is_gone_for_a_while_is_waited_for(filled, segment):
    filled.stop()
    back = threading.Timer(2.5, filled.start)
    back.start()
    outcome = segment(filled, "--study", STUDY)
    back.join()
    assert outcome.code == 0 and "does not answer: retrying in 1 s." in outcome.err
    assert {kind: len(uids) for kind, uids in results(filled).items()} == WHOLE


def one_sentence(outcome, pattern: str) -> None:
    assert outcome.code == 2 and "Traceback" not in outcome.err
    lines = [line for line in outcome.err.splitlines() if line and not line.startswith("Warning: series4: ")]
    assert len(lines) == 1 and re.search(pattern, lines[0]), outcome.err


def test_a_certificate_that_nobody_vouches_for_is_refused(filled, segment, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    certificate(other)
    one_sentence(segment(filled, "--study", STUDY, "--ca-bundle", other / "ca.pem"), "certificate of .* is not trusted")
    assert results(filled) == {}


def test_a_wrong_password_is_refused_and_not_shown(filled, segment, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("engineer:guessed", encoding="utf-8")
    wrong.chmod(0o600)
    outcome = segment(filled, "--study", STUDY, "--credentials", wrong)
    one_sentence(outcome, r"rejects these credentials \(401\)")
    assert "guessed" not in outcome.err + outcome.out


def test_credentials_that_others_can_read_are_refused(filled, segment, secrets):
    secrets.chmod(0o644)
    one_sentence(segment(filled, "--study", STUDY), "can be read by others: protect it with chmod 600")


def test_half_a_study_is_one_sentence_and_nothing_is_stored(orthanc, write_study, beat, segment):
    archive, folder = orthanc(), write_study(beat, STUDY, (4, 4, 20))
    for path in folder.glob(f"{STUDY}.4.2.*.dcm"):
        path.unlink() if path.name.endswith((".3.dcm", ".4.dcm")) else None
    archive.put(folder)
    outcome = segment(archive, "--study", STUDY)
    one_sentence(outcome, "^Study 2.25.100 has no series of MR that a model fits: .*slice")
    assert results(archive) == {}


def test_an_unknown_study_is_one_sentence(filled, segment):
    one_sentence(segment(filled, "--study", "2.25.999"), "has no study 2.25.999: check the UID")


def test_a_full_archive_is_one_sentence_and_what_is_missing_is_stored_later(filled, segment, tmp_path):
    (tmp_path / "large").mkdir()
    large = header(STUDY, f"{STUDY}.7", f"{STUDY}.7.1", 7, "survey")  # fills what the archive may hold of a patient
    left = (1 << 20) - int(filled.ask("statistics").json()["TotalDiskSize"])
    large.ImageType, large.Rows, large.Columns = ["ORIGINAL", "PRIMARY", "LOCALIZER"], (left - 12_000) // 128, 64
    large.ImagePositionPatient, large.PixelSpacing, large.PixelData = [0, 0, 0], [1, 1], bytes(large.Rows * 128)
    large.save_as(tmp_path / "large" / "large.dcm", enforce_file_format=True)
    filled.put(tmp_path / "large")
    filled.stop()
    filled.changes = {"MaximumStorageSize": 1}
    filled.start()
    outcome = segment(filled, "--study", STUDY)
    one_sentence(outcome, "did not keep series4_ED.dcm")
    assert results(filled) == {}

    filled.stop()
    filled.changes = {}
    filled.start()
    assert segment(filled, "--study", STUDY).code == 0
    assert {kind: len(uids) for kind, uids in results(filled).items()} == WHOLE


def test_new_studies_are_watched_for_and_a_restart_does_none_again(orthanc, write_study, beat, start, tmp_path):
    archive = orthanc()
    archive.put(write_study(beat[:0], "2.25.9"))  # nothing but a localizer: said once, and never looked at again
    arguments = ("--watch", "ModalitiesInStudy=MR", "--interval", "1", "--json")
    process = start(archive, *arguments)
    archive.put(write_study(beat, "2.25.1", (4, 4, 20)))
    until(lambda: journal(tmp_path) == {"2.25.1"})
    archive.put(write_study(beat, "2.25.2", (4, 4, 20)))
    until(lambda: journal(tmp_path) == {"2.25.1", "2.25.2"})
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert (tmp_path / "output").read_text(encoding="utf-8").count("Study 2.25.9 has no series of MR") == 1
    first = results(archive)
    assert {kind: len(uids) for kind, uids in first.items()} == {kind: 2 * count for kind, count in WHOLE.items()}

    process = start(archive, *arguments)
    archive.put(write_study(beat, "2.25.3", (4, 4, 20)))
    until(lambda: "2.25.3" in journal(tmp_path))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    lines = (tmp_path / "output").read_text(encoding="utf-8").splitlines()
    said = [json.loads(line) for line in lines if line.startswith("{")]
    assert [one["study"] for one in said if one["event"] == "stored"] == ["2.25.3"]
    assert not any("2.25.9" in line for line in lines)
    assert {kind: len(uids) for kind, uids in results(archive).items()} == {
        kind: 3 * count for kind, count in WHOLE.items()
    }


@pytest.mark.slow
def test_many_studies_leave_the_memory_level(orthanc, write_study, beat, start, tmp_path):
    """DINSEGMENT_STUDIES=200 makes it 200, with the figures printed (pytest -s)."""
    archive, count = orthanc(), int(os.environ.get("DINSEGMENT_STUDIES", "8"))
    process = start(archive, "--watch", "ModalitiesInStudy=MR", "--interval", "1", "--json")
    levels, began = {}, time.monotonic()
    for number in range(1, count + 1):
        archive.put(write_study(beat, f"2.25.{number}", (4, 4, 20)))
    while (done := len(journal(tmp_path))) < count:
        assert process.poll() is None and time.monotonic() - began < 3600
        levels[done] = psutil.Process(process.pid).memory_info().rss
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    half = [level for done, level in levels.items() if count // 10 <= done < count // 2]
    late = [level for done, level in levels.items() if done >= count // 2]
    seconds = (time.monotonic() - began) / count
    print(f"{seconds:.1f} s a study; memory {np.median(half) / 1e6:.0f} MB, later {np.median(late) / 1e6:.0f} MB")
    assert np.median(late) < np.median(half) + 60e6
    assert {kind: len(uids) for kind, uids in results(archive).items()} == {
        kind: count * one for kind, one in WHOLE.items()
    }
    assert not list((tmp_path / "out").rglob(".images"))


def journal(folder) -> set[str]:
    """Studies of the journal that were done."""
    path = folder / "out" / "archive.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {one["study"] for one in map(json.loads, lines) if one["stored"]}
