"""The Parquet tables and marts of a study as the plain objects of results.py.

Raises `UserError` when a table is missing or is no Parquet; every list has an order that does not depend on file order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from counterpoint.errors import UserError
from counterpoint.report.results import METHODS, Cell, ProbePoint, Results, RunRow, Term
from counterpoint.suites import SUITES
from counterpoint.warehouse.database import literal

MARTS = (  # read as they are
    "blind", "claimed", "cost_curve", "deceptive_rewards", "findings", "phase", "reward_gap", "shift_curve",
    "split_curve", "verifier_audit",
)  # fmt: skip
SIZES = """
    select sample, count(*) from samples where sample in (select sample from runs) group by sample order by 2, 1
"""  # a study draws samples that none of its runs asks for
MODELS = "select model from runs group by model order by min(parameters) nulls last, model"
RUNS = "select run_id, arm, method, model, sample, seed, status from runs"
CELLS = """
    select run_id, suite, condition, n, accuracy, low, high, majority
    from accuracy semi join runs using (run_id) where family = 'all' order by all
"""
REWARDS = """
    select run_id, coalesce(list((step, reward) order by step) filter (reward is not null), [])
    from runs left join steps using (run_id) group by run_id
"""
TERMS = """
    select
        run_id, term, any_value(kind), coalesce(bool_or(strict), false), max(weight) as weight,
        list((step, weight * mean) order by step)
    from rewards left join term_kinds using (term)
    group by run_id, term order by run_id, weight desc, term
"""  # the heaviest first
PROBES = """
    select run_id, step, suite, decoding, probes.accuracy, low, high
    from probes semi join runs using (run_id) left join reward_vs_accuracy using (run_id, step, suite, decoding)
    where condition = 'normal' order by all
"""
SEED_DIFFERENCES = """
    select sft_vs_rl.model, suite, seed, difference from sft_vs_rl
    where sft_arm = 'sft' and sft_sample = (select sample from claimed where role = 'small')
        and rl_arm = 'rl' and rl_sample = (select sample from claimed where role = 'large')
    order by all
"""  # plain SFT on the small sample of the claims against plain RL on the large
SHIFT_MEANS = """
    with by_run as (
        select run_id, axis, severity, sum(correct) / sum(n) as accuracy from shift_curve group by all
    )
    select model, arm, sample, axis, severity, avg(accuracy order by run_id) as accuracy, min(accuracy) as least,
        max(accuracy) as greatest
    from by_run join runs using (run_id) group by all order by all
"""  # each run's suites of one severity count together
NEEDED = (
    "runs", "samples", "steps", "rewards", "term_kinds", "probes", "accuracy", "sft_vs_rl", "arm_accuracy",
    "deceptive_arms", "judges", "reliability", "reward_vs_accuracy", *MARTS,
)  # fmt: skip
REMEDY = "dvc repro warehouse"


@contextmanager
def connect(
    folder: Path, needed: tuple[str, ...] = NEEDED, remedy: str = REMEDY
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with a view of every needed table of `folder`. Raises `UserError` naming one that is missing
    or cannot be read, when it is opened or later, and the command that brings it back."""
    paths = {name: folder / f"{name}.parquet" for name in needed}
    with duckdb.connect(config={"threads": 1}) as connection:
        try:
            for name, path in paths.items():
                if not path.is_file():
                    raise UserError(f"{path}: no such table; run `{remedy}`")
                connection.read_parquet(str(path)).create_view(name)
            yield connection
        except duckdb.Error as error:
            for path in paths.values():  # a view is read when it is asked, and the error does not say which it was
                try:
                    duckdb.sql(f"select max(hash(columns(*))) from read_parquet({literal(path)})").fetchall()
                except duckdb.Error as unread:
                    raise UserError(f"{path}: not a readable table ({_one_line(unread)}); run `{remedy}`") from None
            if not isinstance(error, duckdb.BinderException):
                raise
            raise UserError(f"{folder}: tables of another version ({_one_line(error)}); run `{remedy}`") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split("\n\nLINE ")[0].split())


def load(folder: Path, study: str, remedy: str = REMEDY) -> Results:
    """Read the tables in `folder`; `study` is the name to report under, for bases are shared between studies."""
    with connect(folder, remedy=remedy) as db:
        sizes = dict(db.execute(SIZES).fetchall())
        models = [model for (model,) in db.execute(MODELS).fetchall()]
        if not models:
            raise UserError(f"{folder / 'runs.parquet'}: no run in it; run `dvc repro evaluate warehouse`")
        runs = [RunRow(**row) for row in rows_of(db, RUNS)]
        runs.sort(key=lambda run: (models.index(run.model), *arm_order(run, sizes)))
        cells = [Cell(**row) for row in rows_of(db, CELLS)]
        terms: dict[str, list[Term]] = {}
        for run_id, *values in db.execute(TERMS).fetchall():
            terms.setdefault(run_id, []).append(Term(*values))
        probes: dict[str, list[ProbePoint]] = {run.run_id: [] for run in runs}
        for row in rows_of(db, PROBES):
            probes[row.pop("run_id")].append(ProbePoint(**row))
        in_order = list(SUITES)
        return Results(
            study=study,
            runs=runs,
            sizes=sizes,
            suites=sorted(
                {cell.suite for cell in cells},
                key=lambda suite: (in_order.index(suite) if suite in SUITES else len(SUITES), suite),
            ),
            cells={(cell.run_id, cell.suite, cell.condition): cell for cell in cells},
            rewards=dict(db.execute(REWARDS).fetchall()),
            terms=terms,
            probes=probes,
            marts={
                **{name: rows_of(db, f"select * from {name} order by all") for name in MARTS},
                "seed_differences": rows_of(db, SEED_DIFFERENCES),
                "shift_means": rows_of(db, SHIFT_MEANS),
            },
        )


def arm_order(run: RunRow, sizes: dict[str, int]) -> tuple:
    """A sort key within a model: the base, then by size of sample, method (its plain arm first), arm and seed."""
    method = METHODS.index(run.method) if run.method in METHODS else len(METHODS)
    return (method > 0, sizes.get(run.sample, 0), method, run.arm != run.method, run.arm, run.seed or 0)


def rows_of(db: duckdb.DuckDBPyConnection, sql: str, values: dict | None = None) -> list[dict]:
    """The rows that a query with these parameters gives, as mappings."""
    cursor = db.execute(sql, values or {})
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
