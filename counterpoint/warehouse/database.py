"""The DuckDB database over the tables' Parquet: made beside the old one, swapped in whole, made again when they differ.

It remembers the digest of every Parquet file it was made from in the table `built_from`. `completions` is a view over
the runs' own files, which are too large to copy.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from counterpoint.errors import UserError
from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import LARGE, MARTS, SQL, STORED

COMPLETION_TYPES = {"string": "varchar", "int64": "bigint", "double": "double", "bool": "boolean"}


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
            raise UserError(f"{path}: no such table; run `dvc pull` or `dvc repro warehouse`") from None
        except OSError as error:
            raise _broken(path, error) from None
    return found | {str(path): "in place" if path.is_file() else "missing" for path in completions.values()}


def assemble(tables: Path, completions: Mapping[str, Path], target: Path) -> None:
    """Make the database `target` of the Parquet in `tables`; completions not there are left out of the view."""
    digests = fingerprint(tables, completions)
    scratch = target.with_name(f"{target.name}.{os.getpid()}.part")
    scratch.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(scratch), config={"threads": 1}) as db:
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

    `completions_of` gives the path of a training run's completions. Raises `UserError` when a table is missing or
    cannot be read.
    """
    runs = tables / "runs.parquet"
    try:
        rows = pq.read_table(runs, columns=["run_id", "method"]).select(["run_id", "method"]).to_pylist()
    except FileNotFoundError:
        raise UserError(f"{runs}: no such table; run `dvc pull` or `dvc repro warehouse`") from None
    except (pa.ArrowException, KeyError, OSError) as error:
        raise _broken(runs, error) from None
    completions = {row["run_id"]: completions_of(row["run_id"]) for row in rows if row["method"] != "base"}
    if not current(database, fingerprint(tables, completions)):
        assemble(tables, completions, database)
    return [path for path in completions.values() if not path.is_file()]
