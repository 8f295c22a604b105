"""Publish the study in metrics/tables: python -m stages.publish --name published [--findings]

Writes metrics/NAME: the tables and marts as small Parquet without texts, and study.json (parameters, commits, machine,
hours), to be committed. `make query STUDY=NAME` and `make findings STUDY=NAME` read them on a fresh clone. Refuses
tables that are not those of params.yaml's runs as they lie in data/, stages that DVC would run again, and code that no
commit holds. With --findings it decides those of the published study anew, from its own tables, where a rule changed
after it was published. Not a DVC stage.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterpoint import findings, params
from counterpoint.errors import UserError, one_line
from counterpoint.files import read_yaml
from counterpoint.warehouse import published
from stages.common import main
from stages.places import PUBLISHED, place, published_folder
from stages.warehouse import sources

OUTDATED = (sys.executable, "-m", "flows.graph", "--outdated")  # DVC's own word
CODE = ("counterpoint", "stages", "dvc.yaml", "requirements.lock")  # what a commit must hold to be named
LIBRARIES = ("torch", "transformers", "trl", "peft", "tokenizers", "pyarrow", "duckdb")
HOURS = ("step", "probe", "evaluate", "distill")  # phases that do not overlap; `train` is lost when a run resumes


def program(arguments: list[str]) -> None:
    """Check, write beside, swap in."""
    parser = argparse.ArgumentParser(prog="python -m stages.publish", description="Publish the study in params.yaml.")
    parser.add_argument("--name", required=True, help="the study, and its folder under metrics/published/")
    parser.add_argument("--findings", action="store_true", help="only decide the published findings anew")
    options = parser.parse_args(arguments)
    name = options.name
    if options.findings:
        decide(name)
        return
    settings = params.load()
    target, here = PUBLISHED / name, place(settings.study)
    if name != settings.study:
        raise UserError(f"params.yaml holds the study {settings.study!r}, not {name!r}; run `make study STUDY={name}`")
    if target.exists() and not (target / published.STUDY).is_file():
        raise UserError(f"{target}: holds something else than a published study; give the study another name")
    check(settings)
    scratch = PUBLISHED / f"{name}.{os.getpid()}.new"
    try:
        rows = published.write(here.tables, scratch)
        _tell(about(settings, rows), scratch)
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
        claims = params.Claims(**dict(db.execute("select role, sample from claimed").fetchall()))
        decided = findings.compute(db, claims)
    published.save(decided, folder / "findings.parquet")
    study["tables"]["findings"] = decided.num_rows
    _tell(study, folder)
    print(f"{folder}/findings.parquet: {decided.num_rows} rows; commit it with study.json, report and pictures")


def _tell(study: dict, folder: Path) -> None:
    told = json.dumps(study, indent=1, ensure_ascii=False) + "\n"
    (folder / published.STUDY).write_text(told, encoding="utf-8")


def check(settings: params.Params) -> None:
    """Raise `UserError` unless the tables are of the runs of `settings` as they lie in data/, and code committed."""
    changed = _git("status", "--porcelain", "--", *CODE).splitlines()
    if changed:
        raise UserError(f"{changed[0][3:]}: not committed; commit the code, for study.json names its commit")
    tables = place(settings.study).tables
    rows = {row["run_id"]: row for row in _table(tables, "runs")}
    wanted = [*settings.runs.base, *settings.runs.trained]
    _same(f"{tables}/runs.parquet", rows, wanted)
    _same(f"{tables}/trace_sets.parquet", [row["trace_set"] for row in _table(tables, "trace_sets")], settings.traces)
    for run_id, run in settings.runs.trained.items():
        told, now = json.loads(rows[run_id]["params_json"]), expected(settings, run)
        other = [key for key in told if told[key] != now.get(key)]
        if other:
            raise UserError(f"{run_id} was not trained with what params.yaml says ({other[0]}); run `dvc repro`")
    timed = sessions(tables)
    for made in sources(settings).timed():
        if (made / "timings.parquet").is_file() and not sessions(made) <= timed:
            raise UserError(f"{tables}: older than {made}; run `dvc repro warehouse`")
    stale = outdated()
    if stale:
        more = f" and {len(stale) - 3} more" if len(stale) > 3 else ""
        raise UserError(
            f"params.yaml, the code or a file is not that of the tables: {', '.join(stale[:3])}{more} would run again "
            f"(`dvc status {stale[0]}` says why); run `make study STUDY={settings.study}`"
        )


def outdated() -> list[str]:
    """The stages that `dvc repro` would run, as dvc.yaml has them in order; the shipped bases and their cards count.

    Keys of params.yaml that no stage reads, such as `tune`, make none. Raises `UserError` where DVC cannot tell.
    """
    done = subprocess.run(OUTDATED, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or "no output").splitlines()[-1].removeprefix("error: ")
        remedy = "run `make setup`" if "No module named" in said else "publish when `dvc status` works"
        raise UserError(f"{said}; {remedy}")
    return done.stdout.split()


def sessions(folder: Path) -> set[tuple]:
    """What identifies each whole piece of work that the table `timings` of a folder knows: when it was started, and
    two honest reruns never start at one time."""
    whole = _table(folder, "timings", pc.field("step").is_null())
    return {(row["run_id"], row["phase"], row["started_at"]) for row in whole}


def expected(settings: params.Params, run: params.RunSpec) -> dict:
    """What a run that these parameters make records in `params_json` (stages/training.py)."""
    told = {
        params.method(settings, run.arm).stage: dataclasses.asdict(params.settings(settings, run.arm)),
        "arm": dataclasses.asdict(settings.arms[run.arm]),
        "prompt": settings.prompt.instruction,
    }
    return json.loads(json.dumps(told))


def _table(folder: Path, name: str, rows: pc.Expression | None = None) -> list[dict]:
    path = folder / f"{name}.parquet"
    try:
        return pq.read_table(path, partitioning=None, filters=rows).to_pylist()
    except FileNotFoundError:
        raise UserError(f"{path}: no such table; run `dvc repro warehouse`") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable table ({one_line(error)}); `dvc repro warehouse`") from None


def _same(path: str, held: object, wanted: object) -> None:
    missing, others = sorted(set(wanted) - set(held)), sorted(set(held) - set(wanted))
    if missing or others:
        said = [f"lacks {missing[0]} and {len(missing) - 1} more"] if missing else []
        said += [f"holds {others[0]} and {len(others) - 1} more"] if others else []
        raise UserError(f"{path}: not of the runs in params.yaml ({', '.join(said)}); run `dvc repro warehouse`")


def about(settings: params.Params, rows: dict[str, int]) -> dict:
    """study.json: the same for the same tables, parameters and commit."""
    timings = place(settings.study).tables / "timings.parquet"
    with duckdb.connect(config={"threads": 1}) as db:
        db.read_parquet(str(timings)).create_view("timings")
        spent = dict(
            db.execute(
                "select phase, sum(seconds) / 3600 from (from timings order by all) where phase in ? group by phase",
                [list(HOURS)],
            ).fetchall()
        )
        commits = db.execute("select code_rev from timings group by 1 order by min(started_at)").fetchall()
        for (commit,) in commits:
            known(commit, timings)
        systems = db.execute("select distinct machine from timings order by 1").fetchall()
        began, ended = db.execute("select min(started_at), max(started_at) from timings").fetchone()
    return {
        "study": settings.study,
        "commits": [commit for (commit,) in commits],
        "published_from": _git("rev-parse", "HEAD").strip(),
        "machine": {
            "cpu": cpu(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "systems": [system for (system,) in systems],
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        "began": began,
        "ended": ended,
        "hours": {phase: round(spent[phase], 3) for phase in HOURS if phase in spent},
        "runs": rows["runs"],
        "tables": rows,
        "left_out": published.LEFT_OUT,
        "params": read_yaml(Path("params.yaml")),
    }


def known(commit: str, timings: Path) -> None:
    """Raise `UserError` unless HEAD descends from the commit, so that whoever has the repository has it too."""
    done = subprocess.run(["git", "merge-base", "--is-ancestor", commit, "HEAD"], capture_output=True, check=False)
    if done.returncode:
        raise UserError(
            f"{timings}: made by the commit {commit!r}, which is not in the history of this branch; "
            "merge it, or run the study here"
        )


def cpu() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {done.stderr.strip()}; publish from a git checkout")
    return done.stdout


if __name__ == "__main__":
    main(program)
