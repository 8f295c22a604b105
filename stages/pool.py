"""What runs and trace sets read of the training pool: the problems of a sample, a part of it, their demonstrations."""

from __future__ import annotations

import pyarrow.parquet as pq

from counterpoint import problem, tables
from counterpoint.errors import UserError
from counterpoint.problem import Problem
from stages.common import PROBLEMS, SAMPLES, TRACES


def sample_problems(sample: str) -> list[Problem]:
    """The problems of a sample, in its order."""
    with tables.reading(SAMPLES, "a samples file", "run `dvc repro sample`"):
        rows = pq.read_table(SAMPLES, filters=[("sample", "=", sample)]).to_pylist()
    if not rows:
        raise UserError(f"{SAMPLES}: no sample {sample!r}; run `dvc repro sample`")
    ids = [row["problem_id"] for row in sorted(rows, key=lambda row: row["position"])]
    return problem.load(PROBLEMS, splits=["train"], ids=ids)


def part_of(problems: list[Problem], part: list[float] | None) -> list[Problem]:
    """The problems between two shares of their order, all where `part` is None; parts that meet share none."""
    low, high = part or (0.0, 1.0)
    return problems[round(low * len(problems)) : round(high * len(problems))]


def demonstrations(name: str, problems: list[Problem]) -> tuple[dict[str, list[str]], int]:
    """The texts of a trace set by problem_id, of these problems alone, and the tokens that a teacher sampled for them.

    Raises `UserError` where the set is missing or has none of them.
    """
    folder, ids = TRACES / name, {p.problem_id for p in problems}
    with tables.reading(folder, "a trace set", f"run `dvc repro distill@{name}`"):
        rows = pq.read_table(folder / "demonstrations.parquet").to_pylist()
        sampled = pq.read_table(
            folder / "trace_problems.parquet", columns=["problem_id", "generated_tokens"]
        ).to_pylist()
    texts: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row["sample_index"]):
        if row["problem_id"] in ids:
            texts.setdefault(row["problem_id"], []).append(row["completion"])
    if not texts:
        raise UserError(f"{folder}: no trace of these {len(ids)} problems was accepted; give the set a better teacher")
    return texts, sum(row["generated_tokens"] for row in sampled if row["problem_id"] in ids)
