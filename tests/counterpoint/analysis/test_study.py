"""From tables to arrays: against the records they were made of, and against what the trainer says of its own."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from counterpoint.analysis import Study
from counterpoint.statistics.deceptive import assess
from counterpoint.statistics.pooled import ProbeCurve
from tests.counterpoint.analysis import made_up_rewards as made_up
from tests.counterpoint.analysis.conftest import RUNS


@pytest.fixture(scope="module")
def probed(db) -> dict[tuple[str, str], ProbeCurve]:
    return {(curve.run, curve.suite): curve for curve in Study(db).probe_curves}


def test_every_suite_of_every_rewarded_run_is_there_with_its_answers(records, probed):
    assert set(probed) == {(run.run_id, suite) for run in RUNS for suite in made_up.SUITES}
    answers = defaultdict(list)
    for row in records["probe_items"]:
        answers[row["run_id"], row["suite"], row["step"]].append((row["problem_id"], row["correct"]))
    for (run_id, suite), curve in probed.items():
        assert curve.steps.tolist() == sorted(step for name, what, step in answers if (name, what) == (run_id, suite))
        assert curve.items.shape == (len(curve.steps), curve.n_items) == (len(curve.steps), made_up.ITEMS)
        for place, step in enumerate(curve.steps):
            assert curve.items[place].tolist() == [right for _, right in sorted(answers[run_id, suite, step])]
        assert curve.accuracy == pytest.approx(curve.items.mean(1))


def test_the_reward_of_a_probe_is_the_mean_of_the_steps_since_the_last_one(records, probed):
    earned = {row["step"]: row["reward"] for row in records["steps"] if row["run_id"] == "leaky-m-2k-1"}
    curve, every = probed["leaky-m-2k-1", "in_domain"], made_up.EVERY
    assert curve.reward[0] == earned[1]
    for place, step in enumerate(curve.steps[1:], start=1):
        assert curve.reward[place] == pytest.approx(sum(earned[s] for s in range(step - every + 1, step + 1)) / every)


@pytest.mark.parametrize("run_id", ["rl-m-2k-1", "leaky-m-2k-2", "form-m-2k-1", "long-m-2k-1"])
def test_the_gaps_are_those_that_the_trainer_sees_while_it_runs(records, probed, run_id):
    from counterpoint.training import assessment

    def own(name: str) -> list[dict]:
        return [row for row in records[name] if row["run_id"] == run_id]

    strict: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in own("completions"):
        right, total = strict[row["step"]]
        strict[row["step"]] = (right + row["correct"], total + 1)
    curve = probed[run_id, "in_domain"]
    rows = assessment.RunRecords(own("probes"), own("steps"), own("rewards"), strict)
    theirs = assessment.gaps(rows, "in_domain", curve.steps.tolist(), curve.accuracy)
    assert theirs
    for name, gap in curve.gaps.items():
        if name in theirs:
            assert gap == pytest.approx(theirs[name], abs=1e-12), name
        elif name != "over_specialisation":
            assert np.abs(gap).max() == 0, name  # the reward has no such term


def test_over_specialisation_is_in_domain_over_the_suite_itself(probed):
    for run in RUNS:
        here, shifted = (probed[run.run_id, suite] for suite in made_up.SUITES)
        for curve in (here, shifted):
            assert curve.gaps["over_specialisation"] == pytest.approx(here.accuracy - shifted.accuracy)


@pytest.fixture
def changed(records):
    """The curves of the first run after SQL has changed its tables before the marts were made."""

    def made(*statements: str) -> dict[str, ProbeCurve]:
        kept = {
            name: [r for r in rows if r.get("run_id", "rl-m-2k-1") == "rl-m-2k-1"] for name, rows in records.items()
        }
        with made_up.database(kept, statements) as db:
            return {curve.suite: curve for curve in Study(db).probe_curves}

    return made


def test_a_suite_that_was_not_probed_at_some_steps_has_fewer_probes(changed):
    found = changed(
        *(f"delete from {table} where suite = 'rule_shift' and step in (4, 40)" for table in ("probes", "probe_items"))
    )
    assert len(found["in_domain"].steps) == made_up.PROBES
    short = found["rule_shift"]
    assert len(short.steps) == made_up.PROBES - 2 and not {4, 40} & set(short.steps.tolist())
    assert short.items.mean(1) == pytest.approx(short.accuracy)
    assert np.isfinite(found["in_domain"].gaps["decoding"]).all()
    # the mean over the shifted suites is not known where the only one of them is missing
    assert np.flatnonzero(np.isnan(found["in_domain"].gaps["over_specialisation"])).tolist() == [1, 10]


def test_steps_without_a_reward_have_no_part_in_it_and_a_probe_with_none_is_unknown(changed):
    curve = changed("update steps set reward = null where step % 8 not in (1, 2)")["in_domain"]
    assert np.flatnonzero(np.isnan(curve.reward)).tolist() == [*range(2, made_up.PROBES, 2)]
    assert np.isfinite(curve.accuracy).all()
    assessed = assess(curve.steps, curve.reward, curve.accuracy, curve.n_items, gaps=curve.gaps, items=curve.items)
    assert assessed.probes == 11 and "10 probes without a value left out" in assessed.reason


def test_a_reward_that_is_no_number_is_not_measured(changed):
    curve = changed("update steps set reward = 'nan' where step in (6, 7, 30)")["in_domain"]
    assert np.flatnonzero(np.isnan(curve.reward)).tolist() == [2, 8]
    assessed = assess(curve.steps, curve.reward, curve.accuracy, curve.n_items, gaps=curve.gaps, items=curve.items)
    assert assessed.probes == made_up.PROBES - 2 and "2 probes without a value left out" in assessed.reason


def test_probes_of_unequal_size_have_no_items(changed):
    curve = changed(
        "delete from probe_items where step = 8 and problem_id = 'q003'",
        "update probes set n = n - 1 where step = 8",
    )["in_domain"]
    assert curve.items is None and curve.n_items == made_up.ITEMS - 1


def test_a_study_without_rewards_has_no_curves(records):
    nothing = {name: [] for name in records}
    sft = {**nothing, "runs": records["runs"][:1], "probes": records["probes"][:9]}
    for rows in (nothing, sft):
        with made_up.database(rows) as db:
            assert Study(db).probe_curves == []


def test_the_verdict_does_not_depend_on_the_order_of_the_rows(records, probed):
    backwards = {name: rows[::-1] for name, rows in records.items()}
    with made_up.database(backwards) as db:
        for curve in Study(db).probe_curves:
            before = probed[curve.run, curve.suite]
            for name in ("steps", "reward", "accuracy", "items"):
                assert np.array_equal(getattr(curve, name), getattr(before, name)), name
            for name, gap in curve.gaps.items():
                assert gap.tobytes() == before.gaps[name].tobytes(), name
            assert not any(math.isnan(value) for value in curve.reward)
