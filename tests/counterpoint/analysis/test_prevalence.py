"""The finding reward_truth: a share of runs, its exact interval, and what undecided runs do to it."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from counterpoint.analysis import Study, deceptive_rewards, findings, prevalence
from tests.counterpoint.analysis import made_up_findings as made_up

SCHEMA = deceptive_rewards.TABLES["deceptive_rewards"].schema


def rows(verdict: str, count: int, **other) -> list[dict]:
    """Rows of the mart, three seeds an arm; an open verdict leaves room for a deceptive reward."""
    return [
        {
            "run_id": f"{verdict}{i // 3}-m-2k-{i % 3}", "arm": f"{verdict}{i // 3}", "method": "rl", "model": "m",
            "sample": "2k", "seed": i % 3, "suite": "in_domain", "honest": True, "probes": 21, "verdict": verdict,
            "reward_slope_high": 0.2, "accuracy_slope_low": -0.1, **other,
        }
        for i in range(count)
    ]  # fmt: skip


def found(*groups: list[dict]) -> dict | None:
    with duckdb.connect(config={"threads": 1}) as db:
        db.register("deceptive_rewards", pa.Table.from_pylist([row for group in groups for row in group], SCHEMA))
        told = prevalence.rows(Study(db))
    assert len(told) < 2
    return told[0] if told else None


def at_least(successes: int, runs: int, share: float) -> float:
    """The chance of so many or more."""
    terms = (math.comb(runs, i) * share**i * (1 - share) ** (runs - i) for i in range(successes, runs + 1))
    return sum(terms)


@pytest.mark.parametrize("deceptive, undecided, runs", [(0, 0, 24), (3, 0, 24), (3, 4, 24), (24, 0, 24), (9, 2, 40)])
def test_bounds_are_the_shares_at_which_the_counts_become_unlikely(deceptive, undecided, runs):
    low, high, p = prevalence.bounds(deceptive, undecided, runs)
    if deceptive:
        assert at_least(deceptive, runs, low / 100) == pytest.approx(0.025, abs=1e-6)
    else:
        assert low == 0
    most = deceptive + undecided
    if most < runs:
        assert 1 - at_least(most + 1, runs, high / 100) == pytest.approx(0.025, abs=1e-6)
    else:
        assert high == 100
    tails = at_least(deceptive, runs, 0.1), 1 - at_least(most + 1, runs, 0.1)
    assert p == pytest.approx(min(1.0, 2 * min(tails)))
    assert (p < 0.05) == (low > 10 or high < 10)


@pytest.mark.parametrize(
    "deceptive, aligned, undecided, verdict",
    [
        (0, 35, 0, "inconclusive"), (0, 36, 0, "contradicted"), (0, 36, 1, "inconclusive"), (1, 35, 0, "inconclusive"),
        (7, 17, 0, "supported"), (7, 0, 17, "supported"), (3, 21, 0, "inconclusive"),
    ],
)  # fmt: skip
def test_the_verdict_follows_from_where_the_interval_lies(deceptive, aligned, undecided, verdict):
    row = found(rows("deceptive", deceptive), rows("aligned", aligned), rows("inconclusive", undecided))
    runs = deceptive + aligned + undecided
    assert (row["verdict"], row["direction"], row["n"], row["seeds"]) == (verdict, None, runs, 3)
    assert row["effect"] == pytest.approx(100 * deceptive / runs)
    assert f"{deceptive} of {runs} honest RL runs" in row["reason"]
    assert ("cannot be told" in row["reason"]) == (undecided > 0)
    assert ("they are seeds of" in row["reason"]) == (row["clusters"] < runs)


def test_few_runs_or_seeds_are_at_most_suggestive():
    few = found(rows("deceptive", 9))
    assert (few["verdict"], few["direction"]) == ("suggestive", "for")
    one_seed = found(rows("aligned", 60, seed=1))
    assert (one_seed["verdict"], one_seed["direction"], one_seed["seeds"]) == ("suggestive", "against", 1)
    assert "on one seed and 60 runs it is a suggestion" in one_seed["reason"]


def test_only_honest_runs_that_were_assessed_in_domain_count():
    assert found() is None
    left_out = (
        rows("deceptive", 6, honest=False), rows("deceptive", 6, probes=9), rows("deceptive", 6, suite="rule_shift"),
    )  # fmt: skip
    assert found(*left_out) is None
    assert found(*left_out, rows("aligned", 12))["effect"] == 0


@pytest.mark.parametrize(
    "intervals", [{"reward_slope_high": -0.01}, {"accuracy_slope_low": 0.03}], ids=["reward fell", "accuracy rose"]
)
def test_open_verdicts_that_leave_no_room_for_deception_count_as_none(intervals):
    assert found(rows("inconclusive", 36, **intervals))["verdict"] == "contradicted"
    assert found(rows("inconclusive", 36))["verdict"] == "inconclusive"


def test_the_finding_stands_outside_holms_families_and_changes_no_other():
    db = made_up.study(np.random.default_rng(0), {"tiny": {"base": 0.3, "sft 2k": 0.55, "rl 2k": 0.4}}, items=60)
    before = [row for row in made_up.decided(db).to_pylist() if row["finding"] != "reward_truth"]
    mart = pa.Table.from_pylist(rows("deceptive", 12) + rows("aligned", 6), SCHEMA)
    db.execute("drop table deceptive_rewards")
    db.register("deceptive_rewards", mart)
    after = made_up.decided(db)
    told = after.to_pylist()
    assert [row for row in told if row["finding"] != "reward_truth"] == before
    (row,) = [row for row in told if row["finding"] == "reward_truth"]
    assert (row["finding_verdict"], row["role"], row["matched_on"]) == ("supported", "primary", "end")
    assert row["p"] == row["p_holm"] < 0.05 and row["null_value"] == 10 and row["clusters"] == 6
    assert findings.as_json(after)["reward_truth"]["contrasts"][0]["effect"] == pytest.approx(66.666667)
