"""Judge the stored completions of the grid again, without a model: python -m stages.rescore [RUN …]

Lists every verdict that today's judges give otherwise than the tables have it. Nothing is changed, unless

    --write        puts today's verdicts into data/runs/RUN/eval and says how DVC is told
    --completions  looks at the completions of RL too; the rewards paid for them stay what they were

`dvc repro` after a change of the judge does more: rewards and probes come from the judge, so it trains again as well.
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from counterpoint import params, problem, tables
from counterpoint.errors import UserError
from counterpoint.evaluation import traces
from counterpoint.evaluation.rescore import Change, rescore
from counterpoint.problem import Problem
from stages.common import PROBLEMS, eval_folder, main, named, train_folder

log = logging.getLogger("rescore")
SHOWN = 200  # changes printed in full for each file; the rest is counted
KEY = ("suite", "condition", "decoding", "step", "problem_id", "sample_index")  # what tells a row, as printed
BATCH = 20_000  # rows in memory at a time


def program(arguments: list[str]) -> None:
    """List the changed verdicts. Raises `UserError` for an unknown run or a file that is not there."""
    parser = argparse.ArgumentParser(prog="python -m stages.rescore", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", metavar="RUN", help="runs of the grid (all, unless named)")
    parser.add_argument("--write", action="store_true", help="put today's verdicts into data/runs/RUN/eval")
    parser.add_argument("--completions", action="store_true", help="look at the completions of RL too (never written)")
    options = parser.parse_args(arguments)
    runs = params.load().runs
    grid = [*runs.base, *runs.trained]
    chosen = [named([name], "run", "runs", grid) for name in options.runs] or grid
    problems = {p.problem_id: p for p in problem.load(PROBLEMS)}
    written, totals = [], Counter()
    for run_id in chosen:
        path = eval_folder(run_id) / "evals.parquet"
        renewed, changes = _file(path, problems, totals, keep=options.write)
        if options.write and changes:
            tables.write("evals", renewed, path)
            tables.write("traces", traces.rows(renewed, problems), path.with_name("traces.parquet"))
            written.append(f"evaluate@{run_id}")
        if options.completions and (train_folder(run_id) / "completions.parquet").exists():
            _file(train_folder(run_id) / "completions.parquet", problems, totals, keep=False)
    print(
        f"{totals['rows']} completions judged again: {totals['changed']} verdicts changed, "
        f"{totals['right']} from wrong to right, {totals['wrong']} from right to wrong"
    )
    if written:
        print(
            f"written; tell DVC and rebuild the tables: dvc commit --force {' '.join(written)} && "
            "dvc repro --single-item warehouse && dvc repro --single-item report"
        )
    elif totals["changed"]:
        print("nothing was written; --write puts today's verdicts into data/runs")


def _file(path: Path, problems: dict[str, Problem], totals: Counter, keep: bool) -> tuple[list[dict], int]:
    """Judge one file again and print what changed: its rows with today's verdicts (if kept), and how many changed."""
    kept, changes = [], 0
    try:
        for row, change in rescore(_rows(path), problems):
            totals["rows"] += 1
            if keep:
                kept.append(row)
            if change:
                changes += 1
                totals["changed"] += 1
                if change.turned:
                    totals["right" if change.after["correct"] else "wrong"] += 1
                if changes <= SHOWN:
                    print(_line(path, change))
    except KeyError as error:
        raise UserError(f"{path}: problem {error} is not in {PROBLEMS}; run `dvc repro`") from None
    if changes > SHOWN:
        print(f"{path}: {changes - SHOWN} more")
    return kept, changes


def _rows(path: Path) -> Iterator[dict]:
    with tables.reading(path, "a readable table", "run `dvc repro` (or `dvc checkout`)"), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH):
            yield from batch.to_pylist()


def _line(path: Path, change: Change) -> str:
    row, before, after = change.row, change.before, change.after
    where = " ".join(str(row[k]) for k in KEY if k in row)
    moved = ", ".join(f"{k} {before[k]!r} → {after[k]!r}" for k in before if before[k] != after[k])
    return f"{path.parts[-3]} {where}: {moved} ({change.reason}): {row['completion'][:120]!r}"


if __name__ == "__main__":
    main(program)
