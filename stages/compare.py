"""Set two studies side by side: python -m stages.compare quick published

Accuracies by arm, model, sample and suite, each the mean over the seeds that a study has, and findings, with the
differences. A study is one that was made here, or a published one (stages/study_results.py). Not a DVC stage.
"""

from __future__ import annotations

import argparse

import duckdb

from counterpoint import columns
from counterpoint.errors import UserError, one_line
from stages.common import main
from stages.study_results import StudyTables, tables_of

# Of each study, under the schema `a` or `b`. Rows are sorted before they are averaged, so that sums do not vary.
TABLES = """
create schema {schema};
create table {schema}.accuracies as
    select arm, model, coalesce(sample, '') as sample, suite, avg(accuracy) as accuracy,
        count(distinct coalesce(seed, 0)) as seeds
    from (from read_parquet('{folder}/accuracy.parquet') order by all)
    where condition = 'normal' and family = 'all'
    group by all;
create table {schema}.contrasts as
    select finding, contrast, model, suite, matched_on, concat_ws(' ', verdict, direction) as verdict, effect,
        concat_ws(' ', finding_verdict, finding_direction) as finding_verdict
    from read_parquet('{folder}/findings.parquet') where role = 'primary';
create macro if not exists percent(share) as printf('%.1f%%', 100 * share);
create macro if not exists points(difference) as replace(printf('%+.1f', difference), '-', '−');
"""
ACCURACIES = """
select arm, model, sample, suite, percent(a.accuracy), a.seeds, percent(b.accuracy), b.seeds,
    points(100 * (b.accuracy - a.accuracy))
from a.accuracies as a join b.accuracies as b using (arm, model, sample, suite) order by all
"""
FINDINGS = """
select finding, coalesce(a.finding_verdict, 'none') as in_a, coalesce(b.finding_verdict, 'none') as in_b,
    if(in_a = in_b, '', 'differs')
from (select distinct finding, finding_verdict from a.contrasts) as a
full join (select distinct finding, finding_verdict from b.contrasts) as b using (finding) order by all
"""
CONTRASTS = """
select contrast, model, suite, if(matched_on = 'end', '', matched_on), points(a.effect), a.verdict, points(b.effect),
    b.verdict, points(b.effect - a.effect)
from a.contrasts as a join b.contrasts as b using (finding, contrast, model, suite, matched_on)
where a.effect is not null and b.effect is not null order by finding, contrast, model, suite, matched_on
"""
ALONE = """
select count(*) filter (b.seeds is null), count(*) filter (a.seeds is null)
from a.accuracies as a full join b.accuracies as b using (arm, model, sample, suite)
"""
PARTS = {
    "Greedy accuracy, the mean over seeds": (
        ACCURACIES, ("arm", "model", "sample", "suite", "A", "seeds", "B", "seeds", "B − A"),
    ),
    "Findings": (FINDINGS, ("finding", "A", "B", "")),
    "Primary contrasts, in points": (
        CONTRASTS, ("contrast", "model", "suite", "at equal", "A", "verdict", "B", "verdict", "B − A"),
    ),
}  # fmt: skip


def read(db: duckdb.DuckDBPyConnection, schema: str, study: StudyTables) -> None:
    """Read a study's tables into a schema. Raises `UserError` where they are not readable."""
    try:
        db.execute(TABLES.format(schema=schema, folder=str(study.tables).replace("'", "''")))
    except duckdb.Error as error:
        raise UserError(f"{study.tables}: not readable ({one_line(error)}); run `{study.remedy}`") from None


def program(arguments: list[str]) -> None:
    """Print both studies' lines, then what they have in common."""
    parser = argparse.ArgumentParser(prog="python -m stages.compare", description="Set two studies side by side.")
    parser.add_argument("first", metavar="A", help="a study made here, or a published one")
    parser.add_argument("second", metavar="B")
    options = parser.parse_args(arguments)
    if not options.first or not options.second:
        raise UserError("name two studies: make compare A=quick B=published")
    studies = {"a": tables_of(options.first), "b": tables_of(options.second)}
    with duckdb.connect(config={"threads": 1}) as db:
        for schema, study in studies.items():
            print(f"{schema.upper()}: {study.head}")
            read(db, schema, study)
        for title, (sql, head) in PARTS.items():
            rows = [[str(cell) for cell in row] for row in db.execute(sql).fetchall()]
            print(f"\n{title}")
            print("\n".join(columns.aligned([head, *rows], indent=2)) if rows else "  nothing that both studies have")
        in_a, in_b = db.execute(ALONE).fetchone()
    print(f"\n{in_a} accuracies are of A alone, {in_b} of B alone. A difference of means has no interval here.")


if __name__ == "__main__":
    main(program)
