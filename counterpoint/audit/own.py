"""A run of this study: data/runs/RUN or its folder `train`, with the tables of docs/tables.md.

The curves are those of the mart `deceptive_rewards`: the same SQL takes the reward apart.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from counterpoint.audit.log import Check, Curve, Log
from counterpoint.deception import curves
from counterpoint.errors import UserError
from counterpoint.rewards import REWARDS, kind
from counterpoint.warehouse.contract import files

TABLES = ("steps", "rewards", "probes", "probe_items", "completions")
MARTS = ("verifier_audit", "reward_gap")
BESIDE = {"mean_length": "mean length", "truncated_fraction": "cut off", "entropy": "entropy", "kl": "KL",
          "zero_advantage_fraction": "no advantage"}  # fmt: skip


def records(folder: Path) -> Path | None:
    """The folder with the run's tables, `folder` or its `train`; None where they are not there."""
    return next((at for at in (folder, folder / "train") if all((at / f"{t}.parquet").is_file() for t in TABLES)), None)


def read(folder: Path, items: int | None) -> Log:
    """The run's log. Raises `UserError` for tables that are not as docs/tables.md has them, or without a reward."""
    with duckdb.connect(config={"threads": 1}) as db:
        try:
            _load(db, folder)
            probed = curves.read(db)
            beside = _beside(db)
            checks = [Check(*row) for row in db.execute(CHECKS).fetchall()]
        except (duckdb.Error, OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{folder}: its tables are not as docs/tables.md has them ({reason})") from None
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
        db.read_parquet(str(folder / f"{name}.parquet")).create_view(name)
    (run_id,) = db.execute("select coalesce(any_value(run_id), '') from probes").fetchone()
    stored = json.loads((folder / "run.json").read_text(encoding="utf-8")) if (folder / "run.json").is_file() else {}
    named = [str(stored.get(name, "")) for name in ("arm", "method", "model", "sample")]
    db.execute(
        "create table runs as select ? as run_id, ? as arm, ? as method, ? as model, ? as sample, ? as seed",
        [run_id, *named, stored.get("seed")],
    )
    db.execute("create table term_kinds (term varchar, kind varchar)")
    db.executemany("insert into term_kinds values (?, ?)", [(term, kind(term)) for term in sorted(REWARDS)])
    marts = files("marts")
    for name in MARTS:
        db.execute(f"create table {name} as {marts[name]}")


def _beside(db: duckdb.DuckDBPyConnection) -> dict:
    found = db.execute(f"select {', '.join(BESIDE)} from reward_gap order by step").fetchnumpy()
    return {title: found[name].astype(float).filled(float("nan")) if hasattr(found[name], "filled") else found[name]
            for name, title in BESIDE.items()}  # fmt: skip
