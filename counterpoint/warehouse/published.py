"""A study's tables small enough to commit: every row and mart, without the texts (docs/published.md).

The files are plain Parquet; only the order of the rows, the encoding of each column and one large page a column are
chosen for size. Some 8 MB of evaluations become 0.4: sorted by problem first, every model's answers to one problem
stand together, and ids repeat. Run by `python -m stages.publish`, read by `python -m stages.query --study NAME`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterpoint.errors import UserError
from counterpoint.warehouse import database
from counterpoint.warehouse.contract import KEYS, LARGE, MARTS, STORED

STUDY = "study.json"
LEFT_OUT = {  # texts, which `dvc repro` makes again: columns by table, and whole tables
    "evals": ("completion", "extracted"),
    "traces": ("text",),
    "problems": ("question", "options", "reasoning", "text_twin", "latent"),
    "demonstrations": (),
    LARGE: (),
}
ORDER = {  # in which the large tables compress best; all others are sorted by their key
    "evals": ("suite", "condition", "decoding", "problem_id", "run_id", "sample_index"),
    "traces": ("suite", "decoding", "problem_id", "step_index", "run_id", "sample_index"),
}
WHOLE = 1 << 30  # rows or bytes: one row group, one page a column
LAYOUT = {
    "compression": "zstd", "compression_level": 19, "row_group_size": WHOLE, "max_rows_per_page": WHOLE,
    "data_page_size": WHOLE, "dictionary_pagesize_limit": WHOLE, "write_batch_size": 1 << 20,
    "write_statistics": False, "store_schema": False,
}  # fmt: skip
UNKNOWN = re.compile(r'Table with name "?(?P<table>\w+)"? does not exist|column (?:named )?"(?P<column>\w+)"')


def tables() -> list[str]:
    """The tables and marts that are published, each as far as LEFT_OUT lets it."""
    return [name for name in (*STORED, *MARTS) if LEFT_OUT.get(name) != ()]


def write(source: Path, out: Path) -> dict[str, int]:
    """Write the published tables of the folder `source` into `out`; returns the rows of each.

    Equal tables give equal bytes. Raises `UserError` naming a table that is missing, unreadable or without a column.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name in tables():
        table = _read(source / f"{name}.parquet", STORED[name].schema.names if name in STORED else KEYS[name])
        table = table.drop_columns(list(LEFT_OUT.get(name, ())))
        table = table.sort_by([(column, "ascending") for column in ORDER.get(name, KEYS[name])])
        save(table, out / f"{name}.parquet")
        rows[name] = table.num_rows
    return rows


def _read(path: Path, needed: tuple[str, ...] | list[str]) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise UserError(f"{path}: no such table; run `dvc repro warehouse`") from None
    except (pa.ArrowException, OSError) as error:
        raise database.broken(path, error) from None
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise UserError(f"{path}: older than this code, {missing[0]} is missing; run `dvc repro warehouse`")
    return table


def save(table: pa.Table, path: Path) -> None:
    """Write a table as small as Parquet goes without losing anything.

    Integers are split byte by byte, so that zstd meets the bytes that hardly change together; texts that repeat go
    through a dictionary; for fractions both are tried.
    """
    split, named = [], []
    for field in table.schema:
        column = table.select([field.name])
        if pa.types.is_integer(field.type):
            split.append(field.name)
        elif pa.types.is_floating(field.type):
            smaller = _size(column, [field.name], []) < _size(column, [], [field.name])
            (named if smaller else split).append(field.name)
        elif pa.types.is_string(field.type) and 2 * pc.count_distinct(column[0]).as_py() < len(table):
            named.append(field.name)
        elif pa.types.is_list(field.type):
            named.append(f"{field.name}.list.element")
    _write(table, path, named, split)


def _write(table: pa.Table, target: object, named: list[str], split: list[str]) -> None:
    encodings = dict.fromkeys(split, "BYTE_STREAM_SPLIT") or None
    pq.write_table(table, target, use_dictionary=named or False, column_encoding=encodings, **LAYOUT)


def _size(table: pa.Table, named: list[str], split: list[str]) -> int:
    with io.BytesIO() as file:
        _write(table, file, named, split)
        return file.tell()


def load(folder: Path) -> dict:
    """What study.json of a published folder says. Raises `UserError` when it cannot be read."""
    path = folder / STUDY
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable ({error}); run `git checkout -- {folder}`") from None


def head(study: Mapping) -> str:
    """One line: what was run, from which commit, on which machine, when, for how long."""
    machine, commits = study["machine"], study["commits"]
    cores = f"{machine['cores']} core{'s' if machine['cores'] != 1 else ''}"
    bases = len(study["params"]["runs"]["base"])
    runs = f"{study['runs'] - bases} trained runs and {bases} base{'s' if bases != 1 else ''}"
    days = sorted({study["began"][:10], study["ended"][:10]})
    return (
        f"study {study['study']}: {runs}, {'commits' if len(commits) > 1 else 'commit'} "
        f"{', '.join(commits)}, {machine['cpu']} ({cores}, {', '.join(machine['systems'])}), {' to '.join(days)}, "
        f"{sum(study['hours'].values()):.1f} hours of one core"
    )


def refresh(folder: Path, target: Path) -> dict:
    """Make the database `target` of a published folder, unless it is there and of these files; returns study.json.

    Raises `UserError` naming a file that is missing or cannot be read.
    """
    study, remedy = load(folder), f"git checkout -- {folder}"
    paths = [folder / f"{name}.parquet" for name in tables() if name in study["tables"]]
    try:
        digests = database.fingerprint(paths, remedy)
    except database.Absent as error:
        raise UserError(f"{error.table}: No such file or directory; run `{remedy}`") from None
    if not database.current(target, digests):
        with database.making(target, paths, digests, remedy):
            pass
    return study


def explained(error: UserError, sql: str, study: Mapping) -> UserError:
    """The error of a query, or one that says what was left out, where the query named that."""
    for unknown in UNKNOWN.finditer(str(error)):
        column, table = unknown["column"], unknown["table"]
        if column:
            left_out = [
                f"{name}.{column}"
                for name, columns in study["left_out"].items()
                if column in columns and re.search(rf"\b{name}\b", sql, re.IGNORECASE)
            ]
        else:
            left_out = [table] if table.lower() in KEYS and table.lower() not in study["tables"] else []
        if left_out:
            return UserError(
                f"query: {' and '.join(left_out)} is not in the published study {study['study']!r}: texts were left "
                f"out; `make study STUDY={study['study']}` makes them (docs/published.md)"
            )
    return error
