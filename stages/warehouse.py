"""Stage `warehouse`: the records of the grid's runs as sorted Parquet, a DuckDB database, a summary and findings.

    python -m stages.warehouse

Reads params.yaml (which runs), data/problems, data/samples and those runs in data/runs. Writes metrics/tables/,
metrics/results.duckdb, metrics/summary.json and metrics/findings.json.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pyarrow.parquet as pq

from counterpoint import findings, params
from counterpoint.errors import UserError
from counterpoint.warehouse.build import RunFolders, Sources, TraceFolders, build
from counterpoint.warehouse.summary import summary
from stages.common import (
    DATABASE,
    FINDINGS,
    PROBLEMS,
    REJECTS,
    SAMPLES,
    SUMMARY,
    TABLES,
    TRACES,
    distill_folder,
    eval_folder,
    main,
    train_folder,
)

log = logging.getLogger("warehouse")


def sources(settings: params.Params) -> Sources:
    """The files of the current grid."""
    folders = [RunFolders(run_id, None, eval_folder(run_id)) for run_id in settings.runs.base]
    for run_id in settings.runs.trained:
        folders.append(RunFolders(run_id, train_folder(run_id), eval_folder(run_id)))
    taught = [TraceFolders(TRACES / name, distill_folder(name)) for name in settings.traces]
    return Sources(PROBLEMS, REJECTS, SAMPLES, folders, taught)


def program(arguments: list[str]) -> None:
    """Build the tables, the database, the summary and the findings."""
    if arguments:
        raise UserError("usage: python -m stages.warehouse (it takes no arguments)")
    settings = params.load()
    found = sources(settings)
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    build(found, TABLES, DATABASE, settings.claims)
    _publish(summary(DATABASE), SUMMARY, sort_keys=True)
    _publish(findings.as_json(pq.read_table(TABLES / "findings.parquet")), FINDINGS, sort_keys=False)
    log.info("%d runs in %s, %s, %s and %s", len(found.runs), TABLES, DATABASE, SUMMARY, FINDINGS)


def _publish(content: dict, path: Path, sort_keys: bool) -> None:
    text = json.dumps(content, indent=1, sort_keys=sort_keys, ensure_ascii=False) + "\n"
    scratch = path.with_name(f"{path.name}.new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


if __name__ == "__main__":
    main(program)
