"""`compute` on made-up studies: which rows there are, what they hold, and what they are called."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from counterpoint.analysis import findings
from counterpoint.analysis.claims import CLAIMS
from tests.counterpoint.analysis import made_up_findings as made_up

SUITES = ("in_domain", "text_twin", "text_reasoning", "rule_shift")
FULL = {
    "base": 0.3, "sft 2k": 0.55, "rl 2k": 0.4, "sft 20k": 0.65, "rl 20k": 0.42, "sft_then_rl 2k": 0.75,
    "sft_long 2k": 0.6,
}  # fmt: skip
SHORT = {name: FULL[name] for name in ("base", "sft 2k", "rl 2k")}
STRONG = {**FULL, "base": 0.5}
MIDDLE = {**SHORT, "base": 0.4}


@pytest.fixture(scope="module")
def study() -> duckdb.DuckDBPyConnection:
    """The preregistered grid, three seeds, with probes."""
    models = {"tiny": FULL, "small": STRONG, "small_early": MIDDLE}
    return made_up.study(
        np.random.default_rng(0),
        models,
        items=400,
        seed_sd=0.005,
        suites=SUITES,
        probe_items=40,
        blind={"rule_shift": 0.6},
    )


@pytest.fixture(scope="module")
def table(study) -> pa.Table:
    return made_up.decided(study)


@pytest.fixture(scope="module")
def rows(table) -> list[dict]:
    return table.to_pylist()


def picked(rows: list[dict], **wanted) -> list[dict]:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_the_table_has_its_schema_is_sorted_by_its_key_and_the_same_again(study, table):
    assert table.schema == findings.TABLES["findings"].schema
    keys = list(zip(*(table[name].to_pylist() for name in findings.TABLES["findings"].key), strict=True))
    assert keys == sorted(set(keys))
    assert all(part is not None for key in keys for part in key)
    assert made_up.decided(study).equals(table)


def test_primary_contrasts_are_those_of_the_preregistration(rows):
    told = [(row["finding"], row["contrast"], row["model"], row["suite"]) for row in picked(rows, role="primary")]
    each = ("small", "tiny")
    assert sorted(told) == sorted(
        [
            ("capacity", "sft 2k − rl 2k, weaker − stronger", "small_early against small", "in_domain"),
            *(("data_efficiency", "sft 2k − rl 20k", model, "in_domain") for model in each),
            *(("cross_modal", "sft 20k − rl 20k", model, "text_twin") for model in each),
            *(("complementarity", "sft_then_rl 2k − sft 2k", model, "in_domain") for model in each),
            *(("complementarity", "sft_then_rl 2k − rl 2k", model, "in_domain") for model in each),
            ("reward_truth", "none", "none", "none"),
        ]
    )
    assert {row["null_value"] for row in picked(rows, finding="data_efficiency")} == {-3.0}
    assert {row["null_value"] for row in rows if row["finding"] not in ("data_efficiency", "reward_truth")} == {0.0}


def test_secondary_contrasts_are_those_of_the_preregistration(rows):
    told = {
        (row["finding"], row["contrast"].split(",")[0], row["model"], row["suite"])
        for row in picked(rows, role="secondary", matched_on="end")
    }
    each = ("small", "tiny")
    others = ("rule_shift", "text_reasoning", "text_twin")
    assert told == {
        *(("capacity", f"sft {s} − rl {s}", "tiny against small", "in_domain") for s in ("2k", "20k")),
        *(("data_efficiency", "sft_long 2k − rl 20k", model, "in_domain") for model in each),
        *(("data_efficiency", "sft 2k − rl 20k", model, suite) for model in each for suite in others),
        *(("cross_modal", "sft 2k − rl 2k", model, "text_twin") for model in (*each, "small_early")),
        *(("cross_modal", "sft 20k − rl 20k", model, "text_reasoning") for model in each),
        *(
            ("complementarity", f"sft_then_rl 2k − {arm} 2k", model, suite)
            for arm in ("sft", "rl") for model in each for suite in others
        ),
    }  # fmt: skip


def test_an_effect_is_the_mean_difference_over_seeds_and_items_in_points(study, rows):
    (row,) = picked(rows, finding="cross_modal", model="tiny", suite="text_twin", matched_on="end", role="primary")
    means = dict(
        study.execute(
            "select split_part(run_id, '-', 1), avg(correct::int) from evals where suite = 'text_twin' "
            "and run_id similar to '(sft|rl)-tiny-20k-.*' group by all"
        ).fetchall()
    )
    assert row["effect"] == pytest.approx(100 * (means["sft"] - means["rl"]))
    assert row["low"] < row["effect"] < row["high"]
    assert (row["seeds"], row["n"], row["clusters"], row["unit"]) == (3, 400, 400, "points")
    assert (row["first"], row["second"], row["verdict"]) == ("sft 20k", "rl 20k", "supported")


def test_the_interaction_is_a_difference_of_leads_in_logits_the_weaker_base_first(study, rows):
    (row,) = picked(rows, finding="capacity", role="primary")
    assert (row["weaker"], row["stronger"], row["unit"]) == ("small_early", "small", "logits")
    shares = dict(
        study.execute(
            "select regexp_replace(run_id, '-[0-9]+$', ''), avg(correct::int) from evals "
            "where suite = 'in_domain' group by all"
        ).fetchall()
    )
    lead = {}
    for model in ("small_early", "small"):
        sft, rl = (shares[f"{arm}-{model}-2k"] for arm in ("sft", "rl"))
        lead[model] = np.log(sft / (1 - sft)) - np.log(rl / (1 - rl)), 100 * (sft - rl)
    assert row["effect_logits"] == pytest.approx(lead["small_early"][0] - lead["small"][0])
    assert row["effect"] == pytest.approx(lead["small_early"][1] - lead["small"][1])
    assert row["low"] < row["effect_logits"] < row["high"]


def test_a_suite_that_a_base_answers_blind_is_not_measurable(rows):
    blind = picked(rows, suite="rule_shift")
    assert blind and {row["verdict"] for row in blind} == {"inconclusive"}
    assert {row["reason"] for row in picked(blind, model="tiny")} == {
        "rule_shift is not measurable: the base of tiny does not beat its blind baselines."
    }
    assert all(row["p"] < 1e-3 for row in picked(blind, model="tiny", contrast="sft_then_rl 2k − rl 2k"))


def test_bases_that_a_paired_test_cannot_tell_apart_leave_capacity_open():
    rng = np.random.default_rng(1)
    models = {
        "small": {"base": 0.4, "sft 2k": 0.5, "rl 2k": 0.5},
        "small_early": {"base": 0.4, "sft 2k": 0.8, "rl 2k": 0.4},
    }
    (row,) = picked(made_up.decided(made_up.study(rng, models)).to_pylist(), finding="capacity")
    assert row["p"] < 0.01
    assert row["verdict"] == row["finding_verdict"] == "inconclusive"
    assert row["reason"].startswith("A paired test does not tell the bases of")


def test_pairs_of_models_that_the_claims_do_not_name_are_taken_as_they_are():
    rng = np.random.default_rng(2)
    models = {"a": MIDDLE, "b": {**SHORT, "base": 0.2}, "c": {**SHORT, "base": 0.6}}
    rows = picked(made_up.decided(made_up.study(rng, models)).to_pylist(), finding="capacity", role="primary")
    assert [row["model"] for row in rows] == ["a against c", "b against a", "b against c"]


def test_costs_carry_the_run_that_a_sequence_started_from(rows):
    (row,) = picked(rows, finding="complementarity", model="tiny", contrast="sft_then_rl 2k − rl 2k", role="primary")
    assert (row["first_updates"], row["second_updates"]) == (16, 8)
    assert (row["first_prompts"], row["second_prompts"]) == (4000, 2000)
    assert (row["first_tokens"], row["second_tokens"]) == (20_000 + 100_000, 100_000)
    assert (row["first_seconds"], row["second_seconds"]) == pytest.approx((88, 80))


def test_one_seed_is_at_most_suggestive_and_missing_seeds_are_not_compared():
    db = made_up.study(np.random.default_rng(5), {"tiny": FULL}, items=400, seed_sd=0.0)
    db.execute("delete from evals where run_id in ('rl-tiny-20k-2', 'rl-tiny-20k-3')")
    told = made_up.decided(db).to_pylist()
    (row,) = picked(told, finding="data_efficiency", role="primary")
    assert (row["seeds"], row["verdict"], row["direction"]) == (1, "suggestive", "for")
    assert (row["finding_verdict"], row["finding_direction"]) == ("suggestive", "for")
    (other,) = picked(told, finding="complementarity", contrast="sft_then_rl 2k − rl 2k", role="primary")
    assert (other["seeds"], other["verdict"]) == (3, "supported")


def test_a_study_with_one_sample_has_no_little_against_much():
    db = made_up.study(np.random.default_rng(6), {"tiny": SHORT}, items=100)
    db.execute("delete from samples where sample = '20k'")
    told = made_up.decided(db).to_pylist()
    assert [row["contrast"] for row in picked(told, finding="data_efficiency")] == ["none"]
    assert [(r["contrast"], r["role"]) for r in picked(told, finding="cross_modal")] == [("sft 2k − rl 2k", "primary")]


@pytest.mark.parametrize("models", [{"tiny": {"base": 0.3}}, {"tiny": {"base": 0.3, "sft 2k": 0.5}}])
def test_a_study_without_the_arms_says_so_of_every_finding(models):
    told = made_up.decided(made_up.study(np.random.default_rng(7), models, items=50)).to_pylist()
    assert [row["finding"] for row in told] == sorted(claim.finding for claim in CLAIMS)
    assert {row["verdict"] for row in told} == {"inconclusive"}
    for row in told:
        missing = "No honest RL run" if row["finding"] == "reward_truth" else "No model of this study has the runs"
        assert row["reason"].startswith(missing)


def test_clusters_are_states_and_widen_the_interval():
    def interval(per_state: int) -> dict:
        rng = np.random.default_rng(8)
        db = made_up.study(rng, {"tiny": SHORT}, items=200, seed_sd=0.0, per_state=per_state)
        if per_state > 1:  # both problems of a state stand or fall together
            db.execute(
                "update evals set correct = (from evals as o select o.correct where o.run_id = evals.run_id "
                "and o.suite = evals.suite and o.cluster_id = evals.cluster_id order by o.problem_id limit 1)"
            )
        (row,) = picked(made_up.decided(db).to_pylist(), finding="cross_modal", model="tiny")
        return row

    alone, paired = interval(1), interval(2)
    assert (alone["clusters"], paired["clusters"], paired["n"]) == (200, 100, 200)
    assert paired["high"] - paired["low"] > 1.15 * (alone["high"] - alone["low"])


def test_problems_that_not_all_runs_answered_are_left_out():
    db = made_up.study(np.random.default_rng(9), {"tiny": SHORT}, items=100)
    db.execute(
        "delete from evals where run_id = 'rl-tiny-2k-2' and suite = 'text_twin' and problem_id < 'text_twin-0010'"
    )
    (row,) = picked(made_up.decided(db).to_pylist(), finding="cross_modal", model="tiny")
    assert row["n"] == 90


def test_arms_that_answer_alike_are_told_and_not_decided():
    db = made_up.study(np.random.default_rng(10), {"tiny": {**SHORT, "base": 0.5}}, items=100)
    db.execute(
        "update evals set correct = (from evals as o select o.correct where o.run_id = 'rl-tiny-2k-1' "
        "and o.suite = evals.suite and o.problem_id = evals.problem_id) where run_id not like 'base%'"
    )
    (row,) = picked(made_up.decided(db).to_pylist(), finding="cross_modal", model="tiny")
    assert (row["effect"], row["p"], row["verdict"]) == (0, 1, "inconclusive")
    assert row["low"] < 0 < row["high"]
    assert row["reason"] == "Both gave right and wrong answers to the same problems."


def test_the_json_is_nested_by_finding_and_holds_nothing_that_a_clock_decides(table):
    told = findings.as_json(table)
    assert list(told) == [claim.finding for claim in CLAIMS]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["reward_truth"]["contrasts"] == []
    assert told["cross_modal"]["verdict"] == "supported"
    contrasts = told["data_efficiency"]["contrasts"]
    assert contrasts[0]["role"] == "primary" and contrasts[0]["matched_on"] == "end"
    assert {row["matched_on"] for row in contrasts} == {"end", "prompts", "updates", "generated_tokens"}
    assert not any(name.endswith("_seconds") for row in contrasts for name in row)
