"""The step of a row: the trainer's where it is logged, else the tracker's, else the number of the entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from counterpoint.audit.metric_names import STEP

OF_SWIFT = "global_step/max_steps"  # "3/40", in logs of ms-swift
TRAINERS = ("train/global_step", "eval/global_step")  # two names of one
Row = Mapping[str, object]


def names_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """The names under which these rows have their step; empty where none has one."""
    names = {name for row in rows for name in (OF_SWIFT, *STEP) if row.get(name) is not None}
    if names & set(TRAINERS):
        return TRAINERS
    return next(((name,) for name in (OF_SWIFT, *STEP) if name in names), ())


def stated(row: Row, names: Sequence[str]) -> object:
    """The step that a row states, None where it states none."""
    step = next((row[name] for name in names if row.get(name) is not None), None)
    return step.partition("/")[0] if isinstance(step, str) else step


def stepped(rows: Sequence[tuple[str, Row]]) -> Iterator[tuple[str, object, Row]]:
    """Rows of (position, metrics) with their step.

    A row without one, such as a metric that was logged between two steps, has that of the row before; there a metric
    counts once. Where no row has a step, entries are counted, as `counted` does.
    """
    names = names_of(row for _, row in rows)
    if not names:
        yield from counted(rows)
        return
    last, seen = 0, set()
    for position, row in rows:
        step = stated(row, names)
        metrics = {name: value for name, value in row.items() if name not in STEP}
        if step is None:
            metrics = {name: value for name, value in metrics.items() if name not in seen}
        elif step != last:
            last, seen = step, set()
        seen.update(metrics)
        yield position, last, metrics


def counted(rows: Sequence[tuple[str, Row]]) -> Iterator[tuple[str, int, Row]]:
    """Rows of (position, metrics) with the number of the entry; an evaluation has that of the training before it."""
    number = 0
    for position, row in rows:
        number += any(not name.startswith(("eval_", "epoch", "train_")) for name in row)
        yield position, number, row
