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
    for name in ("findings", "shift_curves", "reward_vs_accuracy", "accuracy_by_arm", "sft_2k_vs_rl_20k"):
        assert f"(plots/{name}.png)" in said


def test_a_suite_that_the_base_cannot_do_is_not_measurable(full, small_grids, tmp_path):
    said = report(full.results, tmp_path)
    line = next(x for x in said.splitlines() if x.startswith("- Not measurable"))
    assert "text_twin" in line and "in_domain" not in line and "| text_twin † |" in said
    # no arm is judged on it
    verdicts = [line for line in said.splitlines() if line.startswith("- `small`, sft 2k against rl 20k")]
    assert len(verdicts) == 1 and "text_twin" not in verdicts[0] and "in_domain" in verdicts[0]


def test_one_seed_settles_nothing(full, small_grids):
    assert "one seed settles nothing" in statement(full.results)[0]
    two = statement(small_grids["two seeds"])[0]
    assert "one seed settles nothing" not in two
    assert "2 seeds were trained (0, 1)" in two and "at most suggestive" in two and "pool them" in two
    assert "Nothing was trained" in statement(small_grids["bases only"])[0]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.3, "SFT is ahead on"), (-0.3, -0.1, "RL is ahead on"), (-0.1, 0.2, "the interval holds 0 on")],
)
def test_the_statement_follows_the_intervals(low, high, words, small_grids):
    results = small_grids["one model"]
    pairs = [replace(pair, difference=(low + high) / 2, low=low, high=high) for pair in results.pairs]
    line = next(x for x in statement(replace(results, pairs=pairs))[0].splitlines() if "sft 100 against rl 2k" in x)
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
    assert "reward not told apart (0.380 to 0.420)" in rewarded(results, wave)
    assert "reward rose (0.380 to 0.900)" in rewarded(results, [*wave[:15], *[0.9] * 5])
    assert "reward fell (0.380 to 0.100)" in rewarded(results, [*wave[:15], *[0.1] * 5])
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
    assert "reward rose (" in line and "accuracy fell (60.0 % to 20.0 %)" in line
    first, last = (f"{span.mean:.3f}" for span in trends(fallen)[0].rewards)
    assert f"| {first} → {last} | rose | 60.0 → 20.0 | fell |" in report(fallen, tmp_path)


def section(said: str, title: str) -> list[list[str]]:
    """The cells of the tables below a heading, header lines included."""
    below = said[said.index(f"\n{title}\n") + 1 :].split("\n#", 1)[0].split("\n<details>", 1)[0]
    return [line.strip("| ").split(" | ") for line in below.splitlines() if line.startswith("| ")]


def test_the_blind_baselines_stand_beside_every_suite_and_what_is_solved_blind_is_flagged(full, tmp_path):
    blind = [{**row, "solved_blind": row["suite"] == "text_twin"} for row in full.results.marts["blind"]]
    results = replace(full.results, marts={**full.results.marts, "blind": blind})
    rows = {row[0]: row for row in section(report(results, tmp_path), "### small: suites")}
    assert list(rows)[2:] == results.suites
    for suite in results.suites:
        row = next(r for r in blind if (r["model"], r["suite"]) == ("small", suite))
        shown = (row["no_image"], row["shuffled_image"], row["majority"])
        assert rows[suite][3:6] == [f"{100 * value:.1f}" for value in shown]
    assert rows["text_twin"][6:] == ["**no** †", "**solved blind**"] and rows["in_domain"][6:] == ["yes", "no"]
    assert "- Solved blind: " in statement(results)[0]
    assert "- Solved blind: " not in statement(full.results)[0]


def test_seeds_are_one_row_with_their_mean_least_and_greatest(seeds, tmp_path):
    said, results = report(seeds.results, tmp_path), seeds.results
    ran = section(said, "## What was run")
    assert len(ran) == 2 + len(results.groups) and ran[3][:2] == ["tiny · sft 2k", "1, 2, 3"]
    group = next(group for group in results.groups if group.title == "small · rl 20k")
    cells = [100 * cell.accuracy for cell in results.group_cells(group, "in_domain")]
    row = next(row for row in section(said, "### small: accuracy") if row[0] == "rl 20k")
    assert row[1].startswith(f"{sum(cells) / 3:.1f} [{min(cells):.1f}–{max(cells):.1f}]")
    base = next(row for row in section(said, "### small: accuracy") if row[0] == "base")
    assert "(" in base[1] and "[" not in base[1]


def test_many_seeds_are_said_in_few_lines(seeds):
    gains = {key: replace(pair, low=0.1, high=0.2) for key, pair in seeds.results.gains.items()}
    lines = statement(replace(seeds.results, gains=gains))[0].splitlines()
    assert len(lines) <= 15 and all(line.startswith("- ") for line in lines)
    assert lines[-1].startswith("- 3 seeds were trained (1, 2, 3). The findings") and "suggestive" not in lines[-1]
    assert any("above it in every seed: sft 2k (" in line and "on one side" not in line for line in lines)
    assert any("rose in 3 of 3" in line for line in lines)


def test_an_arrow_needs_every_seed(seeds, tmp_path):
    results = seeds.results
    clear = {key: replace(pair, low=0.1, high=0.2) for key, pair in results.gains.items()}
    rows = section(report(replace(results, gains=clear), tmp_path), "### tiny: accuracy")
    assert next(row for row in rows if row[0] == "rl 2k")[1].endswith("↑")
    clear["rl-tiny-2k-2", "in_domain"] = replace(clear["rl-tiny-2k-2", "in_domain"], low=-0.1)
    rows = section(report(replace(results, gains=clear), tmp_path), "### tiny: accuracy")
    assert not next(row for row in rows if row[0] == "rl 2k")[1].endswith("↑")


def test_the_findings_stand_as_the_mart_has_them(seeds, tmp_path):
    said, rows = report(seeds.results, tmp_path), seeds.results.marts["findings"]
    primary = [row for row in rows if row["role"] == "primary" and row["effect"] is not None]
    told = section(said, "## Findings")
    assert len([row for row in told if row[0] in {row["finding"] for row in primary}]) >= len(primary) > 0
    for row in primary:
        (line,) = [t for t in told if t[:4] == [row[name] for name in ("finding", "contrast", "model", "suite")]]
        if row["finding"] == "reward_truth":
            assert line[4:7] == [f"{row['effect']:.1f} %", f"({row['low']:.1f} to {row['high']:.1f})", "10 %"]
            assert line[8:] == ["3", "18 runs", row["verdict"]]
            continue
        assert line[-1] == row["verdict"] and line[8:10] == ["3", "24"]
        number = row["effect"] if row["unit"] == "points" else row["effect_logits"]
        assert line[4].split()[0] == f"{number:+.{1 if row['unit'] == 'points' else 2}f}".replace("-", "−")
    for name in {row["finding"] for row in rows}:
        assert f"- **{name}**, " in said
    timed = [{**row, "matched_on": "seconds", "effect": 77.7} for row in primary]  # differs from rerun to rerun
    marts = {**seeds.results.marts, "findings": [*rows, *timed]}
    assert report(replace(seeds.results, marts=marts), tmp_path / "timed") == said


def test_a_finding_that_cannot_be_tested_is_said_without_a_table(small_grids, tmp_path):
    said = report(small_grids["bases only"], tmp_path)
    assert section(said, "## Findings") == []
    assert said.count(": **inconclusive**. No model of this study") == 4
    assert said.count("No honest RL run of this study has the ten probes that it takes") == 1


def test_judges_that_disagree_often_are_flagged(full, tmp_path):
    def with_rates(rate: float):
        judges = [{**row, "disagreement": 0.0} for row in full.results.marts["judges"]]
        judges[3]["disagreement"] = rate
        return replace(full.results, marts={**full.results.marts, "judges": judges}), judges[3]

    results, row = with_rates(0.021)
    said = report(results, tmp_path)
    assert f"**Above 2 %**: `{row['run_id']}` {row['suite']} {row['decoding']} (2.1 %)" in said
    assert f"in 1 of {len(results.marts['judges'])} places" in said
    said = report(with_rates(0.02)[0], tmp_path)
    assert "In no run do they disagree on more than 2 %" in said and "The two judges disagree" not in said


def test_gains_in_other_modalities_stand_beside_the_gain_on_the_picture(seeds, tmp_path):
    rows = {row[0]: row for row in section(report(seeds.results, tmp_path), "### tiny: modalities")}
    mart = [
        r for r in seeds.results.marts["cross_modal"] if (r["model"], r["arm"], r["sample"]) == ("tiny", "sft", "20k")
    ]
    for column, suite in ((2, "text_twin"), (3, "text_and_image"), (4, "vision_only")):
        mine = [r for r in mart if r["suite"] == suite]
        assert rows["sft 20k"][column].startswith(f"{100 * sum(r['gain'] for r in mine) / 3:+.1f} [")
        assert rows["sft 20k"][1].startswith(f"{100 * sum(r['picture_gain'] for r in mine) / 3:+.1f} [")


def test_reliability_counts_the_seeds_above_the_base(seeds, tmp_path):
    rows = {row[0]: row for row in section(report(seeds.results, tmp_path), "### in_domain (k = 2 of 4 samples)")}
    mart = {(r["model"], r["arm"], r["sample"], r["suite"]): r for r in seeds.results.marts["reliability"]}
    for group in seeds.results.groups:
        run, row = group.runs[0], rows[group.title]
        found = mart[run.model, run.arm, run.sample, "in_domain"]
        assert row[1] == ("–" if group.method == "base" else f"{found['seeds_above_base']} of 3")
        assert row[2:5] == [f"{100 * found[name]:.1f}" for name in ("worst_seed", "avg_at_k", "pass_at_k")]


@pytest.mark.parametrize("grid", ["one model", "no rl", "bases only", "two seeds", "one problem"])
def test_any_grid_is_reported(grid, small_grids, tmp_path):
    said = report(small_grids[grid], tmp_path)
    titles = [line[3:] for line in said.splitlines() if line.startswith("## ")]
    truth = [] if grid in ("no rl", "bases only") else ["Does the reward tell the truth?"]
    factors = [] if grid == "bases only" else ["The factors"]
    assert titles == [
        "What was run", "Findings", "What the numbers say", *factors, "Suites and their blind baselines", "Accuracy",
        "Shift curves", "Modalities", "Reliability", "Judges", "SFT against RL", "Reward and held-out accuracy",
        *truth, "How to read it",
    ]  # fmt: skip
    assert "None" not in said and "nan" not in said


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
    assert {row["run"] for row in rows} == {g.title for g in seeds.results.groups if g.method != "base"}
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
