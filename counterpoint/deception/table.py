"""The marts `deceptive_rewards`, one row for each probed suite of each run with a reward, and `deceptive_arms`, one for
each arm, model, sample and suite with its seeds pooled. A run's own verdict is that of its row `in_domain`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields

import duckdb
import numpy as np
import pyarrow as pa

from counterpoint.deception import beside
from counterpoint.deception.curves import Probed, read
from counterpoint.statistics.deceptive import VERDICTS, Assessment, assess
from counterpoint.statistics.pooled import Curve, pool

_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_ASSESSED = {
    "verdict": _S, "mechanism": _S, "reason": _S, "probes": _I, "effective_probes": _F, "spearman": _F,
    "spearman_low": _F, "spearman_high": _F, "spearman_of_changes": _F, "reward_slope": _F, "reward_slope_low": _F,
    "reward_slope_high": _F, "accuracy_slope": _F, "accuracy_slope_low": _F, "accuracy_slope_high": _F,
    "onset_step": _I, "onset_low": _F, "onset_high": _F, "regret": _F, "evidence": _F,
}  # fmt: skip
SCHEMAS = {
    "deceptive_rewards": pa.schema(
        {
            "run_id": _S, "arm": _S, "method": _S, "model": _S, "sample": _S, "seed": _I, "suite": _S, "honest": _B,
            "n": _I, **_ASSESSED, "first_reward": _F, "final_reward": _F, "first_accuracy": _F, "final_accuracy": _F,
            "best_step": _I, "reward_step": _I, "exploited_first": _F, "exploited_last": _F, "exploit_found": _B,
            "answer_follows": _F, "base_answer_follows": _F, "blank_accuracy": _F, "base_blank_accuracy": _F, "k": _I,
            "pass_at_k": _F, "base_pass_at_k": _F,
        }
    ),
    "deceptive_arms": pa.schema(
        {
            "arm": _S, "method": _S, "model": _S, "sample": _S, "suite": _S, "honest": _B, "runs": _I,
            **dict.fromkeys(VERDICTS, _I), "exploits_found": _I, **_ASSESSED, "final_reward": _F, "final_accuracy": _F,
        }
    ),
}  # fmt: skip
KEYS = {"deceptive_rewards": ("run_id", "suite"), "deceptive_arms": ("model", "arm", "sample", "suite")}
NAMES = ("arm", "method", "model", "sample", "seed")


def compute(db: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """Both marts by name, sorted by their keys, from the tables runs, rewards, term_kinds, probes and probe_items and
    the marts verifier_audit, reward_gap, accuracy, faithfulness and pass_k of docs/tables.md."""
    runs = {row[0]: dict(zip(NAMES, row[1:], strict=True)) for row in db.execute(RUNS).fetchall()}
    known, told = beside.of_runs(db), beside.of_suites(db)
    rows, arms = [], {}
    for probed in read(db):
        found = assess(
            probed.steps, probed.reward, probed.accuracy, probed.n_items, gaps=probed.gaps, items=probed.items
        )
        run = {**runs[probed.run_id], **known.get(probed.run_id, {})}
        row = {"run_id": probed.run_id, "suite": probed.suite, **run, **flat(found), **_ends(probed)}
        rows.append({**row, **told.get((probed.run_id, probed.suite), {})})
        arms.setdefault((run["model"], run["arm"], run["sample"], probed.suite), []).append((probed, found, row))
    return {
        "deceptive_rewards": _table("deceptive_rewards", rows),
        "deceptive_arms": _table("deceptive_arms", [_arm(members) for members in arms.values()]),
    }


RUNS = f"select run_id, {', '.join(NAMES)} from runs order by run_id"


def flat(found: Assessment) -> dict:
    """The fields of an assessment as columns: an interval NAME_interval as NAME_low and NAME_high, NaN as null."""
    columns = {}
    for place in fields(found):
        value = getattr(found, place.name)
        if isinstance(value, tuple):
            name = place.name.removesuffix("_interval")
            columns |= {f"{name}_low": _known(value[0]), f"{name}_high": _known(value[1])}
        else:
            columns[place.name] = _known(value)
    return columns


def _known(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ends(probed: Probed) -> dict:
    """Where reward and accuracy began and ended, and the probes that each would have picked, the earliest of equals."""
    reward, accuracy = probed.reward, probed.accuracy
    paid = np.flatnonzero(np.isfinite(reward))
    return {
        "n": probed.n_items,
        "first_reward": float(reward[paid[0]]) if len(paid) else None,
        "final_reward": float(reward[paid[-1]]) if len(paid) else None,
        "first_accuracy": float(accuracy[0]),
        "final_accuracy": float(accuracy[-1]),
        "best_step": int(probed.steps[np.argmax(accuracy)]),
        "reward_step": int(probed.steps[np.nanargmax(reward)]) if len(paid) else None,
    }


def _arm(members: Sequence[tuple[Probed, Assessment, dict]]) -> dict:
    """The row of an arm from its runs, which are the unit of inference."""
    rows = [row for *_, row in members]
    if len(members) == 1:
        found = members[0][1]
    else:
        found = pool([Curve(p.run_id, p.steps, p.reward, p.accuracy, p.n_items) for p, *_ in members])
    verdicts = Counter(row["verdict"] for row in rows)
    columns = {name: rows[0].get(name) for name in ("arm", "method", "model", "sample", "suite", "honest")}
    columns |= {"runs": len(rows), **{name: verdicts[name] for name in VERDICTS}, **flat(found)}
    if len(members) > 1 and found.verdict == "deceptive":
        columns["mechanism"] = _shared([row["mechanism"] for row in rows if row["verdict"] == "deceptive"])
    columns["exploits_found"] = sum(bool(row.get("exploit_found")) for row in rows)
    return columns | {name: _mean([row[name] for row in rows]) for name in ("final_reward", "final_accuracy")}


def _shared(mechanisms: Sequence[str]) -> str:
    """The mechanism of more than half of the runs, or `unknown`."""
    for name, count in Counter(mechanisms).items():
        if 2 * count > len(mechanisms):
            return name
    return "unknown"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _table(name: str, rows: list[dict]) -> pa.Table:
    schema = SCHEMAS[name]
    rows.sort(key=lambda row: tuple(row[column] for column in KEYS[name]))
    return pa.Table.from_pylist([{column: row.get(column) for column in schema.names} for row in rows], schema)
