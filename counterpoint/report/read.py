"""The Parquet tables as the few plain objects that a report needs.

Raises `UserError` when a table is missing or is no Parquet; every list has an order that does not depend on file order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import duckdb

from counterpoint.errors import UserError
from counterpoint.report.numbers import Z95
from counterpoint.suites import SUITES

NEEDED = ("runs", "samples", "steps", "probes", "evals", "accuracy", "sft_vs_rl", "reward_vs_accuracy")
METHODS = ("base", "sft", "rl", "sft_then_rl")
BLIND = ("no_image", "shuffled_image")


@dataclass(frozen=True)
class Run:
    """One base or training run."""

    run_id: str
    arm: str
    method: str
    model: str
    sample: str | None
    seed: int | None
    parameters: int | None
    prompts_seen: int | None
    updates: int | None
    generated_tokens: int | None
    trained_tokens: int | None
    title: str  # for readers


@dataclass(frozen=True)
class Cell:
    """Greedy accuracy of a run on a suite under a condition; `low` and `high` bound 95 %.

    `majority` is what always giving the most frequent gold answer of the family would score.
    """

    run_id: str
    suite: str
    condition: str
    n: int
    accuracy: float
    low: float
    high: float
    unparsed: float
    truncated: float
    majority: float


@dataclass(frozen=True)
class Point:
    """One probe: accuracy on held-out problems while training.

    Runs that earn a reward have Wilson bounds and the mean training reward since the probe before (None at step 0).
    """

    step: int
    suite: str
    decoding: str
    n: int
    accuracy: float
    low: float | None
    high: float | None
    reward: float | None


@dataclass(frozen=True)
class Pair:
    """Accuracy of `first` minus that of `second` on the same problems of a suite, a fraction, with 95 % bounds."""

    model: str
    suite: str
    first: Run
    second: Run
    n: int
    difference: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or −1 when the interval lies on one side of 0, else 0."""
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True)
class Results:
    """What a study measured. Keys of the mappings are `run_id`s, or (run_id, suite, condition)."""

    study: str
    runs: list[Run]  # by model, then sample size, then method
    sizes: dict[str, int]  # sample -> problems, smallest first
    suites: list[str]
    cells: dict[tuple[str, str, str], Cell]
    rewards: dict[str, list[tuple[int, float]]]
    probes: dict[str, list[Point]]
    pairs: list[Pair]  # SFT against RL: equal samples, and the smallest against the largest
    gains: dict[tuple[str, str], Pair]  # (run_id, suite) -> a trained run against its base

    @property
    def models(self) -> list[str]:
        """The models, smallest first."""
        return list(dict.fromkeys(run.model for run in self.runs))

    @property
    def trained(self) -> list[Run]:
        """The runs that trained."""
        return [run for run in self.runs if run.method != "base"]

    def base(self, model: str) -> Run | None:
        """The base of a model."""
        return next((run for run in self.runs if run.model == model and run.method == "base"), None)

    def cell(self, run: Run | None, suite: str, condition: str = "normal") -> Cell | None:
        """The accuracy of a run on a suite, if it was evaluated."""
        return self.cells.get((run.run_id, suite, condition)) if run else None

    def measurable(self, model: str, suite: str) -> bool | None:
        """Whether the base's interval lies above the majority answer and above the interval of each blind baseline.

        None when the base was not evaluated, or beats the majority and no blind baseline was measured.
        """
        base = self.base(model)
        normal = self.cell(base, suite)
        blind = [cell for condition in BLIND if (cell := self.cell(base, suite, condition))]
        if normal and normal.low <= normal.majority:
            return False
        return normal.low > max(cell.high for cell in blind) if normal and blind else None

    def compared(self) -> list[Pair]:
        """SFT on the smallest sample against RL on the largest, the question of the study."""
        if not self.sizes:
            return []
        names = list(self.sizes)
        return [pair for pair in self.pairs if (pair.first.sample, pair.second.sample) == (names[0], names[-1])]


def suite_place(suite: str) -> tuple:
    """A sort key: the suites' own order, then the names."""
    known = list(SUITES)
    return (known.index(suite) if suite in known else len(known), suite)


def connect(folder: Path, needed: tuple[str, ...] = NEEDED) -> duckdb.DuckDBPyConnection:
    """A database in memory with a view of every needed table of `folder`. Raises `UserError` naming a missing one."""
    connection = duckdb.connect(config={"threads": 1})
    for name in needed:
        path = folder / f"{name}.parquet"
        if not path.is_file():
            raise UserError(f"{path}: no such table; run `dvc repro warehouse`")
        try:
            connection.read_parquet(str(path)).create_view(name)
        except duckdb.Error as error:
            raise UserError(
                f"{path}: not a readable table ({str(error).splitlines()[0]}); run `dvc repro warehouse`"
            ) from None
    return connection


def load(folder: Path, study: str) -> Results:
    """Read the tables in `folder`; `study` is the name to report under, for bases are shared between studies."""
    with connect(folder) as db:
        return _load(db, folder, study)


def _load(db: duckdb.DuckDBPyConnection, folder: Path, study: str) -> Results:
    sizes = dict(db.execute("select sample, count(*) from samples group by sample order by 2, 1").fetchall())
    rows = _rows(db, "select * from runs")
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
    probes: dict[str, list[Point]] = {run.run_id: [] for run in runs}
    for run_id, *values in db.execute(
        """
        select run_id, step, suite, decoding, probes.n, probes.accuracy, low, high, reward_since_probe
        from probes left join reward_vs_accuracy using (run_id, step, suite, decoding)
        where condition = 'normal' order by all
        """
    ).fetchall():
        probes.setdefault(run_id, []).append(Point(*values))
    return Results(
        study=study,
        runs=runs,
        sizes=sizes,
        suites=sorted({suite for _, suite, _ in cells}, key=suite_place),
        cells=cells,
        rewards=rewards,
        probes=probes,
        pairs=_pairs(db, by_id, list(sizes)),
        gains={(pair.first.run_id, pair.suite): pair for pair in _gains(db, runs)},
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


def _pairs(db: duckdb.DuckDBPyConnection, by_id: dict[str, Run], samples: list[str]) -> list[Pair]:
    """The plain arms on equal samples, and the smallest sample against the largest."""
    wanted = {(name, name) for name in samples} | {(samples[0], samples[-1])} if samples else set()
    rows = db.execute(
        """
        select sft_run, rl_run, suite, n, difference, low, high from sft_vs_rl
        where sft_arm = 'sft' and rl_arm = 'rl'
        """
    ).fetchall()
    pairs = [Pair(by_id[sft].model, suite, by_id[sft], by_id[rl], *values) for sft, rl, suite, *values in rows]
    places = {run_id: place for place, run_id in enumerate(by_id)}
    return sorted(
        (pair for pair in pairs if (pair.first.sample, pair.second.sample) in wanted),
        key=lambda pair: (places[pair.first.run_id], places[pair.second.run_id], suite_place(pair.suite)),
    )


def _gains(db: duckdb.DuckDBPyConnection, runs: list[Run]) -> list[Pair]:
    bases = {run.model: run for run in runs if run.method == "base"}
    trained = [run for run in runs if run.method != "base" and run.model in bases]
    return [pair for run in trained for pair in _differences(db, run, bases[run.model])]


def _differences(db: duckdb.DuckDBPyConnection, first: Run, second: Run) -> list[Pair]:
    """Mean paired difference on every suite; standard errors clustered by state (Miller, arXiv 2411.00640)."""
    rows = db.execute(
        """
        with items as (
            select suite, a.cluster_id, a.correct::int - b.correct::int as difference
            from evals a join evals b using (suite, condition, problem_id, decoding, sample_index)
            where a.run_id = $1 and b.run_id = $2 and condition = 'normal' and decoding = 'greedy' and sample_index = 0
        ), means as (select suite, count(*) as n, avg(difference) as mean from items group by suite),
        clusters as (
            select suite, sum(difference - mean) as residual from items join means using (suite)
            group by suite, cluster_id
        )
        select suite, any_value(n), any_value(mean), count(*), sum(residual * residual)
        from clusters join means using (suite) group by suite
        """,
        [first.run_id, second.run_id],
    ).fetchall()
    result = []
    for suite, n, mean, clusters, squares in rows:
        error = math.sqrt(squares * clusters / (clusters - 1)) / n if clusters > 1 else 1.0
        low, high = max(-1.0, mean - Z95 * error), min(1.0, mean + Z95 * error)
        result.append(Pair(first.model, suite, first, second, n, mean, low, high))
    return sorted(result, key=lambda pair: suite_place(pair.suite))


def _rows(db: duckdb.DuckDBPyConnection, sql: str) -> list[dict]:
    cursor = db.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
