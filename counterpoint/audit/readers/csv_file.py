"""A CSV (comma, semicolon or tab) with the columns step, reward and accuracy, in any case and by their usual names.

Optional: the number of held-out problems, the suite, the run or seed, mean length, entropy and the like. An empty cell
was not measured. One file may hold several runs and suites in any order of rows, each with its own rising steps.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from counterpoint.audit import files, metric_names, series
from counterpoint.audit.log import Accuracies, RunLog, RunMetrics, SavedCompletions, run_log
from counterpoint.audit.series import Series
from counterpoint.errors import UserError

SUFFIXES = (".csv", ".tsv")
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


def read(path: Path, items: int | None) -> RunLog:
    """The file's curves. Raises `UserError` naming the line for what cannot be read."""
    rows = _rows(path)
    _, header = next(rows, ("", []))
    if len(header) > series.NAMES:
        raise UserError(f"{path}: {len(header):,} columns, more than the {series.NAMES:,} that are read")
    columns = {name: _column(header, usual) for name, usual in NAMES.items()}
    for name in ("step", "reward"):
        if columns[name] is None:
            raise UserError(f"{path}: no column for the {name}; name one `{name}` (has: {', '.join(header):.300})")
    metrics: dict[str, dict[str, Series]] = defaultdict(lambda: defaultdict(dict))  # by run and name, reward included
    accuracies: dict[str, dict[str, Series]] = defaultdict(lambda: defaultdict(dict))  # by run and suite
    problems: dict[str, dict[str, int]] = defaultdict(dict)  # by run and suite
    last: dict[tuple[str, str], int] = {}
    for line, cells in rows:
        if len(cells) != len(header):
            raise UserError(f"{path}, {line}: {len(cells)} cells where the header has {len(header)}")
        row = {name: "" if index is None else cells[index].strip() for name, index in columns.items()}
        step = series.whole(path, line, row.pop("step"))
        run, suite = row.pop("run"), row.pop("suite")
        _check_order(path, line, step, (run, suite), last)
        values = {name: _number(path, line, name, text) for name, text in row.items()}
        accuracy, stated = values.pop("accuracy"), values.pop("n")
        if values["reward"] not in (None, metrics[run]["reward"].get(step, values["reward"])):
            raise UserError(f"{path}, {line}: another reward at step {step} than before; add a column `run`")
        for name, value in values.items():
            if value is not None:
                metrics[run][name][step] = value
        if accuracy is not None:
            accuracies[run][suite][step] = accuracy
            if stated:
                problems[run][suite] = min(series.whole(path, line, stated), problems[run].get(suite, 2**53))
    if not last:
        raise UserError(f"{path}: no row below the header")
    if not any(of_run["reward"] for of_run in metrics.values()):
        raise UserError(f"{path}: the column {header[columns['reward']]} is empty: there is no reward")
    runs = [_run(path, run, metrics[run], accuracies[run], problems[run]) for run in list(accuracies or metrics)]
    return run_log("CSV", path, runs, items)


def has_steps(path: Path) -> bool:
    """Whether the first line has a column for the step."""
    _, header = next(_rows(path), ("", []))
    return _column(header[: series.NAMES], NAMES["step"]) is not None


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The rows that are not empty, the header first, each with its line."""
    lines = files.lines(path)
    first = next(lines, "")
    rows = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count))
    try:
        for cells in rows:
            if any(cells):
                yield f"line {rows.line_num}", cells
    except csv.Error as error:  # a cell of over 100,000 characters
        raise UserError(f"{path}: not readable as CSV ({error})") from None


def _check_order(path: Path, line: str, step: int, key: tuple[str, str], last: dict[tuple[str, str], int]) -> None:
    """Note the step of a row in `last`, by run and suite. Raises `UserError` where it is not after the one before."""
    if key in last and step <= last[key]:
        order = "again" if step == last[key] else f"after step {last[key]}"
        raise UserError(f"{path}, {line}: step {step} {order}; steps must rise within a run and suite")
    if key not in last:
        series.check_name(path, line, max(key, key=len), len(last))
    last[key] = step


def _run(
    path: Path, run: str, metrics: dict[str, Series], accuracies: dict[str, Series], problems: dict[str, int]
) -> RunMetrics:
    if not metrics["reward"]:
        raise UserError(f"{path}: run {run!r} has no reward")
    metrics = {name: dict(sorted(values.items())) for name, values in metrics.items()}
    return RunMetrics(
        reward=metrics["reward"],
        metrics=metrics,
        accuracies=Accuracies(accuracies, "the file's column of accuracy" if accuracies else ""),
        saved=SavedCompletions(missing="completions are not in a CSV: the reward's judge cannot be checked"),
        how_to_log="add a column `accuracy`, measured beside the reward",
        run=run,
        items=problems,
    )


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    lower = [name.strip().lower() for name in header]
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
