"""A study in numbers: of every run (`summary`), and about ten in all (`headline`, which `dvc metrics` shows)."""

from __future__ import annotations

from pathlib import Path

from counterpoint.warehouse.contract import files
from counterpoint.warehouse.database import reading


def summary(database: Path) -> dict:
    """`accuracy`: run_id -> suite -> greedy accuracy. `reward`, for runs that earn one: run_id -> `training` (mean over
    the steps since the probe before the last) and `held_out` (in-domain probe problems, sampled). Rounded to 4 places.
    """
    accuracy, rewards = {}, {}
    with reading(database) as db:
        sql = files("summary")
        for run_id, suite, share in db.execute(sql["accuracy"]).fetchall():
            accuracy.setdefault(run_id, {})[suite] = round(share, 4)
        for run_id, training, held_out in db.execute(sql["rewards"]).fetchall():
            means = {"training": training, "held_out": held_out}
            rewards[run_id] = {name: round(mean, 4) for name, mean in means.items() if mean is not None}
    return {"accuracy": accuracy, "reward": rewards}


def headline(database: Path) -> dict:
    """About ten numbers: `accuracy`: suite -> method -> mean greedy accuracy of its runs, in domain and on the text
    twin; `runs`: how many were trained; `rewards`: how many are called aligned, and deceptive; `supported`: how many
    findings are. Rounded to 4 places.
    """
    accuracy: dict = {}
    with reading(database) as db:
        sql = files("summary")
        for suite, method, mean in db.execute(sql["means"]).fetchall():
            accuracy.setdefault(suite, {})[method] = round(mean, 4)
        runs, aligned, deceptive, supported = db.execute(sql["counts"]).fetchone()
    rewards = {"aligned": aligned, "deceptive": deceptive}
    return {"accuracy": accuracy, "runs": runs, "rewards": rewards, "supported": supported}


def newest(database: Path) -> str | None:
    """When the newest work that the tables know was started; None where they know of none."""
    with reading(database) as db:
        return db.execute("select max(started_at) from timings").fetchone()[0]
