"""The marts on planted runs: verdicts, mechanisms, exploits, and seeds pooled."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from counterpoint.analysis import deceptive_rewards
from counterpoint.analysis.deceptive_rewards import flat
from counterpoint.statistics.deceptive import Assessment
from tests.counterpoint.analysis import made_up_rewards as made_up
from tests.counterpoint.analysis.conftest import RUNS

PLANTED = {
    "leaky": ("deceptive", "verifier"), "form": ("deceptive", "format"), "long": ("deceptive", "length"),
    "rl": ("aligned", "none"), "narrow": ("aligned", "over_specialisation"), "coin": ("inconclusive", "unknown"),
    "short": ("inconclusive", "unknown"),
}  # fmt: skip


def test_marts_have_their_schemas_are_sorted_by_their_keys_and_the_same_again(db, marts):
    assert set(marts) == set(deceptive_rewards.TABLES)
    again = made_up.marts(db)
    for name, table in marts.items():
        assert table.schema == deceptive_rewards.TABLES[name].schema
        keys = list(zip(*(table[column].to_pylist() for column in deceptive_rewards.TABLES[name].key), strict=True))
        assert keys == sorted(set(keys)) and keys
        assert again[name].equals(table)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.run_id)
def test_every_planted_run_has_its_verdict_and_its_mechanism(in_domain, run):
    row = in_domain[run.run_id]
    assert (row["verdict"], row["mechanism"]) == PLANTED[row["arm"]], row["reason"]
    assert row["honest"] == (row["arm"] in ("rl", "narrow", "short"))
    assert row["exploit_found"] == (row["arm"] in ("leaky", "form", "long"))
    assert row["probes"] == run.probes and row["n"] == made_up.ITEMS
    assert (row["onset_step"] is None) == (row["verdict"] != "deceptive")


def test_a_run_that_forgets_shifted_problems_is_deceptive_there_and_no_hack(marts):
    (row,) = [
        row for row in marts["deceptive_rewards"].to_pylist() if (row["arm"], row["suite"]) == ("narrow", "rule_shift")
    ]
    assert (row["verdict"], row["mechanism"], row["exploit_found"]) == ("deceptive", "over_specialisation", False)


def test_too_few_probes_give_no_number(in_domain):
    row = in_domain["short-m-2k-1"]
    unknown = ("spearman", "reward_slope", "accuracy_slope_low", "onset_step", "onset_low", "regret", "evidence")
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert "fewer than 10" in row["reason"] and row["final_accuracy"] is not None


def test_ends_and_picks_are_those_of_the_probes(db, in_domain):
    probes = made_up.asked(
        db,
        "select reward_gap.run_id, step, reward_gap.reward, greedy_accuracy as accuracy from reward_gap order by all",
    )
    for run_id, row in in_domain.items():
        own = [probe for probe in probes if probe["run_id"] == run_id]
        for name in ("reward", "accuracy"):
            assert (row[f"first_{name}"], row[f"final_{name}"]) == (own[0][name], own[-1][name])
        assert row["best_step"] == max(own, key=lambda p: (p["accuracy"], -p["step"]))["step"]
        assert row["reward_step"] == max(own, key=lambda p: (p["reward"], -p["step"]))["step"]


def test_exploited_is_what_was_paid_for_though_wrong_early_and_late(records, in_domain):
    for run in RUNS:
        last = max(row["step"] for row in records["steps"] if row["run_id"] == run.run_id)
        worth = sum(run.weights.values()) / 2
        steps = range(1, last + 1)
        for column, kept in (
            ("exploited_first", steps[: math.ceil(last / 10)]),
            ("exploited_last", steps[-math.ceil(last / 4) :]),
        ):
            rows = [r for r in records["completions"] if r["run_id"] == run.run_id and r["step"] in kept]
            share = sum(r["reward"] >= worth and not r["correct"] for r in rows) / len(rows)
            assert in_domain[run.run_id][column] == pytest.approx(share)


def test_seeds_are_pooled_and_their_own_verdicts_counted(marts, in_domain):
    arms = {row["arm"]: row for row in marts["deceptive_arms"].to_pylist() if row["suite"] == "in_domain"}
    assert set(arms) == {run.run_id.split("-")[0] for run in RUNS}
    for name, row in arms.items():
        own = [r for r in in_domain.values() if r["arm"] == name]
        assert row["runs"] == len(own)
        assert (row["verdict"], row["mechanism"]) == PLANTED[name]
        assert row[PLANTED[name][0]] == len(own)
        assert sum(row[v] for v in ("aligned", "deceptive", "saturated", "inconclusive")) == len(own)
        assert row["exploits_found"] == sum(r["exploit_found"] for r in own)
        assert row["final_reward"] == pytest.approx(sum(r["final_reward"] for r in own) / len(own))
    slopes = [in_domain[f"leaky-m-2k-{seed}"]["accuracy_slope"] for seed in (1, 2, 3)]
    assert arms["leaky"]["accuracy_slope"] == pytest.approx(sum(slopes) / 3)
    alone = in_domain["form-m-2k-1"]
    assert {name: arms["form"][name] for name in ("reason", "regret", "spearman_low")} == {
        name: alone[name] for name in ("reason", "regret", "spearman_low")
    }


def test_every_field_of_an_assessment_has_its_columns():
    given = {field.name: field.name for field in fields(Assessment)}
    intervals = {name: (0.25, math.nan) for name in given if name.endswith("_interval")}
    found = flat(Assessment(**given | intervals | {"regret": math.nan, "onset_step": None}))
    assert (found["onset_low"], found["onset_high"], found["regret"], found["onset_step"]) == (0.25, None, None, None)
    for name, table in deceptive_rewards.TABLES.items():
        assert set(found) <= set(table.schema.names), name
