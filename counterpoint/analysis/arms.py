"""The marts `arm_accuracy` (every arm), `arm_contrasts` (each against plain SFT and RL), `phase` (SFT against RL) and
`trace_kinds` (each kind of traces against oracle). `sql/arms.sql` says which runs are compared.

Intervals are over seeds and problems at once where an arm has several seeds, over problems alone where it has one
(counterpoint.statistics.crossed). Each is read alone: nothing is corrected for how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from counterpoint.analysis.effects import aligned
from counterpoint.analysis.study import Study, query
from counterpoint.statistics.crossed import crossed_interval
from counterpoint.tables import table

PLAIN = ("sft", "rl")  # the arms that every other arm is compared with
_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_DIFFERENCE = {"difference": _F, "low": _F, "high": _F, "p": _F, "significant": _B}
TABLES = {
    "arm_accuracy": table(
        "model arm sample suite",
        model=_S, arm=_S, method=_S, sample=_S, problems=_I, kind=_S, suite=_S, seeds=_I, n=_I, clusters=_I,
        accuracy=_F, low=_F, high=_F,
    ),
    "arm_contrasts": table(
        "model arm against sample suite",
        model=_S, arm=_S, method=_S, against=_S, sample=_S, problems=_I, suite=_S, seeds=_I, n=_I, accuracy=_F,
        against_accuracy=_F, **_DIFFERENCE,
    ),
    "phase": table(
        "model sample kind suite",
        model=_S, sample=_S, problems=_I, kind=_S, suite=_S, sft_arm=_S, seeds=_I, n=_I, base_accuracy=_F, sft=_F,
        rl=_F, **_DIFFERENCE,
    ),
    "trace_kinds": table(
        "model sample kind suite",
        model=_S, sample=_S, problems=_I, kind=_S, suite=_S, sft_arm=_S, seeds=_I, n=_I, base_accuracy=_F,
        accuracy=_F, oracle=_F, **_DIFFERENCE, way=_S, trace_nll=_F, acceptance=_F, coverage=_F, wrong_steps=_F,
        teacher_tokens=_F,
    ),
}  # fmt: skip


def compute(study: Study) -> dict[str, pa.Table]:
    """The marts by name, each sorted by its key. The connection needs the staging view sft_arms."""
    rows: dict[str, list[dict]] = {name: [] for name in TABLES}
    for arm in query(study.db, "arms").to_pylist():
        suite, runs = arm["suite"], arm["runs"]
        alone = accuracy(study, suite, runs)
        versus = {name: difference(study, suite, runs, arm[f"{name}_runs"]) for name in (*PLAIN, "oracle")}
        rows["arm_accuracy"].append(arm | alone)
        for against in PLAIN:
            if arm["arm"] not in PLAIN and (columns := versus[against]):
                means = {"accuracy": columns["first"], "against_accuracy": columns["second"]}
                rows["arm_contrasts"].append(arm | columns | means | {"against": against})
        if not arm["stands_for"]:
            continue
        cell = arm | {"sft_arm": arm["arm"]}
        if columns := versus["rl"]:
            rows["phase"].append(cell | columns | {"sft": columns["first"], "rl": columns["second"]})
        columns = {name: alone[name] for name in ("seeds", "n", "accuracy")}
        if arm["stands_for"] != "oracle" and (lead := versus["oracle"]):
            columns = lead | {"accuracy": lead["first"], "oracle": lead["second"]}
        rows["trace_kinds"].append(cell | columns)
    return {name: TABLES[name].of(rows[name]) for name in TABLES}


def accuracy(study: Study, suite: str, runs: Sequence[str]) -> dict:
    """The columns of an accuracy over the seeds `runs` and the problems that all of them answered."""
    (correct,), clusters = aligned([[study.answers[run, suite] for run in runs]])
    interval = crossed_interval(correct, clusters)
    return {
        "seeds": len(correct), "n": correct.shape[1], "clusters": len(np.unique(clusters)),
        "accuracy": interval.effect, "low": max(interval.low, 0.0), "high": min(interval.high, 1.0),
    }  # fmt: skip


def difference(study: Study, suite: str, runs: Sequence[str], rivals: Sequence[str | None]) -> dict | None:
    """The columns of the accuracy of `runs` minus that of `rivals`, seed by seed, over the problems that all answered;
    None where no seed has both or no problem is shared. `first` and `second` are the two accuracies."""
    pairs = [pair for pair in zip(runs, rivals, strict=True) if pair[1]]
    if not pairs:
        return None
    correct, clusters = aligned([[study.answers[run, suite] for run in side] for side in zip(*pairs, strict=True)])
    if not correct.size:
        return None
    interval = crossed_interval(correct[0] - correct[1], clusters)
    return {
        "seeds": len(pairs), "n": correct.shape[2], "first": float(correct[0].mean()),
        "second": float(correct[1].mean()), "difference": interval.effect, "low": max(interval.low, -1.0),
        "high": min(interval.high, 1.0), "p": interval.p, "significant": interval.low > 0 or interval.high < 0,
    }  # fmt: skip
