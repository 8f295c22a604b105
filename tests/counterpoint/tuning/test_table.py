"""The results: the best by its probes, what is within noise of it, and files that keep other arms' trials."""

import dataclasses
import json

import duckdb
import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from counterpoint.statistics import wilson_interval
from counterpoint.tuning import table
from counterpoint.tuning.trial import DIVERGED, FAILED

ABOUT = {
    "arm": "sft",
    "method": "sft",
    "model": "tiny",
    "sample": "2k",
    "seed": 1000,
    "start": None,
    "fingerprint": "f",
}


def rows(trials, **about):
    effective = [{"learning_rate": 0.1, "epochs": 1.0, "beta": None} for _ in trials]
    return table.rows(ABOUT | about, trials, effective)


@pytest.fixture
def trials(ended):
    """50, 62, 60, 62 and 20 of 100 right, one that diverged, one that failed."""
    done = [ended(i, right, learning_rate=i / 10) for i, right in enumerate((50, 62, 60, 62, 20))]
    lost = dataclasses.replace(done[0], number=5, state=DIVERGED, reason="step 3", right="")
    return [*done, lost, dataclasses.replace(lost, number=6, state=FAILED, reason="exit code 1")]


def test_the_best_is_the_earliest_of_the_most_accurate(trials):
    assert table.best(trials).number == 1
    assert table.best(trials[5:]) is None


def test_a_trial_is_within_noise_of_the_best_by_the_problems_on_which_they_differ(trials):
    found = rows(trials)
    assert [row["best"] for row in found] == [False, True] + 5 * [False]
    # of the problems on which they differ the best has all 12, 2 and 42: p 2 · 2^-12, 2 · 2^-2 and 2 · 2^-42
    assert [row.get("p_against_best") for row in found[:5]] == pytest.approx([2**-11, 1, 0.5, 1, 2**-41])
    assert [row.get("within_noise") for row in found] == [False, True, True, True, False, None, None]
    assert (found[1]["low"], found[1]["high"]) == wilson_interval(62, 100)
    assert [row["state"] for row in found[4:]] == ["done", "diverged", "failed"] and found[5]["reason"] == "step 3"


def test_an_arm_is_summed_up_with_its_spread_and_its_noise(trials, tmp_path):
    (arm,) = table.summary(table.publish(rows(trials), tmp_path / "tuning.parquet"))
    assert arm["best"]["values"] == {"learning_rate": 0.1} and arm["best"]["accuracy"] == 0.62
    assert arm["now"]["accuracy"] == 0.5 and arm["p_best_against_now"] == pytest.approx(2**-11)
    assert (arm["trials"], arm["states"]) == (7, {"diverged": 1, "done": 5, "failed": 1})
    assert arm["within_noise_of_best"] == 3 and (arm["spread"]["least"], arm["spread"]["most"]) == (0.2, 0.62)
    head, line = table.lines([arm])
    assert "within noise of the best" in head
    assert "50.0% (40.4%–59.6%)" in line and "+12.0" in line and line.endswith("3 of 5")
    json.dumps(arm, allow_nan=False)


def test_an_arm_without_a_good_trial_is_told_too(trials):
    (arm,) = table.summary(rows(trials[5:]))
    assert arm["best"] is None and arm["now"] is None and arm["spread"] is None and arm["within_noise_of_best"] == 0
    assert "0 of 2" in table.lines([arm])[1]


def test_the_file_is_read_with_sql_and_keeps_what_was_not_searched_again(trials, tmp_path):
    path = tmp_path / "tuning" / "tuning.parquet"
    table.publish(rows(trials), path)
    table.publish([*rows(trials[:2], sample="500"), *rows(trials[:3], arm="rl")], path)
    table.publish(rows(trials[:1], arm="rl"), path)
    count = duckdb.sql(
        f"select arm, sample, count(*), sum(best::int) from '{path}' group by all order by all"
    ).fetchall()
    assert count == [("rl", "2k", 1, 1), ("sft", "2k", 7, 1), ("sft", "500", 2, 1)]
    assert pq.read_schema(path).equals(table.SCHEMA)
    path.write_text("no table")
    with pytest.raises(UserError, match="not a table of trials"):
        table.publish(rows(trials), path)
