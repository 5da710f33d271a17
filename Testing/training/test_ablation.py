"""Ablation: finished runs, and the table."""

from DINSegmentLib.model.config import NetworkConfig
from DINSegmentLib.network import DIN
from DINSegmentLib.training.ablation import ARMS, ENHANCEMENTS, PARTS, Score, finished, table
from DINSegmentLib.training.degradation import CLEAN, conditions
from DINSegmentLib.training.recipe import read_config


def scores(arm: str, seed: int, dice: float) -> list[Score]:
    return [Score(arm, seed, kind, level, dice - level / 10, dice) for kind, level in conditions()]


def test_the_arms_are_different_networks(tiny_model):
    from DINSegmentLib.model import find_model

    network = find_model(str(tiny_model)).network
    counts = {name: _parameters({**network.as_dict(), **arm.network}) for name, arm in ARMS.items()}
    assert counts["a"] < counts["b"] < counts["d"] == counts["c"] == counts["e"] == counts["f"]
    assert counts["a"] < counts["log-channels"] == counts["fuzzy-channels"] < counts["b"]
    assert counts["clahe-drawn"] == counts["denoised-standardized"] == counts["d"]
    assert [name for name, arm in ARMS.items() if not arm.boundary] == ["e"]


def test_the_plan_of_enhancements_has_every_arm_once(repository):
    found = read_config(repository / "Resources" / "Recipes" / "cardiac-mr-enhancement.toml")
    assert found.arms == tuple(ENHANCEMENTS) and len(set(found.arms)) == 12 and not set(found.arms) & set(PARTS)
    assert found.recipe.augmentation.gamma == found.recipe.gentle.gamma == 0  # an arm sees one method
    assert {arm.pace for arm in ENHANCEMENTS.values() if arm.network.get("fusion") == "channels"} == {2.0}


def _parameters(network: dict) -> int:
    return sum(p.numel() for p in DIN(NetworkConfig.from_dict({**network, "deep_supervision": True})).parameters())


def test_the_table_holds_means_over_levels_and_seeds():
    lines = table([*scores("a", 1, 0.8), *scores("d", 1, 0.9)]).splitlines()
    assert "one seed" in lines[0]
    assert "| (a) original image only | 80.0 / 80.0 | 60.0 / 80.0 | 60.0 / 80.0 | 60.0 / 80.0 |" in lines
    text = table([*scores("d", 1, 0.8), *scores("d", 2, 0.9)])
    assert "mean (SD) over 2 seeds" in text and "85.0 (7.1) / 85.0 (7.1)" in text


def test_the_table_tells_attribution_where_a_network_has_it():
    lines = table(
        [
            *scores("log-channels", 1, 0.8),
            *scores("log-drawn", 1, 0.9)[1:],
            Score("log-drawn", 1, *CLEAN, 0.9, 0.9, -0.42),
        ]
    )
    lines = lines.splitlines()
    assert lines[2].endswith("| attribution |")
    assert [line.split("|")[-2].strip() for line in lines[4:]] == ["-", "-0.42"]


def test_only_finished_runs_count(tmp_path):
    for name in ("a-1", "d-2", "d-10", "log-drawn-3", "notes", "x-1"):
        (tmp_path / name).mkdir()
        if name != "a-1":
            (tmp_path / name / "labels.npz").touch()
    assert finished(tmp_path) == [("d", 2), ("d", 10), ("log-drawn", 3)]
