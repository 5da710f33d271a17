"""The extension's CMake files match the files on disk and the checks of Slicer's Extensions Index."""

import re
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def root_cmake(repository: Path) -> str:
    return (repository / "CMakeLists.txt").read_text(encoding="utf-8")


@pytest.fixture
def module_cmake(repository: Path) -> str:
    return (repository / "DINSegment" / "CMakeLists.txt").read_text(encoding="utf-8")


def setting(text: str, name: str) -> str:
    """The value of a one-line set(NAME "value")."""
    (value,) = re.findall(rf'^set\({name} "([^"$]*)"\)$', text, re.MULTILINE)
    return value


def listed(text: str, keyword: str) -> set[str]:
    """The files that stand after a keyword of slicerMacroBuildScriptedModule, one in a line."""
    (block,) = re.findall(rf"^  {keyword}\n((?:    \S+\n)+)", text, re.MULTILINE)
    return set(block.split())


def on_disk(folder: Path, *patterns: str) -> set[str]:
    paths = (path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix() for path in paths}


def test_first_project_names_the_extension(root_cmake):
    assert re.findall(r"project\((\w+)", root_cmake)[0] == "DINSegment"


def test_metadata_is_what_the_extensions_index_asks(root_cmake):
    assert setting(root_cmake, "EXTENSION_CATEGORY") == "Segmentation"
    assert setting(root_cmake, "EXTENSION_DEPENDS") == "PyTorch"
    assert setting(root_cmake, "EXTENSION_HOMEPAGE").endswith("/SlicerDINSegment")
    assert setting(root_cmake, "EXTENSION_DESCRIPTION")
    assert setting(root_cmake, "EXTENSION_CONTRIBUTORS")


def test_icon_of_the_url_is_in_the_repository(root_cmake, repository):
    icon = repository / setting(root_cmake, "EXTENSION_ICONURL").partition("/main/")[2]

    with Image.open(icon) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (128, 128), "RGBA")


def test_module_and_extension_show_the_same_icon(repository):
    module_icon = repository / "DINSegment" / "Resources" / "Icons" / "DINSegment.png"

    assert module_icon.read_bytes() == (repository / "DINSegment.png").read_bytes()


def test_module_lists_every_script_and_resource_on_disk(module_cmake, repository):
    folder = repository / "DINSegment"

    assert listed(module_cmake, "SCRIPTS") == on_disk(folder, "*.py", "Scripts/**/*.py")
    assert listed(module_cmake, "RESOURCES") == on_disk(folder, "Resources/**/*")


def test_module_is_loaded_by_slicers_generic_tests(module_cmake):
    assert "WITH_GENERIC_TESTS" in module_cmake


def test_library_and_resources_are_taken_by_pattern_and_installed(root_cmake, repository):
    patterns = re.findall(r"file\(GLOB_RECURSE \w+ CONFIGURE_DEPENDS RELATIVE \S+ (\S+)\)", root_cmake)

    assert patterns == ["DINSegmentLib/*.py", "Resources/*"]
    # a page for who works on the sources (.md) is not installed
    suffixes = {path.suffix for path in (repository / "DINSegmentLib").rglob("*") if path.is_file()}
    assert suffixes <= {".py", ".pyc", ".md"}
    assert "install(DIRECTORY ${MODULES_DIR}/DINSegmentLib" in root_cmake
