"""A study in numbers: of every run (`summary`), and about ten in all (`headline`, which `dvc metrics` shows)."""

from __future__ import annotations

from pathlib import Path

import duckdb


def summary(database: Path) -> dict:
    """`accuracy`: run_id -> suite -> greedy accuracy. `reward`, for runs that earn one: run_id -> `training` (mean over
    the steps since the probe before the last) and `held_out` (in-domain probe problems, sampled). Rounded to 4 places.
    """
    found: dict = {"accuracy": {}, "reward": {}}
    with duckdb.connect(str(database), read_only=True, config={"threads": 1}) as db:
        for run_id, suite, accuracy in db.execute(
            "select run_id, suite, accuracy from accuracy where condition = 'normal' and family = 'all' order by all"
        ).fetchall():
            found["accuracy"].setdefault(run_id, {})[suite] = round(accuracy, 4)
        for run_id, training, held_out in db.execute(
            """
            select run_id, any_value(reward_since_probe), any_value(held_out_reward) filter (
                where suite = 'in_domain' and decoding = 'sampled'
            )
            from reward_vs_accuracy
            semi join (select run_id, max(step) as step from reward_vs_accuracy group by run_id) as last
                using (run_id, step)
            group by run_id order by run_id
            """
        ).fetchall():
            known = {"training": training, "held_out": held_out}
            found["reward"][run_id] = {name: round(value, 4) for name, value in known.items() if value is not None}
    return found


def headline(database: Path) -> dict:
    """About ten numbers: `accuracy`: suite -> method -> mean greedy accuracy of its runs, in domain and on the text
    twin; `runs`: how many were trained; `rewards`: how many are called aligned, and deceptive; `supported`: how many
    findings are. Rounded to 4 places.
    """
    with duckdb.connect(str(database), read_only=True, config={"threads": 1}) as db:
        accuracy: dict = {}
        for suite, method, mean in db.execute(
            """
            select suite, method, avg(accuracy) from (from accuracy order by all)
            where condition = 'normal' and family = 'all' and suite in ('in_domain', 'text_twin')
            group by all order by all
            """
        ).fetchall():
            accuracy.setdefault(suite, {})[method] = round(mean, 4)
        ((runs,),) = db.execute("select count(*) from runs where method <> 'base'").fetchall()
        called = dict(db.execute("select verdict, count(*) from deceptive_rewards group by 1").fetchall())
        ((supported,),) = db.execute(
            "select count(distinct finding) from findings where finding_verdict = 'supported'"
        ).fetchall()
    rewards = {verdict: called.get(verdict, 0) for verdict in ("aligned", "deceptive")}
    return {"accuracy": accuracy, "runs": runs, "rewards": rewards, "supported": supported}


def newest(database: Path) -> str | None:
    """When the newest work that the tables know was started; None where they know of none."""
    with duckdb.connect(str(database), read_only=True, config={"threads": 1}) as db:
        return db.execute("select max(started_at) from timings").fetchall()[0][0]
