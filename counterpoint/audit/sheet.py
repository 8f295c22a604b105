"""A CSV (comma, semicolon or tab) with the columns step, reward and accuracy, in any case and by their usual names.

Optional: the number of held-out problems, the suite, the run or seed, mean length, entropy and the like. An empty cell
was not measured. One file may hold several runs and suites in any order of rows, each with its own rising steps.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from counterpoint.audit import build, files, named, series
from counterpoint.audit.log import Log
from counterpoint.audit.series import Series
from counterpoint.errors import UserError

KIND = "CSV"
STEP = ("step", "steps", "global_step", "global step", "train/global_step", "_step", "iteration", "iter", "update")
REWARD = ("reward", "rewards", "mean_reward", "reward_mean", "train_reward", "train/reward", "critic/rewards/mean",
          "avg_reward", "training_reward", "reward/mean", "return")  # fmt: skip
SCORE = ("accuracy", "acc", "eval_accuracy", "eval/accuracy", "val_accuracy", "val/accuracy", "val_acc",
         "test_accuracy", "heldout_accuracy", "held_out_accuracy", "eval_acc", "pass@1", "exact_match")  # fmt: skip
NUMBER = ("n", "n_items", "items", "num_items", "n_eval", "count")
SUITE = ("suite", "dataset", "data_source", "benchmark", "eval_set")
RUN = ("run", "run_id", "seed", "run_name")
MISSING = ("", "na", "n/a", "null", "none", "-")


def read(path: Path, items: int | None) -> Log:
    """The sheet's curves. Raises `UserError` naming the line for what cannot be read."""
    header, rows = _rows(path)
    wanted = {"step": STEP, "reward": REWARD, "score": SCORE, "n": NUMBER, "suite": SUITE, "run": RUN}
    columns = {name: _column(header, names) for name, names in wanted.items()}
    for name in ("step", "reward"):
        if columns[name] is None:
            raise UserError(f"{path}: no column for the {name}; name one `{name}` (has: {', '.join(header):.300})")
    rewards: dict[str, Series] = {}
    scores: dict[tuple[str, str], Series] = {}
    numbers: dict[tuple[str, str], int] = {}
    beside: dict[str, dict[str, Series]] = {}
    last: dict[tuple[str, str], int] = {}
    others = {names[0]: _column(header, names) for names in named.BESIDE.values()}
    for line, cells in series.limited(path, rows):
        where = f"line {line}"
        step = series.whole(path, where, _cell(cells, columns["step"]))
        key = (_cell(cells, columns["run"]), _cell(cells, columns["suite"]))
        if key in last and step <= last[key]:
            said = "again" if step == last[key] else f"after step {last[key]}"
            raise UserError(f"{path}, {where}: step {step} {said}; steps must rise within a run and suite")
        if key not in last:
            series.new_name(path, where, max(key, key=len), len(last))
        last[key] = step
        reward = _value(path, where, "reward", _cell(cells, columns["reward"]))
        run = rewards.setdefault(key[0], {})
        if reward is not None and run.setdefault(step, reward) != reward:
            raise UserError(f"{path}, {where}: another reward at step {step} than before; add a column `run`")
        score = _value(path, where, "accuracy", _cell(cells, columns["score"]))
        if score is not None:
            scores.setdefault(key, {})[step] = score
            if stated := _value(path, where, "n", _cell(cells, columns["n"])):
                numbers[key] = min(series.whole(path, where, stated), numbers.get(key, 2**53))
        for name, place in others.items():
            value = _value(path, where, name, _cell(cells, place)) if place is not None else None
            if value is not None:
                beside.setdefault(key[0], {}).setdefault(name, {})[step] = value
    if not last:
        raise UserError(f"{path}: no row below the header")
    if not any(rewards.values()):
        raise UserError(f"{path}: the column {header[columns['reward']]} is empty: there is no reward")
    return _log(path, items, rewards, scores, numbers, beside)


def is_sheet(path: Path) -> bool:
    """Whether the first line has a column for the step."""
    return _column(_split(next(files.lines(path), ""))[: series.NAMES], STEP) is not None


def _log(path, items, rewards, scores, numbers, beside) -> Log:
    curves, notes, missing = [], [], []
    for key, accuracy in (scores or {(run, ""): {} for run in rewards}).items():
        run, suite = key
        reward = dict(sorted(rewards[run].items()))
        if not reward:
            raise UserError(f"{path}: run {run!r} has no reward")
        accuracy, percent = series.shares(path, f"the accuracy of {' '.join(key)}".strip(), accuracy)
        number, told = series.number_of_items(items, numbers.get(key), accuracy) if accuracy else (1, [])
        named_beside = beside.get(run, {})
        curves.append(build.curve(run, suite, reward, accuracy, number, build.Parts(), named_beside))
        missing += told
        notes += ["accuracy was given in per cent"] if percent else []
    if not scores:
        missing.append("no accuracy in this file: add a column `accuracy`, measured beside the reward")
    missing.append("the parts of the reward and completions are not in a CSV: no mechanism can be named")
    judge = "the file's column of accuracy" if scores else ""
    return Log(KIND, path, judge, False, tuple(curves), (), tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(missing)))


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
        for place, cells in enumerate(rows, 2):
            if any(cells):
                if len(cells) != width:
                    raise UserError(f"{path}, line {place}: {len(cells)} cells where the header has {width}")
                yield place, cells
    except csv.Error as error:
        raise UserError(f"{path}: not readable as CSV ({error})") from None


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    lower = [name.lower() for name in header]
    return next((lower.index(name) for name in names if name in lower), None)


def _cell(cells: list[str], place: int | None) -> str:
    return "" if place is None else cells[place].strip()


def _value(path: Path, where: str, name: str, said: str) -> float | None:
    if said.lower() in MISSING:
        return None
    try:
        value = float(said)
    except ValueError:
        raise UserError(f"{path}, {where}: {name} must be a number, not {said!r:.60}") from None
    if not abs(value) <= series.LARGEST:
        raise UserError(f"{path}, {where}: {name} is {said}; leave the cell empty where nothing was measured")
    return value
