"""What the findings read of the tables: runs, greedy answers, probes while training, and what each step had cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np

from counterpoint.params import BLIND, ENDS, Claims

MEASURES = ("prompts", "updates", "generated_tokens", "seconds")
STALLED = 20  # times the median of a run's steps


@dataclass(frozen=True)
class Run:
    """A base or a training run; `parent` is the training run that it started from, whose cost it carries.

    `recipe` is all that it was trained with but how long, which is `epochs` (0 for a base).
    """

    run_id: str
    arm: str
    method: str
    model: str
    sample: str | None
    seed: int | None
    parent: str | None
    updates: int
    epochs: float
    recipe: str


@dataclass(frozen=True)
class Answers:
    """Greedy answers to the problems of a suite, sorted by problem: ids, clusters (states), 0 or 1."""

    problems: np.ndarray
    clusters: np.ndarray
    correct: np.ndarray


@dataclass(frozen=True)
class Study:
    """A study as the findings see it. `spent` maps a run and a measure to what its own steps 0 … updates had cost."""

    runs: dict[str, Run]
    small: str | None  # the samples that the claims are about
    large: str | None
    evals: dict[tuple[str, str], Answers]  # (run_id, suite)
    probes: dict[tuple[str, str], dict[int, Answers]]  # (run_id, suite) -> step
    spent: dict[tuple[str, str], np.ndarray]
    obstacles: dict[tuple[str, str], str]  # (model, suite) -> why it is not measurable; empty where it is

    @property
    def suites(self) -> list[str]:
        """The suites that were answered."""
        return sorted({suite for _, suite in self.evals})

    def base(self, model: str) -> Run | None:
        """The base of a model."""
        return next((run for run in self.runs.values() if run.model == model and run.method == "base"), None)

    def obstacle(self, model: str, suite: str) -> str:
        """Why a suite does not measure anything for a model, in words; empty where it does."""
        return self.obstacles.get((model, suite), f"The base of {model} was not asked {suite}")

    def seeds(self, arm: str, sample: str, suite: str) -> dict[str, dict[int, Run]]:
        """By model and seed, the arm's runs on that sample that answered the suite."""
        found: dict[str, dict[int, Run]] = {}
        for run in self.runs.values():
            if (run.arm, run.sample) == (arm, sample) and (run.run_id, suite) in self.evals:
                found.setdefault(run.model, {})[run.seed] = run
        return found


def claimed(db: duckdb.DuckDBPyConnection, claims: Claims) -> Claims:
    """The samples that the claims are about: where `claims` names none, the smallest and the largest that runs of the
    study learnt from (None where none did)."""
    used = db.execute(
        "select sample from samples where sample in (select sample from runs) group by sample order by count(*), sample"
    ).fetchall() or [(None,)]
    return Claims(claims.small or used[0][0], claims.large or used[-1][0])


def read(db: duckdb.DuckDBPyConnection, probed: list[str], claims: Claims = ENDS) -> Study:
    """Everything from the tables of a connection (docs/tables.md); probes of the suites `probed` alone.

    claims: the samples that are called small and large, as in `claimed`.
    """
    rows = db.execute(
        """
        select run_id, arm, method, model, sample, seed, init_run, updates, prompts_seen, generated_tokens,
            trained_tokens, params_json
        from runs order by run_id
        """
    ).fetchall()
    trained = {row[0] for row in rows if row[2] != "base"}
    runs = {
        row[0]: Run(*row[:6], row[6] if row[6] in trained else None, row[7] or 0, *_recipe(row[11])) for row in rows
    }
    totals = {row[0]: row[8:11] for row in rows}
    named = claimed(db, claims)
    probes: dict[tuple[str, str], dict[int, Answers]] = {}
    for (run_id, suite, step), answers in _grouped(db, PROBE_ITEMS, [probed]):
        probes.setdefault((run_id, suite), {})[step] = answers
    return Study(
        runs=runs,
        small=named.small,
        large=named.large,
        evals=dict(_grouped(db, EVALS, [])),
        probes=probes,
        spent=_spent(db, runs, totals),
        obstacles=_obstacles(db),
    )


def _recipe(params_json: str) -> tuple[float, str]:
    """The epochs of a run and everything else that it was trained with, from its column `params_json`."""
    told = json.loads(params_json)
    told.get("arm", {}).pop("settings", None)  # what an arm sets stands among the settings of its stage too
    epochs = [part.pop("epochs") for part in told.values() if isinstance(part, dict) and "epochs" in part]
    return sum(epochs), json.dumps(told, sort_keys=True)


EVALS = """
    select problem_id, cluster_id, correct::double as correct, run_id, suite
    from evals where condition = 'normal' and decoding = 'greedy' and sample_index = 0
    order by run_id, suite, problem_id
"""
PROBE_ITEMS = """
    select problem_id, state_id as cluster_id, probe_items.correct::double as correct, run_id, suite, step
    from probe_items join problems using (problem_id)
    where condition = 'normal' and decoding = 'greedy' and suite in (select unnest($1))
    order by run_id, suite, step, problem_id
"""


def _grouped(db: duckdb.DuckDBPyConnection, sql: str, values: list) -> Iterator[tuple[tuple, Answers]]:
    """The answers of each run of equal keys, the columns after the third."""
    columns = [np.asarray(column) for column in db.execute(sql, values).fetchnumpy().values()]
    problems, clusters, correct, *keys = columns
    if not len(problems):
        return
    changes = np.flatnonzero(np.any([key[1:] != key[:-1] for key in keys], axis=0)) + 1
    for start, end in zip([0, *changes], [*changes, len(problems)], strict=True):
        part = slice(start, end)
        key = tuple(column[start].item() if hasattr(column[start], "item") else column[start] for column in keys)
        yield key, Answers(problems[part], clusters[part], correct[part])


def _spent(db: duckdb.DuckDBPyConnection, runs: dict[str, Run], totals: dict) -> dict[tuple[str, str], np.ndarray]:
    """Prompts and tokens are shared out over the steps: prompts evenly, tokens as the tokens that carried a loss.

    Tokens are those that were sampled, in SFT the gold tokens trained on. A run whose steps were not all timed has no
    seconds.
    """
    rows: dict[str, list[tuple]] = {}
    for run_id, *values in db.execute(
        """
        select run_id, tokens, seconds
        from steps left join (
            select run_id, step, sum(seconds order by started_at) as seconds
            from timings where phase = 'step' group by run_id, step
        ) using (run_id, step)
        order by run_id, step
        """
    ).fetchall():
        rows.setdefault(run_id, []).append(values)
    found = {}
    for run_id, run in runs.items():
        if not run.updates or len(rows.get(run_id, ())) != run.updates:
            continue
        prompts, generated, trained = totals[run_id]
        shares = np.arange(run.updates + 1) / run.updates
        tokens = np.array([0, *(row[0] or 0 for row in rows[run_id])]).cumsum()
        told = tokens / tokens[-1] if tokens[-1] else shares
        found[run_id, "prompts"] = shares * prompts
        found[run_id, "updates"] = np.arange(run.updates + 1.0)
        found[run_id, "generated_tokens"] = told * (generated or trained)
        if all(row[1] is not None for row in rows[run_id]):
            seconds = np.array([row[1] for row in rows[run_id]])
            typical = np.median(seconds)  # one far longer stood still: warehouse/sql/staging/durations.sql
            found[run_id, "seconds"] = np.r_[0.0, np.where(seconds > STALLED * typical, typical, seconds)].cumsum()
    return found


def _obstacles(db: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """By model and suite, why its base does not show that the suite measures anything; empty where it does."""
    cells: dict[tuple[str, str], dict[str, tuple]] = {}
    for model, suite, condition, *values in db.execute(
        """
        select model, suite, condition, low, high, majority from accuracy
        where method = 'base' and family = 'all' order by model, suite, condition
        """
    ).fetchall():
        cells.setdefault((model, suite), {})[condition] = values
    return {key: _unmeasured(*key, cell) for key, cell in cells.items()}


def _unmeasured(model: str, suite: str, cell: dict[str, tuple]) -> str:
    """`cell` maps a condition to the base's interval and the majority answer's share."""
    if "normal" not in cell:
        return f"The base of {model} was not asked {suite} with everything shown"
    low, _, majority = cell["normal"]
    blind = [cell[condition][1] for condition in BLIND if condition in cell]
    if low <= majority:
        return f"{suite} is not measurable: the base of {model} does not beat the majority answer"
    if not blind:
        return f"Whether {suite} is measurable is not known: the base of {model} was not asked blind"
    if low <= max(blind):
        return f"{suite} is not measurable: the base of {model} does not beat its blind baselines"
    return ""
