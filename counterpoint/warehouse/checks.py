"""Data tests, run on every database that is built: keys are unique and not null, and each sql/tests/*.sql is empty.

A file in sql/tests selects the rows that break its rule; its first comment line states the rule.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from counterpoint.errors import UserError
from counterpoint.warehouse.contract import KEYS, NULLABLE, files
from counterpoint.warehouse.database import reading


def tests() -> dict[str, tuple[str, str]]:
    """Every test by name: the rule in words, and SQL that selects what breaks it."""
    rules = {}
    for table, key in KEYS.items():
        columns = ", ".join(key)
        rules[f"{table}.unique"] = (
            f"{table} has one row for each {columns}",
            f"select {columns}, count(*) as rows from {table} group by all having count(*) > 1",
        )
        for column in key:
            if (table, column) not in NULLABLE:
                name = f"{table}.{column}"
                rules[f"{name}.not_null"] = (f"{name} is never null", f"from {table} where {column} is null")
    for name, sql in files("tests").items():
        rules[name] = (sql.splitlines()[0].removeprefix("-- "), sql.rstrip().removesuffix(";"))
    return rules


def failures(db: duckdb.DuckDBPyConnection) -> list[str]:
    """One line for each test that fails: its name and rule, how many rows break it, and one of them."""
    lines = []
    for name, (rule, sql) in tests().items():
        count = db.execute(f"select count(*) from ({sql})").fetchone()[0]
        if count:
            cursor = db.execute(f"from ({sql}) order by all limit 1")
            names = [column[0] for column in cursor.description]
            row = ", ".join(f"{n}={v!r}" for n, v in zip(names, cursor.fetchall()[0], strict=True))
            lines.append(f"{name} ({rule}): {count} rows break it, e.g. {row[:200]}")
    return lines


def check(database: Path) -> None:
    """Raise `UserError` with every data test that the database fails."""
    with reading(database) as db:
        lines = failures(db)
    if lines:
        raise UserError(f"{len(lines)} data tests failed; run the stages they name anew: {'; '.join(lines)}")
