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

from counterpoint.errors import UserError
from counterpoint.statistics.proportions import discordance, wilson_interval
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


def rows(about: Mapping[str, Any], trials: Sequence[Trial], effective: Sequence[Mapping[str, Any]]) -> list[dict]:
    """Rows of SCHEMA for an arm. `about`: arm, method, model, sample, seed, start and fingerprint; `effective`: each
    trial's learning_rate, epochs and beta, searched or not.

    p_against_best: McNemar's exact one on the same problems, of that trial alone.
    """
    top, found = best(trials), []
    for trial, section in zip(trials, effective, strict=True):
        row = {
            **about,
            "trial": trial.number,
            "drawn": trial.number > 0,
            **{key: getattr(trial, key) for key in ("state", "reason", "before", "seconds", "code_rev", "machine")},
            **{key: section.get(key) for key in ("learning_rate", "epochs", "beta")},
            "values_json": json.dumps(trial.values, sort_keys=True),
            **trial.totals,
            "best": trial is top,
        }
        if trial.state == DONE:
            low, high = wilson_interval(trial.correct, trial.n)
            p = discordance([int(c) for c in top.right], [int(c) for c in trial.right]).p
            row |= {"n": trial.n, "correct": trial.correct, "accuracy": trial.accuracy, "low": low, "high": high}
            row |= {"p_against_best": p, "within_noise": p >= LEVEL}
        found.append({name: row.get(name) for name in SCHEMA.names})
    return found


def publish(found: Iterable[dict], path: Path) -> list[dict]:
    """Write the rows of arms into the Parquet file, in place of what it had of the same arm, model and sample; all that
    it holds then. Raises `UserError` where the file is no such table."""
    found = list(found)
    new = {tuple(row[key] for key in KEY) for row in found}
    try:
        kept = pq.read_table(path, schema=SCHEMA).to_pylist() if path.exists() else []
    except (ValueError, OSError) as error:  # what pyarrow raises are these
        raise UserError(f"{path}: not a table of trials ({error}); move it away and run this again") from None
    merged = [row for row in kept if tuple(row[key] for key in KEY) not in new] + found
    merged.sort(key=lambda row: (*(row[key] for key in KEY), row["trial"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.new")
    pq.write_table(pa.Table.from_pylist(merged, SCHEMA), scratch, compression="zstd")
    scratch.replace(path)
    return merged


def summary(found: Iterable[dict]) -> list[dict[str, Any]]:
    """Each arm in one mapping: its best values, what they and the study's own gave, spread, noise, where from."""
    arms: dict[tuple, list[dict]] = {}
    for row in found:
        arms.setdefault(tuple(row[key] for key in KEY), []).append(row)
    return [_arm(trials) for trials in arms.values()]


def _arm(trials: list[dict]) -> dict[str, Any]:
    first, done = trials[0], [row for row in trials if row["state"] == DONE]
    top = next((row for row in trials if row["best"]), None)
    told = ("arm", "method", "model", "sample", "seed", "start", "fingerprint")
    scores = [row["accuracy"] for row in done]

    def result(row: dict | None) -> dict[str, Any] | None:
        if row is None or row["state"] != DONE:
            return None
        kept = ("trial", "accuracy", "low", "high", "correct", "n", "code_rev", "machine")
        return {"values": json.loads(row["values_json"]), **{key: row[key] for key in kept}}

    return {
        **{key: first[key] for key in told},
        "trials": len(trials),
        "states": dict(sorted(Counter(row["state"] for row in trials).items())),
        "best": result(top),
        "now": result(first),
        "p_best_against_now": first["p_against_best"],
        "before": first["before"] if top is None else top["before"],
        "within_noise_of_best": sum(bool(row["within_noise"]) for row in done),
        "spread": {
            "least": min(scores), "most": max(scores), "sd": statistics.stdev(scores) if len(scores) > 1 else 0.0
        } if scores else None,
        "seconds": math.fsum(row["seconds"] for row in done),
    }  # fmt: skip


def lines(arms: Sequence[Mapping[str, Any]]) -> list[str]:
    """The summaries as a text table, accuracies in per cent with their 95 % Wilson intervals."""

    def share(result: Mapping[str, Any] | None) -> str:
        return f"{result['accuracy']:.1%} ({result['low']:.1%}–{result['high']:.1%})" if result else "—"

    def cells(arm: Mapping[str, Any]) -> list[str]:
        top, now, p, spread = arm["best"], arm["now"], arm["p_best_against_now"], arm["spread"]
        drawn = ", ".join(f"{key} {told(chosen)}" for key, chosen in top["values"].items()) if top else "—"
        gained = f"{100 * (top['accuracy'] - now['accuracy']):+.1f} (p {p:.3f})" if top and now else "—"
        reach = f"{spread['least']:.1%}–{spread['most']:.1%}" if spread else "—"
        done = arm["states"].get(DONE, 0)
        return [
            arm["arm"], share(now), share(top), gained, "as now" if top and top["trial"] == 0 else drawn, reach,
            f"{done} of {arm['trials']}", f"{arm['within_noise_of_best']} of {done}",
        ]  # fmt: skip

    head = ["arm", "now", "best", "points", "best values", "least–most", "done", "within noise of the best"]
    found = [head, *(cells(arm) for arm in arms)]
    widths = [max(map(len, column)) for column in zip(*found, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in found]


def told(chosen: Any) -> str:
    """A value as it is printed."""
    return f"{chosen:.3g}" if isinstance(chosen, float) else str(chosen)
