"""One question to the database: a SELECT, read-only, with no file in reach but the runs' own.

A read-only DuckDB connection still reads and writes other files: the settings below take that away, and statements are
looked at first, because DuckDB 2 lets `with x as (copy … to …) select …` write into an allowed directory.
Run by `counterpoint query` and `python -m stages.query`.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import duckdb

from counterpoint import columns
from counterpoint.errors import UserError, nearest
from counterpoint.warehouse import published as published_study
from counterpoint.warehouse.contract import files
from counterpoint.warehouse.database import add_macros, literal

WIDEST = 60  # characters of a cell that are printed


@dataclass(frozen=True)
class Answer:
    """Column names, the rows up to the limit, and whether there were more."""

    columns: list[str]
    rows: list[tuple]
    cut: bool


def published(text: str) -> str:
    """The SQL of a published query where `text` is its name; other text is SQL itself.

    Raises `UserError` for a single word that names no query.
    """
    name, queries = text.strip().removesuffix(".sql"), files("queries")
    if name in queries:
        return queries[name]
    if len(name.split()) == 1:
        raise UserError(f"no query {name!r}{nearest(name, queries)} (SQL works too, such as 'from accuracy')")
    return text


def listing() -> str:
    """The published queries, one line each: the name and the question, which is the file's first comment."""
    questions = [(name, sql.splitlines()[0].removeprefix("-- ")) for name, sql in files("queries").items()]
    lines = columns.aligned(questions, indent=2)
    return "\n".join(["Give SQL, such as 'from accuracy' (docs/tables.md), or one of these names:", *lines])


def of_folder(folder: Path, sql: str, limit: int | None = None) -> Answer:
    """The answer of the Parquet tables in a folder, each under its file's name; no file is written.

    Raises `UserError` in one line where there is no table, one that cannot be read, or for a question as `ask` does.
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise UserError(f"{folder}: no Parquet table in it; name a folder such as metrics/STUDY/tables")
    with duckdb.connect() as db:
        add_macros(db)
        for path in paths:
            try:
                db.read_parquet(str(path)).create_view(path.stem)
            except duckdb.Error as error:
                raise UserError(f"{path}: not a readable table ({_one_line(error)})") from None
        _lock(db, folder)
        try:
            return ask(db, sql, limit)
        except UserError as error:
            if not (folder / published_study.STUDY).is_file():
                raise
            raise published_study.explained(error, sql, published_study.load(folder)) from None


def connect(database: Path, readable: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection that reaches no file outside the folder `readable` and cannot be set otherwise."""
    try:
        db = duckdb.connect(str(database), read_only=True)
    except duckdb.Error as error:
        raise UserError(f"{database}: {_one_line(error)}; close programs that hold it open and try again") from None
    _lock(db, readable)
    return db


def _lock(db: duckdb.DuckDBPyConnection, readable: Path) -> None:
    db.execute(f"set allowed_directories = [{literal(f'{readable}/')}]")
    db.execute("set enable_external_access = false")
    db.execute("set lock_configuration = true")


def ask(db: duckdb.DuckDBPyConnection, sql: str, limit: int | None = None) -> Answer:
    """The answer to one SELECT. Raises `UserError` in one line for anything else and for an SQL error."""
    try:
        statements = db.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise UserError("query: give one SELECT (or FROM, DESCRIBE, SUMMARIZE); the database is read-only")
        if any("COPY" in name for name in _operators(db, statements[0].query)):
            raise UserError("query: COPY is refused, the database is read-only; for a file use --csv > FILE")
        cursor = db.execute(statements[0])
        columns = [column[0] for column in cursor.description]
        rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
    except duckdb.Error as error:
        raise UserError(f"query: {_one_line(error)}") from None
    return Answer(columns, rows[:limit], limit is not None and len(rows) > limit)


def _operators(db: duckdb.DuckDBPyConnection, sql: str) -> Iterator[str]:
    """The names of the operators in the plan of a query; nothing is executed."""
    waiting = json.loads(db.execute(f"explain (format json) {sql}").fetchall()[0][1])
    while waiting:
        operator = waiting.pop()
        yield operator["name"].upper()
        waiting += operator["children"]


def _one_line(error: Exception) -> str:
    """What DuckDB says, without the picture of the query under it."""
    return " ".join(str(error).split("\n\nLINE ")[0].split())


def render(answer: Answer) -> Iterator[str]:
    """The answer as lines of text, numbers to the right; long text is cut."""
    cells = [[_cell(value) for value in row] for row in answer.rows]
    numbers = [
        column
        for column in range(len(answer.columns))
        if all(isinstance(row[column], int | float | None) and not isinstance(row[column], bool) for row in answer.rows)
    ]
    widths = [max(map(len, column)) for column in zip(answer.columns, *cells, strict=True)]
    ruled = [answer.columns, ["─" * width for width in widths], *cells]
    yield from columns.aligned(ruled, right=numbers)
    if answer.cut:
        yield f"… more rows; the first {len(answer.rows)} are shown (--limit N for others, --csv for all)"
    elif not answer.rows:
        yield "(no rows)"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"
    # a completion may hold anything: nothing in it shall move the terminal's cursor
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def show(answer: Answer, as_csv: bool) -> None:
    """Print the answer, as a table or as CSV."""
    if as_csv:
        write_csv(answer, sys.stdout)
    else:
        print("\n".join(render(answer)))


def write_csv(answer: Answer, file: TextIO) -> None:
    """The answer as CSV with full precision."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)
