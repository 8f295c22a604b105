"""Ask the results a question in SQL, or by the name of a published query (counterpoint/warehouse/sql/queries).

    python -m stages.query "select * from accuracy where suite = 'in_domain'"
    python -m stages.query accuracy [--limit 50 | --csv] [--study published]

Read-only. The first line says which study answers (stages/places.py); with --csv it goes to the standard error. The
database is made again when its tables have changed. Not a DVC stage.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from counterpoint.errors import UserError
from counterpoint.warehouse import database, published, query
from counterpoint.warehouse.contract import LARGE
from stages.common import RUNS, main, train_folder
from stages.places import DATABASE, Place, results

LIMIT = 200  # rows printed


def program(arguments: list[str]) -> None:
    """Print the answer; without a question, the published ones."""
    parser = argparse.ArgumentParser(prog="python -m stages.query", description="Ask the results a question in SQL.")
    parser.add_argument("question", nargs="?", default="", help="SQL, or the name of a published query")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"rows to print (default {LIMIT})")
    parser.add_argument("--csv", action="store_true", help="all rows as CSV, with full precision")
    parser.add_argument("--study", metavar="NAME", help="ask this study, not the one in params.yaml")
    options = parser.parse_args(arguments)
    if options.limit < 1:
        raise UserError("--limit must be at least 1")
    if not options.question.strip():
        print(query.listing())
        return
    sql = query.published(options.question)
    limit = None if options.csv else options.limit
    found = results(options.study)
    if not (found.place.database if found.place else found.published / DATABASE).is_file():
        print("making the database of the tables, once; seconds", file=sys.stderr)
    answer = _of_tables(found.place, sql, limit) if found.place else _of_published(found.published, sql, limit)
    print(found.head, file=sys.stderr if options.csv else sys.stdout)
    query.show(answer, options.csv)


def _of_tables(here: Place, sql: str, limit: int | None) -> query.Answer:
    """The answer of the study that is made here."""
    try:
        missing = database.refresh(here.database, here.tables, lambda run_id: train_folder(run_id) / f"{LARGE}.parquet")
    except database.Absent:
        if not here.database.is_file():
            raise
        missing, made = [], datetime.fromtimestamp(here.database.stat().st_mtime).astimezone()
        print(
            f"note: {here.tables} is not complete: it is being made again, or was removed (`dvc pull` brings it back); "
            f"this is the state of {made:%Y-%m-%d %H:%M:%S}",
            file=sys.stderr,
        )
    if LARGE in sql:
        if missing:
            print(f"note: {LARGE} lacks {len(missing)} runs ({missing[0]}, …); `dvc pull` brings them", file=sys.stderr)
        others = _trained_by_others(here)
        if others:
            run_id, study = next(iter(others.items()))
            print(
                f"note: {LARGE} are read in place from {RUNS}, where {len(others)} runs ({run_id}, …) are those of the "
                f"study {study} now",
                file=sys.stderr,
            )
    with query.connect(here.database, RUNS) as db:
        return query.ask(db, sql, limit)


def _trained_by_others(here: Place) -> dict[str, str]:
    """The runs that lie in data/runs as another study trained them, by its name: run ids do not tell a study."""
    found = {}
    for row in pq.read_table(here.tables / "runs.parquet", columns=["run_id"]).to_pylist():
        with contextlib.suppress(OSError, ValueError):
            record = json.loads((train_folder(row["run_id"]) / "run.json").read_text(encoding="utf-8"))
            if record.get("study", here.study) != here.study:
                found[row["run_id"]] = record["study"]
    return found


def _of_published(folder: Path, sql: str, limit: int | None) -> query.Answer:
    """The answer of a published study. Raises `UserError` too where the question names what was left out of it."""
    study = published.refresh(folder, folder / DATABASE)
    with query.connect(folder / DATABASE, folder) as db:
        try:
            return query.ask(db, sql, limit)
        except UserError as error:
            raise published.explained(error, sql, study) from None


if __name__ == "__main__":
    main(program)
