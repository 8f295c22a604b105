"""The DuckDB database over the tables' Parquet: made beside the old one, swapped in whole, made again when they differ.

It remembers the digest of every Parquet file it was made from in the table `built_from`. `completions` is a view over
the runs' own files, which are too large to copy.

The tables may change while they are read: DVC removes them before it makes them anew, and lays them out once more when
they are made. A database is of one state of them or is not made, and who makes one is alone (`alone`). While tables are
missing `refresh` raises `Absent`, and the last database still holds the state before.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from counterpoint.errors import UserError
from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import LARGE, MARTS, SQL, STORED

STORAGE = "v1.2.0"  # the oldest DuckDB that shall open the file; by default it would be the one that wrote it
PATIENCE = 20.0  # seconds, where the tables change again and again while they are read
COMPLETION_TYPES = {"string": "varchar", "int64": "bigint", "double": "double", "bool": "boolean"}


class Absent(UserError):
    """A table is not there: never made, removed, or about to be made again."""

    def __init__(self, table: Path):
        super().__init__(
            f"{table}: no such table; run `dvc pull` or `dvc repro warehouse`, or wait where that is at work already"
        )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder of the tables and the database: of all processes that change either, one at a time."""
    place = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: names are unique and swapped in whole anyway
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def literal(text: object) -> str:
    """An SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def fingerprint(tables: Path, completions: Mapping[str, Path]) -> dict[str, str]:
    """What a database of these files must remember: a SHA-256 by table file, and which completions are there."""
    found = {}
    for name in (*STORED, *MARTS):
        path = tables / f"{name}.parquet"
        try:
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise Absent(path) from None
        except OSError as error:
            raise _broken(path, error) from None
    return found | {str(path): "in place" if path.is_file() else "missing" for path in completions.values()}


def assemble(tables: Path, completions: Mapping[str, Path], target: Path) -> None:
    """Make the database `target` of the Parquet in `tables`; completions not there are left out of the view.

    Raises `UserError` for a table that cannot be read, and where one changed meanwhile.
    """
    digests = fingerprint(tables, completions)
    scratch = target.with_name(f"{target.name}.{os.getpid()}.part")
    scratch.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(scratch), config={"threads": 1, "storage_compatibility_version": STORAGE}) as db:
            db.execute((SQL / "macros.sql").read_text(encoding="utf-8"))
            for name in (*STORED, *MARTS):
                path = tables / f"{name}.parquet"
                try:
                    db.execute(f"create table {name} as from read_parquet({literal(path)})")
                except duckdb.Error as error:
                    raise _broken(path, error) from None
            view(db, [path for path in completions.values() if path.is_file()])
            db.execute("create table built_from (file varchar, digest varchar)")
            db.executemany("insert into built_from values (?, ?)", sorted(digests.items()))
        if fingerprint(tables, completions) != digests:
            raise UserError(f"{tables}: changed while it was read; ask again when `dvc repro` has ended")
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def _broken(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(f"{path}: not a readable table ({reason}); run `dvc repro warehouse`")


def view(db: duckdb.DuckDBPyConnection, paths: list[Path]) -> None:
    """Add the view `completions` over these files. Raises `UserError` naming one that is no Parquet."""
    check_readable(paths, pq.read_schema)
    db.execute(f"create view {LARGE} as {_completions(paths)}")


def check_readable(paths: Iterable[Path], read: Callable[[Path], object] = pq.read_table) -> None:
    """Raise `UserError` naming the first of these files that `read` cannot read."""
    for path in paths:
        try:
            read(path)
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path}: not a readable table ({reason}); delete it and run `dvc checkout`") from None


def _completions(paths: list[Path]) -> str:
    schema = TABLES[LARGE].schema
    if paths:
        listed = ", ".join(literal(path) for path in paths)
        return f"select {', '.join(schema.names)} from read_parquet([{listed}])"
    types = {f.name: COMPLETION_TYPES.get(str(f.type), "map(varchar, double)") for f in schema}
    return f"select {', '.join(f'null::{kind} as {name}' for name, kind in types.items())} where false"


def current(database: Path, digests: Mapping[str, str]) -> bool:
    """Whether the database was made from files of these digests."""
    if not database.is_file():
        return False
    try:
        with duckdb.connect(str(database), read_only=True) as db:
            return dict(db.execute("select file, digest from built_from").fetchall()) == dict(digests)
    except duckdb.Error:  # not a database of this version
        return False


def refresh(database: Path, tables: Path, completions_of: Callable[[str], Path]) -> list[Path]:
    """Make the database again if its Parquet changed; returns the completions' files that are not there.

    `completions_of` gives the path of a training run's completions. Raises `Absent` when a table is missing, and
    `UserError` when one cannot be read.
    """
    patient_until = time.monotonic() + PATIENCE
    while True:
        seen = _seen(tables)
        try:
            completions = _completions_of(tables, completions_of)
            if not current(database, fingerprint(tables, completions)):
                with alone(database.parent):
                    if not current(database, fingerprint(tables, completions)):  # made meanwhile by another process
                        assemble(tables, completions, database)
        except Absent:
            raise
        except UserError:
            if _seen(tables) == seen or time.monotonic() > patient_until:
                raise  # not because a table changed while it was read
        else:
            return [path for path in completions.values() if not path.is_file()]


def _seen(tables: Path) -> dict[str, tuple[int, int, int]]:
    """What tells without reading whether a table is another than before."""
    found = {}
    for path in sorted(tables.glob("*.parquet")):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            found[path.name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


def _completions_of(tables: Path, completions_of: Callable[[str], Path]) -> dict[str, Path]:
    """The files of completions that the runs should have, by run_id."""
    runs = tables / "runs.parquet"
    try:
        rows = pq.read_table(runs, columns=["run_id", "method"]).select(["run_id", "method"]).to_pylist()
    except FileNotFoundError:
        raise Absent(runs) from None
    except (pa.ArrowException, KeyError, OSError) as error:
        raise _broken(runs, error) from None
    return {row["run_id"]: completions_of(row["run_id"]) for row in rows if row["method"] != "base"}
