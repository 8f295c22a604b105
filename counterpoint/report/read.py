"""The Parquet tables and marts as the plain objects of results.py.

Raises `UserError` when a table is missing or is no Parquet; every list has an order that does not depend on file order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import duckdb

from counterpoint.errors import UserError
from counterpoint.report.numbers import Z95
from counterpoint.report.results import METHODS, Cell, Pair, Point, Results, Run, Term
from counterpoint.suites import SUITES
from counterpoint.warehouse.database import literal

MARTS = (  # read as they are
    "blind", "judges", "shift_curve", "cross_modal", "reliability", "agreement", "reward_gap", "verifier_audit",
    "deceptive_rewards", "deceptive_arms", "phase", "trace_kinds", "arm_contrasts", "cost_curve", "split_curve",
    "findings", "claimed",
)  # fmt: skip
SIZES = """
    select sample, count(*) from samples where sample in (select sample from runs) group by sample order by 2, 1
"""  # a study draws samples that none of its runs asks for
NEEDED = (
    "runs", "samples", "steps", "rewards", "term_kinds", "probes", "evals", "accuracy", "sft_vs_rl",
    "reward_vs_accuracy", *MARTS,
)  # fmt: skip
REMEDY = "dvc repro warehouse"


def suite_place(suite: str) -> tuple:
    """A sort key: the suites' own order, then the names."""
    known = list(SUITES)
    return (known.index(suite) if suite in known else len(known), suite)


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
                except duckdb.Error as own:
                    raise UserError(f"{path}: not a readable table ({_one_line(own)}); run `{remedy}`") from None
            if not isinstance(error, duckdb.BinderException):
                raise
            raise UserError(f"{folder}: tables of another version ({_one_line(error)}); run `{remedy}`") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split("\n\nLINE ")[0].split())


def load(folder: Path, study: str, remedy: str = REMEDY) -> Results:
    """Read the tables in `folder`; `study` is the name to report under, for bases are shared between studies."""
    with connect(folder, remedy=remedy) as db:
        return _load(db, folder, study)


def _load(db: duckdb.DuckDBPyConnection, folder: Path, study: str) -> Results:
    sizes = dict(db.execute(SIZES).fetchall())
    rows = rows_of(db, "select * from runs")
    if not rows:
        raise UserError(f"{folder / 'runs.parquet'}: no run in it; run `dvc repro evaluate warehouse`")
    smallest = {}
    for row in rows:
        smallest[row["model"]] = min(smallest.get(row["model"], float("inf")), row["parameters"] or float("inf"))
    several = len({row["seed"] for row in rows if row["method"] != "base"}) > 1
    runs = [_run(row, several) for row in rows]
    runs.sort(key=lambda run: (smallest[run.model], run.model, *arm_place(run, sizes)))
    by_id = {run.run_id: run for run in runs}
    cells = {(c.run_id, c.suite, c.condition): c for c in _cells(db) if c.run_id in by_id}
    rewards: dict[str, list[tuple[int, float]]] = {run.run_id: [] for run in runs}
    for run_id, step, reward in db.execute(
        "select run_id, step, reward from steps where reward is not null order by run_id, step"
    ).fetchall():
        rewards.setdefault(run_id, []).append((step, reward))
    return Results(
        study=study,
        runs=runs,
        sizes=sizes,
        suites=sorted({suite for _, suite, _ in cells}, key=suite_place),
        cells=cells,
        rewards=rewards,
        terms=_terms(db),
        probes=_probes(db, runs),
        pairs=_pairs(db, by_id),
        gains=_gains(db, by_id),
        marts={name: rows_of(db, f"select * from {name} order by all") for name in MARTS},
    )


def arm_place(run: Run, sizes: dict[str, int]) -> tuple:
    """A sort key within a model: the base, then by size of sample, method (its plain arm first), arm and seed."""
    method = METHODS.index(run.method) if run.method in METHODS else len(METHODS)
    return (method > 0, sizes.get(run.sample, 0), method, run.arm != run.method, run.arm, run.seed or 0)


def _run(row: dict, several_seeds: bool) -> Run:
    parts = [row["model"], row["arm"], row["sample"]] if row["method"] != "base" else [row["model"], "base"]
    if several_seeds and row["seed"] is not None:
        parts.append(f"seed {row['seed']}")
    kept = {field.name: row[field.name] for field in fields(Run) if field.name != "title"}
    return Run(**kept, title=" · ".join(map(str, parts)))


def _cells(db: duckdb.DuckDBPyConnection) -> list[Cell]:
    found = db.execute(
        """
        select run_id, suite, condition, n, accuracy, low, high, 1 - parsed_fraction, truncated_fraction, majority
        from accuracy where family = 'all' order by all
        """
    ).fetchall()
    return [Cell(*row) for row in found]


def _terms(db: duckdb.DuckDBPyConnection) -> dict[str, list[Term]]:
    """The reward terms of every run, the heaviest first."""
    found: dict[str, list[Term]] = {}
    for run_id, name, kind, strict, weight, steps, paid in db.execute(
        """
        select
            run_id, term, any_value(kind), coalesce(bool_or(strict), false), max(weight) as weight,
            list(step order by step), list(weight * mean order by step)
        from rewards left join term_kinds using (term)
        group by run_id, term order by run_id, weight desc, term
        """
    ).fetchall():
        series = tuple(zip(steps, paid, strict=True))
        found.setdefault(run_id, []).append(Term(name, kind, strict, weight, series))
    return found


def _probes(db: duckdb.DuckDBPyConnection, runs: list[Run]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {run.run_id: [] for run in runs}
    for run_id, *values in db.execute(
        """
        select run_id, step, suite, decoding, probes.n, probes.accuracy, low, high, reward_since_probe
        from probes left join reward_vs_accuracy using (run_id, step, suite, decoding)
        where condition = 'normal' order by all
        """
    ).fetchall():
        found.setdefault(run_id, []).append(Point(*values))
    return found


def _pairs(db: duckdb.DuckDBPyConnection, by_id: dict[str, Run]) -> list[Pair]:
    """The plain arms on equal samples, and SFT on the small sample of the claims against RL on the large."""
    rows = db.execute(
        """
        select sft_run, rl_run, suite, n, difference, low, high from sft_vs_rl
        where sft_arm = 'sft' and rl_arm = 'rl' and (
            sft_sample = rl_sample
            or sft_sample = (select sample from claimed where role = 'small')
            and rl_sample = (select sample from claimed where role = 'large')
        )
        """
    ).fetchall()
    pairs = [Pair(by_id[sft].model, suite, by_id[sft], by_id[rl], *values) for sft, rl, suite, *values in rows]
    places = {run_id: place for place, run_id in enumerate(by_id)}
    return sorted(
        pairs,
        key=lambda pair: (places[pair.first.run_id], places[pair.second.run_id], suite_place(pair.suite)),
    )


def _gains(db: duckdb.DuckDBPyConnection, by_id: dict[str, Run]) -> dict[tuple[str, str], Pair]:
    """Mean paired difference of every run from its base on every suite; standard errors clustered by state (Miller,
    arXiv 2411.00640)."""
    bases = {run.model: run for run in by_id.values() if run.method == "base"}
    rows = db.execute(
        """
        with asked as (
            select run_id, suite, problem_id, cluster_id, correct::int as correct
            from evals where condition = 'normal' and decoding = 'greedy' and sample_index = 0
        ), items as (
            select own.run_id, own.suite, own.cluster_id, own.correct - base.correct as difference
            from asked as own
            join runs using (run_id)
            join runs as bases on bases.model = runs.model and bases.method = 'base' and runs.method <> 'base'
            join asked as base
                on base.run_id = bases.run_id and base.suite = own.suite and base.problem_id = own.problem_id
        ), means as (
            select run_id, suite, count(*) as n, avg(difference) as mean from items group by run_id, suite
        ), clusters as (
            select run_id, suite, cluster_id, sum(difference - mean) as residual
            from items join means using (run_id, suite) group by run_id, suite, cluster_id
        )
        select
            run_id, suite, any_value(n), any_value(mean), count(*), sum(residual * residual order by cluster_id)
        from clusters join means using (run_id, suite) group by run_id, suite
        """
    ).fetchall()
    found = {}
    for run_id, suite, n, mean, clusters, squares in rows:
        error = math.sqrt(squares * clusters / (clusters - 1)) / n if clusters > 1 else 1.0
        low, high = max(-1.0, mean - Z95 * error), min(1.0, mean + Z95 * error)
        run = by_id[run_id]
        found[run_id, suite] = Pair(run.model, suite, run, bases[run.model], n, mean, low, high)
    return found


def rows_of(db: duckdb.DuckDBPyConnection, sql: str) -> list[dict]:
    """The rows that a query gives, as mappings."""
    cursor = db.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
