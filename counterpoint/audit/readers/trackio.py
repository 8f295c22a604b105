"""Trackio: a project's SQLite database (`~/.cache/huggingface/trackio/PROJECT.db`), or the Parquet that it exports.

The table `metrics` has a row an entry: `run_name`, `step` and `metrics`, a text of JSON; the Parquet has the metrics as
columns. The database is read from memory: no file of it is opened by SQLite, none is locked or written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from counterpoint.audit import files, series
from counterpoint.audit.log import Logged
from counterpoint.audit.readers import steps
from counterpoint.errors import UserError

HEADER, PARQUET = b"SQLite format 3\x00", b"PAR1"
ROWS = 1_000_000
OPERATIONS = 50  # times a million of SQLite's, after which a query is ended
_QUERY = "select run_name, step, cast(metrics as text) from metrics order by rowid limit ?"
_APART = ("run_name", "step", "timestamp", "run_id", "id", "log_id", "space_id")


def fits(path: Path) -> bool:
    """Whether the file is a database of SQLite, or Parquet with runs and steps."""
    if path.suffix == ".parquet":
        with files.table(path) as table:
            return {"run_name", "step"} <= set(table.schema_arrow.names)
    return files.head(path, len(HEADER)) == HEADER


def read(path: Path) -> Logged:
    """The project's runs. Raises `UserError` for a database that is damaged or none of Trackio."""
    by_run: dict[str, list[tuple[str, dict]]] = {}
    for number, (run, step, metrics) in enumerate(_exported(path) if path.suffix == ".parquet" else _entries(path)):
        if run not in by_run:
            series.check_name(path, f"entry {number}", run, len(by_run))
        by_run.setdefault(run, []).append((f"entry {number}", {**metrics, "_step": step}))
    runs = {run: series.collect(path, steps.stepped(rows)) for run, rows in by_run.items()}
    wal = path.with_name(f"{path.name}-wal")
    notes = [f"what lies in {wal.name} is not read yet: end the run first"] if wal.exists() else []
    return Logged("Trackio project", path, runs if len(runs) > 1 else {"": next(iter(runs.values()), {})}, None, notes)


def _entries(path: Path) -> Iterator[tuple[str, object, dict]]:
    data = bytearray(files.content(path))
    # a database in memory keeps no write-ahead log (https://sqlite.org/c3ref/deserialize.html)
    data[18:20] = b"\x01\x01"
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("pragma trusted_schema = off")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, files.LINE)
        budget = iter(range(OPERATIONS))
        database.set_progress_handler(lambda: next(budget, None) is None, 1_000_000)
        try:
            database.deserialize(bytes(data))
            left = files.BYTES  # characters: a view may repeat one text for ever
            for run, step, text in database.execute(_QUERY, [ROWS]):
                left -= len(text)
                if left < 0:
                    raise ValueError(f"more than {files.BYTES // files.MB} MB of metrics")
                metrics = files.parsed(text)
                if not isinstance(run, str) or not isinstance(metrics, dict):
                    raise ValueError("an entry is no mapping")
                yield run, step, metrics
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise UserError(f"{path}: not a readable database of Trackio ({error})") from None


def _exported(path: Path) -> Iterator[tuple[str, object, dict]]:
    with files.table(path) as table:
        names = [name for name in table.schema_arrow.names if name not in _APART]
        rows = files.first_rows(path, table, ["run_name", "step", *names], ROWS)
    for row in rows:
        yield str(row["run_name"]), row["step"], {name: row[name] for name in names if row[name] is not None}
