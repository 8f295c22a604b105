"""Are two arms of training equally accurate, within a margin, over their seeds? (studies/engines.yaml: both engines)

    python -m stages.equivalence [--arms rl rl_stock] [--suite in_domain] [--margin 5] [--confidence 90]

Reads the tables of the study in params.yaml; pairs the runs by model, sample and seed and their answers by problem. Two
one-sided tests (counterpoint/statistics/equivalence.py) on the wider of two intervals: Student's over the seeds'
differences, and a bootstrap over seeds and problems. Not a DVC stage.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from counterpoint.errors import UserError, nearest
from counterpoint.statistics import equivalence
from counterpoint.warehouse import database, query
from counterpoint.warehouse.contract import LARGE
from stages.common import RUNS, main, train_folder
from stages.study_results import StudyFiles, current

RUNS_BY_SEED = "select run_id, arm, method, model, sample, seed, engine, params_json from runs where method <> 'base'"
ANSWERS = """
select run_id, problem_id, cluster_id, correct from evals
where suite = {suite} and condition = 'normal' and decoding = 'greedy' and sample_index = 0
order by problem_id
"""
Pair = tuple[dict, dict]  # the rows of `runs` of one model, sample and seed, of the first and of the second arm


def read(sql: str) -> list[dict]:
    """The rows of a query to the results of the study in params.yaml."""
    with query.connect(StudyFiles(current()).database, RUNS) as db:
        answer = query.ask(db, sql)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def pairs(runs: Iterable[dict], arms: tuple[str, str]) -> dict[tuple[str, str], list[Pair]]:
    """By model and sample, the two arms' runs of each seed that both have.

    Raises `UserError` for an unknown arm, where no model and sample has two such seeds, or where the arms are the same.
    """
    by_arm: dict[str, dict] = defaultdict(dict)
    for run in runs:
        by_arm[run["arm"]][run["model"], run["sample"], run["seed"]] = run
    for arm in arms:
        if arm not in by_arm:
            raise UserError(f"--arms: no run of arm {arm!r}{nearest(arm, by_arm)}; `make study STUDY=engines` has both")
    first, second = (by_arm[arm] for arm in arms)
    paired: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for key in sorted(first.keys() & second.keys()):
        paired[key[:2]].append((first[key], second[key]))
    paired = {key: seeds for key, seeds in paired.items() if len(seeds) > 1}
    if not paired:
        raise UserError(
            f"--arms: {arms[0]} and {arms[1]} have no two seeds of one model and sample in common; add seeds to runs"
        )
    for run, other in itertools.chain.from_iterable(paired.values()):
        if not differing(run, other):
            raise UserError(
                f"{run['run_id']} and {other['run_id']} ran with the same settings and both on the engine "
                f"{run['engine']!r}: there is nothing to compare"
            )
    return paired


def differing(*pair: dict) -> list[str]:
    """The settings in which two runs differ; the engine is the one that ran, whatever was asked for."""
    first, second = (
        {"method": run["method"], **json.loads(run["params_json"]).get(run["method"], {}), "engine": run["engine"]}
        for run in pair
    )
    return sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))


def differences(seeds: list[Pair], answers: dict[str, list[dict]]) -> tuple[np.ndarray, np.ndarray]:
    """(seeds, problems) of first less second arm's correctness, and the problems' clusters as numbers."""
    first = seeds[0][0]["run_id"]
    asked = [row["problem_id"] for row in answers[first]]
    for run_id in (run["run_id"] for pair in seeds for run in pair):
        if [row["problem_id"] for row in answers[run_id]] != asked:
            raise UserError(f"{run_id} was not asked what {first} was; run `dvc repro`")
    correct = np.array(
        [[[row["correct"] for row in answers[run["run_id"]]] for run in pair] for pair in seeds], dtype=float
    )
    _, clusters = np.unique([row["cluster_id"] for row in answers[first]], return_inverse=True)
    return correct[:, 0] - correct[:, 1], clusters


def lines(
    seeds: list[Pair], answers: dict[str, list[dict]], suite: str, margin: float, confidence: float
) -> Iterable[str]:
    """The verdict on one model and sample, and what it rests on, in percentage points."""
    items, clusters = differences(seeds, answers)
    finding = equivalence.assess(items, clusters, margin, confidence)
    first, second = seeds[0]
    engines = [", ".join(sorted({str(pair[i]["engine"]) for pair in seeds})) for i in (0, 1)]
    yield (
        f"{first['model']} {first['sample']}, {suite}, {items.shape[1]} problems: {first['arm']} (engine {engines[0]}) "
        f"less {second['arm']} (engine {engines[1]}); they differ in {', '.join(differing(first, second))}"
    )
    for pair, difference in zip(seeds, finding.per_seed, strict=True):
        right = [100 * np.mean([row["correct"] for row in answers[run["run_id"]]]) for run in pair]
        yield f"  seed {pair[0]['seed']}: {right[0]:.1f} % less {right[1]:.1f} % = {100 * difference:+.1f}"
    yield f"  mean difference {100 * finding.difference:+.1f} points"
    for name, (low, high), method in (
        ("t", finding.t, f"Student's t over {len(seeds)} seeds"),
        ("bootstrap", finding.bootstrap, "bootstrap over seeds and problems"),
    ):
        decides = "; the wider, which decides" if finding.wider == name else ""
        yield f"  {100 * confidence:g} % interval {100 * low:+.1f} to {100 * high:+.1f} ({method}{decides})"
    yield f"  verdict: {finding.verdict} (margin ± {100 * margin:g} points)"
    if finding.verdict == "inconclusive":
        sd = float(np.std(finding.per_seed, ddof=1))
        for true, assumption in (
            (0.0, "there is no difference"),
            (finding.difference, "the true difference is this mean"),
        ):
            needed = equivalence.seeds_needed(sd, margin, true, confidence)
            number = f"{needed} seeds" if needed else "more than a thousand seeds, or none at all,"
            yield f"  {number} would show equivalence with a power of 80 % if {assumption}"


def program(arguments: list[str]) -> None:
    """Print the verdict for every model and sample that both arms share."""
    parser = argparse.ArgumentParser(prog="python -m stages.equivalence", description="Are two arms equally accurate?")
    parser.add_argument("--arms", nargs=2, default=("rl", "rl_stock"), metavar="ARM", help="default rl rl_stock")
    parser.add_argument("--suite", default="in_domain", help="default in_domain")
    parser.add_argument("--margin", type=float, default=5.0, help="percentage points that do not matter (default 5)")
    parser.add_argument("--confidence", type=float, default=90.0, help="of the interval, in %% (default 90)")
    options = parser.parse_args(arguments)
    if not 0 < options.margin < math.inf:
        raise UserError(f"--margin must be a number of percentage points above 0, not {options.margin:g}")
    if not 50 <= options.confidence < 100:
        raise UserError(f"--confidence must be at least 50 and below 100, not {options.confidence:g}")
    here = StudyFiles(current())
    database.refresh(here.database, here.tables, lambda run_id: train_folder(run_id) / f"{LARGE}.parquet")
    paired = pairs(read(RUNS_BY_SEED), tuple(options.arms))
    answers: dict[str, list[dict]] = defaultdict(list)
    for row in read(ANSWERS.format(suite=database.literal(options.suite))):
        answers[row["run_id"]].append(row)
    if not answers:
        suites = [row["suite"] for row in read("select distinct suite from evals order by 1")]
        raise UserError(f"--suite: no answers to the suite {options.suite!r}{nearest(options.suite, suites)}")
    for seeds in paired.values():
        print("\n".join(lines(seeds, answers, options.suite, options.margin / 100, options.confidence / 100)))


if __name__ == "__main__":
    main(program)
