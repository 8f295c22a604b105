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

from counterpoint import deception, factors, findings, rewards
from counterpoint.errors import UserError, one_line
from counterpoint.params import ENDS, Claims
from counterpoint.suites import SUITES
from counterpoint.tables import TABLES
from counterpoint.warehouse import checks, database
from counterpoint.warehouse.contract import LARGE, MARTS, SQL, STORED, files

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


def build(sources: Sources, tables: Path, database_path: Path, claims: Claims = ENDS) -> None:
    """Make the folder `tables` and the database anew and swap both in once their data tests pass. `claims` names the
    samples that the findings compare.

    Raises `UserError` naming a file that is missing or not as the contract has it, or the data test that failed.
    """
    scratch = tables.with_name(f"{tables.name}.{os.getpid()}.new")
    aside = tables.with_name(f"{tables.name}.{os.getpid()}.old.new")  # ignored by git as the scratch is
    scratch_database = database_path.with_name(f"{database_path.name}.{os.getpid()}.new")
    shutil.rmtree(scratch, ignore_errors=True)  # one killed earlier may have had this number
    scratch.mkdir(parents=True)
    try:
        with duckdb.connect(config={"threads": 1}) as db:
            for name, table in load(sources).items():
                db.register(name, table)
            completions = sources.completions()
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
    paths = {
        "problems": [sources.problems],
        "rejects": [sources.rejects],
        "samples": [sources.samples],
        "evals": [folder / "evals.parquet" for folder in evaluated],
        "traces": [folder / "traces.parquet" for folder in evaluated],
        "timings": [folder / "timings.parquet" for folder in sources.timed()],
        **{name: [folders.made / f"{name}.parquet" for folders in sources.trace_sets] for name in TAUGHT},
        **{name: [folder / f"{name}.parquet" for folder in trained] for name in TRAINED},
    }
    found = {name: concatenated(paths[name], STORED[name].schema) for name in paths}
    _refuse_total(found["problems"], sources.problems)
    found["suites"] = _suites(found["evals"])
    found["term_kinds"] = _term_kinds(found["rewards"])
    found["runs"] = pa.Table.from_pylist([_run(run) for run in sources.runs], TABLES["runs"].schema)
    return found


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
    rows = [{"suite": name, **vars(SUITES[name])} if name in SUITES else {"suite": name} for name in names]
    columns = TABLES["suites"].schema
    return pa.Table.from_pylist([{c: row.get(c) for c in columns.names} for row in rows], columns)


def _term_kinds(paid: pa.Table) -> pa.Table:
    """What the reward terms that were used pay for, as code has it."""
    names = sorted(pc.unique(paid["term"]).to_pylist())
    rows = [
        {"term": name, "kind": rewards.kind(name), "strict": rewards.REWARDS[name] is rewards.accuracy}
        for name in names
        if name in rewards.REWARDS
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
    names = TABLES["runs"].schema.names
    missing = [name for name in names if name not in row]
    if missing:
        raise UserError(f"{path}: {missing[0]} is missing; run `dvc repro`")
    if row["run_id"] != run.run_id:
        raise UserError(f"{path}: holds the run {row['run_id']!r}, not {run.run_id!r}; run `dvc repro`")
    return {name: row[name] for name in names}


def derive(db: duckdb.DuckDBPyConnection, claims: Claims = ENDS) -> None:
    """Add the staging views and the marts to a connection that has the stored tables."""
    db.execute((SQL / "macros.sql").read_text(encoding="utf-8"))
    for name, sql in files("staging").items():
        db.execute(f"create view {name} as {sql}")
    marts, made = files("marts"), set()
    computed = {
        **dict.fromkeys(factors.KEYS, factors.compute),
        **dict.fromkeys(deception.KEYS, deception.compute),
        "claimed": lambda db: {"claimed": _claimed(db, claims)},
        "findings": lambda db: {"findings": findings.compute(db, claims)},
    }
    for name in MARTS:
        if name in marts:
            db.execute(f"create table {name} as {marts[name]}")
        elif name not in made:
            for each, table in computed[name](db).items():
                db.register(each, table)
                made.add(each)


def _claimed(db: duckdb.DuckDBPyConnection, claims: Claims) -> pa.Table:
    """What the findings call the small and the large sample; no row for one that there is not."""
    named = vars(findings.claimed(db, claims))
    rows = [{"role": role, "sample": sample} for role, sample in named.items() if sample is not None]
    return pa.Table.from_pylist(rows, pa.schema({"role": pa.string(), "sample": pa.string()}))


def export(db: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Write one table sorted by its full key, so that a rerun writes the same bytes."""
    key = MARTS[name] if name in MARTS else STORED[name].key
    target = str(path).replace("'", "''")
    db.execute(f"copy (from {name} order by {', '.join(key)}) to '{target}' (format parquet, compression zstd)")
