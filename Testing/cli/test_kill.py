"""A run that is killed repeatedly ends with the same bytes as an undisturbed one."""

import json
import random
import subprocess
import sys
import time

import numpy as np
from csv_rows import rows


def test_ten_kills_at_any_moment_cost_nothing(write, voxels, tiny_model, tmp_path):
    rng = np.random.default_rng(7)
    (tmp_path / "in").mkdir()
    faulty = set(rng.choice(60, 10, replace=False).tolist())
    for number in range(60):
        array = np.roll(voxels, (number % 5, number % 7), (1, 2)) + np.int16(number)
        path = write(f"in/case{number:02}.nrrd", np.full_like(voxels, 3) if number in faulty else array)
        if number in faulty and number % 2:
            path.write_bytes(path.read_bytes()[:-100])
    command = [
        sys.executable, "-m", "DINSegmentLib", "segment", str(tmp_path / "in"), "--model", str(tiny_model),
        "--device", "cpu", "--format", "nii.gz", "--output",
    ]  # fmt: skip
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    assert subprocess.run([*command, str(undisturbed)], capture_output=True).returncode == 1  # ten cannot be done

    moments = random.Random(1)
    for _ in range(10):
        process = subprocess.Popen([*command, str(disturbed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(list(disturbed.glob("*.json")))
        end = time.monotonic() + 30
        while len(list(disturbed.glob("*.json"))) == before and process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.15))
        process.kill()
        process.wait()
    last = subprocess.run([*command, str(disturbed)], capture_output=True, encoding="utf-8")

    assert last.returncode == 1 and "50 of 60 done" in last.stdout and "in an earlier run" in last.stdout
    names = sorted(path.name for path in undisturbed.glob("*.nii.gz"))
    assert len(names) == 50 and names == sorted(path.name for path in disturbed.glob("*.nii.gz"))
    for name in (*names, "statistics.csv"):
        assert (disturbed / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert not list(disturbed.glob(".*")), "a killed run has left something"
    assert len({row["case"] for row in rows(disturbed / "statistics.csv")}) == 50
    summary = json.loads((disturbed / "summary.json").read_text(encoding="utf-8"))
    assert (summary["counts"]["failed"], summary["counts"]["done"] + summary["counts"]["resumed"]) == (10, 50)
