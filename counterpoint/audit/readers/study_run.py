"""A run of this study: data/runs/RUN or its folder `train`, with the tables of docs/tables.md.

The curves are those of the mart `deceptive_rewards`: the same SQL takes the reward apart.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint.analysis import Study, reward_gap
from counterpoint.audit import files, series
from counterpoint.audit.log import Accuracies, Check, RunLog, RunMetrics, SavedCompletions, SuiteCurve
from counterpoint.errors import UserError, one_line
from counterpoint.rewards import REWARDS, kind
from counterpoint.warehouse import contract

TABLES = ("steps", "rewards", "probes", "probe_items", "completions")
MEMORY = "4GB"
IN_DOMAIN = "in_domain"
SHOWN = {  # columns of the mart reward_gap, and what the page calls them
    "mean_length": "mean length", "truncated_fraction": "cut off", "entropy": "entropy", "kl": "KL",
    "zero_advantage_fraction": "no advantage",
}  # fmt: skip
CHECKS = """
    select step, n, strict_accuracy, parsed_fraction, coalesce(called_right, 'nan'),
        coalesce(false_positive_share, 'nan'),
        coalesce(false_negative_rate * strict_accuracy, if(called_right is null, 'nan'::double, 0))
    from verifier_audit order by step
"""


def tables_of(folder: Path) -> Path | None:
    """The folder with the run's tables, `folder` or its `train`; None where they are not there."""
    for tables, prefix in ((folder, ""), (folder / "train", "train/")):
        if all(files.inside(folder, f"{prefix}{name}.parquet") for name in TABLES):
            return tables
    return None


def read(folder: Path, items: int | None) -> RunLog:
    """The run's log. Raises `UserError` for tables that are not as docs/tables.md has them, or without a reward."""
    with duckdb.connect(config={"threads": 1, "memory_limit": MEMORY, "temp_directory": ""}) as db:
        try:
            _load(db, folder)
            probed = Study(db).probe_curves
            metrics = _metrics(db)
            checks = tuple(Check(*row) for row in db.execute(CHECKS).fetchall())
            run = _run(db)
        except (duckdb.Error, pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise UserError(f"{folder}: its tables are not as docs/tables.md has them ({one_line(error)})") from None
    if not probed:
        raise UserError(f"{folder}: no reward in its steps; only RL runs earn one")
    probed.sort(key=lambda probes: probes.suite != IN_DOMAIN)
    return RunLog(
        kind="run of this study",
        path=folder,
        judge="the strict judge, greedily on held-out probes",
        judged_by_reward=False,
        curves=tuple(
            SuiteCurve(
                "", probes.suite, probes.steps, probes.reward, probes.accuracy, items or probes.n_items, probes.gaps,
                metrics if probes.suite == IN_DOMAIN else {}, None if items else probes.items,
            )
            for probes in probed
        ),
        checks=checks,
        main=IN_DOMAIN if probed[0].suite == IN_DOMAIN else None,
        checked_by="the strict judge, on all completions",
        runs=(run,),
    )  # fmt: skip


def _load(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    for name in TABLES:
        path = folder / f"{name}.parquet"
        with files.table(path):
            db.read_parquet(str(path)).create_view(name)
    (run_id,) = db.execute("select coalesce(any_value(run_id), '') from probes").fetchone()
    records = files.inside(folder, "run.json")
    record = files.whole(records[0]) if records else {}
    if not isinstance(record, dict):
        raise ValueError("run.json is no mapping")
    names = [str(record.get(name, "")) for name in ("arm", "method", "model", "sample")]
    db.execute(
        "create table runs as select ? as run_id, ? as arm, ? as method, ? as model, ? as sample, ? as seed",
        [run_id, *names, record.get("seed")],
    )
    db.execute("create table term_kinds (term varchar, kind varchar)")
    db.executemany("insert into term_kinds values (?, ?)", [(term, kind(term)) for term in sorted(REWARDS)])
    db.execute(f"create table verifier_audit as {contract.files('marts')['verifier_audit']}")
    reward_gap.create(db)


def _metrics(db: duckdb.DuckDBPyConnection) -> dict[str, np.ndarray]:
    columns = db.execute(f"select {', '.join(SHOWN)} from reward_gap order by step").fetchnumpy()
    return {title: np.ma.filled(columns[name].astype(float), np.nan) for name, title in SHOWN.items()}


def _run(db: duckdb.DuckDBPyConnection) -> RunMetrics:
    """What the run recorded of every step, and of every term of its reward."""
    steps = db.sql("select * exclude (run_id) from steps order by step").to_arrow_table().to_pylist()
    rows = ((f"row {number}", row.pop("step"), row) for number, row in enumerate(steps))
    metrics = series.collect(Path("steps.parquet"), rows)
    terms: dict[str, dict[int, float]] = {}
    weights: dict[str, float] = {}
    for step, term, weight, mean in db.execute("select step, term, weight, mean from rewards order by step").fetchall():
        terms.setdefault(term, {})[step] = mean
        weights[term] = weight
    return RunMetrics(
        reward=metrics.get("reward", {}),
        metrics=metrics,
        accuracies=Accuracies({}),
        saved=SavedCompletions(),
        how_to_log="",
        terms=terms,
        weights=weights or None,
    )
