"""A CSV (comma, semicolon or tab) with the columns step, reward and accuracy, in any case and by their usual names.

Optional: the number of held-out problems, the suite, the run or seed, mean length, entropy and the like. An empty cell
was not measured. One file may hold several runs and suites in any order of rows, each with its own rising steps.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from counterpoint.audit import files, metric_names, series
from counterpoint.audit.curves import RunLog, curve
from counterpoint.audit.series import Series
from counterpoint.errors import UserError

KIND = "CSV"
NAMES = {  # by what it holds, the usual names of a column in lower case
    "step": (
        "step", "steps", "global_step", "global step", "train/global_step", "_step", "iteration", "iter", "update",
    ),
    "reward": (
        "reward", "rewards", "mean_reward", "reward_mean", "train_reward", "train/reward", "critic/rewards/mean",
        "avg_reward", "training_reward", "reward/mean", "return",
    ),
    "accuracy": (
        "accuracy", "acc", "eval_accuracy", "eval/accuracy", "val_accuracy", "val/accuracy", "val_acc", "test_accuracy",
        "heldout_accuracy", "held_out_accuracy", "eval_acc", "pass@1", "exact_match",
    ),
    "n": ("n", "n_items", "items", "num_items", "n_eval", "count"),
    "suite": ("suite", "dataset", "data_source", "benchmark", "eval_set"),
    "run": ("run", "run_id", "seed", "run_name"),
    **{names[0]: names for names in metric_names.SHOWN.values()},
}  # fmt: skip
MISSING = ("", "na", "n/a", "null", "none", "-")


Key = tuple[str, str]  # run and suite


def read(path: Path, items: int | None) -> RunLog:
    """The file's curves. Raises `UserError` naming the line for what cannot be read."""
    header, rows = _rows(path)
    positions = {name: _position(header, names) for name, names in NAMES.items()}
    for name in ("step", "reward"):
        if positions[name] is None:
            raise UserError(f"{path}: no column for the {name}; name one `{name}` (has: {', '.join(header):.300})")
    metrics: dict[str, dict[str, Series]] = {}  # by run and name, the reward among them
    accuracies: dict[Key, Series] = {}
    problems: dict[Key, int] = {}
    last: dict[Key, int] = {}
    for number, cells in series.limited(path, rows):
        line = f"line {number}"
        row = {name: "" if at is None else cells[at].strip() for name, at in positions.items()}
        step = series.whole(path, line, row.pop("step"))
        run, suite = row.pop("run"), row.pop("suite")
        key = (run, suite)
        _check_order(path, line, step, key, last)
        values = {name: _number(path, line, name, text) for name, text in row.items()}
        accuracy, stated = values.pop("accuracy"), values.pop("n")
        of_run = metrics.setdefault(run, {})
        if values["reward"] not in (None, of_run.get("reward", {}).get(step, values["reward"])):
            raise UserError(f"{path}, {line}: another reward at step {step} than before; add a column `run`")
        for name, value in values.items():
            if value is not None:
                of_run.setdefault(name, {})[step] = value
        if accuracy is not None:
            accuracies.setdefault(key, {})[step] = accuracy
            if stated:
                problems[key] = min(series.whole(path, line, stated), problems.get(key, 2**53))
    if not last:
        raise UserError(f"{path}: no row below the header")
    if not any(of_run.get("reward") for of_run in metrics.values()):
        raise UserError(f"{path}: the column {header[positions['reward']]} is empty: there is no reward")
    return _log(path, items, metrics, accuracies, problems)


def has_steps(path: Path) -> bool:
    """Whether the first line has a column for the step."""
    return _position(_split(next(files.lines(path), ""))[: series.NAMES], NAMES["step"]) is not None


def _check_order(path: Path, line: str, step: int, key: Key, last: dict[Key, int]) -> None:
    """Note the step of a row in `last`. Raises `UserError` where it does not come after the one before."""
    if key in last and step <= last[key]:
        order = "again" if step == last[key] else f"after step {last[key]}"
        raise UserError(f"{path}, {line}: step {step} {order}; steps must rise within a run and suite")
    if key not in last:
        series.check_name(path, line, max(key, key=len), len(last))
    last[key] = step


def _log(
    path: Path,
    stated_items: int | None,
    metrics: dict[str, dict[str, Series]],
    accuracies: dict[Key, Series],
    problems: dict[Key, int],
) -> RunLog:
    curves, notes, missing = [], [], []
    for key, accuracy in (accuracies or {(run, ""): {} for run in metrics}).items():
        of_run = metrics[key[0]]
        if "reward" not in of_run:
            raise UserError(f"{path}: run {key[0]!r} has no reward")
        reward = dict(sorted(of_run["reward"].items()))
        n_items = (stated_items, problems.get(key))
        curves.append(curve(path, key, reward, accuracy, n_items, notes, missing, metrics=of_run))
    if not accuracies:
        missing.append("no accuracy in this file: add a column `accuracy`, measured beside the reward")
    missing.append("the parts of the reward and completions are not in a CSV: no mechanism can be named")
    judge = "the file's column of accuracy" if accuracies else ""
    return RunLog(
        KIND, path, judge, False, tuple(curves), (), tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(missing))
    )


def _split(line: str) -> list[str]:
    delimiter = max(",;\t", key=line.count)
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # a cell of over 100,000 characters
        return []


def _rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header, and the rows that are not empty with their lines."""
    lines = files.lines(path)
    first = next(lines, "")
    header = _split(first)
    if len(header) > series.NAMES:
        raise UserError(f"{path}: {len(header):,} columns, more than the {series.NAMES:,} that are read")
    return header, _cells(path, csv.reader(lines, delimiter=max(",;\t", key=first.count)), len(header))


def _cells(path: Path, rows: Iterator[list[str]], width: int) -> Iterator[tuple[int, list[str]]]:
    try:
        for line, cells in enumerate(rows, 2):
            if any(cells):
                if len(cells) != width:
                    raise UserError(f"{path}, line {line}: {len(cells)} cells where the header has {width}")
                yield line, cells
    except csv.Error as error:
        raise UserError(f"{path}: not readable as CSV ({error})") from None


def _position(header: list[str], names: tuple[str, ...]) -> int | None:
    lower = [name.lower() for name in header]
    return next((lower.index(name) for name in names if name in lower), None)


def _number(path: Path, line: str, name: str, text: str) -> float | None:
    if text.lower() in MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{path}, {line}: {name} must be a number, not {text!r:.60}") from None
    if not abs(value) <= series.LARGEST:
        raise UserError(f"{path}, {line}: {name} is {text}; leave the cell empty where nothing was measured")
    return value
