"""JSON, one entry a line.

- verl's file logger (`verl/utils/tracking.py`, FileLogger): `{"step": N, "data": {"critic/rewards/mean": 0.5, …}}`;
- EasyR1's file logger (`verl/utils/logger/logger.py`): experiment_log.jsonl, `{"step": N, "critic": {"rewards": …}}`;
- ms-swift's `logging.jsonl` (`swift/trainers/callback.py`): `{"reward": 0.5, …, "global_step/max_steps": "3/40"}`;
- any other with a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from counterpoint.audit import files, series
from counterpoint.audit.log import Logged
from counterpoint.audit.readers import steps
from counterpoint.errors import UserError

_DEPTH = 20


def fits(path: Path) -> bool:
    """Whether the first line is an entry with a step and a number beside it."""
    try:
        row = files.parsed(next(files.lines(path), ""))
    except ValueError:
        return False
    flat = dict(_flat(row)) if isinstance(row, dict) else {}
    return bool(steps.names_of([flat])) and len(flat) > 1


def read(path: Path) -> Logged:
    """The file's entries. Raises `UserError` for a line that is none; the last may be cut off."""
    rows = list(_rows(path))
    first = rows[0][1] if rows else {}
    kind = "JSON lines"
    if isinstance(first.get("data"), dict):
        kind = "log of verl's file logger"
    elif path.name == "experiment_log.jsonl":
        kind = "log of EasyR1"
    elif steps.OF_SWIFT in first:
        kind = "log of ms-swift"
    flat = [(line, dict(_flat(row))) for line, row in rows]
    return Logged(kind, path, {"": series.collect(path, steps.stepped(flat))}, path.parent)


def _rows(path: Path) -> Iterator[tuple[str, dict]]:
    broken = None
    for number, line in enumerate(files.lines(path), 1):
        if broken:
            raise UserError(f"{path}, line {broken}: not JSON; only the last line of a log may be cut off")
        try:
            row = files.parsed(line)
        except ValueError:
            broken = number  # the last line of a run that was killed
            continue
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: not an entry of a log")
        yield f"line {number}", row


def _flat(metrics: Mapping[str, object], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """The numbers, and the step, under names that are joined by `/`; verl's `data` has no name."""
    for name, value in metrics.items():
        if isinstance(value, dict):
            inner = "" if not depth and name == "data" else f"{prefix}{name}/"
            yield from _flat(value, inner, depth + 1) if depth < _DEPTH else ()
        elif isinstance(value, (int, float)) or name == steps.OF_SWIFT:
            yield f"{prefix}{name}", value
