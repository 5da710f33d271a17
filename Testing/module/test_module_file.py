"""The module file loads in a Slicer without torch, from the source tree and installed, and says what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from desk import Desk
desk = Desk.start()
DINSegment = desk.load_module(Path({folder!r}))
"""


@pytest.fixture
def in_slicer(repository: Path, tmp_path: Path):
    """Run Python where Slicer's desktop is a stand-in and the module's folder alone was added to the search path."""

    def run(code: str, folder: Path = repository / "DINSegment") -> str:
        path = [str(folder), str(repository / "Testing")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", LOAD.format(folder=str(folder)) + code]
        process = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8")
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


def test_loading_the_module_and_listing_its_models_loads_no_torch(in_slicer):
    loaded = in_slicer(
        "titles = DINSegment.DINSegmentLogic().modelTitles(); assert 'cardiac-mr' in titles\n"
        "print([name for name in ('torch', 'monai', 'matplotlib', 'nibabel') if name in sys.modules])"
    )

    assert loaded.strip() == "[]"


def test_opening_the_panel_on_a_volume_loads_no_package_that_slicer_lacks(in_slicer, repository):
    sample = repository / "Resources" / "SampleData" / "cardiac_phantom_ED.nrrd"
    loaded = in_slicer(
        "import slicer\n"
        "panel = desk.open_module()\n"
        f"panel.ui.inputSelector.setCurrentNode(slicer.util.loadVolume({str(sample)!r})); desk.turn(0.2)\n"
        "assert panel.ui.modelSelector.count and panel.ui.inputSelector.currentNode()\n"
        "lacking = ('torch', 'highdicom', 'reportlab', 'distributed', 'dicomweb_client', 'jsonschema')\n"
        "print([name for name in lacking if name in sys.modules], flush=True)\n"
        "import os; os._exit(0)"  # the desk's views are not taken down in any order
    )

    assert loaded.strip() == "[]"


def test_module_says_what_it_is(in_slicer):
    shown = in_slicer(
        "parent = SimpleNamespace(); DINSegment.DINSegment(parent)\n"
        "print(parent.title, parent.categories, parent.contributors != [], 'independent' in parent.acknowledgementText)"
    )

    assert shown.strip() == "DINSegment ['Segmentation'] True True"


def test_library_beside_an_installed_module_is_used(in_slicer, repository, tmp_path):
    modules = tmp_path / "qt-scripted-modules"
    shutil.copytree(repository / "DINSegmentLib", modules / "DINSegmentLib")
    shutil.copytree(repository / "Resources", modules / "DINSegmentLib" / "Resources")
    shutil.copy(repository / "DINSegment" / "DINSegment.py", modules)

    used = in_slicer("import DINSegmentLib; print(DINSegmentLib.__file__)", modules)

    assert Path(used.strip()) == modules / "DINSegmentLib" / "__init__.py"


def test_library_of_the_source_tree_is_found_when_none_is_installed(in_slicer, repository):
    found = in_slicer(
        "import importlib.util\n"
        "sys.meta_path[:] = [finder for finder in sys.meta_path if 'editable' not in repr(finder)]\n"
        f"sys.path[:] = [folder for folder in sys.path if folder != {str(repository)!r}]\n"
        "for name in [name for name in sys.modules if name.startswith('DINSegmentLib')]: del sys.modules[name]\n"
        "assert importlib.util.find_spec('DINSegmentLib') is None\n"
        "desk.load_module()\n"
        "import DINSegmentLib; print(DINSegmentLib.__file__)"
    )

    assert Path(found.strip()) == repository / "DINSegmentLib" / "__init__.py"


def test_missing_torch_is_named_with_the_next_step(in_slicer):
    said = in_slicer(
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: None if name == 'torch' else find(name, package)\n"
        "try: DINSegment.DINSegmentLogic().segment(None, modelId='cardiac-mr')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    assert said.startswith("TorchMissing PyTorch is missing: install it")


@pytest.mark.torch
def test_slicers_own_test_of_the_module_passes_with_and_without_torch(in_slicer):
    said = in_slicer(
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: None if name == 'torch' else find(name, package)\n"
        "test = DINSegment.DINSegmentTest(); test.runTest(); print('torch' in sys.modules)\n"
        "importlib.util.find_spec = find; test.runTest(); print('torch' in sys.modules)"
    )

    assert said.split() == ["False", "True"]


@pytest.mark.parametrize(("behavior", "status"), [("return 1", 1), ("raise SystemExit(2)", 2), ("raise OSError", 2)])
def test_batch_script_ends_slicer_with_the_command_lines_status(in_slicer, repository, behavior, status):
    said = in_slicer(
        "import runpy, types\n"
        f"def main(arguments):\n    print(arguments)\n    {behavior}\n"
        "sys.modules['DINSegmentLib.cli.parser'] = types.SimpleNamespace(main=main)\n"
        "import slicer; slicer.util.exit = lambda status: print('status', status)\n"
        "sys.argv = ['DINSegmentBatch.py', '--', 'models']\n"
        f"try: runpy.run_path({str(repository / 'DINSegment' / 'Scripts' / 'DINSegmentBatch.py')!r})\n"
        "except BaseException as error: pass"
    )

    assert said.splitlines() == ["['models']", f"status {status}"]
