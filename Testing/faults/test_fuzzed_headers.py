"""Several hundred damaged headers: none crashes or hangs the program, or leaves partial output."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .mutations import mutate

pytestmark = pytest.mark.faults

_HEADER = {"v.nii": 352, "v.nrrd": 400, "v.mha": 400, "series": 800}
MUTATIONS = {"v.nii": 110, "v.nrrd": 110, "v.mha": 40, "series": 110}


@pytest.fixture(scope="module")
def run(tiny_model: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """`dinsegment segment INPUT --output FOLDER` in a forked child."""
    script = Path(__file__).with_name("forked.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment
    ) as process:

        def segment(source: Path, output: Path) -> dict[str, Any]:
            arguments = ["segment", source, "--model", tiny_model, "--output", output, "--device", "cpu", "--format"]
            process.stdin.write(json.dumps([*map(str, arguments), "nii.gz"]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield segment
        process.stdin.close()


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_damaged_header_is_segmented_or_refused_in_a_sentence(kind, run, write, write_series, tmp_path):
    good = write_series(kind) if kind == "series" else write(kind)
    victim = sorted(good.iterdir())[2] if good.is_dir() else good
    content = victim.read_bytes()
    assert run(good, tmp_path / "undamaged")["code"] == 0

    faults, codes = [], Counter()
    for seed in range(MUTATIONS[kind]):
        victim.write_bytes(mutate(content, seed, _HEADER[kind]))
        output = tmp_path / f"out{seed}"
        outcome = run(good, output)
        codes[outcome["code"]] += 1
        faults += [f"seed {seed}: {fault}" for fault in _faults(outcome, output)]

    print(f"{kind}: exit codes {dict(codes)}")
    assert not faults, "\n".join(faults)
    assert codes[2] > 10  # most are noticed


def _faults(outcome: dict[str, Any], output: Path) -> Iterator[str]:
    code, err = outcome["code"], outcome["err"]
    written = sorted(path.name for path in output.rglob("*")) if output.exists() else []
    if code is None:
        yield "it hangs"
    elif code < 0:
        yield f"ended by signal {-code}"
    elif code not in (0, 1, 2):
        yield f"exit code {code}: {err[-2000:]}"
    if "Traceback" in err or "unexpectedly" in err:
        yield err[-2000:]
    if code == 2:
        if not all(line.endswith(".") for line in err.splitlines()) or not 1 <= err.count("\n") <= 3:
            yield f"not a sentence for the file, the series and the case at most: {err!r}"
        if written:
            yield f"refused, but {written} is there"
    if code == 0 and not {name.split(".", 1)[1] for name in written} >= {"json", "nii.gz"}:
        yield f"done, but only {written} is there"
