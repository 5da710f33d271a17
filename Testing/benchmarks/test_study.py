"""`bench --report`: content of its records; nothing here is timed."""

import pytest

from benchmarks import study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def records():
    return study.over_parts(2, (9, 64, 64))


def test_every_part_is_measured_and_they_sum_to_the_whole(records):
    found = {one["name"]: one for one in records}
    assert {*study._PARTS, "start of Python", "end of Python", "whole", "beyond"} == set(found)
    for key in ("seconds", "cpu_seconds"):
        parts = [one[key] for name, one in found.items() if name not in ("whole", "beyond")]
        assert sum(parts) == pytest.approx(found["whole"][key])
        assert found["beyond"][key] == pytest.approx(
            found["whole"][key] - found["start of Python"][key] - found["network"][key]
        )
    assert all(one["seconds"] > 0 for name, one in found.items() if name != "end of Python")


def test_the_table_has_a_line_for_each_part(records):
    lines = study.format_parts(records).splitlines()
    assert len(lines) == 3 + len(records)
    assert lines[-1].startswith("beyond the network and the start of Python  ")


def test_a_command_that_fails_says_why():
    (one,) = study.over_parts(2, (9, 64, 64), device="cuda:99")
    assert "could not be segmented" in one["error"] and one["error"] in study.format_parts([one])
