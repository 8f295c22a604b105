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

from counterpoint.errors import UserError, one_line
from counterpoint.files import replacing
from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import LARGE, MARTS, SQL, STORED, files

STORAGE = "v1.2.0"  # the oldest DuckDB that shall open the file; by default it would be the one that wrote it
PATIENCE = 20.0  # seconds, where the tables change again and again while they are read
REMEDY = "dvc repro warehouse"


class Absent(UserError):
    """A table is not there: never made, removed, or about to be made again."""

    def __init__(self, table: Path):
        self.table = table
        super().__init__(
            f"{table}: no such table; run `dvc pull` or `dvc repro warehouse`, or wait where that is at work already"
        )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder of the tables and the database: of all processes that change either, one at a time."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: names are unique and swapped in whole anyway
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def reading(database: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection with one thread, whose sums are the same each time."""
    return duckdb.connect(str(database), read_only=True, config={"threads": 1})


def literal(text: object) -> str:
    """An SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def broken(path: Path, error: Exception, remedy: str = REMEDY) -> UserError:
    """What to say of a table that cannot be read."""
    return UserError(f"{path}: not a readable table ({one_line(error)}); run `{remedy}`")


def fingerprint(paths: Iterable[Path], remedy: str = REMEDY) -> dict[str, str]:
    """A SHA-256 by name of the files that a database is made from. Raises `Absent`, or `UserError` with the remedy."""
    digests = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise Absent(path) from None
        except OSError as error:
            raise broken(path, error, remedy) from None
    return digests


def add_views(db: duckdb.DuckDBPyConnection) -> None:
    """Add the macros and the staging views to a connection that has the stored tables."""
    add_macros(db)
    for name, sql in files("staging").items():
        db.execute(f"create view {name} as {sql}")


def add_macros(db: duckdb.DuckDBPyConnection) -> None:
    """Add the SQL functions of sql/macros.sql to a connection."""
    db.execute((SQL / "macros.sql").read_text(encoding="utf-8"))


@contextmanager
def making(
    target: Path, paths: Iterable[Path], digests: Mapping[str, str], remedy: str = REMEDY
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new database with the macros and a table of each of the Parquet files `paths`, for the caller to complete. It
    takes the place of `target` when the block ends. Raises `UserError` for a file that cannot be read."""
    config = {"threads": 1, "storage_compatibility_version": STORAGE}
    with replacing(target) as scratch, duckdb.connect(str(scratch), config=config) as db:
        add_macros(db)
        for path in paths:
            try:
                db.execute(f"create table {path.stem} as from read_parquet({literal(path)})")
            except duckdb.Error as error:
                raise broken(path, error, remedy) from None
        db.execute("create table built_from (file varchar, digest varchar)")
        db.executemany("insert into built_from values (?, ?)", sorted(digests.items()))
        yield db


def assemble(tables: Path, completions: Mapping[str, Path], target: Path) -> None:
    """Make the database `target` of the Parquet in `tables`; completions not there are left out of the view.

    Raises `UserError` for a table that cannot be read, and where one changed meanwhile.
    """
    digests = _state(tables, completions)
    with making(target, _paths(tables), digests) as db:
        view(db, [path for path in completions.values() if path.is_file()])
        if _state(tables, completions) != digests:
            raise UserError(f"{tables}: changed while it was read; ask again when `dvc repro` has ended")


def _paths(tables: Path) -> list[Path]:
    return [tables / f"{name}.parquet" for name in (*STORED, *MARTS)]


def _state(tables: Path, completions: Mapping[str, Path]) -> dict[str, str]:
    """What a database of these files must remember: the tables' digests, and which completions are there."""
    present = {str(path): "in place" if path.is_file() else "missing" for path in completions.values()}
    return fingerprint(_paths(tables)) | present


def view(db: duckdb.DuckDBPyConnection, paths: list[Path]) -> None:
    """Add `completions`: a view over these files, or an empty table where there are none. Raises `UserError` naming a
    file that is no Parquet."""
    check_readable(paths, pq.read_schema)
    schema = TABLES[LARGE].schema
    if paths:
        files_read = ", ".join(map(literal, paths))
        db.execute(f"create view {LARGE} as select {', '.join(schema.names)} from read_parquet([{files_read}])")
    else:
        db.register("no_completions", schema.empty_table())
        db.execute(f"create table {LARGE} as from no_completions")
        db.unregister("no_completions")


def check_readable(paths: Iterable[Path], read: Callable[[Path], object] = pq.read_table) -> None:
    """Raise `UserError` naming the first of these files that `read` cannot read."""
    for path in paths:
        try:
            read(path)
        except (pa.ArrowException, OSError) as error:
            message = f"{path}: not a readable table ({one_line(error)}); delete it and run `dvc checkout`"
            raise UserError(message) from None


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
        before = _stats(tables)
        try:
            completions = {run_id: completions_of(run_id) for run_id in _trained(tables)}
            if not current(database, _state(tables, completions)):
                with alone(database.parent):
                    if not current(database, _state(tables, completions)):  # made meanwhile by another process
                        assemble(tables, completions, database)
        except Absent:
            raise
        except UserError:
            if _stats(tables) == before or time.monotonic() > patient_until:
                raise  # not because a table changed while it was read
        else:
            return [path for path in completions.values() if not path.is_file()]


def _stats(tables: Path) -> dict[str, tuple[int, int, int]]:
    """What tells without reading whether a table is another than before."""
    stats = {}
    for path in sorted(tables.glob("*.parquet")):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            stats[path.name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return stats


def _trained(tables: Path) -> list[str]:
    """The training runs in the table `runs`, which have completions."""
    path = tables / "runs.parquet"
    try:
        rows = pq.read_table(path, columns=["run_id", "method"]).select(["run_id", "method"]).to_pylist()
    except FileNotFoundError:
        raise Absent(path) from None
    except (pa.ArrowException, KeyError, OSError) as error:
        raise broken(path, error) from None
    return [row["run_id"] for row in rows if row["method"] != "base"]
