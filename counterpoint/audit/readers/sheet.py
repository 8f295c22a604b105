"""CSV, with comma, semicolon or tab; an empty cell was not measured.

- a column for the step and one a metric: names of one's own choice (reward, accuracy; the number of held-out problems,
  the suite, the run or seed), or those of a framework, as a run's history of Weights & Biases has them. Several runs
  and suites may stand in one file, in any order of rows, each with its own rising steps;
- panels exported from Weights & Biases: `Step`, `RUN - METRIC`, `RUN - METRIC__MIN`, … ; one file a panel;
- a scalar exported from TensorBoard: `Wall time,Step,Value`; one file a metric, which the file's name tells.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from counterpoint.audit import files, metric_names, series
from counterpoint.audit.log import Accuracies, Logged, Stated
from counterpoint.audit.readers import steps
from counterpoint.audit.series import Collector, Series
from counterpoint.errors import UserError

SUFFIXES = (".csv", ".tsv")
MISSING = ("", "na", "n/a", "null", "none", "-")
_COLUMNS = {
    "n": ("n", "n_items", "items", "num_items", "n_eval", "count"),
    "suite": ("suite", "dataset", "data_source", "benchmark", "eval_set"),
    "run": ("run", "run_id", "seed", "run_name"),
}
_SCALAR = ["wall time", "step", "value"]
_PANEL = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<bound>__M(?:IN|AX))?")
_TAG = re.compile(r"(?:run-.*?-tag-)?(?P<tag>.+)")
Row = dict[str, str]


def fits(path: Path) -> bool:
    """Whether the first line has a column for the step."""
    return any(name in metric_names.STEP for name in map(str.lower, _header(path)))


def joined(paths: Sequence[Path]) -> bool:
    """Whether the files are panels or scalars of the same runs, each with some of their metrics."""
    return len(paths) > 1 and all(_scalar(header) or _panel(header) for header in map(_header, paths))


def read(paths: Sequence[Path], stated: Stated) -> Logged:
    """The curves of one sheet, or of panels and scalars that belong together. Raises `UserError` naming the line for
    what cannot be read."""
    header = _header(paths[0])
    if _scalar(header) or _panel(header):
        return _read_parts(paths)
    return _read_sheet(paths[0], header, stated)


def _scalar(header: Sequence[str]) -> bool:
    return [name.lower() for name in header] == _SCALAR


def _panel(header: Sequence[str]) -> bool:
    return len(header) > 1 and all(_PANEL.fullmatch(name) for name in header[1:])


def _read_parts(paths: Sequence[Path]) -> Logged:
    path = paths[0] if len(paths) == 1 else paths[0].parent
    runs: dict[str, Collector] = {}
    for file in paths:
        header = _header(file)
        names = {header[-1]: ("", _tag(file))} if _scalar(header) else {
            name: (match["run"], match["metric"])
            for name in header[1:]
            if (match := _PANEL.fullmatch(name)) and not match["bound"]
        }  # fmt: skip
        step = header[1] if _scalar(header) else header[0]
        for line, row in _rows(file, header):
            for column, (run, metric) in names.items():
                value = _number(file, line, column, row[column], strict=False)
                if value is not None:
                    series.check_name(file, line, run, len(runs.keys() - {run}))
                    runs.setdefault(run, Collector(file)).add(line, row[step], {metric: value})
    found = {run: collector.by_name for run, collector in runs.items()}
    return Logged("CSV", path, found if len(found) > 1 else {"": next(iter(found.values()), {})})


def _tag(path: Path) -> str:
    """The metric that a scalar's file is named after: TensorBoard and browsers write `_` for `/`."""
    tag = _TAG.fullmatch(path.stem)["tag"]
    known = {name.replace("/", "_"): name for name in metric_names.PLAIN}
    for begin, instead in (("train_", ""), ("eval_", "eval_"), ("", "")):
        if tag.startswith(begin):
            name = tag.removeprefix(begin)
            return instead + known.get(name, re.sub(r"^rewards_(.+)_mean$", r"rewards/\1/mean", name))
    return tag


def _read_sheet(path: Path, header: Sequence[str], stated: Stated) -> Logged:
    lower = {name.lower(): name for name in header}
    of = {kind: next((lower[name] for name in names if name in lower), None) for kind, names in _COLUMNS.items()}
    own = steps.names_of([dict.fromkeys(header, 0)])
    if not own:
        raise UserError(f"{path}: no column for the step; name one `step` (has: {', '.join(header):.300})")
    usual = (stated.accuracy, *metric_names.HELD_OUT, *metric_names.BARE)
    judged = next((name for name in usual if name in header), None)
    metrics = [name for name in header if name not in (*metric_names.STEP, *of.values())]
    strict = {stated.reward, stated.accuracy, *metric_names.PLAIN}
    groups: dict[tuple[str, str], Collector] = {}
    items: dict[str, dict[str, int]] = {}
    last: dict[tuple[str, str], object] = {}
    for line, row in _rows(path, header):
        run, suite = (row[of[kind]] if of[kind] else "" for kind in ("run", "suite"))
        if (run, suite) not in groups:
            series.check_name(path, line, max(run, suite, key=len), len(groups))
            groups[run, suite] = Collector(path)
        values = {name: _number(path, line, name, row[name], name in strict) for name in metrics}
        values = {name: value for name, value in values.items() if value is not None}
        step = next((row[name] for name in own if row.get(name)), "")
        if not step and own == steps.TRAINERS:  # logged between two steps
            step = last.get((run, suite), 0)
        last[run, suite] = step
        groups[run, suite].add(line, step, values)
        if judged in values and (number := of["n"] and row[of["n"]]):
            of_run = items.setdefault(run, {})
            of_run[suite] = min(series.whole(path, line, number), of_run.get(suite, 2**53))
    if not groups:
        raise UserError(f"{path}: no row below the header")
    return _logged(path, groups, judged if of["suite"] else None, items)


def _logged(
    path: Path, groups: dict[tuple[str, str], Collector], judged: str | None, items: dict[str, dict[str, int]]
) -> Logged:
    """The groups of rows as runs; `judged` is the accuracy that each suite has of its own."""
    runs: dict[str, dict[str, Series]] = {}
    by_suite: dict[str, dict[str, Series]] = {}
    for (run, suite), collector in groups.items():
        of_run = runs.setdefault(run, {})
        for name, values in collector.by_name.items():
            if name == judged:
                by_suite.setdefault(run, {})[suite] = values
                continue
            before = of_run.get(name, {})
            for step in values.keys() & before.keys():
                if values[step] != before[step]:
                    raise UserError(f"{path}: {name} twice at step {step}, with two values; add a column `run`")
            of_run[name] = dict(sorted({**before, **values}.items()))
    accuracies = {run: Accuracies(suites, f"the log's own {judged}") for run, suites in by_suite.items()}
    return Logged("CSV", path, runs, by_suite=accuracies, items=items)


def _header(path: Path) -> list[str]:
    """The names of the columns; those that anybody would give in lower case."""
    _, cells = next(_cells(path), ("", []))
    if len(cells) > series.NAMES:
        raise UserError(f"{path}: {len(cells):,} columns, more than the {series.NAMES:,} that are read")
    plain = {*metric_names.PLAIN, *(name for names in _COLUMNS.values() for name in names)}
    names = [name.strip() for name in cells]
    names = [name.lower() if name.lower() in plain else name for name in names]
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        raise UserError(f"{path}: two columns are named {twice:.60}")
    return names


def _rows(path: Path, header: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """The rows below the header, each with its line."""
    rows = _cells(path)
    next(rows, None)
    for line, cells in rows:
        if len(cells) != len(header):
            raise UserError(f"{path}, {line}: {len(cells)} cells where the header has {len(header)}")
        yield line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _cells(path: Path) -> Iterator[tuple[str, list[str]]]:
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


def _number(path: Path, line: str, name: str, text: str, strict: bool) -> float | None:
    """The number of a cell, None where it is empty; `strict`: a cell that holds another text is a mistake."""
    if text.lower() in MISSING:
        return None
    try:
        value = float(text)
    except ValueError:
        if not strict:
            return None
        raise UserError(f"{path}, {line}: {name} must be a number, not {text!r:.60}") from None
    if strict and not abs(value) <= series.LARGEST:
        raise UserError(f"{path}, {line}: {name} is {text}; leave the cell empty where nothing was measured")
    return value
