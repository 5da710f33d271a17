"""Links in the documents work, and their commands are run here or listed with the reason why not."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from DINSegmentLib import resources
from DINSegmentLib.cli import parser

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    path
    for path in sorted(REPOSITORY.rglob("*.md"))
    if not any(part.startswith(".") or part in {"build", "out", "runs"} for part in path.relative_to(REPOSITORY).parts)
]

TRAINING = "needs the data sets and hours; in miniature in Testing/cli/test_commands.py"
MINIATURE = "takes minutes; in miniature in Testing/cli/test_own_data.py"
ARCHIVE = "needs an archive; Testing/archive/test_orthanc.py has one"
CLUSTER = "needs a cluster; in miniature in Testing/cli/test_workers.py"
NOT_RUN_HERE = {  # the start of a command: why no test of this file runs it
    "git clone ": "the public repository does not exist yet",
    "make test": "it is what runs this test",
    "make lint": "continuous integration runs it",
    ".venv/bin/dinsegment function ": "needs a cine; Testing/cli/test_function.py has one",
    ".venv/bin/dinsegment report ": "needs the result of a cine; Testing/cli/test_report_command.py has one",
    ".venv/bin/dinsegment sheet ": TRAINING,
    ".venv/bin/dinsegment train ": TRAINING,
    ".venv/bin/dinsegment pack ": TRAINING,
    ".venv/bin/dinsegment evaluate ": TRAINING,
    ".venv/bin/dinsegment calibrate ": "needs the data sets; in miniature in Testing/training/test_calibration.py",
    ".venv/bin/dinsegment ablation ": TRAINING,
    "python -m DINSegmentLib.phantom --dataset ": MINIATURE,
    "dinsegment train ": MINIATURE,
    "dinsegment pack ": MINIATURE,
    "dinsegment segment hearts/": MINIATURE,
    "dinsegment evaluate ": MINIATURE,
    "export DINSEGMENT_DICOMWEB_USER": ARCHIVE,
    "dinsegment segment --dicomweb ": ARCHIVE,
    "curl ": "asks an archive, by Orthanc's own interface",
    "dask ": CLUSTER,
    "dinsegment segment /shared/": CLUSTER,
}


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def blocks(path: Path, language: str) -> list[str]:
    """The text of the document's fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def python_block(word: str) -> str:
    """The one example of the Python page that holds a word."""
    (example,) = (block for block in blocks(REPOSITORY / "Documentation" / "python.md", "python") if word in block)
    return example


def commands(path: Path) -> list[str]:
    """Every line of the document's shell blocks, without its comment."""
    lines = (re.sub(r"\s+#.*", "", line) for block in blocks(path, "sh") for line in block.splitlines())
    return [line for line in lines if line]


def reason(command: str) -> str | None:
    """Why a command is not run here."""
    return next((why for start, why in NOT_RUN_HERE.items() if command.startswith(start)), None)


def run_here(path: Path) -> list[str]:
    return [command for command in commands(path) if reason(command) is None]


def anchors(path: Path) -> set[str]:
    """The document's headings as a public host makes anchors of them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dinsegment(command: str) -> list[str] | None:
    """The arguments after `dinsegment`, or after the `make demo` that stands for one; None for another command."""
    words = shlex.split(command)
    if Path(words[0]).name == "dinsegment":
        return words[1:]
    return ["demo", "--output", "out/demo"] if words == ["make", "demo"] else None


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_and_pictures_of_a_document_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        link = "".join(target)
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        place = (path.parent / file) if file else path
        assert place.exists(), link
        assert not anchor or anchor in anchors(place), link


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if run_here(path)], ids=name)
def test_commands_of_a_document_work_one_after_the_other(path, tmp_path, monkeypatch):
    sample = resources.root() / "SampleData" / "cardiac_phantom_ED.nrrd"
    (tmp_path / "study").mkdir()
    import SimpleITK as sitk

    image = sitk.ReadImage(str(sample))
    sitk.WriteImage(image, str(tmp_path / "heart.nii.gz"))
    sitk.WriteImage(image[:, :, 1:9], str(tmp_path / "study" / "middle.nii.gz"))
    monkeypatch.chdir(tmp_path)

    for command in run_here(path):
        arguments = dinsegment(command)
        assert arguments is not None, f"no test knows how to run `{command}`: run it here, or list it with the reason"
        run = subprocess.run(
            [sys.executable, "-m", "DINSegmentLib", *arguments], capture_output=True, encoding="utf-8"
        )  # fmt: skip
        assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"


def test_every_command_that_is_not_run_here_is_in_a_document_and_understood():
    every = [command for path in DOCUMENTS for command in commands(path)]

    for start in NOT_RUN_HERE:
        assert any(command.startswith(start) for command in every), f"{start!r} is in no document: remove it"
    for command in every:
        if arguments := dinsegment(command):
            parser._parser().parse_args(arguments)  # exits where it does not understand


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_commands_and_targets_named_in_the_text_exist(path):
    text = path.read_text(encoding="utf-8")
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")

    for target in re.findall(r"`make ([a-z0-9-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for command in re.findall(r"`(?:\.venv/bin/)?dinsegment ([a-z]+)", text):
        with pytest.raises(SystemExit) as end:
            parser._parser().parse_args([command, "--help"])
        assert end.value.code == 0, command


def test_python_without_slicer_runs_as_written(tmp_path, monkeypatch):
    from DINSegmentLib import api, io

    image = api.read_volume(api.sample("cardiac_phantom_ED.nrrd"))
    io.write_volume(image.array, image, tmp_path / "heart.nii.gz")
    monkeypatch.chdir(tmp_path)
    values = {}
    for block in blocks(REPOSITORY / "Documentation" / "python.md", "python"):
        if "Segmenter" in block:
            exec(block, values)

    assert values["result"].labels.shape == values["volume"].array.shape
    assert values["result"].labels.dtype == "uint8"
    assert values["engine"].model.id == "cardiac-mr"


def test_python_in_slicer_runs_as_written(tmp_path):
    example = python_block("Logic")
    path = [str(REPOSITORY / "DINSegment"), str(REPOSITORY / "Testing")]
    code = (
        "from desk import Desk; desk = Desk.start(); DINSegment = desk.load_module()\n"
        "import sys; sys.modules['DINSegment'] = DINSegment\n"
        "import slicer; from DINSegmentLib.panel.samples import HEART_FILE\n"
        f"volumeNode = slicer.util.loadVolume(HEART_FILE)\n{example}\n"
        "print(segmentationNode.GetSegmentation().GetNumberOfSegments(), flush=True)\n"
        "import os; os._exit(0)"  # as in the module's test: the desk's views are not taken down in any order
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, os.environ["PYTHONPATH"]])}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8"
    )  # fmt: skip

    assert run.returncode == 0, run.stderr
    assert run.stdout.split()[-1] == "3"


def test_the_page_for_programs_names_the_versions_that_the_code_has():
    from DINSegmentLib.batch import record, tables
    from DINSegmentLib.cli.commands import installation
    from DINSegmentLib.inputs import inspection
    from DINSegmentLib.model import manifest

    text = (REPOSITORY / "Documentation" / "programs.md").read_text(encoding="utf-8")
    named = {match[1]: int(match[2]) for match in re.finditer(r"^\| `([\w. -]+)`.* \| (\d+) \|$", text, re.MULTILINE)}
    assert named == {
        "NAME.json": record.SCHEMA_VERSION,
        "summary.json": tables.SCHEMA_VERSION,
        "manifest.json": manifest.SCHEMA_VERSION,
        "inspect --json": inspection.SCHEMA_VERSION,
        "models --json": installation.SCHEMA_VERSION,
    }


def test_every_page_is_reached_from_the_first():
    linked = {REPOSITORY / "README.md"}
    waiting = list(linked)
    while waiting:
        page = waiting.pop()
        for link in re.findall(r"\]\(([^)\s#]+\.md)", page.read_text(encoding="utf-8")):
            target = Path(os.path.normpath(page.parent / link))
            if target not in linked:
                linked.add(target)
                waiting.append(target)

    cards = {path for path in DOCUMENTS if path.name == "MODEL_CARD.md"}
    assert set(DOCUMENTS) - cards <= linked
