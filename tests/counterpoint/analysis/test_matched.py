"""Comparisons at equal budgets: what is held against what, at which probes, and what a clock may move."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from counterpoint.analysis import findings
from tests.counterpoint.analysis import made_up_findings as made_up
from tests.counterpoint.analysis.test_findings import FULL, picked


@pytest.fixture(scope="module")
def study() -> duckdb.DuckDBPyConnection:
    """Every arm on one model, three seeds, with probes."""
    return made_up.study(np.random.default_rng(0), {"tiny": FULL}, items=60, seed_sd=0.005, probe_items=40)


@pytest.fixture(scope="module")
def rows(study) -> list[dict]:
    return made_up.decided(study).to_pylist()


def matched(rows: list[dict], measure: str, **wanted) -> dict:
    (row,) = picked(rows, role="secondary", matched_on=measure, model="tiny", **wanted)
    return row


def test_matched_rows_compare_the_last_probe_within_the_smaller_budget(study, rows):
    # RL on 20k spends 500 prompts, 25,000 tokens and 10 seconds a step; SFT on 2k ends at 2,000, 20,000 and 8
    expected = {"prompts": 4, "updates": 8, "generated_tokens": 0, "seconds": 0}
    for measure, step in expected.items():
        row = matched(rows, measure, finding="data_efficiency")
        assert (row["first_updates"], row["second_updates"], row["n"]) == (8, step, 40)
        effect = study.execute(
            "select 100 * (avg(correct::int) filter (where run_id like 'sft-tiny-2k-%' and step = 8) "
            "- avg(correct::int) filter (where run_id like 'rl-tiny-20k-%' and step = $1)) "
            "from probe_items where suite = 'in_domain'",
            [step],
        ).fetchone()[0]
        assert row["effect"] == pytest.approx(effect)


def test_a_sequence_within_the_budget_of_its_first_part_is_that_part(study, rows):
    beside_rl = matched(rows, "prompts", finding="complementarity", contrast="sft_then_rl 2k − rl 2k")
    assert (beside_rl["first_prompts"], beside_rl["first_updates"]) == (2000, 8)  # SFT's end, which is RL's step 0


def test_a_sequence_is_held_to_its_first_part_continued_and_never_to_that_part_itself(study, rows):
    # SFT→RL spends 4,000 prompts, 16 updates, 120,000 tokens and 88 seconds; three epochs of SFT 6,000, 24, 60,000, 24
    held = picked(rows, finding="complementarity", role="secondary", model="tiny", suite="in_domain")
    told = {(row["second"], row["matched_on"]) for row in held}
    # within 60,000 tokens, or 24 seconds, the RL of the sequence was not probed
    assert {measure for second, measure in told if second != "rl 2k"} == {"prompts", "updates"}
    for measure in ("prompts", "updates"):
        row = matched(rows, measure, finding="complementarity", contrast="sft_then_rl 2k − sft_long 2k")
        assert (row["second"], row["first_updates"], row["second_updates"]) == ("sft_long 2k", 16, 12)
        effect = study.execute(
            "select 100 * (avg(correct::int) filter (where run_id like 'sft_then_rl-tiny-2k-%' and step = 8) "
            "- avg(correct::int) filter (where run_id like 'sft_long-tiny-2k-%' and step = 12)) "
            "from probe_items where suite = 'in_domain'"
        ).fetchone()[0]
        assert row["effect"] == pytest.approx(effect)


@pytest.mark.parametrize(
    "other",
    [
        "update runs set params_json = replace(params_json, 'null', '[0.0, 0.5]') where arm = 'sft_long'",
        "delete from runs where run_id = 'sft_long-tiny-2k-2'",
        "delete from probe_items where run_id = 'sft_long-tiny-2k-2'",
    ],
)
def test_a_sequence_without_its_first_part_continued_has_no_row_beside_sft_at_equal_budgets(other):
    db = made_up.study(np.random.default_rng(3), {"tiny": FULL}, items=60, probe_items=10)
    db.execute(other)
    held = picked(made_up.decided(db).to_pylist(), finding="complementarity", suite="in_domain", first="sft_then_rl 2k")
    assert {row["second"] for row in held if row["matched_on"] != "end"} == {"rl 2k"}
    assert {row["second"] for row in held if row["matched_on"] == "end"} == {"rl 2k", "sft 2k"}


def test_without_timings_nothing_is_matched_on_seconds_and_the_rest_stays(rows):
    rng = np.random.default_rng(3)
    db = made_up.study(rng, {"tiny": FULL}, items=60, probe_items=10)
    before = made_up.decided(db)
    db.execute("delete from timings where step = 3")
    after = made_up.decided(db)
    assert "seconds" in before["matched_on"].to_pylist()
    assert "seconds" not in after["matched_on"].to_pylist()
    assert set(after["first_seconds"].to_pylist()) == {None}


def test_a_step_during_which_the_process_stood_still_counts_as_the_median():
    db = made_up.study(np.random.default_rng(4), {"tiny": FULL}, items=60, probe_items=10)
    before = made_up.decided(db)
    db.execute("update timings set seconds = 21 * seconds where step = 2")
    assert made_up.decided(db).equals(before)
    db.execute("update timings set seconds = 19.0 / 21 * seconds where step = 2")
    assert not made_up.decided(db).equals(before)


def test_other_seconds_change_nothing_but_seconds():
    def steady(db) -> list[dict]:
        kept = [name for name in findings.TABLES["findings"].schema.names if not name.endswith("_seconds")]
        found = made_up.decided(db)
        return [row for row in found.select(kept).to_pylist() if row["matched_on"] != "seconds"], findings.as_json(
            found
        )

    db = made_up.study(np.random.default_rng(4), {"tiny": FULL}, items=60, probe_items=10)
    before = steady(db)
    db.execute("update timings set seconds = seconds * (1 + hash(run_id) % 100)")
    assert steady(db) == before
