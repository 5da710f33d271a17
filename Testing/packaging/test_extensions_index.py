"""Automatic checks of Slicer's Extensions Index at submission: entry, addresses in CMake, license, pictures."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from DINSegmentLib import __version__

KEYS = {  # schema v1.0.2: no others
    "$schema", "category", "scm_url", "scm_revision", "scm_type", "build_dependencies", "dicom_support_rule",
    "build_subdirectory", "enabled", "tier",
}  # fmt: skip


@pytest.fixture
def entry(repository: Path) -> dict[str, object]:
    return json.loads((repository / "DINSegment.json").read_text(encoding="utf-8"))


@pytest.fixture
def cmake(repository: Path) -> str:
    return (repository / "CMakeLists.txt").read_text(encoding="utf-8")


def setting(text: str, name: str) -> str:
    (value,) = re.findall(rf'^set\({name} "([^"$]*)"\)$', text, re.MULTILINE)  # one line, no blank, no variable
    return value


def test_entry_has_the_keys_of_the_schema_and_agrees_with_cmake(entry, cmake, repository):
    assert b"\r" not in (repository / "DINSegment.json").read_bytes()
    assert {"$schema", "category", "scm_url"} <= set(entry) <= KEYS
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert entry["category"] == setting(cmake, "EXTENSION_CATEGORY")
    assert entry["build_dependencies"] == setting(cmake, "EXTENSION_DEPENDS").split()
    assert entry["scm_url"] == setting(cmake, "EXTENSION_HOMEPAGE")
    assert entry["scm_url"].startswith("https://") and entry["scm_url"].rpartition("/")[2].startswith("Slicer")
    assert 1 <= entry["tier"] <= 5


def test_every_address_of_a_picture_is_a_small_picture_in_the_repository(cmake, repository):
    for url in [setting(cmake, "EXTENSION_ICONURL"), *setting(cmake, "EXTENSION_SCREENSHOTURLS").split()]:
        place, _, name = url.partition("/main/")
        assert place == "https://raw.githubusercontent.com/OWNER/SlicerDINSegment"
        assert (repository / name).stat().st_size <= 300_000, name
        with Image.open(repository / name) as image:
            assert image.format == "PNG"


def test_description_names_modalities_and_the_terms_of_the_weights(cmake):
    description = setting(cmake, "EXTENSION_DESCRIPTION")

    assert all(word in description for word in ("MR", "CT", "weights", "non-commercial"))


def test_first_project_is_the_extension_and_the_license_has_an_accepted_name(cmake, repository):
    assert re.search(r"project\s*\(\s*(\w+)", cmake).group(1) == "DINSegment"
    assert "Apache License" in (repository / "LICENSE.txt").read_text(encoding="utf-8")


def test_citation_tells_the_version_of_the_package(repository):
    citation = (repository / "CITATION.cff").read_text(encoding="utf-8")

    assert f"\nversion: {__version__}\n" in citation
