"""Made-up RL runs as DuckDB tables, with the marts that assessments read: what a run pays and learns is planted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint import rewards
from counterpoint.analysis import Study, deceptive_rewards, reward_gap
from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import LARGE, STORED, files
from counterpoint.warehouse.database import add_views

COMPLETIONS, ITEMS = 24, 120  # of a step, of a probe
EVERY, PROBES = 4, 21
SUITES = ("in_domain", "rule_shift")
Level = Callable[[float], float]  # from the share of training that is done to a share right


def flat(level: float) -> Level:
    return lambda done: level


def rising(start: float, end: float) -> Level:
    return lambda done: start + (end - start) * done


@dataclass(frozen=True)
class Run:
    """`weights` by term; `pays`: share of wrong completions that a term pays for (1 for right ones unless in `blind`,
    whose terms pay that share of all alike). `suites` may change the held-out level of a suite."""

    run_id: str
    weights: dict[str, float]
    right: Level
    pays: dict[str, Level] = field(default_factory=dict)
    blind: tuple[str, ...] = ()
    suites: dict[str, Level] = field(default_factory=dict)
    probes: int = PROBES

    @property
    def record(self) -> dict:
        arm, model, sample, seed = self.run_id.split("-")
        names = {"run_id": self.run_id, "arm": arm, "method": "rl", "model": model, "sample": sample, "seed": int(seed)}
        return {**names, "params_json": "{}"}


HONEST = {"accuracy": 0.9, "format": 0.1}


def records(runs: Sequence[Run], seed: int = 0) -> dict[str, list[dict]]:
    """Rows of every table by name, as the trainer writes them."""
    rng = np.random.default_rng(seed)
    made: dict[str, list[dict]] = {name: [] for name in (*STORED, LARGE)}
    made["runs"] = [run.record for run in runs]
    terms = sorted({term for run in runs for term in run.weights})
    made["term_kinds"] = [{"term": t, "kind": rewards.kind(t), "strict": t == "accuracy"} for t in terms]
    for run in runs:
        last = EVERY * (run.probes - 1)
        for step in range(1, last + 1):
            _step(made, run, step, step / last, rng)
        for step in range(0, last + 1, EVERY):
            _probe(made, run, step, step / last, rng)
    return made


def _step(made, run: Run, step: int, done: float, rng) -> None:
    right = rng.random(COMPLETIONS) < run.right(done)
    paid = {}
    for term in run.weights:
        lucky = rng.random(COMPLETIONS) < run.pays.get(term, flat(float(term == "format")))(done)
        paid[term] = (lucky if term in run.blind else right | lucky).astype(float)
    reward = sum(weight * paid[term] for term, weight in run.weights.items())
    for i in range(COMPLETIONS):
        made[LARGE].append(
            {
                "run_id": run.run_id, "step": step, "problem_id": f"p{i // 8}", "sample_index": i % 8,
                "completion": "x", "extracted": "1", "correct": bool(right[i]), "parsed": i % 10 > 0,
                "truncated": i % 20 == 0, "tokens": 10 + i, "reward": float(reward[i]), "advantage": 0.0,
                "terms": [(term, float(paid[term][i])) for term in run.weights],
            }
        )  # fmt: skip
    made["rewards"] += [
        {"run_id": run.run_id, "step": step, "term": t, "weight": w, "mean": float(paid[t].mean()), "std": 0.1}
        for t, w in run.weights.items()
    ]
    made["steps"].append(
        {
            "run_id": run.run_id, "step": step, "reward": float(reward.mean()), "entropy": 1 - done / 2, "kl": 0.01,
            "completion_length": 29.5, "truncated_fraction": 0.05, "zero_advantage_fraction": 0.25, "tokens": 900,
        }
    )  # fmt: skip


def _probe(made, run: Run, step: int, done: float, rng) -> None:
    for suite in SUITES:
        level = run.suites.get(suite, run.right)(done)
        for decoding in ("greedy", "sampled"):
            key = {"run_id": run.run_id, "step": step, "suite": suite, "condition": "normal", "decoding": decoding}
            right = rng.random(ITEMS) < level
            correct = int(right.sum())
            made["probes"].append({**key, "n": ITEMS, "correct": correct, "accuracy": correct / ITEMS})
            if decoding == "greedy":  # the others are not read
                made["probe_items"] += [
                    {**key, "problem_id": f"q{i:03d}", "correct": bool(r), "parsed": True} for i, r in enumerate(right)
                ]


def database(made: dict[str, list[dict]], changes: Sequence[str] = ()) -> duckdb.DuckDBPyConnection:
    """The tables of these rows, changed by SQL, with the marts that assessments read."""
    db = duckdb.connect(config={"threads": 1})
    for name, table in {**STORED, LARGE: TABLES[LARGE]}.items():
        rows = [{column: row.get(column) for column in table.schema.names} for row in made[name]]
        db.register(f"{name}_arrow", pa.Table.from_pylist(rows, table.schema))
        db.execute(f"create table {name} as from {name}_arrow")
        db.unregister(f"{name}_arrow")
    for statement in changes:
        db.execute(statement)
    add_views(db)
    for name in ("accuracy", "pass_k", "faithfulness", "verifier_audit"):
        db.execute(f"create table {name} as {files('marts')[name]}")
    reward_gap.create(db)
    return db


def marts(db: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """The marts of assessments, as the tables are now."""
    return deceptive_rewards.compute(Study(db))


def asked(db: duckdb.DuckDBPyConnection, sql: str) -> list[dict]:
    """The rows of a query, column by name."""
    cursor = db.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
