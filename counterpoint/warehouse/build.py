"""The tables of a study as sorted Parquet and a DuckDB database, from what its stages published.

Truth is the Parquet: the same inputs give the same bytes. The database is disposable
(counterpoint/warehouse/database.py). Run by `python -m stages.warehouse`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterpoint import analysis, rewards
from counterpoint.errors import UserError, one_line
from counterpoint.params import ENDS, ClaimSamples
from counterpoint.suites import SUITES
from counterpoint.tables import TABLES
from counterpoint.warehouse import checks, database
from counterpoint.warehouse.contract import LARGE, MARTS, STORED, files

TRAINED = ("steps", "rewards", "probes", "probe_items")
TAUGHT = ("trace_sets", "trace_problems", "demonstrations")


@dataclass(frozen=True)
class RunFolders:
    """Where a run of the grid lies; `train` is None for a base, whose run.json stands beside its evaluation."""

    run_id: str
    train: Path | None
    evaluation: Path


@dataclass(frozen=True)
class TraceFolders:
    """Where a trace set lies, and where its making is timed."""

    made: Path
    timed: Path


@dataclass(frozen=True)
class Sources:
    """Everything that the warehouse reads: exactly these files, whatever else lies beside them."""

    problems: Path
    rejects: Path
    samples: Path
    runs: Sequence[RunFolders]
    trace_sets: Sequence[TraceFolders] = ()

    def timed(self) -> list[Path]:
        """The folders that hold timings."""
        return [
            *(run.train for run in self.runs if run.train),
            *(run.evaluation for run in self.runs),
            *(made.timed for made in self.trace_sets),
        ]

    def completions(self) -> dict[str, Path]:
        """The completions of every training run, by run_id."""
        return {run.run_id: run.train / f"{LARGE}.parquet" for run in self.runs if run.train}


def build(sources: Sources, tables: Path, database_path: Path, claims: ClaimSamples = ENDS) -> None:
    """Make the folder `tables` and the database anew and swap both in once their data tests pass. `claims` names the
    samples that the findings compare.

    Raises `UserError` naming a file that is missing or not as the contract has it, or the data test that failed.
    """
    scratch = tables.with_name(f"{tables.name}.{os.getpid()}.new")
    aside = tables.with_name(f"{tables.name}.{os.getpid()}.old.new")  # ignored by git as the scratch is
    scratch_database = database_path.with_name(f"{database_path.name}.{os.getpid()}.new")
    shutil.rmtree(scratch, ignore_errors=True)  # one killed earlier may have had this number
    scratch.mkdir(parents=True)
    completions = sources.completions()
    try:
        with duckdb.connect(config={"threads": 1}) as db:
            for name, table in load(sources).items():
                db.register(name, table)
            missing = [path for path in completions.values() if not path.is_file()]
            if missing:
                raise UserError(f"{missing[0]}: no such file; run `dvc repro`")
            database.view(db, list(completions.values()))
            try:
                derive(db, claims)
            except duckdb.Error:
                database.check_readable(completions.values())  # DuckDB may not say which file is broken
                raise
            for name in (*STORED, *MARTS):
                export(db, name, scratch / f"{name}.parquet")
        database.assemble(scratch, completions, scratch_database)
        checks.check(scratch_database)
        with database.alone(database_path.parent):
            if tables.exists():
                tables.rename(aside)
            scratch.rename(tables)
            scratch_database.replace(database_path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
        scratch_database.unlink(missing_ok=True)


def load(sources: Sources) -> dict[str, pa.Table]:
    """The stored tables, unsorted, with the contract's schema; a grid without such runs gives empty ones."""
    trained = [run.train for run in sources.runs if run.train]
    evaluated = [run.evaluation for run in sources.runs]
    made = [folders.made for folders in sources.trace_sets]
    folders = {
        "evals": evaluated, "traces": evaluated, "timings": sources.timed(), **dict.fromkeys(TAUGHT, made),
        **dict.fromkeys(TRAINED, trained),
    }  # fmt: skip
    paths = {
        "problems": [sources.problems],
        "rejects": [sources.rejects],
        "samples": [sources.samples],
        **{name: [folder / f"{name}.parquet" for folder in among] for name, among in folders.items()},
    }
    stored = {name: concatenated(paths[name], STORED[name].schema) for name in paths}
    _refuse_total(stored["problems"], sources.problems)
    stored["suites"] = _suites(stored["evals"])
    stored["term_kinds"] = _term_kinds(stored["rewards"])
    stored["runs"] = pa.Table.from_pylist([_run(run) for run in sources.runs], TABLES["runs"].schema)
    return stored


def _refuse_total(problems: pa.Table, path: Path) -> None:
    """`all` is the mart's name for the sum over the families, so no family may have it."""
    taken = problems.filter(pc.equal(problems["family"], "all"))
    if taken:
        source, problem_id = taken["source"][0].as_py(), taken["problem_id"][0].as_py()
        raise UserError(
            f"{path}: the source {source!r} has the family 'all' (problem {problem_id}), which is the name "
            "of the total over the families; give that family another name in the source and run `dvc repro`"
        )


def concatenated(paths: Iterable[Path], schema: pa.Schema) -> pa.Table:
    """The rows of all files. Raises `UserError` naming the first that is missing or lacks a column of `schema`."""
    parts = [schema.empty_table()]
    for path in paths:
        try:
            parts.append(pq.read_table(path, columns=schema.names, partitioning=None).select(schema.names).cast(schema))
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; run `dvc repro`") from None
        except (pa.ArrowException, KeyError, OSError) as error:
            raise UserError(f"{path}: not as docs/tables.md has it ({one_line(error)}); run `dvc repro`") from None
    return pa.concat_tables(parts)


def _suites(evals: pa.Table) -> pa.Table:
    """The suites that were evaluated, as code describes them."""
    names = sorted(pc.unique(evals["suite"]).to_pylist())
    rows = [{**(vars(SUITES[name]) if name in SUITES else {}), "suite": name} for name in names]
    return pa.Table.from_pylist(rows, TABLES["suites"].schema)


def _term_kinds(paid: pa.Table) -> pa.Table:
    """What the reward terms that were used pay for, as code has it."""
    names = sorted(name for name in pc.unique(paid["term"]).to_pylist() if name in rewards.REWARDS)
    rows = [
        {"term": name, "kind": rewards.kind(name), "strict": rewards.REWARDS[name] is rewards.accuracy}
        for name in names
    ]
    return pa.Table.from_pylist(rows, STORED["term_kinds"].schema)


def _run(run: RunFolders) -> dict:
    path = (run.train or run.evaluation) / "run.json"
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `dvc repro`") from None
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); run `dvc repro`") from None
    missing = [name for name in TABLES["runs"].schema.names if name not in row]
    if missing:
        raise UserError(f"{path}: {missing[0]} is missing; run `dvc repro`")
    if row["run_id"] != run.run_id:
        raise UserError(f"{path}: holds the run {row['run_id']!r}, not {run.run_id!r}; run `dvc repro`")
    return row


def derive(db: duckdb.DuckDBPyConnection, claims: ClaimSamples = ENDS) -> None:
    """Add the staging views and the marts to a connection that has the stored tables."""
    database.add_views(db)
    study = analysis.Study(db, claims)
    sql, computed = files("marts"), set()
    for name in MARTS:
        if name in sql:
            db.execute(f"create table {name} as {sql[name]}")
        elif name not in computed:
            for mart, table in analysis.COMPUTED[name](study).items():
                db.register(mart, table)
                computed.add(mart)


def export(db: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Write one table sorted by its full key, so that a rerun writes the same bytes."""
    key = MARTS[name] if name in MARTS else STORED[name].key
    options = "(format parquet, compression zstd)"
    db.execute(f"copy (from {name} order by {', '.join(key)}) to {database.literal(path)} {options}")
