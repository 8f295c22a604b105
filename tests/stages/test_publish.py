"""A study is published from its tables and asked where nothing else of it is, as in a fresh clone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from counterpoint.files import read_yaml
from counterpoint.warehouse import published
from counterpoint.warehouse.contract import files
from stages import findings, publish, query, warehouse
from tests.fixtures_warehouse import write_fake_study

ROOT = Path(__file__).parents[2]
NAME = "default"  # the study that the made-up tables are of
FOLDER = Path("metrics/published") / NAME


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *arguments], check=True, capture_output=True)


def fake_dvc(folder: Path, says: str) -> tuple[str, ...]:
    """A program in place of the one that asks DVC."""
    (folder / "dvc.py").write_text(f"import sys\n{says}\n")
    return (sys.executable, str(folder / "dvc.py"))


@pytest.fixture(scope="module", autouse=True)
def up_to_date(tmp_path_factory):
    """The made-up study has no graph: DVC finds nothing to run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "OUTDATED", fake_dvc(tmp_path_factory.mktemp("dvc"), ""))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A study with its tables, in a repository whose code is committed, and published."""
    root = write_fake_study(tmp_path_factory.mktemp("study"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        Path("stages").mkdir()
        Path("stages/one.py").write_text("1")
        git("init", "-q")
        git("add", "stages")
        git("commit", "-qm", "one")
        git("tag", "abc")  # what the made-up runs name as their commit
        warehouse.program([])
        publish.program(["--name", NAME])
    return root


@pytest.fixture
def study(made, monkeypatch) -> Path:
    """It as the working directory; leave its files as they are."""
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def copy(made, tmp_path, monkeypatch) -> Path:
    """A copy as the working directory, to change."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def clone(made, tmp_path_factory) -> Path:
    """A folder that holds the published files and nothing else."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(made / FOLDER, root / FOLDER)
    return root


def test_every_row_is_published_but_for_the_texts(study):
    with duckdb.connect() as db:
        for name in published.tables():
            source, file = f"'metrics/default/tables/{name}.parquet'", f"'{FOLDER}/{name}.parquet'"
            columns = [row[0] for row in db.execute(f"describe from {source}").fetchall()]
            kept = [column for column in columns if column not in published.LEFT_OUT.get(name, ())]
            assert [row[0] for row in db.execute(f"describe from {file}").fetchall()] == kept
            for one, other in ((source, file), (file, source)):
                rest = f"select {', '.join(kept)} from {one} except all select {', '.join(kept)} from {other}"
                assert db.execute(rest).fetchall() == [], name
    texts = {"completion", "question", "reasoning", "text"}
    for path in FOLDER.glob("*.parquet"):
        assert not texts & set(pq.read_schema(path).names)
    assert not (FOLDER / "demonstrations.parquet").exists() and not (FOLDER / "completions.parquet").exists()


def test_what_made_it_is_told(study):
    told = published.load(FOLDER)
    assert told["params"] == read_yaml(Path("params.yaml"))
    assert told["commits"] == ["abc"] and told["machine"]["systems"] == ["fake"] and told["machine"]["cores"] >= 1
    assert told["runs"] == told["tables"]["runs"] == 5
    rows = pq.read_table("metrics/default/tables/timings.parquet").to_pylist()
    for phase, hours in told["hours"].items():
        assert hours == pytest.approx(sum(row["seconds"] for row in rows if row["phase"] == phase) / 3600, abs=1e-3)
    assert set(told["hours"]) == {"step", "probe", "evaluate", "distill"}


def test_the_same_tables_are_published_to_the_same_bytes(copy):
    before = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    publish.program(["--name", NAME])
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir()} == before


def test_findings_are_decided_anew_from_the_published_tables_alone(clone, tmp_path, monkeypatch):
    shutil.copytree(clone / FOLDER, tmp_path / FOLDER)
    monkeypatch.chdir(tmp_path)
    before = {path.name: path.read_bytes() for path in FOLDER.glob("*.[pj]*")}
    published.save(pq.read_table(FOLDER / "findings.parquet").slice(0, 2), FOLDER / "findings.parquet")
    publish.program(["--name", NAME, "--findings"])
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.[pj]*")} == before


def test_the_findings_in_git_are_those_that_this_code_decides_on_their_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(
        ROOT / "metrics/published/published",
        "metrics/published/published",
        ignore=shutil.ignore_patterns("*.duckdb", "plots"),
    )
    publish.program(["--name", "published", "--findings"])
    for name in ("findings.parquet", "study.json"):
        assert (
            Path("metrics/published/published", name).read_bytes()
            == (ROOT / "metrics/published/published" / name).read_bytes()
        )


def test_a_published_study_answers_as_the_live_one(study, clone, monkeypatch, capsys):
    told = {}
    for root, arguments in ((study, ()), (clone, ("--study", NAME))):
        monkeypatch.chdir(root)
        for name in files("queries"):
            try:
                query.program([name, "--csv", *arguments])
                told[root, name] = capsys.readouterr().out
            except UserError as error:
                told[root, name] = str(error)
    without = {name for name in files("queries") if told[clone, name].startswith("query: ")}
    assert without == {"judges_disagree"} and "evals.extracted is not in" in told[clone, "judges_disagree"]
    for name in set(files("queries")) - without:
        assert told[clone, name] == told[study, name], name


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("select e.completion from evals as e", "evals.completion"),
        ("select question from problems", "problems.question"),
        ("from traces where text = ''", "traces.text"),
        ("select count(*) from Completions", "Completions"),
        ("from demonstrations", "demonstrations"),
    ],
)
def test_what_was_left_out_is_said_in_one_line(clone, monkeypatch, sql, named):
    monkeypatch.chdir(clone)
    with pytest.raises(UserError, match=rf"^query: {named} is not in the published study 'default': .*published.md"):
        query.program([sql, "--study", NAME])


def test_the_database_is_read_only_and_made_again_when_a_file_changed(clone, tmp_path, monkeypatch, capsys):
    shutil.copytree(clone, tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    with pytest.raises(UserError, match="read-only"):
        query.program(["delete from runs", "--study", NAME])
    place = FOLDER / "results.duckdb"
    assert place.read_bytes()[8:20] == b"DUCK" + (65).to_bytes(8, "little")  # the format of DuckDB 1.2
    first = place.stat().st_ino
    query.program(["select count(*) from runs", "--csv", "--study", NAME])
    assert capsys.readouterr().out == "count_star()\n5\n" and place.stat().st_ino == first
    rows = pq.read_table(FOLDER / "runs.parquet")
    published.save(rows.slice(0, 2), FOLDER / "runs.parquet")
    query.program(["select count(*) from runs", "--csv", "--study", NAME])
    assert capsys.readouterr().out == "count_star()\n2\n"
    (FOLDER / "steps.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(
        UserError, match=r"steps.parquet: not a readable table .*`git checkout -- metrics/published/default`$"
    ):
        query.program(["from runs", "--study", NAME])
    (FOLDER / "steps.parquet").unlink()
    with pytest.raises(
        UserError, match=r"steps.parquet: No such file.*; run `git checkout -- metrics/published/default`$"
    ):
        query.program(["from runs", "--study", NAME])
    (FOLDER / "study.json").write_text("{")
    with pytest.raises(UserError, match=r"study.json: not readable .*`git checkout -- metrics/published/default`$"):
        query.program(["from runs", "--study", NAME])


def test_findings_begin_with_where_they_come_from(study, clone, monkeypatch, capsys):
    findings.program([])
    live = capsys.readouterr().out
    monkeypatch.chdir(clone)
    findings.program(["--study", NAME])
    head, _, rest = capsys.readouterr().out.partition("\n\n")
    mine, _, of_mine = live.partition("\n\n")
    assert rest == of_mine and mine.startswith("study default (metrics/default), newest work of 2026-01-01")
    told = published.load(FOLDER)
    runs = "study default: 4 trained runs and 1 base, commit abc"
    for part in (runs, told["machine"]["cpu"], "fake", "2026-01-01", "hours"):
        assert part in head


@pytest.mark.parametrize("program", [query.program, findings.program])
@pytest.mark.parametrize("name", ["seeds", "defalt", "../published/default", ""])
def test_another_study_is_refused_by_name(clone, monkeypatch, program, name):
    monkeypatch.chdir(clone)
    question = ["from runs"] if program is query.program else []
    with pytest.raises(UserError, match=rf"^STUDY: no results of a study '{name}'; ") as told:
        program([*question, "--study", name])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda: Path("metrics/default/tables/phase.parquet").unlink(),
            "phase.parquet: no such table; run `dvc repro warehouse`",
        ),
        (lambda: shutil.rmtree("metrics/default/tables"), "problems.parquet: no such table"),
        (lambda: git("tag", "-d", "abc"), "timings.parquet: made by the commit 'abc', which is not in the history"),
        (lambda: Path("stages/one.py").write_text("2"), "stages/one.py: not committed"),
        (lambda: (FOLDER / "study.json").unlink(), "holds something else than a published study"),
        (lambda: shutil.rmtree(".git"), "publish from a git checkout"),
    ],
)
def test_a_study_that_does_not_match_is_refused_in_one_line(copy, break_it, message):
    break_it()
    before = {path: path.read_bytes() for path in FOLDER.iterdir()}
    with pytest.raises(UserError, match=message) as told:
        publish.program(["--name", NAME])
    assert "\n" not in str(told.value)
    assert {path: path.read_bytes() for path in FOLDER.iterdir()} == before
    assert not list(Path("metrics").rglob("*.new"))


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("print('base@tiny\\nreport')", r": base@tiny, report would run again .*STUDY=default`$"),
        ("print('a b c d e')", "tables: a, b, c and 2 more would"),
        ("sys.exit('more\\nerror: dvc.lock: torn')", "^dvc.lock: torn; publish when `dvc status` works$"),
        ("sys.exit(f'{sys.executable}: No module named dvc')", "No module named dvc; run `make setup`$"),
        ("sys.exit(1)", "^no output; publish when"),
    ],
)  # fmt: skip
def test_what_dvc_would_run_again_is_not_published(copy, tmp_path, monkeypatch, says, message):
    monkeypatch.setattr(publish, "OUTDATED", fake_dvc(tmp_path, says))
    with pytest.raises(UserError, match=message) as told:
        publish.program(["--name", NAME])
    assert "\n" not in str(told.value)


def test_a_parameter_that_a_stage_reads_makes_it_outdated_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(publish, "OUTDATED", (sys.executable, "-m", "flows.graph", "--outdated"))
    Path("params.yaml").write_text("used: 1\ntune: 1\n")
    stage = {"cmd": "echo 1 > out", "params": ["used"], "deps": ["read"], "outs": ["out"]}
    Path("dvc.yaml").write_text(json.dumps({"stages": {"one": stage}}))
    Path("read").write_text("1")
    with pytest.raises(UserError, match=r"^dvc.yaml: you are not inside of a DVC repository.*works$"):
        publish.outdated()
    for command in (["init", "--no-scm", "-q"], ["repro", "-q"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], check=True, capture_output=True)
    Path("params.yaml").write_text("used: 1\ntune: 2\n")
    assert publish.outdated() == []
    Path("params.yaml").write_text("used: 2\ntune: 2\n")
    assert publish.outdated() == ["one"]
    Path("params.yaml").write_text("used: 1\ntune: 2\n")
    for path in ("out", "read"):
        before = Path(path).read_text()
        Path(path).write_text("edited")
        assert publish.outdated() == ["one"]
        Path(path).write_text(before)
    assert publish.outdated() == []


def test_only_the_study_of_params_is_published(copy):
    with pytest.raises(UserError, match=r"holds the study 'default', not 'seeds'; run `make study STUDY=seeds`"):
        publish.program(["--name", "seeds"])
