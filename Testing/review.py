"""Cases for the review page, and repeated actions on it."""

from dataclasses import replace

from DINSegmentLib.model import Code, Label, find_model

PART = Code("SCT", "0", "Part")

MODEL = replace(find_model("cardiac-mr"), labels=(Label(1, "Left ventricle", (200, 30, 30), PART),))
# ml; the median is 100, the median absolute deviation 10, so that case5 lies 27 robust standard deviations up
VOLUMES = {"case1": 80.0, "case2": 90.0, "case3": 100.0, "case4": 110.0, "case5": 500.0, "case10": 100.0}


def record(case, volume, notices=(), **values):
    structure = {"value": 1, "name": "Left ventricle", "voxels": 1000, "volume_ml": volume, "confidence": 0.9}
    return {
        "date": "2026-11-24T10:00:00+00:00", "case": case, "input": {"name": case, "path": f"/data/{case}.nii.gz"},
        "model": {"id": "cardiac-mr"}, "structures": [structure], "notices": list(notices), **values,
    }  # fmt: skip


def flag(text):
    return {"kind": "parts", "structure": "Left ventricle", "text": text}


def records():
    """Six cases with a result, of which one has a warning, and one that failed."""
    found = [record(case, volume) for case, volume in VOLUMES.items()]
    found[1] = record("case2", 90.0, [flag("A fifth lies apart.")], confidence=0.4)
    return [*found, {"case": "broken", "input": "/data/broken.nii.gz", "error": "broken.nii.gz is cut short: copy it."}]


def shown(page):
    """Names of the cases that are not filtered away, in their order."""
    return page.locator("tbody:not([hidden]) .name").all_text_contents()


def current(page):
    return page.locator("tbody[aria-current] .name").text_content()


def mark_of(page, case):
    return page.locator(f'tbody[aria-label="{case}"]').get_attribute("data-mark")
