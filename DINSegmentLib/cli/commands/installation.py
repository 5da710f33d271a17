"""`dinsegment models`, `bench` and `doctor`: list models, measure speed, check the installation."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from ...console import Console
from ...errors import InputError
from ...model import catalogue

SCHEMA_VERSION = 1
"""Version of the output of ``models --json`` and ``doctor --json``."""


def models(options: Namespace, console: Console) -> int:
    """Return 0."""
    found = catalogue().values()
    if options.json:
        entries = [
            {
                "id": m.id, "version": m.version, "title": m.title, "modality": m.modality, "license": m.licence,
                "labels": {label.value: label.name for label in m.labels}, "folder": str(m.folder),
            }
            for m in found
        ]  # fmt: skip
        console.text(json.dumps({"schema": SCHEMA_VERSION, "models": entries}, ensure_ascii=False, indent=2))
        return 0
    for model in found:
        structures = ", ".join(f"{label.value} {label.name}" for label in model.labels)
        console.text(
            f"{model.id} {model.version}: {model.title} ({model.modality})\n  {structures}\n  License: {model.licence}"
        )
    return 0


def bench(options: Namespace, console: Console) -> int:
    """Return 0 if everything was measured, otherwise 1."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "benchmarks" / "bench.py").is_file():
        raise InputError(
            "The benchmarks are not part of an installed copy: clone the source, and use dinsegment bench there."
        )
    sys.path.insert(0, str(root))  # an installed command starts Python in another folder
    from benchmarks import bench as benchmark
    from benchmarks import comparison, searching, study, throughput

    if options.rivals:
        records, format_table = comparison.beside_others(options.rivals), comparison.format_comparison
    elif options.batch:
        records, format_table = throughput.over_processes(options.cases), throughput.format_throughput
    elif options.report:
        records, format_table = study.over_parts(), study.format_parts
    elif options.scaling:
        records, format_table = comparison.over_sizes(), comparison.format_sizes
    elif options.search:
        records, format_table = searching.find_cases(options.files), searching.format_search
    else:
        records, format_table = benchmark.run(), benchmark.format_table
    console.text(json.dumps(records, indent=2) if options.json else format_table(records))
    return int(any("error" in record for record in records))


def doctor(options: Namespace, console: Console) -> int:
    """Return 0 if no check failed, otherwise 1."""
    from ..doctor import examine, format_findings

    findings = examine()
    if options.json:
        console.text(json.dumps({"schema": SCHEMA_VERSION, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        console.text(format_findings(findings))
    return int(any(finding.status == "fail" for finding in findings))
