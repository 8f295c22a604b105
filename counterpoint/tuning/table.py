"""What a tuning found: a row a trial, a summary an arm, and both as a table that says how much is noise."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from counterpoint import columns, files
from counterpoint.errors import UserError
from counterpoint.statistics import mcnemar, wilson_interval
from counterpoint.tuning.trial import COUNTED, DONE, Trial

LEVEL = 0.05  # a trial whose p against the best is no smaller may be as good as it
_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()
SCHEMA = pa.schema(
    {
        "arm": _S, "method": _S, "model": _S, "sample": _S, "seed": _I, "trial": _I, "drawn": _B, "state": _S,
        "reason": _S, "learning_rate": _F, "epochs": _F, "beta": _F, "values_json": _S, "n": _I, "correct": _I,
        "accuracy": _F, "low": _F, "high": _F, "before": _F, "best": _B, "p_against_best": _F, "within_noise": _B,
        **dict.fromkeys(COUNTED, _I), "seconds": _F, "start": _S, "fingerprint": _S, "code_rev": _S, "machine": _S,
    }
)  # fmt: skip
KEY = ("arm", "model", "sample")


def best(trials: Iterable[Trial]) -> Trial | None:
    """The earliest of the most accurate that are done, so that equals leave the study as it is; None without any."""
    done = [trial for trial in trials if trial.state == DONE]
    return max(done, key=lambda trial: (trial.accuracy, -trial.number), default=None)


def rows(about: Mapping[str, Any], trials: Sequence[Trial], sections: Sequence[Mapping[str, Any]]) -> list[dict]:
    """Rows of SCHEMA for an arm. p_against_best: McNemar's exact one on the same problems, of that trial alone.

    about: arm, method, model, sample, seed, start and fingerprint. sections: each trial's parameters, searched or not.
    """
    top, rows = best(trials), []
    for trial, section in zip(trials, sections, strict=True):
        row = {
            **about,
            **vars(trial),
            **trial.totals,
            "trial": trial.number,
            "drawn": trial.number > 0,
            **{key: section.get(key) for key in ("learning_rate", "epochs", "beta")},
            "values_json": json.dumps(trial.values, sort_keys=True),
            "best": trial is top,
        }
        if trial.state == DONE:
            low, high = wilson_interval(trial.correct, trial.n)
            p = mcnemar([int(c) for c in top.right], [int(c) for c in trial.right])
            row |= {"n": trial.n, "correct": trial.correct, "accuracy": trial.accuracy, "low": low, "high": high}
            row |= {"p_against_best": p, "within_noise": p >= LEVEL}
        rows.append({name: row.get(name) for name in SCHEMA.names})
    return rows


def publish(rows: Sequence[dict], path: Path) -> list[dict]:
    """Write the rows into the Parquet file, in place of its rows of the same arms, models and samples; all rows.

    Raises `UserError` where the file is no such table.
    """
    new = {tuple(row[key] for key in KEY) for row in rows}
    try:
        before = pq.read_table(path, schema=SCHEMA).to_pylist() if path.exists() else []
    except (ValueError, OSError) as error:  # what pyarrow raises are these
        raise UserError(f"{path}: not a table of trials ({error}); move it away and run this again") from None
    merged = [*(row for row in before if tuple(row[key] for key in KEY) not in new), *rows]
    merged.sort(key=lambda row: (*(row[key] for key in KEY), row["trial"]))
    with files.replacing(path) as scratch:
        pq.write_table(pa.Table.from_pylist(merged, SCHEMA), scratch, compression="zstd")
    return merged


def summary(rows: Iterable[dict]) -> list[dict[str, Any]]:
    """Each arm in one mapping: its best values, what they and the study's own gave, spread, noise, where from."""
    arms: dict[tuple, list[dict]] = {}
    for row in rows:
        arms.setdefault(tuple(row[key] for key in KEY), []).append(row)
    return [_arm(trials) for trials in arms.values()]


def _arm(trials: list[dict]) -> dict[str, Any]:
    first, done = trials[0], [row for row in trials if row["state"] == DONE]
    top = next((row for row in trials if row["best"]), None)
    scores = [row["accuracy"] for row in done]
    sd = statistics.stdev(scores) if len(scores) > 1 else 0.0
    return {
        **{key: first[key] for key in ("arm", "method", "model", "sample", "seed", "start", "fingerprint")},
        "trials": len(trials),
        "states": dict(sorted(Counter(row["state"] for row in trials).items())),
        "best": _result(top),
        "now": _result(first),
        "p_best_against_now": first["p_against_best"],
        "before": (top or first)["before"],
        "within_noise_of_best": sum(bool(row["within_noise"]) for row in done),
        "spread": {"least": min(scores), "most": max(scores), "sd": sd} if scores else None,
        "seconds": math.fsum(row["seconds"] for row in done),
    }


def _result(row: dict | None) -> dict[str, Any] | None:
    if row is None or row["state"] != DONE:
        return None
    measured = ("trial", "accuracy", "low", "high", "correct", "n", "code_rev", "machine")
    return {"values": json.loads(row["values_json"]), **{key: row[key] for key in measured}}


def lines(arms: Iterable[Mapping[str, Any]]) -> list[str]:
    """The summaries as a text table, accuracies in per cent with their 95 % Wilson intervals."""
    head = ["arm", "now", "best", "points", "best values", "least–most", "done", "within noise of the best"]
    return columns.aligned([head, *map(_cells, arms)])


def _cells(arm: Mapping[str, Any]) -> list[str]:
    top, now, spread, done = arm["best"], arm["now"], arm["spread"], arm["states"].get(DONE, 0)
    values = gained = "—"
    if top:
        values = "as now" if top["trial"] == 0 else printed(top["values"])
    if top and now:
        gained = f"{100 * (top['accuracy'] - now['accuracy']):+.1f} (p {arm['p_best_against_now']:.3f})"
    reach = f"{spread['least']:.1%}–{spread['most']:.1%}" if spread else "—"
    of_trials, of_done = f"{done} of {arm['trials']}", f"{arm['within_noise_of_best']} of {done}"
    return [arm["arm"], _share(now), _share(top), gained, values, reach, of_trials, of_done]


def _share(result: Mapping[str, Any] | None) -> str:
    return f"{result['accuracy']:.1%} ({result['low']:.1%}–{result['high']:.1%})" if result else "—"


def printed(values: Mapping[str, Any]) -> str:
    """The values of a trial as they are printed, numbers to three digits."""
    texts = {key: f"{value:.3g}" if isinstance(value, float) else str(value) for key, value in values.items()}
    return ", ".join(f"{key} {text}" for key, text in texts.items())
