"""A study of the factors with planted accuracies: runs, trace sets, answers and seconds as tables in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint.analysis import Study, arms
from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import MARTS, PROBLEMS, files
from counterpoint.warehouse.database import add_views

SIZES = {"200": 200, "500": 500, "2k": 2000, "5k": 5000, "20k": 20000}
BASES = {"small_early": 0.23, "tiny": 0.31, "small": 0.36}
SUITES = ("in_domain", "rule_shift", "text_twin")
KINDS = ("oracle", "self", "self_again", "sibling", "foreign", "answer_only", "noisy")
SAMPLED = ("self", "self_again", "sibling")


@dataclass(frozen=True)
class Arm:
    """An arm as params.yaml has it, and what it gains over its base in domain (a fraction) on 2,000 problems."""

    name: str
    method: str
    gain: float
    kind: str | None = None
    start: str | None = None
    part: tuple[float, float] | None = None
    settings: tuple[tuple[str, float], ...] = ()


ARMS = {
    arm.name: arm
    for arm in (
        Arm("sft", "sft", 0.14, "oracle"),
        Arm("sft_long", "sft", 0.28, "oracle", settings=(("epochs", 3),)),
        Arm("sft_lora", "sft", 0.07, "oracle", settings=(("learning_rate", 0.005),)),
        *(Arm(f"sft_{kind}", "sft", gain, kind) for kind, gain in zip(KINDS[1:], (0.05, 0.07, 0.09, 0.1, -0.06, 0.02),
                                                                       strict=True)),
        Arm("rl", "rl", 0.08),
        Arm("sft_then_rl", "sft_then_rl", 0.2, start="sft"),
        *(Arm(f"sft_part_{n}", "sft", 0.14 * n / 100, "oracle", part=(0.0, n / 100)) for n in (25, 50, 75)),
        *(Arm(f"split_{n}", "sft_then_rl", g, start=f"sft_part_{n}", part=(n / 100, 1.0))
          for n, g in ((25, 0.13), (50, 0.17), (75, 0.16))),
        Arm("dft", "dft", 0.16, "oracle"),
        Arm("chord_mu", "chord", 0.19, "oracle"),
        Arm("relift", "relift", 0.17, "oracle"),
    )
}  # fmt: skip
PLAIN = ("sft", "rl", "sft_then_rl")
RUNS = [  # arms, models, samples, seeds, as in the published study
    (tuple(ARMS), ("tiny", "small", "small_early"), ("500", "2k"), (1, 2, 3)),
    (PLAIN, ("tiny", "small"), ("20k",), (1, 2, 3)),
    (("sft", "rl"), ("tiny",), ("200", "5k"), (1,)),
]


def level(arm: Arm, model: str, sample: str, suite: str) -> float:
    """The accuracy that is planted."""
    steep = 1.8 if arm.method == "sft" else 0.9
    more = arm.gain * (1 + steep * (np.log10(SIZES[sample]) - np.log10(2000)) * 0.6)
    worth = {"in_domain": 1.0, "rule_shift": -0.2 if arm.method == "sft" else 0.4, "text_twin": 0.3}[suite]
    less = 0.25 if (model, arm.name) == ("small", "sft") and sample == "500" else 0.0
    return float(np.clip(BASES[model] + worth * (more - less), 0.02, 0.97))


def study(
    rng: np.random.Generator, runs: list[tuple] = RUNS, items: int = 200, seed_sd: float = 0.02, per_state: int = 1
) -> duckdb.DuckDBPyConnection:
    """The tables, the staging views and every mart that the factors need, in a connection."""
    wanted = [(ARMS[a], m, s, n) for arms, models, samples, seeds in runs for a in arms for m in models
              for s in samples for n in seeds]  # fmt: skip
    models = list(dict.fromkeys(model for _, model, _, _ in wanted))
    rows = [base(model) for model in models] + [row(*one) for one in wanted]
    right = {}
    hardness = {suite: rng.random(items) for suite in SUITES}
    for suite in SUITES:
        for model in models:
            right[f"base-{model}", suite] = answered(rng, BASES[model], hardness[suite])
        for arm, model, sample, seed in wanted:
            planted = level(arm, model, sample, suite) + seed_sd * rng.standard_normal()
            right[run_id(arm.name, model, sample, seed), suite] = answered(rng, planted, hardness[suite])
    tables = {
        "runs": rows, "trace_sets": sets(rows), "timings": list(timed(rows)),
        "problems": [
            {"problem_id": f"{suite}-{i:04d}", "state_id": f"{suite}-s{i // per_state:04d}", "family": "count",
             "answer": str(i % 9)} for suite in SUITES for i in range(items)
        ],
    }  # fmt: skip
    db = duckdb.connect(config={"threads": 1})
    for name, found in tables.items():
        schema = PROBLEMS.schema if name == "problems" else TABLES[name].schema
        add(db, name, pa.Table.from_pylist([{c: one.get(c) for c in schema.names} for one in found], schema))
    add(db, "evals", evals(right, per_state))
    places = " union all ".join(
        f"select '{name}' as sample, unnest(range({size})) as i" for name, size in SIZES.items()
    )
    db.execute(f"create table samples as select sample, 't' || i as problem_id, i as position from ({places})")
    return db


def derived(db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The connection with the staging views and the marts of the factors, made as the warehouse makes them."""
    add_views(db)
    sql = files("marts")
    for name in ("accuracy", "cost_efficiency"):
        db.execute(f"create table {name} as {sql[name]}")
    for name, table in marts(db).items():
        db.register(name, table)
    for name in ("cost_curve", "split_curve"):
        db.execute(f"create table {name} as {sql[name]}")
    return db


def marts(db: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """The marts of accuracies and differences by arm, as the tables are now."""
    for name in ("arm_settings", "sft_arms"):
        db.execute(f"create view if not exists {name} as {files('staging')[name]}")
    return arms.compute(Study(db))


@cache
def shared() -> duckdb.DuckDBPyConnection:
    """One such study for all tests that only read; two problems of each suite share a state."""
    return derived(study(np.random.default_rng(1), items=60, per_state=2))


def rows_of(db: duckdb.DuckDBPyConnection, name: str) -> list[dict]:
    """The rows of a mart, sorted by its key."""
    cursor = db.execute(f"from {name} order by {', '.join(MARTS[name])}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, one, strict=True)) for one in cursor.fetchall()]


def add(db: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """A table of the connection, copied from Arrow."""
    db.register("arriving", table)
    db.execute(f"create table {name} as from arriving")
    db.unregister("arriving")


def run_id(arm: str, model: str, sample: str, seed: int) -> str:
    """As params.yaml names it."""
    return f"{arm}-{model}-{sample}-{seed}"


def base(model: str) -> dict:
    """The row of a base in `runs`."""
    return {"run_id": f"base-{model}", "arm": "base", "method": "base", "model": model, "params_json": "{}"}


def row(arm: Arm, model: str, sample: str, seed: int) -> dict:
    """The row of a run in `runs`. SFT sees a problem once in batches of 64, RL in sixteens, 8 answers of 20 tokens."""
    low, high = arm.part or (0.0, 1.0)
    problems = round(high * SIZES[sample]) - round(low * SIZES[sample])
    epochs = dict(arm.settings).get("epochs", 1)
    sampling = arm.method not in ("sft", "dft")
    updates = int(np.ceil(problems / (16 if sampling else 64)) * epochs)
    told = {
        "method": arm.method, "settings": dict(arm.settings), "options": {}, "traces": arm.kind or "oracle",
        "start": arm.start, "part": list(arm.part) if arm.part else None,
    }  # fmt: skip
    stage = {"dft": "sft", "chord": "mixed", "relift": "mixed"}.get(arm.method, arm.method)
    section = {"epochs": 1, "learning_rate": 0.002 if stage == "sft" else 0.0001} | dict(arm.settings)
    name = None if arm.kind is None else set_name(arm.kind, model, sample, seed)
    return {
        "run_id": run_id(arm.name, model, sample, seed), "arm": arm.name, "method": arm.method, "model": model,
        "sample": sample, "seed": seed, "updates": updates, "prompts_seen": round(problems * epochs),
        "init_run": run_id(arm.start, model, sample, seed) if arm.start else f"base-{model}",
        "generated_tokens": 160 * problems if sampling else 0, "trained_tokens": 20 * problems,
        "trace_set": name, "trace_nll": None if name is None else 0.4 + 0.1 * KINDS.index(arm.kind),
        "teacher_tokens": 200 * problems if arm.kind in SAMPLED else 0,
        "params_json": json.dumps({stage: section, "arm": told, "prompt": "think"}, sort_keys=True),
    }  # fmt: skip


def set_name(kind: str, model: str, sample: str, seed: int) -> str:
    """As counterpoint.trace_sets names it."""
    own = {"self": f"-{model}-{sample}", "self_again": f"-{model}-{sample}-{seed}"}
    return kind + own.get(kind, f"-{sample}")


def sets(rows: list[dict]) -> list[dict]:
    """The trace sets of the runs, each with every problem of its sample."""
    found = {}
    for one in rows:
        if one.get("trace_set"):
            kind, size = json.loads(one["params_json"])["arm"]["traces"], SIZES[one["sample"]]
            teacher = {"self": f"base-{one['model']}", "sibling": "sft-small-20k-1"}.get(kind)
            if kind == "self_again":
                teacher = run_id("sft_self", one["model"], one["sample"], one["seed"])
            many = 8 if kind in SAMPLED else 1
            found[one["trace_set"]] = {
                "trace_set": one["trace_set"], "kind": kind, "way": "sampled" if kind in SAMPLED else kind,
                "model": one["model"] if kind in ("self", "self_again") else None, "sample": one["sample"], "seed": 0,
                "teacher": teacher, "problems": size, "solved": size * 3 // 4 if kind in SAMPLED else size,
                "attempts": size * many, "accepted": size * many // 2 if kind in SAMPLED else size, "duplicates": 0,
                "kept": size * 3 // 4 if kind in SAMPLED else size, "wrong_steps": 0.25 if kind == "noisy" else 0.0,
                "generated_tokens": 200 * size if kind in SAMPLED else 0,
            }  # fmt: skip
    return list(found.values())


def timed(rows: list[dict]):
    """A step of SFT takes 0.1 s, any other 0.7 s (told in one row a run); sampling a set a millisecond a try."""
    about = {"step": 1, "started_at": "2026-01-01T00:00:00", "code_rev": "abc", "machine": "fake"}
    for one in rows:
        each = 0.1 if one.get("method") in ("sft", "dft") else 0.7
        if one["method"] != "base":
            yield {"run_id": one["run_id"], "phase": "step", "seconds": each * one["updates"], **about}
    for made in sets(rows):
        yield {"run_id": made["trace_set"], "phase": "distill", "seconds": made["attempts"] / 1000, **about}


def answered(rng: np.random.Generator, planted: float, hardness: np.ndarray) -> np.ndarray:
    """Right or wrong (items,): half of the luck is the problem's, alike for all arms."""
    return np.where(rng.random(len(hardness)) < 0.5, hardness, rng.random(len(hardness))) < planted


def evals(right: dict[tuple[str, str], np.ndarray], per_state: int) -> pa.Table:
    """The table `evals`: greedy answers, with a sampled and a blind one that nobody shall count."""
    parts = []
    for (run, suite), correct in right.items():
        count = len(correct)
        parts.append(
            pa.table(
                {
                    "run_id": pa.array([run] * count), "suite": pa.array([suite] * count),
                    "condition": pa.array(["normal"] * count),
                    "problem_id": pa.array([f"{suite}-{i:04d}" for i in range(count)]),
                    "cluster_id": pa.array([f"{suite}-s{i // per_state:04d}" for i in range(count)]),
                    "decoding": pa.array(["greedy"] * count), "sample_index": pa.array(np.zeros(count, int)),
                    "correct": pa.array(correct), "parsed": pa.array(np.ones(count, bool)),
                    "truncated": pa.array(np.zeros(count, bool)),
                }
            )
        )  # fmt: skip
    greedy = pa.concat_tables(parts)
    some = greedy.slice(0, 4)
    place = greedy.schema.get_field_index("decoding")
    blind = some.set_column(greedy.schema.get_field_index("condition"), "condition", pa.array(["no_image"] * 4))
    return pa.concat_tables([greedy, some.set_column(place, "decoding", pa.array(["sampled"] * 4)), blind])
