import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from counterpoint import report as room
from counterpoint.report import series, text
from counterpoint.report.statement import statement
from counterpoint.report.trend import trends


def report(results, folder) -> str:
    text.write(results, folder / "report.md")
    return (folder / "report.md").read_text(encoding="utf-8")


def test_it_says_what_was_run_and_is_the_same_each_time(full, tmp_path):
    said = report(full.results, tmp_path)
    assert said == report(full.results, tmp_path / "again")
    assert "# Study `fake`" in said and "2k (4 problems), 20k (8 problems)" in said
    for name in ("reward_vs_accuracy", "accuracy_by_arm", "sft_2k_vs_rl_20k"):
        assert f"(plots/{name}.png)" in said


def test_a_suite_that_the_base_cannot_do_is_not_measurable(full, small_grids, tmp_path):
    said = report(full.results, tmp_path)
    line = next(x for x in said.splitlines() if x.startswith("- `small`: not measurable on"))
    assert "text_twin" in line and "in_domain" not in line and "**not measurable**" in said
    # no arm is judged on it
    verdicts = [line for line in said.splitlines() if line.startswith("- `small`, SFT on")]
    assert len(verdicts) == 1 and "text_twin" not in verdicts[0] and "in_domain" in verdicts[0]


def test_one_seed_settles_nothing(full, small_grids):
    assert "one seed settles nothing" in statement(full.results)[0]
    assert "one seed settles nothing" not in statement(small_grids["two seeds"])[0]
    assert "2 seeds were trained (0, 1)" in statement(small_grids["two seeds"])[0]
    assert "Nothing was trained" in statement(small_grids["bases only"])[0]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.3, "SFT is ahead on"), (-0.3, -0.1, "RL is ahead on"), (-0.1, 0.2, "the interval holds 0 on")],
)
def test_the_statement_follows_the_intervals(low, high, words, small_grids):
    results = small_grids["one model"]
    pairs = [replace(pair, difference=(low + high) / 2, low=low, high=high) for pair in results.pairs]
    line = next(
        x for x in statement(replace(results, pairs=pairs))[0].splitlines() if "SFT on 100 against RL on 2k" in x
    )
    assert words in line
    assert sum(other in line for other in ("SFT is ahead", "RL is ahead", "holds 0")) == 1


def test_a_grid_without_rl_says_so(small_grids, tmp_path):
    said = report(small_grids["no rl"], tmp_path)
    assert "This study has no RL run with probes." in said
    assert "No SFT run and RL run of one model and seed to compare." in said


def test_rewards_are_those_of_the_outer_quarters(full):
    results = full.results
    found = {trend.run.run_id: trend for trend in trends(results)}
    assert {trend.run.method for trend in found.values()} == {"rl", "sft_then_rl"}
    trend, rewards = found["rl-tiny-2k-0"], dict(results.rewards["rl-tiny-2k-0"])
    first, last = trend.rewards
    assert first.mean == pytest.approx(sum(rewards[step] for step in range(1, 16)) / 15)
    assert last.mean == pytest.approx(sum(rewards[step] for step in range(46, 61)) / 15)
    assert (trend.start.step, trend.end.step, trend.points) == (0, 60, 12)
    assert -1 <= trend.correlation <= 1


def rewarded(results, rewards: list[float]) -> str:
    """The line of the statement on a run with these rewards."""
    found = replace(results, rewards={**results.rewards, "rl-small-2k-0": list(enumerate(rewards, 1))})
    return next(line for line in statement(found)[0].splitlines() if "training reward" in line)


def test_noise_in_the_reward_is_neither_rise_nor_fall(small_grids):
    results = small_grids["one model"]
    wave = [0.3, 0.5] * 10
    assert "quarter: not told apart (0.380 to 0.420)" in rewarded(results, wave)
    assert "quarter: rose (0.380 to 0.900)" in rewarded(results, [*wave[:15], *[0.9] * 5])
    assert "quarter: fell (0.380 to 0.100)" in rewarded(results, [*wave[:15], *[0.1] * 5])
    assert "too few steps to say" in rewarded(results, wave[:15])


def test_a_rising_reward_with_falling_accuracy_is_said(small_grids, tmp_path):
    results = small_grids["one model"]
    name = "rl-small-2k-0"
    points = [
        replace(point, accuracy=0.6 - point.step / 150, low=0.58 - point.step / 150, high=0.62 - point.step / 150)
        for point in results.probes[name]
    ]
    fallen = replace(results, probes={**results.probes, name: points})
    (line,) = (line for line in statement(fallen)[0].splitlines() if "training reward" in line)
    assert "last quarter: rose" in line and "last probe: fell (60.0 % to 20.0 %)" in line
    first, last = (f"{span.mean:.3f} ({span.low:.3f}–{span.high:.3f})" for span in trends(fallen)[0].rewards)
    assert f"| {first} → {last}: rose |" in report(fallen, tmp_path)


def test_the_majority_stands_beside_the_other_blind_guesses(full, tmp_path):
    said = report(full.results, tmp_path)
    rows = said[said.index("### small\n") : said.index("### small_early\n")].splitlines()
    names = [row.split(" | ")[0] for row in rows if row.startswith("| ")]
    assert names[2:6] == [
        "| base", "| base, no_image", "| base, shuffled_image", "| majority answer by family"
    ]  # fmt: skip
    assert "| majority answer by family | 10.0 | 10.0 |" in said


def test_the_series_hold_every_reward_and_probe(full, tmp_path):
    series.write(full.results, tmp_path)
    rows = list(csv.DictReader((tmp_path / "probes.csv").open(encoding="utf-8")))
    mine = [row for row in rows if row["run"] == "rl-tiny-2k-0"]
    assert sum(row["series"] == "reward" for row in mine) == 60
    assert sum(row["series"] == "in_domain greedy" for row in mine) == 13
    cells = list(csv.DictReader((tmp_path / "accuracy.csv").open(encoding="utf-8")))
    assert len(cells) == len(full.results.runs) * 5
    assert all(float(row["low"]) <= float(row["accuracy"]) <= float(row["high"]) for row in cells)


@pytest.mark.parametrize("name", ["probes", "accuracy"])
def test_the_templates_name_columns_of_their_series(name, full, tmp_path):
    series.write(full.results, tmp_path)
    template = json.loads((Path(room.__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    columns = set((tmp_path / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0].split(","))
    assert {template["facet"]["field"], *template["data"]["format"]["parse"]} <= columns
