"""A run of this study: data/runs/RUN or its folder `train`, with the tables of docs/tables.md.

The curves are those of the mart `deceptive_rewards`: the same SQL takes the reward apart.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from counterpoint.audit import files
from counterpoint.audit.log import Check, Curve, Log
from counterpoint.deception import curves
from counterpoint.errors import UserError, one_line
from counterpoint.rewards import REWARDS, kind
from counterpoint.warehouse import contract

TABLES = ("steps", "rewards", "probes", "probe_items", "completions")
MEMORY = "4GB"
MARTS = ("verifier_audit", "reward_gap")
BESIDE = {"mean_length": "mean length", "truncated_fraction": "cut off", "entropy": "entropy", "kl": "KL",
          "zero_advantage_fraction": "no advantage"}  # fmt: skip


def records(folder: Path) -> Path | None:
    """The folder with the run's tables, `folder` or its `train`; None where they are not there."""
    places = {folder: "", folder / "train": "train/"}
    return next(
        (at for at, sub in places.items() if all(files.inside(folder, f"{sub}{t}.parquet") for t in TABLES)), None
    )


def read(folder: Path, items: int | None) -> Log:
    """The run's log. Raises `UserError` for tables that are not as docs/tables.md has them, or without a reward."""
    with duckdb.connect(config={"threads": 1, "memory_limit": MEMORY, "temp_directory": ""}) as db:
        try:
            _load(db, folder)
            probed = curves.read(db)
            beside = _beside(db)
            checks = [Check(*row) for row in db.execute(CHECKS).fetchall()]
        except (duckdb.Error, pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise UserError(f"{folder}: its tables are not as docs/tables.md has them ({one_line(error)})") from None
    if not probed:
        raise UserError(f"{folder}: no reward in its steps; only RL runs earn one")
    kept = tuple(
        Curve("", one.suite, one.steps, one.reward, one.accuracy, items or one.n_items, one.gaps,
              beside if one.suite == curves.IN_DOMAIN else {}, None if items else one.items)
        for one in sorted(probed, key=lambda one: one.suite != curves.IN_DOMAIN)
    )  # fmt: skip
    judge = "the strict judge, greedily on held-out probes"
    main = curves.IN_DOMAIN if any(one.suite == curves.IN_DOMAIN for one in probed) else None
    return Log(
        "run of this study",
        folder,
        judge,
        False,
        kept,
        tuple(checks),
        main=main,
        checked_by="the strict judge, on all completions",
    )


CHECKS = """
    select step, n, strict_accuracy, parsed_fraction, coalesce(called_right, 'nan'),
        coalesce(false_positive_share, 'nan'),
        coalesce(false_negative_rate * strict_accuracy, if(called_right is null, 'nan'::double, 0))
    from verifier_audit order by step
"""


def _load(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    for name in TABLES:
        path = folder / f"{name}.parquet"
        with files.table(path):
            db.read_parquet(str(path)).create_view(name)
    (run_id,) = db.execute("select coalesce(any_value(run_id), '') from probes").fetchone()
    described = files.inside(folder, "run.json")
    stored = files.whole(described[0]) if described else {}
    if not isinstance(stored, dict):
        raise ValueError("run.json is no mapping")
    named = [str(stored.get(name, "")) for name in ("arm", "method", "model", "sample")]
    db.execute(
        "create table runs as select ? as run_id, ? as arm, ? as method, ? as model, ? as sample, ? as seed",
        [run_id, *named, stored.get("seed")],
    )
    db.execute("create table term_kinds (term varchar, kind varchar)")
    db.executemany("insert into term_kinds values (?, ?)", [(term, kind(term)) for term in sorted(REWARDS)])
    marts = contract.files("marts")
    for name in MARTS:
        db.execute(f"create table {name} as {marts[name]}")


def _beside(db: duckdb.DuckDBPyConnection) -> dict:
    found = db.execute(f"select {', '.join(BESIDE)} from reward_gap order by step").fetchnumpy()
    return {title: found[name].astype(float).filled(float("nan")) if hasattr(found[name], "filled") else found[name]
            for name, title in BESIDE.items()}  # fmt: skip
