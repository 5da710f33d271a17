"""`dinsegment report`: an edited label map changes the report; invalid input is rejected and leaves no file."""

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from DINSegmentLib.cli.parser import main
from DINSegmentLib.phantom import ES_PHASE, CardiacPhantom

PHANTOM = CardiacPhantom(shape=(9, 72, 64), spacing=(2.8, 2.8, 10.0))


@pytest.fixture(scope="module")
def phases():
    """Voxels and labels (T, K, J, I) at end-diastole and end-systole."""
    images, labels = zip(*(PHANTOM.frame(phase) for phase in (0.0, ES_PHASE)), strict=True)
    return np.stack(images), np.stack(labels)


def save(path, array):
    image = nibabel.Nifti1Image(array.T, PHANTOM.geometry.ijk_to_ras)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)
    return path


@pytest.fixture(scope="module")
def once(phases, tmp_path_factory):
    """The folder of a run over the cine, which stands beside it."""
    folder = tmp_path_factory.mktemp("run")
    cine = save(folder / "heart.nii.gz", phases[0])
    arguments = ("--model", "cardiac-mr", "--device", "cpu", "--format", "html", "--heart-rate", "60")
    assert main(["segment", str(cine), *arguments, "--output", str(folder / "out")]) == 0
    return folder / "out"


@pytest.fixture
def result(once, tmp_path):
    """The same, to be changed."""
    return Path(shutil.copytree(once, tmp_path / "out"))


def volumes(labels, value):
    return np.count_nonzero(labels == value, axis=(1, 2, 3)) * 2.8 * 2.8 * 10 / 1000


def test_an_edit_changes_the_report_and_the_reviewer_is_named(command, result, phases, tmp_path):
    save(result / "heart.nii.gz", phases[1])  # a person has corrected all labels
    before = (result / "heart_report.html").read_text(encoding="utf-8")
    arguments = ("report", result / "heart.json", "--format", "html", "--format", "pdf")
    refused = command(*arguments)
    assert refused.code == 2 and "--overwrite" in refused.err and not (result / "heart_report.pdf").exists()

    done = command(*arguments, "--overwrite", "--reviewer", "Dr. Ada Jones", "--comment", "Base corrected.")
    assert done.code == 0 and "heart_report.pdf" in done.out, done.err
    after = (result / "heart_report.html").read_text(encoding="utf-8")
    edv, esv = volumes(phases[1], 3)
    for text in (f">{edv:.1f} ml<", f">{esv:.1f} ml<", f">{(edv - esv) * 0.06:.2f} L/min<"):
        assert text in after and text not in before, text
    assert "The labels were edited after the segmentation" in after and "Base corrected." in after
    assert "Reviewed by Dr. Ada Jones on 20" in after and "Reviewed" not in before
    assert (result / "heart_report.pdf").read_bytes().startswith(b"%PDF")


def test_without_an_edit_values_are_those_of_the_run_and_nobody_has_reviewed(command, result, tmp_path):
    done = command("report", result / "heart.json", "--output", tmp_path / "again")
    assert done.code == 0, done.err
    one, other = ((folder / "heart_report.html").read_text(encoding="utf-8") for folder in (result, tmp_path / "again"))
    assert one[one.index("LV EDV") : one.index("<svg")] == other[other.index("LV EDV") : other.index("<svg")]
    assert "edited" not in other and "Reviewed" not in other


def test_moved_insertions_turn_the_segments(command, result, phases, tmp_path):
    save(result / "heart.nii.gz", phases[1])
    center = PHANTOM.geometry.ijk_to_ras @ (*np.argwhere(phases[1][0] == 3).mean(axis=0)[::-1], 1)
    places = [str(round(float(part), 2)) for part in center[:3]]
    apart = [
        "--anterior",
        *places[:2],
        str(float(places[2]) + 30),
        "--inferior",
        *places[:2],
        str(float(places[2]) - 30),
    ]
    pages = []
    for name, more in (("plain", []), ("moved", apart)):
        assert command("report", result / "heart.json", "--output", tmp_path / name, *more).code == 0
        pages.append((tmp_path / name / "heart_report.html").read_text(encoding="utf-8"))
    plots = [page[page.index("Wall at end-diastole") :] for page in pages]
    assert plots[0] != plots[1] and "not reported" not in plots[1].split("</svg>")[0]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda labels: labels + np.uint8(4) * (labels == 3), "holds the value 7"),
        (lambda labels: labels[:, :-1], "is not on the grid of its image"),
        (lambda labels: labels[:1].repeat(3, axis=0), "has 3 frames, but its cine 2"),
        (lambda labels: labels[0], "single frame"),
    ],
)
def test_nonsense_is_refused_with_its_reason_and_leaves_no_report(command, result, phases, tmp_path, spoil, reason):
    edited = save(tmp_path / "edited.nii.gz", spoil(phases[1]))
    done = command("report", result / "heart.json", "--labels", edited, "--output", tmp_path / "none")
    assert done.code == 2 and reason in done.err and not (tmp_path / "none").exists()


def test_labels_without_a_heart_are_not_reported_and_the_report_says_why(command, result, phases, tmp_path):
    edited = save(tmp_path / "edited.nii.gz", np.zeros_like(phases[1]))
    done = command("report", result / "heart.json", "--labels", edited, "--output", tmp_path / "empty")
    assert done.code == 0, done.err
    page = (tmp_path / "empty" / "heart_report.html").read_text(encoding="utf-8")
    assert page.count("not reported") > 8 and "No left ventricle" in page


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--comment", "good"), "--reviewer"),
        (("--anterior", "1", "2", "3"), "--inferior"),
        (("--labels", "nowhere.nii.gz"), "is missing"),
        (("--input", "nowhere.nii.gz", "--overwrite"), "nowhere.nii.gz no longer exists"),
    ],
)
def test_what_is_missing_is_named(command, result, more, reason):
    done = command("report", result / "heart.json", *more)
    assert done.code == 2 and reason in done.err


def test_another_image_is_refused(command, result, phases, tmp_path):
    other = save(tmp_path / "other.nii.gz", phases[0][::-1].copy())
    done = command("report", result / "heart.json", "--input", other, "--output", tmp_path / "none")
    assert done.code == 2 and "is not the image of that run" in done.err and not (tmp_path / "none").exists()
