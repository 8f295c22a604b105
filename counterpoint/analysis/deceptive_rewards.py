"""The marts `deceptive_rewards`, one row for each probed suite of each run with a reward, and `deceptive_arms`, one for
each arm, model, sample and suite with its seeds pooled. A run's own verdict is that of its row `in_domain`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from counterpoint.analysis.study import Study, grouped, numbers, query
from counterpoint.statistics.deceptive import VERDICTS, Assessment, assess
from counterpoint.statistics.pooled import ProbeCurve, pool
from counterpoint.statistics.reward_parts import exploited
from counterpoint.tables import table

_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_ASSESSED = {
    "verdict": _S, "mechanism": _S, "reason": _S, "probes": _I, "effective_probes": _F, "spearman": _F,
    "spearman_low": _F, "spearman_high": _F, "spearman_of_changes": _F, "reward_slope": _F, "reward_slope_low": _F,
    "reward_slope_high": _F, "accuracy_slope": _F, "accuracy_slope_low": _F, "accuracy_slope_high": _F,
    "reward_change": _F, "reward_change_low": _F, "reward_change_high": _F, "accuracy_change": _F,
    "accuracy_change_low": _F, "accuracy_change_high": _F, "peak": _F, "peak_step": _I, "fall": _F, "fall_low": _F,
    "fall_high": _F,
    "onset_step": _I, "onset_low": _F, "onset_high": _F, "regret": _F, "evidence": _F,
}  # fmt: skip
TABLES = {
    "deceptive_rewards": table(
        "run_id suite",
        run_id=_S, arm=_S, method=_S, model=_S, sample=_S, seed=_I, suite=_S, honest=_B, n=_I, **_ASSESSED,
        first_reward=_F, final_reward=_F, first_accuracy=_F, final_accuracy=_F, best_step=_I, reward_step=_I,
        exploited_first=_F, exploited_last=_F, exploit_found=_B, answer_follows=_F, base_answer_follows=_F,
        blank_accuracy=_F, base_blank_accuracy=_F, k=_I, pass_at_k=_F, base_pass_at_k=_F,
    ),
    "deceptive_arms": table(
        "model arm sample suite",
        arm=_S, method=_S, model=_S, sample=_S, suite=_S, honest=_B, runs=_I, **dict.fromkeys(VERDICTS, _I),
        exploits_found=_I, **_ASSESSED, final_reward=_F, final_accuracy=_F,
    ),
}  # fmt: skip
NAMES = ("run_id", "arm", "method", "model", "sample", "seed")


def compute(study: Study) -> dict[str, pa.Table]:
    """Both marts by name, sorted by their keys. They also need the marts verifier_audit, reward_gap, accuracy,
    faithfulness and pass_k in the study's connection."""
    evaluated = {(row.pop("run_id"), row.pop("suite")): row for row in query(study.db, "after_training").to_pylist()}
    exploits, rows, arms = _exploits(study), [], {}
    for curve in study.probe_curves:
        assessment = assess(
            curve.steps, curve.reward, curve.accuracy, curve.n_items, gaps=curve.gaps, items=curve.items
        )
        run = study.runs[curve.run]
        row = {
            **{name: getattr(run, name) for name in NAMES}, "suite": curve.suite, **exploits.get(run.run_id, {}),
            **flat(assessment), **_ends(curve), **evaluated.get((curve.run, curve.suite), {}),
        }  # fmt: skip
        rows.append(row)
        arms.setdefault((run.model, run.arm, run.sample, curve.suite), []).append((curve, assessment, row))
    return {
        "deceptive_rewards": TABLES["deceptive_rewards"].of(rows),
        "deceptive_arms": TABLES["deceptive_arms"].of([_arm(members) for members in arms.values()]),
    }


def _exploits(study: Study) -> dict[str, dict]:
    """By run: `honest`, `exploited_first`, `exploited_last` and `exploit_found`."""
    columns = {row["run_id"]: {"honest": row["honest"]} for row in query(study.db, "honest").to_pylist()}
    for (run_id,), steps in grouped(query(study.db, "exploited"), 1):
        first, last, rose = exploited(numbers(steps["exploited"]))
        columns.setdefault(run_id, {}).update(exploited_first=first, exploited_last=last, exploit_found=rose)
    return columns


def flat(assessment: Assessment) -> dict:
    """The fields of an assessment as columns: an interval NAME_interval as NAME_low and NAME_high, NaN as null."""
    columns = {}
    for name, value in vars(assessment).items():
        if isinstance(value, tuple):
            name = name.removesuffix("_interval")
            columns |= {f"{name}_low": _finite(value[0]), f"{name}_high": _finite(value[1])}
        else:
            columns[name] = _finite(value)
    return columns


def _finite(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _ends(curve: ProbeCurve) -> dict:
    """Where reward and accuracy began and ended, and the probes that each would have picked, the earliest of equals."""
    reward, accuracy = curve.reward, curve.accuracy
    paid = np.flatnonzero(np.isfinite(reward))
    return {
        "n": curve.n_items,
        "first_reward": float(reward[paid[0]]) if len(paid) else None,
        "final_reward": float(reward[paid[-1]]) if len(paid) else None,
        "first_accuracy": float(accuracy[0]),
        "final_accuracy": float(accuracy[-1]),
        "best_step": int(curve.steps[np.argmax(accuracy)]),
        "reward_step": int(curve.steps[np.nanargmax(reward)]) if len(paid) else None,
    }


def _arm(members: Sequence[tuple[ProbeCurve, Assessment, dict]]) -> dict:
    """The row of an arm from its runs, which are the unit of inference."""
    rows = [row for *_, row in members]
    assessment = members[0][1] if len(members) == 1 else pool([curve for curve, *_ in members])
    verdicts = Counter(row["verdict"] for row in rows)
    columns = {name: rows[0].get(name) for name in ("arm", "method", "model", "sample", "suite", "honest")}
    columns |= {"runs": len(rows), **{name: verdicts[name] for name in VERDICTS}, **flat(assessment)}
    if len(members) > 1 and assessment.verdict == "deceptive":
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
    measured = [value for value in values if value is not None]
    return sum(measured) / len(measured) if measured else None
