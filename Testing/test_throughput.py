"""`bench --batch`: what its records hold; nothing here is timed."""

import pytest

from DINSegmentLib import throughput
from DINSegmentLib.errors import InputError


def test_every_way_does_all_volumes_and_tells_its_memory(monkeypatch):
    monkeypatch.setattr(throughput, "_MODES", {name: throughput._MODES[name] for name in (throughput.REFERENCE,)})
    (one,) = throughput.over_processes(4)
    assert "error" not in one, one
    assert one["per_minute"] > 0 and one["early_mb"] > 20 and one["late_mb"] > 100


def test_too_few_volumes_are_refused():
    with pytest.raises(InputError, match="--cases 4 or more"):
        throughput.over_processes(3)


def test_the_table_compares_with_one_thread_and_names_what_failed():
    good = {"name": throughput.REFERENCE, "per_minute": 60.0, "early_mb": 500.0, "late_mb": 510.0}
    two = {"name": "Dask scheduler, 2 workers", "per_minute": 96.0, "early_mb": None, "late_mb": None}
    text = throughput.format_throughput([good, two, {"name": "other", "error": "No scheduler."}])
    assert [line.split()[-2:] for line in text.splitlines()[-2:-1]] == [["96", "1.60"]]
    assert "500 MB" in text and text.endswith("other failed: No scheduler.")
