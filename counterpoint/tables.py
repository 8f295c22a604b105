"""The record tables of the contract (docs/tables.md): their columns, their grain, how they are written and read.

Truth is sorted Parquet, written whole; rows differ from rerun to rerun only in `timings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from counterpoint import files
from counterpoint.errors import UserError, one_line

_S, _I, _F, _B = pa.string(), pa.int64(), pa.float64(), pa.bool_()


@dataclass(frozen=True)
class Table:
    """A schema and the columns that identify a row; rows are sorted by them."""

    schema: pa.Schema
    key: tuple[str, ...]

    def of(self, rows: Sequence[dict]) -> pa.Table:
        """The rows sorted by the key, nulls last. A column that a row lacks is null; what is no column is left out."""
        return pa.Table.from_pylist(rows, self.schema).sort_by([(column, "ascending") for column in self.key])


def table(key: str, **columns: pa.DataType) -> Table:
    """A table with these columns; `key` names those that identify a row, separated by spaces."""
    return Table(pa.schema(list(columns.items())), tuple(key.split()))


TABLES = {
    "samples": table("sample position", sample=_S, problem_id=_S, position=_I),
    "rejects": table("source file line reason", source=_S, file=_S, line=_I, problem_id=_S, reason=_S),
    "runs": table(
        "run_id",
        run_id=_S, study=_S, arm=_S, method=_S, model=_S, sample=_S, seed=_I, init_run=_S, engine=_S, checkpoint=_S,
        checkpoint_rule=_S, checkpoint_step=_I, best_step=_I, reward_step=_I, status=_S, stop_reason=_S, parameters=_I,
        prompts_seen=_I, updates=_I, generated_tokens=_I, trained_tokens=_I, trace_set=_S, trace_nll=_F,
        teacher_tokens=_I, params_json=_S,
    ),
    "trace_sets": table(
        "trace_set",
        trace_set=_S, kind=_S, way=_S, model=_S, sample=_S, seed=_I, teacher=_S, samples=_I, keep=_I, temperature=_F,
        top_p=_F, max_tokens=_I, near_duplicate=_F, noise=_F, problems=_I, solved=_I, attempts=_I, accepted=_I,
        duplicates=_I, kept=_I, generated_tokens=_I, wrong_steps=_F,
    ),
    "trace_problems": table(
        "trace_set problem_id",
        trace_set=_S, problem_id=_S, attempts=_I, accepted=_I, duplicates=_I, kept=_I, generated_tokens=_I,
    ),
    "demonstrations": table(
        "trace_set problem_id sample_index",
        trace_set=_S, problem_id=_S, sample_index=_I, completion=_S, tokens=_I,
    ),
    "steps": table(
        "run_id step",
        run_id=_S, step=_I, epoch=_F, loss=_F, learning_rate=_F, grad_norm=_F, reward=_F, reward_std=_F, entropy=_F,
        kl=_F, completion_length=_F, truncated_fraction=_F, zero_advantage_fraction=_F, tokens=_I,
    ),
    "rewards": table("run_id step term", run_id=_S, step=_I, term=_S, weight=_F, mean=_F, std=_F),
    "probes": table(
        "run_id step suite condition decoding",
        run_id=_S, step=_I, suite=_S, condition=_S, decoding=_S, n=_I, correct=_I, accuracy=_F, parsed_fraction=_F,
        mean_length=_F, reward=_F,
    ),
    "probe_items": table(
        "run_id step suite condition decoding problem_id",
        run_id=_S, step=_I, suite=_S, condition=_S, decoding=_S, problem_id=_S, correct=_B, parsed=_B,
    ),
    "completions": table(
        "run_id step problem_id sample_index",
        run_id=_S, step=_I, problem_id=_S, sample_index=_I, completion=_S, extracted=_S, correct=_B, parsed=_B,
        truncated=_B, tokens=_I, reward=_F, advantage=_F, terms=pa.map_(_S, _F),
    ),
    "evals": table(
        "run_id suite condition problem_id decoding sample_index",
        run_id=_S, suite=_S, condition=_S, problem_id=_S, cluster_id=_S, decoding=_S, sample_index=_I, completion=_S,
        extracted=_S, correct=_B, parsed=_B, lenient_correct=_B, truncated=_B, tokens=_I,
    ),
    "suites": table(
        "suite", suite=_S, split=_S, shows=_S, axis=_S, severity=_I, noise=_I, purpose=_S,
    ),
    "traces": table(
        "run_id suite problem_id decoding sample_index step_index",
        run_id=_S, suite=_S, problem_id=_S, decoding=_S, sample_index=_I, step_index=_I, kind=_S, text=_S, correct=_B,
    ),
    "timings": table(
        "run_id phase step started_at",
        run_id=_S, step=_I, phase=_S, seconds=_F, started_at=_S, code_rev=_S, machine=_S,
    ),
}  # fmt: skip


def write(name: str, rows: Iterable[dict], path: Path) -> None:
    """Write rows of the table `name` as Parquet, sorted by its key, in place at once."""
    schema, key = TABLES[name].schema, TABLES[name].key
    kept = [{column: row.get(column) for column in schema.names} for row in rows]
    kept.sort(key=lambda row: tuple((row[k] is not None, row[k]) for k in key))
    with files.replacing(path) as scratch:
        pq.write_table(pa.Table.from_pylist(kept, schema), scratch, compression="zstd")


def read(path: Path, remedy: str) -> list[dict]:
    """The rows of a Parquet file. Raises `UserError` with the remedy for one that is missing or broken."""
    with reading(path, "a readable table", remedy):
        return pq.read_table(path, partitioning=None).to_pylist()


@contextmanager
def reading(path: Path, kind: str, remedy: str) -> Iterator[None]:
    """Raise `UserError` with the remedy where a file that is read inside is missing or cannot be read as `kind`.

    path: the file, or the folder of several.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{error.filename or path}: no such file; {remedy}") from None
    except (ValueError, OSError) as error:  # what pyarrow raises are these
        raise UserError(f"{path}: not {kind} ({one_line(error)}); {remedy}") from None
