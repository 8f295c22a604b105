"""What the data says in plain words of a study with many arms."""

import re
from dataclasses import replace

from counterpoint.report.results import agreed
from counterpoint.report.statement import statement
from counterpoint.report.trend import courses
from tests.counterpoint.report import grid

PLAIN = [f"{arm} {sample}" for sample in ("2k", "20k") for arm in ("sft", "rl", "sft_then_rl")]


def lines(results, part: str) -> dict[str, str]:
    """The bullets with these words, by model."""
    found = [line for line in statement(results)[0].splitlines() if part in line]
    return {line.split("`")[1]: line for line in found}


def test_of_many_arms_the_plain_ones_are_named_and_the_others_counted():
    results = grid.results()
    said = lines(results, "paired difference from its base")
    assert list(said) == list(grid.BASES)
    for model, line in said.items():
        named, rest = line.split("; other arms: ")
        assert re.findall(r"(\w+ \w+) \(", named) == PLAIN
        others = [g for g in results.groups if g.model == model and g.name not in (*PLAIN, "base")]
        signs = [agreed(results.group_gains(group, "in_domain")) for group in others]
        assert signs.count(1) and signs.count(0) and len(signs) == 47
        assert f"{signs.count(1)} above it in every seed, {signs.count(0)} not in every seed on one side" in rest
        assert rest.endswith("(all under Accuracy).") and len(line) < 600


def test_of_many_courses_the_plain_ones_are_told_and_the_others_counted():
    results = grid.results()
    said = lines(results, "training reward from first to last quarter")
    for model, line in said.items():
        told, rest = line.split("; other arms: ")
        assert re.findall(r"(\w+ \w+): (?:reward|too few)", told) == [name for name in PLAIN if "rl" in name]
        others = [c for c in courses(results) if c.group.model == model and c.group.name not in PLAIN]
        rose = [[set(ways) == {"rose"} for ways in (c.reward_ways, c.accuracy_ways)] for c in others]
        reward, accuracy = (sum(way[place] for way in rose) for place in (0, 1))
        assert 0 < accuracy < reward < len(others) == 20
        assert rest.startswith(
            f"20, of which in every seed the reward rose in {reward} and fell in 0, accuracy rose in {accuracy} and "
            "fell in 0 (all under Reward"
        )


def test_a_dozen_arms_of_a_model_are_all_named():
    results = grid.results()
    plain = [run for run in results.runs if run.arm in ("base", "sft", "rl")]
    said = lines(replace(results, runs=plain), "paired difference from its base")
    names = {f"{arm} {sample}" for arm in ("sft", "rl") for sample in grid.SIZES}
    assert all(set(re.findall(r"(\w+ \w+) \(", line)) == names and "other" not in line for line in said.values())
