"""A TRL output folder: `trainer_state.json` (its own or the last checkpoint's) and the completions' Parquet files.

The names are those of TRL 1.16 (GRPOTrainer.log; older `rewards/NAME` without `/mean` is read too). TRL's evaluation
overwrites the completions of a step that it shares with training, so at those steps they are held-out ones.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.audit import completions, files, metric_names, series
from counterpoint.audit.log import Accuracies, RunLog, RunMetrics, SavedCompletions, run_log
from counterpoint.audit.series import Series
from counterpoint.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

STATE = "trainer_state.json"
_TERM = re.compile(r"(?:(?P<suite>.+)[_/])?rewards/(?P<name>.+?)(?:/mean)?")
_NOT_METRICS = ("epoch", "step")
_PLAIN = ("step", "prompt", "completion", "advantage")


def state_of(folder: Path) -> Path | None:
    """The trainer's state in `folder`, else that of its last checkpoint; None where there is none."""
    if states := files.inside(folder, STATE):
        return states[0]
    steps = {path: path.parent.name.split("-")[-1] for path in files.inside(folder, f"checkpoint-*/{STATE}")}
    saved = {path: int(step) for path, step in steps.items() if step.isdecimal()}
    return max(saved, key=saved.get, default=None)


def read(folder: Path, path: Path, items: int | None) -> RunLog:
    """The log of the run in `folder`, its state at `path`. Raises `UserError` for a state that cannot be read or that
    has no reward."""
    metrics = _metrics(path)
    train = {name: values for name, values in metrics.items() if not name.startswith("eval_")}
    held_out = {name.removeprefix("eval_"): values for name, values in metrics.items() if name.startswith("eval_")}
    if not train.get("reward"):
        raise UserError(f"{path}: no reward in its log_history; was this run trained by RL, with logging_steps set?")
    reward = series.finite(path, "reward", train["reward"])
    terms, held_out_terms = _terms(train).get("", {}), _terms(held_out)
    weights = series.weights(reward, terms)
    saved = _completions(folder, evaluated={step for values in held_out.values() for step in values})
    accuracies = _accuracies(held_out, held_out_terms, weights)
    shown = ", ".join(f"{weight:g} × {name}" for name, weight in (weights or {}).items())
    logged = (values for name, values in train.items() if metric_names.suite_of_accuracy(name) == "")
    run = RunMetrics(
        reward=reward,
        metrics=train,
        accuracies=accuracies,
        saved=saved,
        how_to_log="log an eval metric beside the reward (in a reward function: log_metric('accuracy', …), with an "
        "eval_dataset)",
        terms=terms,
        held_out=held_out_terms,
        strict=next(logged, saved.right),  # of the very completions that earned the reward
        weights=weights,
        items={suite: _evaluated(held_out, suite) for suite in accuracies.by_suite or [""]},
    )
    notes = [f"the reward is {shown} (weights found from the log)"] if shown else []
    return run_log("TRL output folder", path, [run], items, notes)


def _metrics(path: Path) -> dict[str, Series]:
    try:
        history = files.whole(path)["log_history"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a trainer state ({type(error).__name__}: {error})") from None
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise UserError(f"{path}: its log_history is no list of entries")
    rows = (
        (f"entry {number}", entry.get("step"), {k: v for k, v in entry.items() if k not in _NOT_METRICS})
        for number, entry in enumerate(history)
    )
    return series.collect(path, rows)


def _terms(metrics: dict[str, Series]) -> dict[str, dict[str, Series]]:
    """By suite the means of the reward's terms."""
    by_suite: dict[str, dict[str, Series]] = {}
    for name, values in metrics.items():
        match = _TERM.fullmatch(name)
        if match and not name.endswith("/std"):
            by_suite.setdefault(match["suite"] or "", {})[match["name"]] = values
    return by_suite


def _accuracies(
    held_out: dict[str, Series], held_out_terms: dict[str, dict[str, Series]], weights: dict[str, float] | None
) -> Accuracies:
    """Held-out accuracy: a metric of its own first, then a reward function named for it, uncounted ones first."""
    suites = {name: metric_names.suite_of_accuracy(name) for name in held_out}
    metrics = {suite: held_out[name] for name, suite in suites.items() if suite is not None}
    if metrics:
        return Accuracies(metrics, "the run's own evaluation metric")
    for counts, remark in ((False, ", of weight 0 in the reward"), (True, ", which the reward counts")):
        by_suite, judge = {}, ""
        for suite, terms in held_out_terms.items():
            for name, values in terms.items():
                weight = (weights or {}).get(name, 1.0)
                if metric_names.says_accuracy(name) and (weight != 0) is counts:
                    by_suite[suite] = values
                    judge = f"the reward function {name} on held-out prompts{remark}"
        if by_suite:
            return Accuracies(by_suite, judge, judged_by_reward=counts)
    return Accuracies({})


def _evaluated(held_out: dict[str, Series], suite: str) -> int | None:
    """Problems of an evaluation: its runtime times its speed."""
    prefix = f"{suite}_" if suite and f"{suite}_runtime" in held_out else ""
    times, speeds = held_out.get(f"{prefix}runtime", {}), held_out.get(f"{prefix}samples_per_second", {})
    numbers = {round(times[step] * speeds[step]) for step in set(times) & set(speeds)}
    return min(numbers) or None if numbers else None


def _completions(folder: Path, evaluated: set[int]) -> SavedCompletions:
    """The saved training completions, judged; `evaluated` are the steps at which TRL's evaluation may replace them."""
    saved = files.inside(folder, "completions/completions_*.parquet")
    if not saved:
        return SavedCompletions(
            missing="no completions were saved (log_completions): the reward's judge cannot be checked"
        )
    by_step = {int(digits[0]): path for path in saved if (digits := re.findall(r"\d+", path.stem))}
    trained = {step: path for step, path in by_step.items() if step not in evaluated}
    batches, columns, gold = [], [], None
    for step, path in completions.spread(list((trained or by_step).items())):
        with files.table(path) as table:
            names = table.schema_arrow.names
            if not table.metadata.num_rows or not {"completion", "step"} <= set(names):
                continue
            gold = metric_names.gold_column(names)
            if gold is None:
                break
            columns = [name for name in _paying(table.schema_arrow) if name != gold]
            rows = files.first_rows(path, table, ["completion", gold, *columns], completions.ROWS)
        batches.append((step, completions.usable(rows, "completion", gold)))
    if gold is None:
        return SavedCompletions(
            missing="the saved completions have no column with the right answer (log_extra('solution', …) in a reward "
            "function): the reward's judge cannot be checked"
        )
    return completions.judged(batches, columns, "saved completions")


def _paying(schema: pa.Schema) -> list[str]:
    """The columns of reward functions that claim an answer to be right: they hold numbers."""
    from pyarrow import types

    kinds = (types.is_integer, types.is_floating, types.is_boolean)
    numbers = [field.name for field in schema if any(kind(field.type) for kind in kinds)]
    return [name for name in numbers if metric_names.kind_of_term(name) == "accuracy" and name not in _PLAIN]
