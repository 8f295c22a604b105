"""Made-up studies with planted effects, as DuckDB tables: seeds × items, seeds that differ, items that differ more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import NormalDist

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint.analysis import Study, deceptive_rewards, findings
from counterpoint.statistics import wilson_interval
from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import files

SAMPLES = {"2k": 2, "20k": 4}  # problems of a sample
UPDATES = 8  # optimizer steps of an epoch
EPOCHS = {"sft_long": 3}  # of the arms that do not train for one
PROBES = (0.0, 0.5, 1.0)  # shares of a run
METHODS = {"base": "base", "sft": "sft", "sft_long": "sft", "rl": "rl", "sft_then_rl": "sft_then_rl"}
BLIND = ("no_image", "shuffled_image")
ITEM_SD, SHARED = 1.5, 0.8  # of an item on the probit scale, and how much of its variance all arms share
NORMAL = NormalDist()

Levels = Mapping[str, float]  # "sft 2k" -> accuracy


def study(
    rng: np.random.Generator,
    models: Mapping[str, Levels],
    seeds: tuple[int, ...] = (1, 2, 3),
    items: int = 200,
    seed_sd: float = 0.02,
    suites: tuple[str, ...] = ("in_domain", "text_twin"),
    blind: Levels | None = None,
    probe_items: int = 0,
    per_state: int = 1,
) -> duckdb.DuckDBPyConnection:
    """A study in which each arm of each model has the planted accuracy on every suite, its base that of `base`.

    `seed_sd` is the standard deviation of an arm's accuracy between seeds; half of its variance is the seed's own, for
    all arms alike. `blind`: what a base scores blind, by suite (0.1 by default). Probes of `probe_items` problems rise
    evenly from where the arm started to where it ended.
    """
    runs, evals, probes = [], [], []
    shared = {suite: rng.standard_normal(items) for suite in suites}
    shared_probe = {suite: rng.standard_normal(probe_items) for suite in suites}
    cells = []
    for model, levels in models.items():
        of_seed = dict(zip(seeds, rng.standard_normal(len(seeds)), strict=True))
        for name, level in levels.items():
            arm, _, sample = name.partition(" ")
            of_item = {suite: rng.standard_normal(items) for suite in suites}
            for seed in seeds if sample else (None,):
                run = _run(arm, model, sample, seed)
                runs.append(run)
                shift = np.sqrt(0.5) * (of_seed[seed] + rng.standard_normal()) if sample else 0.0
                sd = seed_sd if sample else 0.0
                for suite in suites:
                    item = np.sqrt(SHARED) * shared[suite] + np.sqrt(1 - SHARED) * of_item[suite]
                    right = answered(rng, level, item, shift, sd)
                    evals.append((run["run_id"], suite, right))
                    if not sample:
                        cells += _cells(run, suite, right, (blind or {}).get(suite, 0.1))
                    for share in PROBES if sample and probe_items else ():
                        start = levels["sft " + sample if arm == "sft_then_rl" else "base"]
                        now = start + (level - start) * share
                        right = answered(rng, now, shared_probe[suite], shift, sd)
                        probes.append((run["run_id"], suite, int(share * run["updates"]), right))
    db = duckdb.connect(config={"threads": 1})
    problems = [(f"{s}-{i:04d}", f"{s}-s{i // per_state:04d}") for s in suites for i in range(items)]
    problems += [(f"probe-{s}-{i:04d}", f"probe-{s}-{i:04d}") for s in suites for i in range(probe_items)]
    tables = {
        "runs": pa.Table.from_pylist(
            [{name: run.get(name) for name in TABLES["runs"].schema.names} for run in runs], TABLES["runs"].schema
        ),
        "trace_sets": TABLES["trace_sets"].schema.empty_table(),
        "samples": pa.table(
            {
                "sample": [name for name, size in SAMPLES.items() for _ in range(size)],
                "problem_id": [f"t{i}" for size in SAMPLES.values() for i in range(size)],
            }
        ),
        "problems": pa.table({"problem_id": [p for p, _ in problems], "state_id": [s for _, s in problems]}),
        "evals": _answers(evals, per_state),
        "probe_items": _probe_answers(probes),
        "accuracy": pa.Table.from_pylist(cells),
        "deceptive_rewards": deceptive_rewards.TABLES["deceptive_rewards"].schema.empty_table(),
        **_steps(runs),
    }
    for name, table in tables.items():
        db.register(f"{name}_arrow", table)
        db.execute(f"create table {name} as from {name}_arrow")
        db.unregister(f"{name}_arrow")
    for name in ("active_timings", "arm_settings"):
        db.execute(f"create view {name} as {files('staging')[name]}")
    db.execute(f"create view blind as {files('marts')['blind']}")
    return db


def decided(db: duckdb.DuckDBPyConnection) -> pa.Table:
    """The findings of a study, as the tables are now."""
    return findings.compute(Study(db))["findings"]


def answered(rng: np.random.Generator, level: float, item: np.ndarray, shift: float, sd: float) -> np.ndarray:
    """Right or wrong (items,): a probit model whose accuracy over items and seeds is exactly `level`."""
    middle = NORMAL.inv_cdf(level)
    tau = sd / NORMAL.pdf(middle) * np.sqrt(1 + ITEM_SD**2)
    start = middle * np.sqrt(1 + ITEM_SD**2 + tau**2)
    return start + ITEM_SD * item + tau * shift + rng.standard_normal(len(item)) > 0


def _run(arm: str, model: str, sample: str, seed: int | None) -> dict:
    base, epochs = not sample, EPOCHS.get(arm, 1)
    size = SAMPLES.get(sample, 0) * epochs
    told = {} if base else {"arm": {"settings": {"epochs": epochs}, "part": None}, METHODS[arm]: {"epochs": epochs}}
    parent = {"base": None, "sft_then_rl": f"sft-{model}-{sample}-{seed}"}.get(arm, f"base-{model}")
    return {
        "run_id": f"base-{model}" if base else f"{arm}-{model}-{sample}-{seed}", "arm": arm, "method": METHODS[arm],
        "model": model, "sample": sample or None, "seed": seed, "init_run": parent,
        "params_json": json.dumps(told),
        "updates": 0 if base else UPDATES * epochs, "prompts_seen": 1000 * size, "trained_tokens": 10_000 * size,
        "generated_tokens": 50_000 * size if "rl" in arm else 0,
    }  # fmt: skip


def _cells(run: dict, suite: str, right: np.ndarray, blind: float) -> list[dict]:
    """The base's rows of the mart `accuracy`; the majority answer scores 0.05."""
    found = []
    for condition, correct in (("normal", int(right.sum())), *((name, round(blind * len(right))) for name in BLIND)):
        low, high = wilson_interval(correct, len(right))
        found.append(
            {
                "run_id": run["run_id"], "model": run["model"], "method": "base", "suite": suite,
                "condition": condition, "family": "all", "n": len(right), "accuracy": correct / len(right),
                "low": low, "high": high, "majority": 0.05,
            }
        )  # fmt: skip
    return found


def _answers(rows: list[tuple], per_state: int) -> pa.Table:
    places = [i for _, _, right in rows for i in range(len(right))]
    names = [(run_id, suite) for run_id, suite, right in rows for _ in right]
    return pa.table(
        {
            "run_id": [run_id for run_id, _ in names],
            "suite": [suite for _, suite in names],
            "problem_id": [f"{suite}-{i:04d}" for (_, suite), i in zip(names, places, strict=True)],
            "cluster_id": [f"{suite}-s{i // per_state:04d}" for (_, suite), i in zip(names, places, strict=True)],
            "correct": np.concatenate([right for *_, right in rows]),
            "condition": pa.array(["normal"] * len(names)),
            "decoding": pa.array(["greedy"] * len(names)),
            "sample_index": pa.array(np.zeros(len(names), int)),
        }
    )


def _probe_answers(rows: list[tuple]) -> pa.Table:
    told = [(*names, f"probe-{names[1]}-{i:04d}", bool(r)) for *names, right in rows for i, r in enumerate(right)]
    columns = list(zip(*told, strict=True)) if told else [[]] * 5
    kinds = {"run_id": pa.string(), "suite": pa.string(), "step": pa.int64(), "problem_id": pa.string()}
    table = {name: pa.array(column, kind) for (name, kind), column in zip(kinds.items(), columns[:4], strict=True)}
    return pa.table(
        {
            **table,
            "correct": pa.array(columns[4], pa.bool_()),
            "condition": pa.array(["normal"] * len(told), pa.string()),
            "decoding": pa.array(["greedy"] * len(told), pa.string()),
        }
    )


def _steps(runs: list[dict]) -> dict[str, pa.Table]:
    """A step of RL takes ten seconds, one of SFT one; later steps have more tokens."""
    steps, timings = [], []
    for run in runs:
        for step in range(1, run["updates"] + 1):
            steps.append({"run_id": run["run_id"], "step": step, "tokens": 100 + step})
            seconds = 1.0 if run["method"] == "sft" else 10.0
            timings.append(
                {
                    "run_id": run["run_id"], "step": step, "phase": "step", "seconds": seconds,
                    "started_at": f"2026-01-01T00:00:{step:02d}",
                }
            )  # fmt: skip
    return {
        name: pa.Table.from_pylist(rows, pa.schema([f for f in TABLES[name].schema if f.name in kept]))
        for name, rows, kept in (
            ("steps", steps, ("run_id", "step", "tokens")),
            ("timings", timings, ("run_id", "step", "phase", "seconds", "started_at")),
        )
    }
