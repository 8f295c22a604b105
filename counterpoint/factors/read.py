"""What the factors read of the tables: runs, the kind of traces that each imitated, greedy answers."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from counterpoint.findings.study import Answers


@dataclass(frozen=True)
class Run:
    """A base or a training run. `kind`: of the traces that it imitated, None in RL. `whole`: it learnt from the whole
    sample, by its method without options. `plain`: and its arm changes nothing in the section of its method. `section`:
    the text of the section `sft` that it trained with, keys sorted; None without one."""

    run_id: str
    arm: str
    method: str
    model: str
    sample: str | None
    seed: int | None
    kind: str | None
    whole: bool
    plain: bool
    section: str | None


@dataclass(frozen=True)
class Study:
    """Runs, answers by (run_id, suite), and the number of problems of each sample."""

    runs: list[Run]
    answers: dict[tuple[str, str], Answers]
    sizes: dict[str, int]

    @property
    def suites(self) -> list[str]:
        """The suites that were answered."""
        return sorted({suite for _, suite in self.answers})

    @property
    def arms(self) -> dict[tuple[str, str, str | None], list[Run]]:
        """The runs by model, arm and sample, one a seed."""
        found: dict[tuple[str, str, str | None], list[Run]] = {}
        for run in self.runs:
            found.setdefault((run.model, run.arm, run.sample), []).append(run)
        return found

    def asked(self, runs: list[Run], suite: str) -> dict[int | None, Answers]:
        """The answers of those runs that were asked the suite, by seed."""
        return {run.seed: self.answers[run.run_id, suite] for run in runs if (run.run_id, suite) in self.answers}


RUNS = """
    select
        run_id, arm, method, runs.model, runs.sample, runs.seed, kind,
        coalesce((params_json -> '$.arm.part')::varchar = 'null', false)
            and coalesce((params_json -> '$.arm.options')::varchar = '{}', false) as whole,
        whole and coalesce((params_json -> '$.arm.settings')::varchar = '{}', false) as plain,
        (params_json -> '$.sft')::varchar as section
    from runs left join trace_sets using (trace_set)
    order by run_id
"""
# numbers in place of names, in their order: a study has a million answers
ANSWERS = """
    with asked as (
        select
            run_id, suite, correct::double as correct, dense_rank() over (order by problem_id) as problem,
            dense_rank() over (order by cluster_id) as cluster
        from evals where condition = 'normal' and decoding = 'greedy' and sample_index = 0
    )
    select
        run_id, suite, list(problem order by problem) as problems, list(cluster order by problem) as clusters,
        list(correct order by problem) as correct
    from asked group by run_id, suite order by run_id, suite
"""


def read(db: duckdb.DuckDBPyConnection) -> Study:
    """The study in the tables runs, trace_sets, samples and evals of a connection (docs/tables.md)."""
    table = db.sql(ANSWERS).to_arrow_table()
    keys = zip(table["run_id"].to_pylist(), table["suite"].to_pylist(), strict=True)
    columns = [[np.asarray(one.values) for one in table[name]] for name in ("problems", "clusters", "correct")]
    return Study(
        runs=[Run(*row) for row in db.execute(RUNS).fetchall()],
        answers={key: Answers(*values) for key, *values in zip(keys, *columns, strict=True)},
        sizes=dict(db.execute("select sample, count(*) from samples group by sample order by sample").fetchall()),
    )
