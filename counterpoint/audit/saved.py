"""Completions that lie beside a log: TRL's Parquet files, and verl's rollouts.

TRL's evaluation overwrites the completions of a step that it shares with training, so at those steps they are held-out
ones. verl dumps rollouts where `trainer.rollout_data_dir` says: N.jsonl with input, output, gts, score.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.audit import completions, files, metric_names
from counterpoint.audit.log import SavedCompletions
from counterpoint.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_PLAIN = ("step", "prompt", "completion", "advantage")
_ROLLOUTS = ("rollout_data", "rollouts", "rollout", "rollout_data_dir")


def completions_in(folder: Path, evaluated: Collection[int]) -> SavedCompletions | None:
    """The saved training completions in a run's folder, judged; None where there are none.

    evaluated: the steps at which an evaluation may have replaced them. Raises `UserError` for files that cannot be
    read.
    """
    if tables := files.inside(folder, "completions/completions_*.parquet"):
        return _completions(tables, evaluated)
    dumped = [path for name in _ROLLOUTS for path in files.inside(folder, f"{name}/*.jsonl") if path.stem.isdecimal()]
    return _rollouts(dumped) if dumped else None


def _completions(tables: list[Path], evaluated: Collection[int]) -> SavedCompletions:
    by_step = {int(digits[0]): path for path in tables if (digits := re.findall(r"\d+", path.stem))}
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


def _rollouts(dumped: list[Path]) -> SavedCompletions:
    batches = []
    for path in completions.spread(sorted(dumped, key=lambda path: int(path.stem))):
        rows = _first_rows(path)
        gold = metric_names.gold_column(rows[0]) if rows else None
        if gold:
            batches.append((int(path.stem), completions.usable(rows, "output", gold)))
    return completions.judged(batches, ["score"], "saved rollouts")


def _first_rows(path: Path) -> list[dict]:
    rows, taken = [], 0
    for number, line in enumerate(islice(files.lines(path), completions.ROWS), 1):
        try:
            row = files.parsed(line)
        except ValueError:
            raise UserError(f"{path}, line {number}: not JSON") from None
        rows.append(row if isinstance(row, dict) else {})
        taken += len(line)
        if taken > files.TEXTS:
            break
    return rows
