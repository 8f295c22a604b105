"""A TRL output folder: `trainer_state.json` (its own or the last checkpoint's) and the completions' Parquet files.

The names are those of TRL 1.16 (GRPOTrainer.log; older `rewards/NAME` without `/mean` is read too). TRL's evaluation
overwrites the completions of a step that it shares with training, so at those steps they are held-out ones.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.audit import build, completions, files, named, series
from counterpoint.audit.log import Check, Log
from counterpoint.audit.series import Series
from counterpoint.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

STATE = "trainer_state.json"
KIND = "TRL output folder"
_TERM = re.compile(r"(?:(?P<suite>.+)[_/])?rewards/(?P<name>.+?)(?:/mean)?")
_NOT_METRICS = ("epoch", "step")
_PLAIN = ("step", "prompt", "completion", "advantage")


def state_of(folder: Path) -> Path | None:
    """The trainer's state in `folder`, else that of its last checkpoint; None where there is none."""
    if own := files.inside(folder, STATE):
        return own[0]
    saved = [p for p in files.inside(folder, f"checkpoint-*/{STATE}") if p.parent.name.split("-")[-1].isdecimal()]
    return max(saved, key=lambda path: int(path.parent.name.split("-")[-1]), default=None)


def read(folder: Path, path: Path, items: int | None) -> Log:
    """The log of the run in `folder`, its state at `path`. Raises `UserError` for a state that cannot be read or that
    has no reward."""
    metrics = _metrics(path)
    train = {name: values for name, values in metrics.items() if not name.startswith("eval_")}
    held_out = {name.removeprefix("eval_"): values for name, values in metrics.items() if name.startswith("eval_")}
    if not train.get("reward"):
        raise UserError(f"{path}: no reward in its log_history; was this run trained by RL, with logging_steps set?")
    reward = series.finite(path, "reward", train["reward"])
    terms, held_terms = _terms(train).get("", {}), _terms(held_out)
    weights = series.weights(reward, terms)
    evaluated = {step for values in held_out.values() for step in values}
    checks, checker, missing = _completions(folder, evaluated)
    notes = []
    strict = _same_sample(train, checks)
    chosen, judge, own = _accuracies(held_out, held_terms, weights)
    if not chosen and (judged := {check.step: check.right for check in checks}):
        chosen, judge = {"": judged}, f"{checker}, not on held-out problems"
        items = items or min(check.number for check in checks)
    curves = []
    for suite, accuracy in (chosen or {"": {}}).items():
        accuracy, percent = series.shares(path, f"the accuracy {suite}".strip(), accuracy)
        known = _evaluated(held_out, suite)
        number, told = series.number_of_items(items, known, accuracy) if accuracy else (1, [])
        parts = build.Parts(terms, held_terms.get(suite, {}), strict, weights)
        curves.append(build.curve("", suite, reward, accuracy, number, parts, train))
        missing += told
        notes += ["accuracy was logged in per cent"] if percent else []
    if weights:
        shown = ", ".join(f"{weight:g} × {name}" for name, weight in weights.items())
        notes.append(f"the reward is {shown} (weights found from the log)")
    elif terms:
        missing.append("the logged reward terms do not add up to the reward: its gap cannot be split by term")
    if not chosen:
        missing.append(
            "no accuracy in this log: log an eval metric beside the reward (in a reward function: "
            "log_metric('accuracy', …), with an eval_dataset)"
        )
    told = (tuple(notes), tuple(dict.fromkeys(missing)))
    return Log(KIND, path, judge, own, tuple(curves), tuple(checks), *told, checked_by=checker)


def _metrics(path: Path) -> dict[str, Series]:
    try:
        history = files.whole(path)["log_history"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a trainer state ({type(error).__name__}: {error})") from None
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise UserError(f"{path}: its log_history is no list of entries")
    rows = (
        (f"entry {place}", entry.get("step"), {k: v for k, v in entry.items() if k not in _NOT_METRICS})
        for place, entry in enumerate(history)
    )
    return series.collect(path, rows)


def _terms(metrics: dict[str, Series]) -> dict[str, dict[str, Series]]:
    """By suite the means of the reward's terms."""
    found: dict[str, dict[str, Series]] = {}
    for name, values in metrics.items():
        match = _TERM.fullmatch(name)
        if match and not name.endswith("/std"):
            found.setdefault(match["suite"] or "", {})[match["name"]] = values
    return found


def _accuracies(held_out, held_terms, weights) -> tuple[dict[str, Series], str, bool]:
    """Held-out accuracy by suite, whose it is, and whether it is a term of the reward: a metric of its own first."""
    free = {suite: values for name, values in held_out.items() if (suite := named.suite_of_accuracy(name)) is not None}
    if free:
        return free, "the run's own evaluation metric", False
    for counts in (False, True):
        found = {}
        for suite, terms in held_terms.items():
            for name, values in terms.items():
                weight = (weights or {}).get(name, 1.0)
                if named.says_accuracy(name) and (weight != 0) is counts:
                    found[suite] = values
                    told = f"the reward function {name} on held-out prompts"
        if found:
            return found, told + (", which the reward counts" if counts else ", of weight 0 in the reward"), counts
    return {}, "", False


def _evaluated(held_out: dict[str, Series], suite: str) -> int | None:
    """Problems of an evaluation: its runtime times its speed."""
    prefix = f"{suite}_" if suite and f"{suite}_runtime" in held_out else ""
    times, speeds = held_out.get(f"{prefix}runtime", {}), held_out.get(f"{prefix}samples_per_second", {})
    numbers = {round(times[step] * speeds[step]) for step in set(times) & set(speeds)}
    return min(numbers) or None if numbers else None


def _same_sample(train: dict[str, Series], checks: list[Check]) -> Series:
    """Accuracy of the very completions that earned the reward: logged beside it, or judged here."""
    logged = {name: values for name, values in train.items() if named.suite_of_accuracy(name) == ""}
    return next(iter(logged.values()), {check.step: check.right for check in checks})


def _completions(folder: Path, evaluated: set[int]) -> tuple[list[Check], str, list[str]]:
    """The checks of the saved training completions, who judged them, and what they lack."""
    saved = files.inside(folder, "completions/completions_*.parquet")
    if not saved:
        return [], "", ["no completions were saved (log_completions): the reward's judge cannot be checked"]
    by_step = {int(digits[0]): path for path in saved if (digits := re.findall(r"\d+", path.stem))}
    trained = {step: path for step, path in by_step.items() if step not in evaluated}
    batches, columns, gold = [], [], None
    for path in completions.spread(list((trained or by_step).values())):
        with files.table(path) as table:
            names = table.schema_arrow.names
            if not table.metadata.num_rows or not {"completion", "step"} <= set(names):
                continue
            gold = named.gold_column(names)
            if gold is None:
                break
            columns = [name for name in _numbers(table.schema_arrow) if name not in (*_PLAIN, gold)]
            rows = files.first_rows(path, table, ["completion", gold, *columns], completions.ROWS)
        step = int(re.findall(r"\d+", path.stem)[0])
        batches.append((step, completions.usable(rows, "completion", gold)))
    if gold is None:
        lack = (
            "the saved completions have no column with the right answer (log_extra('solution', …) in a reward function)"
        )
        return [], "", [f"{lack}: the reward's judge cannot be checked"]
    checks, judge = completions.checks(batches, completions.paying(columns))
    if not checks:
        return [], "", [judge]
    return checks, f"the {judge} judge here, on {sum(c.number for c in checks)} saved completions", []


def _numbers(schema: pa.Schema) -> list[str]:
    """The columns that hold numbers, as what a reward function paid is."""
    from pyarrow import types

    kinds = (types.is_integer, types.is_floating, types.is_boolean)
    return [field.name for field in schema if any(kind(field.type) for kind in kinds)]
