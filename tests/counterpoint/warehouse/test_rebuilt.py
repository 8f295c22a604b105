"""Questions asked while the tables are made again: every answer is of the state before or the one after."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from counterpoint.warehouse import database
from stages import query, warehouse
from stages.common import REJECTS
from tests.fixtures_warehouse import DATABASE, REPOSITORY, TABLES

ASKED = "select (select source from rejects limit 1) as one, (select count(*) from runs) as runs"
NOTE = re.compile(
    r"note: metrics/default/tables is not complete: it is being made again, or was removed "
    r"\(`dvc pull` brings it back\); this is the state of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
)
# As DVC does it: the tables are removed, then made, of another source of the rejects.
REBUILD = """
import shutil
import pyarrow.parquet as pq
from stages import warehouse
from stages.common import REJECTS
from stages.study_results import StudyFiles as of

table = pq.read_table(REJECTS)
place = table.schema.get_field_index("source")
pq.write_table(table.set_column(place, "source", [["new"] * len(table)]), REJECTS)
shutil.rmtree(of("default").tables)
warehouse.program([])
"""
# One question after another, until a file `done` is there; each answer with what was said beside it.
ASK = """
import contextlib, io, json, sys, time
from pathlib import Path
from stages import query

while not Path("done").exists():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        query.program([sys.argv[1], "--csv"])
    time.sleep(0.2)
    print(json.dumps((out.getvalue().splitlines()[1], err.getvalue())), flush=True)
"""


def started(*arguments: object, **more) -> subprocess.Popen:
    """A Python process with this repository's code, here."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    environment.pop("DVC_STAGE", None)
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def noted(told: str) -> list[str]:
    """What was said beside an answer, but for which study it is of."""
    return [line for line in told.splitlines() if not line.startswith("study default (metrics/default)")]


@pytest.mark.slow
def test_every_answer_while_the_tables_are_made_again_is_of_one_state(copy):
    asking = started("-c", ASK, ASKED)
    first = asking.stdout.readline()
    building = started("-c", REBUILD)
    assert building.wait(120) == 0, building.stderr.read()
    Path("done").touch()
    out, err = asking.communicate(timeout=120)
    assert asking.returncode == 0, err
    answers = [json.loads(line) for line in (first, *out.splitlines())]
    assert {answer for answer, _ in answers} <= {"fake,5", "new,5"} and answers[-1][0] == "new,5"
    notes = [note for _, told in answers for note in noted(told)]
    assert notes and all(map(NOTE.fullmatch, notes))  # some were asked while there were no tables
    assert not [path for path in Path("metrics").iterdir() if path.suffix in (".new", ".part")]


def test_without_tables_the_last_database_answers_and_says_of_when_it_is(copy, capsys):
    (TABLES / "steps.parquet").unlink()
    query.program([ASKED, "--csv"])
    told = capsys.readouterr()
    (note,) = noted(told.err)
    assert told.out.splitlines()[1] == "fake,5" and NOTE.fullmatch(note)
    DATABASE.unlink()
    with pytest.raises(
        UserError, match=r"steps\.parquet: no such table; run .*, or wait where that is at work already"
    ):
        query.program([ASKED])


def test_tables_that_change_while_they_are_read_make_no_database_of_two_states(copy, monkeypatch):
    real, read = database.literal, []

    def literal(path):
        """The path as SQL; with the twentieth the rejects are others."""
        read.append(path)
        if len(read) == 20:
            pq.write_table(pq.read_table(TABLES / "rejects.parquet").slice(0, 0), TABLES / "rejects.parquet")
        return real(path)

    completions = {"rl": Path("completions.parquet")}
    before = DATABASE.read_bytes()
    pq.write_table(pq.read_table(TABLES / "runs.parquet").slice(0, 3), TABLES / "runs.parquet")
    monkeypatch.setattr(database, "literal", literal)
    with pytest.raises(UserError, match="metrics/default/tables: changed while it was read"):
        database.assemble(TABLES, completions, DATABASE)
    assert DATABASE.read_bytes() == before
    read.clear()
    pq.write_table(pq.read_table(TABLES / "runs.parquet").slice(0, 2), TABLES / "runs.parquet")
    (TABLES / "rejects.parquet").write_bytes(REJECTS.read_bytes())
    database.refresh(DATABASE, TABLES, lambda run_id: Path("completions.parquet"))  # looks again by itself
    with duckdb.connect(str(DATABASE), read_only=True) as db:
        assert db.execute("select (select count(*) from runs), (select count(*) from rejects)").fetchone() == (2, 0)


def test_who_makes_a_database_waits_for_another_who_does(copy):
    pq.write_table(pq.read_table(TABLES / "runs.parquet").slice(0, 3), TABLES / "runs.parquet")
    made = DATABASE.stat().st_ino
    with database.alone(DATABASE.parent):
        waiting = threading.Thread(target=query.program, args=([ASKED],))
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive() and DATABASE.stat().st_ino == made
    waiting.join(60)
    assert DATABASE.stat().st_ino != made


def test_what_a_killed_build_left_under_the_same_number_is_in_no_ones_way(copy):
    left = TABLES.with_name(f"{TABLES.name}.{os.getpid()}.new")
    left.mkdir()
    (left / "steps.parquet").write_bytes(b"half of it")
    warehouse.program([])
    assert not left.exists() and (TABLES / "steps.parquet").stat().st_size > 100


@pytest.mark.slow
def test_a_hundred_questions_during_fifteen_repros(copy):
    """By DVC itself, which removes the tables, has them made, and lays them out once more from its cache."""
    dvc = Path(sys.executable).with_name("dvc")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PATH": f"{dvc.parent}:{os.environ['PATH']}"}
    Path("dvc.yaml").write_text(
        "stages:\n  warehouse:\n    cmd: python -m stages.warehouse\n"
        "    deps: [data/problems]\n    outs: [metrics/default/tables]\n"
    )
    subprocess.run([dvc, "init", "--no-scm", "-q"], env=environment, check=True)
    table = pq.read_table(REJECTS)
    place, answers, asking, repros = table.schema.get_field_index("source"), [], [], 0
    while repros < 15 or len(answers) < 100:
        repros += 1
        pq.write_table(table.set_column(place, "source", [[f"state {repros % 2}"] * len(table)]), REJECTS)
        with subprocess.Popen([dvc, "repro", "-q"], env=environment, stderr=subprocess.PIPE, text=True) as repro:
            while repro.poll() is None:
                for process in [process for process in asking if process.poll() is not None]:
                    asking.remove(process)
                    out, err = process.communicate()
                    assert process.returncode == 0, err
                    answers.append((out.splitlines()[1], err))
                if len(asking) < 3:
                    asking.append(started("-m", "stages.query", ASKED, "--csv"))
                time.sleep(0.05)
            assert repro.returncode == 0, repro.stderr.read()
    for process in asking:
        process.kill()
    assert {answer for answer, _ in answers} - {"fake,5"} == {"state 0,5", "state 1,5"}
    notes = [note for _, told in answers for note in noted(told)]
    assert notes and all(map(NOTE.fullmatch, notes))  # some were asked while there were no tables
