"""`bench --batch`: content of its records; nothing here is timed."""

import pytest

from benchmarks import throughput
from DINSegmentLib.errors import InputError


def test_every_way_does_all_volumes_and_tells_its_memory(monkeypatch):
    scheduler = "Dask scheduler, 2 workers"
    modes = {name: throughput._MODES[name] for name in ("1 process on 1 core", scheduler)}
    monkeypatch.setattr(throughput, "_MODES", modes)
    one, cluster = throughput.over_processes(4)
    for found in (one, cluster):
        assert "error" not in found, found
        assert found["per_minute"] > 0 and found["early_mb"] > 20 and found["late_mb"] > 100
    assert cluster["late_mb"] > 1.5 * one["late_mb"]  # two workers hold a model each


def test_too_few_volumes_are_refused():
    with pytest.raises(InputError, match="--cases 4 or more"):
        throughput.over_processes(3)


def test_the_table_compares_with_one_thread_and_names_what_failed():
    good = {"name": throughput.REFERENCE, "per_minute": 60.0, "early_mb": 500.0, "late_mb": 510.0}
    two = {"name": "Dask scheduler, 2 workers", "per_minute": 96.0, "early_mb": 900.0, "late_mb": 905.0}
    text = throughput.format_throughput([good, two, {"name": "other", "error": "No scheduler."}])
    (line,) = [line for line in text.splitlines() if line.startswith(two["name"])]
    assert line.split()[4:6] == ["96", "1.60"] and line.endswith("900 MB  905 MB")
    assert "Most volumes a minute: Dask scheduler, 2 workers." in text and text.endswith("other failed: No scheduler.")
