"""Publish the study in metrics/tables: python -m stages.publish --name published [--findings]

Writes metrics/NAME: the tables and marts as small Parquet without texts, and study.json (parameters, commits, machine,
hours), to be committed. `make query STUDY=NAME` and `make findings STUDY=NAME` read them on a fresh clone. Refuses to
publish where DVC would run a stage again, and code that no commit holds. With --findings it decides those of the
published study anew, from its own tables, where a rule changed after it was published. Not a DVC stage.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import duckdb

from counterpoint import files, params
from counterpoint.analysis import Study, findings
from counterpoint.errors import UserError
from counterpoint.files import read_yaml
from counterpoint.schedule import usable_cores
from counterpoint.warehouse import database, published
from stages.common import main
from stages.study_results import PUBLISHED, StudyFiles, published_folder

OUTDATED = (sys.executable, "-m", "flows.graph", "--outdated")  # asks DVC
CODE = ("counterpoint", "stages", "dvc.yaml", "requirements.lock")  # what a commit must hold to be named
LIBRARIES = ("torch", "transformers", "trl", "peft", "tokenizers", "pyarrow", "duckdb")
HOURS = ("step", "probe", "evaluate", "distill")  # phases that do not overlap; `train` is lost when a run resumes
SPENT = "select phase, sum(seconds) / 3600 from (from timings order by all) where phase in ? group by phase"


def program(arguments: list[str]) -> None:
    """Publish the study in params.yaml, or decide the findings of a published one anew."""
    parser = argparse.ArgumentParser(prog="python -m stages.publish", description="Publish the study in params.yaml.")
    parser.add_argument("--name", required=True, help="the study, and its folder under metrics/published/")
    parser.add_argument("--findings", action="store_true", help="only decide the published findings anew")
    options = parser.parse_args(arguments)
    if options.findings:
        decide(options.name)
    else:
        publish(options.name)


def publish(name: str) -> None:
    """Write the folder of the study in params.yaml, which `name` must be."""
    study, target = params.load().study, PUBLISHED / name
    if name != study:
        raise UserError(f"params.yaml holds the study {study!r}, not {name!r}; run `make study STUDY={name}`")
    if target.exists() and not (target / published.STUDY).is_file():
        raise UserError(f"{target}: holds something else than a published study; give the study another name")
    check(name)
    scratch = PUBLISHED / f"{name}.{os.getpid()}.new"
    try:
        rows = published.write(StudyFiles(name).tables, scratch)
        files.write_json(scratch / published.STUDY, about(name, rows))
        shutil.rmtree(target, ignore_errors=True)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    size = sum(path.stat().st_size for path in target.iterdir())
    print(f"{target}: {len(rows)} tables, {size / 1e6:.2f} MB; commit them")
    print(published.head(published.load(target)))


def decide(name: str) -> None:
    """Write the findings of a published study as today's rules decide them on its tables."""
    folder = published_folder(name)
    study = published.load(folder)
    with duckdb.connect(config={"threads": 1}) as db:
        for table in study["tables"]:
            db.read_parquet(str(folder / f"{table}.parquet")).create_view(table)
        claims = params.ClaimSamples(**dict(db.execute("select role, sample from claimed").fetchall()))
        database.add_views(db)
        decided = findings.compute(Study(db, claims))["findings"]
    published.save(decided, folder / "findings.parquet")
    study["tables"]["findings"] = decided.num_rows
    files.write_json(folder / published.STUDY, study)
    print(f"{folder}/findings.parquet: {decided.num_rows} rows; commit it with study.json, report and pictures")


def check(study: str) -> None:
    """Raise `UserError` where code is not committed, or the tables are not what DVC would make of params.yaml now."""
    changed = _git("status", "--porcelain", "--", *CODE).splitlines()
    if changed:
        raise UserError(f"{changed[0][3:]}: not committed; commit the code, for study.json names its commit")
    stale = outdated()
    if stale:
        more = f" and {len(stale) - 3} more" if len(stale) > 3 else ""
        raise UserError(
            f"params.yaml, the code or a file is not that of the tables: {', '.join(stale[:3])}{more} would run again "
            f"(`dvc status {stale[0]}` says why); run `make study STUDY={study}`"
        )


def outdated() -> list[str]:
    """The stages that `dvc repro` would run, in order. Raises `UserError` where DVC cannot tell."""
    done = subprocess.run(OUTDATED, capture_output=True, text=True, check=False)
    if done.returncode:
        error = (done.stderr.strip() or "no output").splitlines()[-1].removeprefix("error: ")
        remedy = "run `make setup`" if "No module named" in error else "publish when `dvc status` works"
        raise UserError(f"{error}; {remedy}")
    return done.stdout.split()


def about(study: str, rows: dict[str, int]) -> dict:
    """study.json: the same for the same tables, parameters and commit."""
    timings = StudyFiles(study).tables / "timings.parquet"
    with duckdb.connect(config={"threads": 1}) as db:
        db.read_parquet(str(timings)).create_view("timings")
        hours = dict(db.execute(SPENT, [list(HOURS)]).fetchall())
        commits = db.execute("select code_rev from timings group by 1 order by min(started_at)").fetchall()
        systems = db.execute("select distinct machine from timings order by 1").fetchall()
        began, ended = db.execute("select min(started_at), max(started_at) from timings").fetchone()
    for (commit,) in commits:
        check_in_history(commit, timings)
    return {
        "study": study,
        "commits": [commit for (commit,) in commits],
        "published_from": _git("rev-parse", "HEAD").strip(),
        "machine": {
            "cpu": cpu(),
            "cores": usable_cores(),
            "systems": [system for (system,) in systems],
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        "began": began,
        "ended": ended,
        "hours": {phase: round(hours[phase], 3) for phase in HOURS if phase in hours},
        "runs": rows["runs"],
        "tables": rows,
        "left_out": published.LEFT_OUT,
        "params": read_yaml(Path("params.yaml")),
    }


def check_in_history(commit: str, timings: Path) -> None:
    """Raise `UserError` unless HEAD descends from the commit, so that whoever has the repository has it too."""
    done = subprocess.run(["git", "merge-base", "--is-ancestor", commit, "HEAD"], capture_output=True, check=False)
    if done.returncode:
        raise UserError(
            f"{timings}: made by the commit {commit!r}, which is not in the history of this branch; "
            "merge it, or run the study here"
        )


def cpu() -> str:
    """The processor's name."""
    with contextlib.suppress(OSError):
        if name := re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE):
            return name[1].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {done.stderr.strip()}; publish from a git checkout")
    return done.stdout


if __name__ == "__main__":
    main(program)
