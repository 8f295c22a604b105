"""A study as its tables tell it: the only reader of runs, answers, probes and costs for this package.

Each part is read when it is first asked for, and kept. The queries are in `sql/`; docs/tables.md describes the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint.analysis.claims import PROBED
from counterpoint.params import ENDS, ClaimSamples
from counterpoint.statistics.pooled import ProbeCurve

SQL = Path(__file__).parent / "sql"
BASE = "base"
MEASURES = ("prompts", "updates", "generated_tokens", "seconds")
GAPS = ("format", "length", "verifier", "memorisation", "decoding", "over_specialisation")


@dataclass(frozen=True)
class StudyRun:
    """A base or a training run.

    parent: the training run that it started from, whose cost it carries.
    generated_tokens, trained_tokens: sampled in RL; trained on in SFT.
    epochs: 0 for a base. recipe: all other settings that it was trained with, as JSON.
    """

    run_id: str
    arm: str
    method: str
    model: str
    sample: str | None
    seed: int | None
    parent: str | None
    updates: int
    prompts: int | None
    generated_tokens: int | None
    trained_tokens: int | None
    epochs: float
    recipe: str


@dataclass(frozen=True)
class Answers:
    """Greedy answers (items,) to the problems of a suite, in the order of the problems: numbers that stand for problems
    and for clusters (latent states), and 1 for a right answer, 0 for a wrong one."""

    problems: np.ndarray
    clusters: np.ndarray
    correct: np.ndarray


class Study:
    """The study in a DuckDB connection that holds its tables, the staging views and the marts made so far.

    `claims` names the samples that the claims call small and large; None stands for the smallest and the largest that
    runs learnt from.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, claims: ClaimSamples = ENDS):
        self.db, self._claims = db, claims

    @cached_property
    def runs(self) -> dict[str, StudyRun]:
        """The runs by run_id, sorted."""
        rows = query(self.db, "runs").to_pylist()
        trained = {row["run_id"] for row in rows if row["method"] != BASE}
        return {row["run_id"]: _run(row, trained) for row in rows}

    def base(self, model: str) -> StudyRun | None:
        """The base of a model."""
        return next((run for run in self.runs.values() if run.model == model and run.method == BASE), None)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The number of problems of each sample that runs learnt from, the smallest first."""
        sql = "from samples semi join runs using (sample) select sample, count(*) group by sample order by 2, 1"
        return dict(self.db.execute(sql).fetchall())

    @property
    def claimed(self) -> ClaimSamples:
        """The small and the large sample of the claims; None where no run learnt from a sample."""
        samples = list(self.sizes) or [None]
        return ClaimSamples(self._claims.small or samples[0], self._claims.large or samples[-1])

    @cached_property
    def answers(self) -> dict[tuple[str, str], Answers]:
        """Answers after training, by run_id and suite."""
        return {key: _answers(table) for key, table in grouped(query(self.db, "answers"), 2)}

    @cached_property
    def probes(self) -> dict[tuple[str, str], dict[int, Answers]]:
        """Answers while training, by run_id and suite and then by optimizer step, on the suites `claims.PROBED`."""
        by_suite: dict[tuple[str, str], dict[int, Answers]] = {}
        for (run_id, suite, step), table in grouped(query(self.db, "probe_answers", suites=PROBED), 3):
            by_suite.setdefault((run_id, suite), {})[step] = _answers(table)
        return by_suite

    @cached_property
    def probe_curves(self) -> list[ProbeCurve]:
        """Every suite that was probed of every run with a reward, sorted by run and suite. Reads the mart `reward_gap`:
        the reward is the mean since the probe before, the gaps are `GAPS`."""
        answers = dict(grouped(query(self.db, "probe_curve_items"), 2))
        return [_curve(*key, probes, answers.get(key)) for key, probes in grouped(query(self.db, "probe_curves"), 2)]

    @cached_property
    def suites(self) -> list[str]:
        """The suites that were answered."""
        return sorted({suite for _, suite in self.answers})

    @cached_property
    def spent(self) -> dict[tuple[str, str], np.ndarray]:
        """By run_id and measure of cost, the run's own cumulative cost before and after each step (updates + 1,).

        Prompts are shared out evenly over the steps, tokens as the tokens that carried a loss. Tokens are those that
        were sampled, in SFT the gold tokens trained on. A run whose steps were not all timed has no seconds.
        """
        costs = {}
        for (run_id,), steps in grouped(query(self.db, "steps"), 1):
            run = self.runs.get(run_id)
            if run and run.updates and len(steps) == run.updates:
                costs |= {(run_id, measure): values for measure, values in _spent(run, steps).items()}
        return costs

    @cached_property
    def obstacles(self) -> dict[tuple[str, str], str]:
        """By model and suite, why the mart `blind` does not call the suite measurable; empty where it does."""
        rows = self.db.execute("select model, suite, low, majority, measurable from blind order by all").fetchall()
        return {(model, suite): _obstacle(model, suite, *values) for model, suite, *values in rows}

    def obstacle(self, model: str, suite: str) -> str:
        """Why a suite does not measure anything for a model, in words; empty where it does."""
        return self.obstacles.get((model, suite), f"The base of {model} was not asked {suite}")


def query(db: duckdb.DuckDBPyConnection, name: str, **parameters: object) -> pa.Table:
    """The rows of the query sql/`name`.sql."""
    sql = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    return db.sql(sql, params=parameters or None).to_arrow_table()


def grouped(table: pa.Table, keys: int) -> Iterator[tuple[tuple, pa.Table]]:
    """The key and the rows of each group of rows that agree in the first `keys` columns, by which they are sorted."""
    encoded = [table[column].combine_chunks().dictionary_encode() for column in table.column_names[:keys]]
    codes = np.array([column.indices.to_numpy() for column in encoded])
    starts = np.flatnonzero((np.diff(codes, prepend=-1) != 0).any(0))
    for start, end in pairwise([*starts, len(table)]):
        key = tuple(column.dictionary[code[start]].as_py() for column, code in zip(encoded, codes, strict=True))
        yield key, table.slice(start, end - start)


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """A column as an array of numbers (rows,), NaN for null."""
    return column.cast("double").to_numpy()


def _run(row: dict, trained: set[str]) -> StudyRun:
    settings = json.loads(row.pop("params_json"))
    settings.get("arm", {}).pop("settings", None)  # what an arm sets stands among the settings of its stage too
    epochs = sum(part.pop("epochs") for part in settings.values() if isinstance(part, dict) and "epochs" in part)
    parent, prompts = row.pop("init_run"), row.pop("prompts_seen")
    recipe = json.dumps(settings, sort_keys=True)
    return StudyRun(**row, parent=parent if parent in trained else None, prompts=prompts, epochs=epochs, recipe=recipe)


def _answers(table: pa.Table) -> Answers:
    return Answers(*(table[column].to_numpy() for column in ("problem", "cluster", "correct")))


def _curve(run_id: str, suite: str, probes: pa.Table, answers: pa.Table | None) -> ProbeCurve:
    steps, n_items = probes["step"].to_numpy(), min(probes["n"].to_pylist())
    items = None
    if answers and np.array_equal(answers["step"].to_numpy(), np.repeat(steps, n_items)):
        items = answers["correct"].to_numpy().reshape(len(steps), n_items)
    reward, accuracy = numbers(probes["reward"]), numbers(probes["accuracy"])
    gaps = {name: numbers(probes[name]) for name in GAPS}
    return ProbeCurve(run_id, steps, reward, accuracy, n_items, suite, gaps, items)


def _spent(run: StudyRun, steps: pa.Table) -> dict[str, np.ndarray]:
    shares = np.arange(run.updates + 1) / run.updates
    total = np.r_[0, steps["tokens"].to_numpy()].cumsum()
    costs = {
        "prompts": shares * run.prompts,
        "updates": np.arange(run.updates + 1.0),
        "generated_tokens": (total / total[-1] if total[-1] else shares) * (run.generated_tokens or run.trained_tokens),
    }
    if not steps["seconds"].null_count:
        costs["seconds"] = np.r_[0.0, steps["seconds"].to_numpy()].cumsum()
    return costs


def _obstacle(model: str, suite: str, low: float, majority: float, measurable: bool | None) -> str:
    if measurable:
        return ""
    if measurable is None:
        return f"Whether {suite} is measurable is not known: the base of {model} was not asked blind"
    rival = "the majority answer" if low <= majority else "its blind baselines"
    return f"{suite} is not measurable: the base of {model} does not beat {rival}"
