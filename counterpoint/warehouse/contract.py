"""What the warehouse holds: its tables, the key of each, which key columns may be null, and the SQL files beside it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from counterpoint import analysis, problem
from counterpoint.tables import TABLES, Table

SQL = Path(__file__).parent / "sql"
# Pixels stay in data/problems: a table to join with need not hold them.
PROBLEMS = Table(pa.schema([f for f in problem.SCHEMA if f.name != "images"]), ("problem_id",))
TERM_KINDS = Table(pa.schema({"term": pa.string(), "kind": pa.string(), "strict": pa.bool_()}), ("term",))
LARGE = "completions"  # read in place, never copied
STORED = {
    "problems": PROBLEMS, "term_kinds": TERM_KINDS,
    **{name: table for name, table in TABLES.items() if name != LARGE},
}  # fmt: skip
# In the order they are made: a mart may read those before it. All are SQL but those in counterpoint.analysis.COMPUTED.
MARTS = {
    "claimed": analysis.TABLES["claimed"].key,
    "accuracy": ("run_id", "suite", "condition", "family"),
    "sft_vs_rl": ("sft_run", "rl_run", "suite"),
    "cost_efficiency": ("run_id",),
    "blind": ("run_id", "suite"),
    "judges": ("run_id", "suite", "decoding"),
    "shift_curve": ("run_id", "axis", "severity", "suite"),
    "cross_modal": ("run_id", "suite"),
    "pass_k": ("run_id", "suite", "k"),
    "agreement": ("run_id", "suite"),
    "faithfulness": ("run_id", "suite", "decoding"),
    "reliability": ("model", "arm", "method", "sample", "suite"),
    "verifier_audit": ("run_id", "step"),
    "reward_gap": analysis.TABLES["reward_gap"].key,
    "reward_vs_accuracy": ("run_id", "step", "suite", "decoding"),
    "acceptance": ("trace_set", "family", "difficulty"),
    **{name: table.key for name, table in analysis.arms.TABLES.items()},
    "cost_curve": ("model", "arm", "sample"),
    "split_curve": ("model", "sample", "share", "suite"),
    **{name: table.key for name, table in analysis.deceptive_rewards.TABLES.items()},
    "findings": analysis.TABLES["findings"].key,
}
KEYS = {name: table.key for name, table in {**STORED, LARGE: TABLES[LARGE]}.items()} | MARTS
# a base has no sample; null difficulty: all of them
NULLABLE = {
    ("timings", "step"), ("rejects", "line"), ("reliability", "sample"), ("acceptance", "difficulty"),
    ("arm_accuracy", "sample"), ("cost_curve", "sample"),
}  # fmt: skip


def files(kind: str) -> dict[str, str]:
    """The SQL of sql/`kind`, by file name without ending, in the order of the names."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((SQL / kind).glob("*.sql"))}
