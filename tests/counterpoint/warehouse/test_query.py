"""Questions to the database: what is answered, what is refused, and when the database is made again."""

import io
import os
from pathlib import Path

import duckdb
import pytest

from counterpoint.errors import UserError
from counterpoint.suites import OWN
from counterpoint.warehouse import database, query
from counterpoint.warehouse.contract import files
from stages.common import RUNS, train_folder
from tests.fixtures_warehouse import DATABASE, TABLES


def ask(sql: str, limit: int | None = None) -> query.Answer:
    with query.connect(DATABASE, RUNS) as db:
        return query.ask(db, sql, limit)


def refresh() -> list[Path]:
    return database.refresh(DATABASE, TABLES, lambda run_id: train_folder(run_id) / "completions.parquet")


# what they ask for this study lacks: they are asked in tests/counterpoint/analysis
OF_FACTORS = ("split_curve", "trace_kinds", "arm_contrasts")


@pytest.mark.parametrize("name", [name for name in files("queries") if name not in OF_FACTORS])
def test_a_published_query_answers_its_question(study, name):
    sql = query.published(name)
    assert sql.startswith("-- ") and sql.splitlines()[0].count("?") == 1
    answer = ask(sql)
    assert answer.rows, name
    for index, column in enumerate(answer.columns):
        assert any(row[index] is not None for row in answer.rows), column


def test_the_numbers_of_published_queries(study):
    assert ask(query.published("samples_nested")).rows == [("2k", "20k", 8, 32, 8, True)]
    terms = {row[:2]: row for row in ask(query.published("reward_terms")).rows}
    ((mean,),) = ask(
        "select avg(mean) from rewards where run_id = 'rl-small-20k-0' and term = 'format' and step > 21"
    ).rows
    assert terms["rl-small-20k-0", "format"][4] == pytest.approx(mean)
    unread = ask(query.published("unread_answers"))
    for row in unread.rows:
        values = dict(zip(unread.columns, row, strict=True))
        assert values["accuracy"] + values["unparsed"] + values["read_but_wrong"] == pytest.approx(1)
    assert {row[4] for row in ask(query.published("sft_2k_vs_rl_20k")).rows} == set(OWN)
    for *_, n, picture, words, change, _, _ in ask(query.published("picture_against_words")).rows:
        assert n == 16 and change == pytest.approx(words - picture)


def test_completions_are_read_in_place(study):
    assert ask("select distinct terms['format'] from completions order by 1").rows == [(0.0,), (1.0,)]
    assert ask("select count(*) from completions").rows == [((12 + 24 + 12) * 8,)]


REFUSED = [
    "create table z (a int)",
    "delete from runs",
    "copy runs to 'data/runs/out.csv'",
    "with x as (copy (select 1) to 'data/runs/out.csv') from x",
    "explain analyze copy (select 1) to 'data/runs/out.csv'",
    "export database 'data/runs/out'",
    "attach 'data/runs/out.duckdb' as o",
    "from read_csv('params.yaml')",
    "from read_text('params.yaml')",
    "from read_parquet('metrics/default/tables/runs.parquet')",
    "from read_text('data/runs/../../params.yaml')",
    "from glob('*')",
    "set enable_external_access = true",
    "install httpfs",
    "from runs; delete from runs",
    "",
    "-- nothing",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_writes_and_other_files_are_refused(study, sql):
    before = sorted(Path().rglob("*"))
    with pytest.raises(UserError, match=r"^query: ") as error:
        ask(sql)
    assert "\n" not in str(error.value)
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    "sql", ["describe runs", "show tables", "summarize rewards", "-- why\nfrom runs;", "values (1)"]
)
def test_ways_to_look_are_allowed(study, sql):
    assert ask(sql).rows


def test_sql_errors_are_one_line(study):
    with pytest.raises(UserError, match=r'Table with name runz does not exist! Did you mean "runs"\?$'):
        ask("select * from runz")
    with pytest.raises(UserError, match="no query 'acuracy'; did you mean 'accuracy'"):
        query.published("acuracy")


def test_rows_beyond_the_limit_are_cut_and_said(study):
    answer = ask("from range(7) as t(i)", 3)
    assert answer.rows == [(0,), (1,), (2,)] and answer.cut
    assert list(query.render(answer))[-1].startswith("… more rows; the first 3")
    assert not ask("from range(3) as t(i)", 3).cut


def test_a_table_is_neat_and_safe_to_print():
    answer = query.Answer(["name", "share"], [("a\x1b[2J\nb", 0.12345), ("x" * 99, None)], False)
    head, rule, first, second = query.render(answer)
    assert (
        head.endswith(" share") and set(rule) == {"─", " "} and first.startswith("a [2J b") and first.endswith("0.1235")
    )
    assert "\x1b" not in first and second == "x" * 59 + "…"
    assert list(query.render(query.Answer(["a"], [], False)))[-1] == "(no rows)"
    file = io.StringIO()
    query.write_csv(answer, file)
    assert "0.12345" in file.getvalue()


def test_the_database_is_made_again_only_when_its_parquet_changed(copy):
    assert refresh() == []
    inode = DATABASE.stat().st_ino
    refresh()
    assert DATABASE.stat().st_ino == inode
    with duckdb.connect() as db:
        db.execute(
            f"copy (from '{TABLES}/runs.parquet' where method <> 'base') to '{TABLES}/runs.new' (format parquet)"
        )
    os.replace(TABLES / "runs.new", TABLES / "runs.parquet")
    refresh()
    assert ask("select count(*) from runs").rows == [(4,)]
    DATABASE.unlink()
    refresh()
    assert ask("select count(*) from runs").rows == [(4,)]
    DATABASE.write_bytes(b"no database")
    refresh()
    assert ask("select count(*) from runs").rows == [(4,)]


def test_the_database_is_in_the_format_of_duckdb_1_2(copy):
    refresh()
    header = DATABASE.read_bytes()[8:20]  # the magic bytes, and the version of the format: 64 is 1.0's, 65 is 1.2's
    assert header == b"DUCK" + (65).to_bytes(8, "little")


def test_a_reader_keeps_the_old_database_while_a_new_one_is_swapped_in(copy):
    with query.connect(DATABASE, RUNS) as reader:
        (TABLES / "rejects.parquet").unlink()
        with duckdb.connect() as db:
            db.execute(f"copy (select 's' as source) to '{TABLES}/rejects.parquet' (format parquet)")
        refresh()
        assert query.ask(reader, "select source from rejects").rows == [("fake",)]
    assert ask("select source from rejects").rows == [("s",)]


def test_completions_that_are_not_there_are_left_out_and_come_back(copy):
    path = train_folder("rl-small-20k-0") / "completions.parquet"
    path.rename("aside.parquet")
    assert refresh() == [path]
    assert ask("select count(*) from completions").rows == [((12 + 12) * 8,)]
    Path("aside.parquet").rename(path)
    assert refresh() == []
    assert ask("select count(*) from completions").rows == [((12 + 24 + 12) * 8,)]


def test_a_missing_table_is_named(copy):
    (TABLES / "steps.parquet").unlink()
    with pytest.raises(UserError, match=r"metrics/default/tables/steps.parquet: no such table; run `dvc pull`"):
        refresh()


@pytest.mark.parametrize("name", ["runs", "steps"])
@pytest.mark.parametrize("content", [b"", b"PAR1 broken", b"x" * 999])
def test_a_broken_table_is_named_with_the_remedy(copy, name, content):
    (TABLES / f"{name}.parquet").write_bytes(content)
    with pytest.raises(
        UserError, match=rf"metrics/default/tables/{name}.parquet: not a readable table .*`dvc repro warehouse`$"
    ) as told:
        refresh()
    assert "\n" not in str(told.value)
    assert ask("select count(*) from runs").rows == [(5,)]  # the old database stays


def test_a_table_of_runs_without_its_columns_is_named(copy):
    with duckdb.connect() as db:
        db.execute(f"copy (select 1 as other) to '{TABLES}/runs.parquet' (format parquet)")
    with pytest.raises(UserError, match=r"metrics/default/tables/runs\.parquet: not a readable table"):
        refresh()


def test_broken_completions_are_named(copy):
    path = train_folder("rl-small-20k-0") / "completions.parquet"
    path.write_bytes(b"PAR1 broken")
    DATABASE.unlink()
    with pytest.raises(UserError, match=rf"{path}: not a readable table .*`dvc checkout`$"):
        refresh()
