"""Ask the results a question in SQL, or by the name of a published query (counterpoint/warehouse/sql/queries).

    python -m stages.query "select * from accuracy where suite = 'in_domain'"
    python -m stages.query accuracy [--limit 50 | --csv] [--study published]

Read-only. The first line says which study answers (stages/study_results.py); with --csv it goes to the standard error.
The database is made again when its tables have changed. Not a DVC stage.
"""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import datetime

import click
import pyarrow.parquet as pq

from counterpoint import cli
from counterpoint.errors import UserError
from counterpoint.warehouse import database, published, query
from counterpoint.warehouse.contract import LARGE
from stages.common import RUNS, main, train_folder
from stages.study_results import StudyTables, tables_of


@click.command()
@cli.question_options
@click.option("--study", metavar="NAME", help="This study, not the one in params.yaml.")
def ask(question: str, limit: int, as_csv: bool, study: str | None) -> None:
    """Print the answer; without a question, the published ones."""
    if not question.strip():
        print(query.listing())
        return
    sql, rows = query.published(question), None if as_csv else limit
    tables = tables_of(study)
    if not tables.database.is_file():
        print("making the database of the tables, once; seconds", file=sys.stderr)
    answer = _of_tables(tables, sql, rows) if tables.made_here else _of_published(tables, sql, rows)
    print(tables.head, file=sys.stderr if as_csv else sys.stdout)
    query.show(answer, as_csv)


def program(arguments: list[str]) -> None:
    """Run the command line."""
    cli.run(arguments, ask, "python -m stages.query")


def _of_tables(here: StudyTables, sql: str, limit: int | None) -> query.Answer:
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


def _trained_by_others(here: StudyTables) -> dict[str, str]:
    """The runs that lie in data/runs as another study trained them, by its name: run ids do not tell a study."""
    others = {}
    for row in pq.read_table(here.tables / "runs.parquet", columns=["run_id"]).to_pylist():
        with contextlib.suppress(OSError, ValueError):
            record = json.loads((train_folder(row["run_id"]) / "run.json").read_text(encoding="utf-8"))
            if record.get("study", here.study) != here.study:
                others[row["run_id"]] = record["study"]
    return others


def _of_published(study: StudyTables, sql: str, limit: int | None) -> query.Answer:
    """The answer of a published study. Raises `UserError` too where the question names what was left out of it."""
    about = published.refresh(study.tables, study.database)
    with query.connect(study.database, study.tables) as db:
        try:
            return query.ask(db, sql, limit)
        except UserError as error:
            raise published.explained(error, sql, about) from None


if __name__ == "__main__":
    main(program)
