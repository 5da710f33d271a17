"""A browser, a cine's record, and a page with some cases."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import review
from PIL import Image
from playwright.sync_api import sync_playwright

from DINSegmentLib.batch.steps import save_picture
from DINSegmentLib.report.write import write_report

CHROMIUM = shutil.which("chromium")


NOTICE = {"kind": "function", "text": "No right ventricle was found in frame 2."}


@pytest.fixture(scope="module")
def browser():
    """Chromium without its sandbox, which root may not have in a container: Playwright's default."""
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: `make system-packages` installs it")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM) as browser:
        yield browser


@pytest.fixture
def page(browser):
    """An empty tab of a browser that knows no marks yet; an error in a script fails the test."""
    errors = []
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert errors == []


@pytest.fixture(scope="session")
def beat() -> Callable[..., dict[str, Any]]:
    """The cine part of a record, three frames; ejection fraction 50%, right ventricle not reported."""

    def make(**changes: Any) -> dict[str, Any]:
        left = {
            "edv_ml": 120.0, "esv_ml": 60.0, "sv_ml": 60.0, "ef_percent": 50.0, "edv_range_ml": [100.0, 140.0],
            "esv_range_ml": [50.0, 70.0], "ef_range_percent": [40.0, 58.3],
        }  # fmt: skip
        function = {
            "lv_ml": [120.0, 60.0, 90.0], "rv_ml": [110.0, None, 75.0], "myocardium_ml": [100.0] * 3,
            "times_ms": [0.0, 300.0, 900.0], "ed_frame": 0, "es_frame": 1, "lv": left, "rv": dict.fromkeys(left),
            "mass_g": 105.0, "mass_frame": 0, "heart_rate": 60.0, "cardiac_output_l_min": 3.6, "bsa_m2": None,
            "notices": [NOTICE], "indexed": None, **changes,
        }  # fmt: skip
        return {"frames": 3, "frame": 1, "function": function}

    return make


@pytest.fixture
def report(tmp_path: Path) -> str:
    """The address of a page of these cases, each result with a picture of eight squares."""
    pictures = {case: save_picture(Image.new("RGB", (1628, 200), "gray"), tmp_path, case) for case in review.VOLUMES}
    return write_report(review.records(), pictures, tmp_path, "A run", [review.MODEL]).as_uri()
