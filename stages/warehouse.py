"""Stage `warehouse`: the records of the grid's runs as sorted Parquet, a DuckDB database, a summary and findings.

    python -m stages.warehouse

Reads params.yaml (which runs), data/problems, data/samples and those runs in data/runs. Writes into metrics/STUDY:
tables/, results.duckdb, summary.json, headline.json (what `dvc metrics` shows), findings.json and made.json (by which
parameters, and when).
"""

from __future__ import annotations

import logging

import pyarrow.parquet as pq

from counterpoint import params
from counterpoint.analysis import findings
from counterpoint.errors import UserError
from counterpoint.files import read_yaml, write_json
from counterpoint.warehouse.build import RunFolders, Sources, TraceFolders, build
from counterpoint.warehouse.summary import headline, newest, summary
from stages.common import PROBLEMS, REJECTS, SAMPLES, TRACES, distill_folder, eval_folder, main, train_folder
from stages.study_results import PARAMS, StudyFiles

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
    read, here = sources(settings), StudyFiles(settings.study)
    here.folder.mkdir(parents=True, exist_ok=True)
    build(read, here.tables, here.database, settings.claims)
    write_json(here.summary, summary(here.database), sort_keys=True)
    write_json(here.headline, headline(here.database), sort_keys=True)
    write_json(here.findings, findings.as_json(pq.read_table(here.tables / "findings.parquet")))
    made = {"study": settings.study, "newest": newest(here.database), "params": read_yaml(PARAMS)}
    write_json(here.made, made)
    log.info("%d runs in %s, a database, a summary and findings beside them", len(read.runs), here.tables)


if __name__ == "__main__":
    main(program)
