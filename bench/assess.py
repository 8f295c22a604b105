"""How long it takes to assess a study of many runs: python -m bench.assess [--runs 100] [--probes 200] [--suites 1]

Made-up runs with a rising reward, three seeds an arm, 256 problems a probe, ten steps between probes and 16 completions
a step. Timed are the marts `verifier_audit` and `reward_gap`, then the marts of assessments: reading the probes, one
assessment a run and suite, and the pooling of seeds. Prints one JSON object; writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint.analysis import Study, deceptive_rewards, reward_gap
from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import LARGE, STORED, files
from counterpoint.warehouse.database import add_views

ITEMS, EVERY, COMPLETIONS, SEEDS = 256, 10, 16, 3
SUITES = ("in_domain", "rule_shift", "visual_shift", "difficulty_shift", "text_twin")


def study(runs: int, probes: int, suites: int) -> duckdb.DuckDBPyConnection:
    """The record tables of made-up runs; a quarter of them are paid by a leaky judge and learn nothing."""
    rng = np.random.default_rng(0)
    steps = np.arange(1, EVERY * (probes - 1) + 1)
    made: dict[str, list[pa.Table]] = {name: [] for name in ("steps", "rewards", "probes", "probe_items", LARGE)}
    records = []
    for place in range(runs):
        arm, seed, leaky = f"rl{place // SEEDS}", place % SEEDS, place % 4 == 0
        run_id = f"{arm}-m-2k-{seed}"
        records.append({"run_id": run_id, "arm": arm, "method": "rl", "model": "m", "sample": "2k", "seed": seed})
        records[-1]["params_json"] = "{}"
        rise = steps / steps[-1]
        right = rng.random((len(steps), COMPLETIONS)) < (0.3 + 0.3 * rise * (not leaky))[:, None]
        paid = right | (rng.random(right.shape) < (0.5 * rise * leaky)[:, None])
        term = "leaky_list" if leaky else "accuracy"
        share = paid.mean(1)
        made["steps"].append(_rows("steps", run_id, step=steps, reward=share, entropy=1 - rise))
        made["rewards"].append(
            _rows("rewards", run_id, step=steps, term=[term] * len(steps), weight=np.ones(len(steps)), mean=share)
        )
        number = right.size
        made[LARGE].append(
            _rows(
                LARGE, run_id, step=np.repeat(steps, COMPLETIONS), correct=right.ravel(), parsed=np.ones(number, bool),
                problem_id=["p"] * number, sample_index=np.tile(np.arange(COMPLETIONS), len(steps)),
                truncated=np.zeros(number, bool), tokens=np.full(number, 20), reward=paid.ravel().astype(float),
                terms=[[(term, float(x))] for x in paid.ravel()],
            )
        )  # fmt: skip
        for suite in SUITES[:suites]:
            for decoding in ("greedy", "sampled"):
                level = 0.3 + 0.3 * np.linspace(0, 1, probes) * (not leaky)
                answers = rng.random((probes, ITEMS)) < level[:, None]
                _probe(made, run_id, suite, decoding, EVERY * np.arange(probes), answers)
    db = duckdb.connect(config={"threads": 1})
    for name, table in {**STORED, LARGE: TABLES[LARGE]}.items():
        parts = made.get(name) or [pa.Table.from_pylist(records if name == "runs" else [], table.schema)]
        db.register(f"{name}_arrow", pa.concat_tables(parts))
        db.execute(f"create table {name} as from {name}_arrow")
        db.unregister(f"{name}_arrow")
    db.execute("insert into term_kinds values ('accuracy', 'accuracy', true), ('leaky_list', 'accuracy', false)")
    add_views(db)
    for name in ("accuracy", "pass_k", "faithfulness"):
        db.execute(f"create table {name} as {files('marts')[name]}")
    return db


def _rows(name: str, run_id: str, **columns) -> pa.Table:
    number = len(columns["step"])
    given = {"run_id": [run_id] * number, **columns}
    arrays = [
        pa.array(given[field.name], field.type) if field.name in given else pa.nulls(number, field.type)
        for field in TABLES[name].schema
    ]
    return pa.Table.from_arrays(arrays, schema=TABLES[name].schema)


def _probe(made, run_id: str, suite: str, decoding: str, steps: np.ndarray, answers: np.ndarray) -> None:
    number = len(steps)
    correct = answers.sum(1)
    fixed = {"suite": suite, "condition": "normal", "decoding": decoding}
    made["probes"].append(
        _rows(
            "probes", run_id, step=steps, n=np.full(number, ITEMS), correct=correct, accuracy=correct / ITEMS,
            **{name: [value] * number for name, value in fixed.items()},
        )
    )  # fmt: skip
    ids = [f"p{i:04d}" for i in range(ITEMS)] * number
    made["probe_items"].append(
        _rows(
            "probe_items", run_id, step=np.repeat(steps, ITEMS), problem_id=ids, correct=answers.ravel(),
            parsed=np.ones(answers.size, bool), **{name: [value] * answers.size for name, value in fixed.items()},
        )
    )  # fmt: skip


def main() -> None:
    """Make the study, time it, print the result."""
    parser = argparse.ArgumentParser(prog="python -m bench.assess", description=__doc__.partition("\n")[0])
    for name, number in (("runs", 100), ("probes", 200), ("suites", 1)):
        parser.add_argument(f"--{name}", type=int, default=number, metavar="N")
    options = parser.parse_args()
    db = study(options.runs, options.probes, options.suites)
    found = {**vars(options), "items": ITEMS, "load": round(os.getloadavg()[0], 2)}
    began = time.perf_counter()
    db.execute(f"create table verifier_audit as {files('marts')['verifier_audit']}")
    found["verifier_audit_seconds"] = round(time.perf_counter() - began, 2)
    began = time.perf_counter()
    reward_gap.create(db)
    found["reward_gap_seconds"] = round(time.perf_counter() - began, 2)
    began, worked = time.perf_counter(), time.process_time()
    marts = deceptive_rewards.compute(Study(db))
    found["assess_seconds"] = round(time.perf_counter() - began, 2)
    found["assess_cpu_seconds"] = round(time.process_time() - worked, 2)  # where other work runs, compare this
    verdicts = marts["deceptive_rewards"]["verdict"].to_pylist()
    print(json.dumps(found | {"verdicts": {name: verdicts.count(name) for name in sorted(set(verdicts))}}))


if __name__ == "__main__":
    main()
