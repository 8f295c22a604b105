"""The few numbers that `dvc metrics diff` compares: accuracy by run and suite, and the reward at the last probe."""

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
