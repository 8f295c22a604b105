import csv
import json
from pathlib import Path

import pytest

from counterpoint import report as room
from counterpoint.report import series


def test_the_series_hold_every_reward_and_probe(full, tmp_path):
    series.write(full.results, tmp_path)
    rows = list(csv.DictReader((tmp_path / "probes.csv").open(encoding="utf-8")))
    mine = [row for row in rows if row["run"] == "tiny · rl 2k"]
    assert sum(row["series"] == "reward" for row in mine) == 60
    assert sum(row["series"] == "in_domain greedy" for row in mine) == 13
    cells = list(csv.DictReader((tmp_path / "accuracy.csv").open(encoding="utf-8")))
    assert len(cells) == len(full.results.runs) * 5
    assert all(float(row["low"]) <= float(row["accuracy"]) <= float(row["high"]) for row in cells)


def test_the_series_are_means_over_seeds_and_not_long(seeds, tmp_path):
    series.write(seeds.results, tmp_path)
    rows = list(csv.DictReader((tmp_path / "probes.csv").open(encoding="utf-8")))
    assert {row["run"] for row in rows} == {g.title for g in seeds.results.arms if g.method != "base"}
    rewards = [row for row in rows if (row["run"], row["series"]) == ("small · rl 20k", "reward")]
    steps = [[v for step, v in seeds.results.rewards[f"rl-small-20k-{seed}"] if step in (1, 2)] for seed in (1, 2, 3)]
    assert len(rewards) == 78  # 156 steps, two by two
    assert (rewards[0]["step"], float(rewards[0]["value"])) == ("2", pytest.approx(sum(map(sum, steps)) / 6, abs=1e-6))
    assert series.thinned([(1, 0.5)]) == [(1, 0.5)] and series.thinned([]) == []


@pytest.mark.parametrize("name", ["probes", "accuracy"])
def test_the_templates_name_columns_of_their_series(name, full, tmp_path):
    series.write(full.results, tmp_path)
    template = json.loads((Path(room.__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    columns = set((tmp_path / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0].split(","))
    assert {template["facet"]["field"], *template["data"]["format"]["parse"]} <= columns
