"""The same comparison at equal budgets: on probe problems, at the last probe within the smaller of two arms' budgets.

A run that started from another training run carries its cost. At a budget that the first part alone used up, the run
is still that first part, whose probes then count.

So SFT followed by RL, held to the budget of the very SFT that it started from, is that SFT, and would be compared with
itself. It is compared with that SFT continued instead: the arm that differs from it by more epochs alone. Where there
is none, or where no RL was probed within the budget, there is no such row.
"""

from __future__ import annotations

from dataclasses import replace

from counterpoint.analysis.effects import Comparison
from counterpoint.analysis.study import MEASURES, Study, StudyRun

Point = tuple[str, int]  # a run and one of its optimizer steps
SLACK = 1 + 1e-9  # sums of seconds are equal but for their last digits


def ancestors(study: Study, run: StudyRun) -> list[StudyRun]:
    """The training runs that a run started from, itself first."""
    chain = [run]
    while chain[-1].parent and study.runs[chain[-1].parent] not in chain:
        chain.append(study.runs[chain[-1].parent])
    return chain


def cost(study: Study, point: Point, measure: str) -> float | None:
    """What a run had cost by a step, with all it started from; None where that is not known."""
    run_id, step = point
    spent = [study.spent.get((part.run_id, measure)) for part in ancestors(study, study.runs[run_id])]
    if any(of_part is None for of_part in spent):
        return None
    return float(spent[0][step] + sum(of_parent[-1] for of_parent in spent[1:]))


def end(run: StudyRun) -> Point:
    """The run as it ended."""
    return run.run_id, run.updates


def last_within(study: Study, run: StudyRun, suite: str, measure: str, budget: float) -> Point | None:
    """The last probe on a suite, of a run or of what it started from, that had cost no more than the budget."""
    points = [
        (part.run_id, step)
        for part in reversed(ancestors(study, run))
        for step in sorted(study.probes.get((part.run_id, suite), ()))
    ]
    affordable = [point for point in points if cost(study, point, measure) <= budget * SLACK]
    return affordable[-1] if affordable else None


def at_equal(study: Study, comparison: Comparison, measure: str) -> tuple[Comparison, list[list[Point]]] | None:
    """What to compare when a measure of cost is equal, and by arm and seed the probes; None where there is nothing."""
    for index, (_, runs) in enumerate(comparison.arms):
        others = comparison.arms[_rival(index)][1]
        if any(run in ancestors(study, other) for run, other in zip(runs, others, strict=True)):
            return _against_continued(study, comparison, index, measure)
    points = _within_budget(study, comparison, measure)
    return (comparison, points) if points else None


def _rival(index: int) -> int:
    """The arm of the same model that an arm is compared with: arms come in pairs."""
    return index + 1 if index % 2 == 0 else index - 1


def _against_continued(
    study: Study, comparison: Comparison, index: int, measure: str
) -> tuple[Comparison, list[list[Point]]] | None:
    """As `at_equal`, where the arm `index` is what its rival started from: it is continued to the rival's budget."""
    sign, runs = comparison.arms[index]
    rivals = comparison.arms[_rival(index)][1]
    budgets = [cost(study, end(run), measure) for run in rivals]
    apart = {}
    for longer in continued(study, runs):
        totals = [cost(study, end(run), measure) for run in longer]
        if None not in budgets + totals:
            apart[longer] = sum(abs(total - budget) for total, budget in zip(totals, budgets, strict=True))
    if not apart:
        return None
    nearest = min(apart, key=apart.get)
    arms, sides = list(comparison.arms), list(comparison.sides)
    arms[index], sides[index] = (sign, nearest), f"{nearest[0].arm} {nearest[0].sample}"
    comparison = replace(comparison, arms=tuple(arms), sides=tuple(sides))
    points = _within_budget(study, comparison, measure)
    if points is None:
        return None
    begun = all(
        run_id == run.run_id and step for (run_id, step), run in zip(points[_rival(index)], rivals, strict=True)
    )
    return (comparison, points) if begun else None


def continued(study: Study, runs: tuple[StudyRun, ...]) -> list[tuple[StudyRun, ...]]:
    """The arms that differ from these runs by more epochs alone, each with a run for every one of them."""
    longer = [{other.arm: other for other in study.runs.values() if _is_longer(other, run)} for run in runs]
    return [tuple(by_arm[arm] for by_arm in longer) for arm in longer[0] if all(arm in by_arm for by_arm in longer)]


def _is_longer(other: StudyRun, run: StudyRun) -> bool:
    same = all(
        getattr(other, name) == getattr(run, name) for name in ("method", "model", "sample", "seed", "parent", "recipe")
    )
    return same and other.epochs > run.epochs


def _within_budget(study: Study, comparison: Comparison, measure: str) -> list[list[Point]] | None:
    """The last probes within the smaller of the two totals of a model's arms, by arm and seed."""
    totals = [[cost(study, end(run), measure) for run in runs] for _, runs in comparison.arms]
    if any(total is None for of_arm in totals for total in of_arm):
        return None
    points = []
    for index, (_, runs) in enumerate(comparison.arms):
        budgets = [min(both) for both in zip(totals[index], totals[_rival(index)], strict=True)]
        points.append([
            last_within(study, run, comparison.suite, measure, budget)
            for run, budget in zip(runs, budgets, strict=True)
        ])  # fmt: skip
    return None if any(point is None for of_arm in points for point in of_arm) else points


def costs(study: Study, points: list[list[Point]]) -> dict:
    """The columns of cost: what the first and the second arm had cost on average over seeds (and models)."""
    columns = {}
    for name, of_arms in (("first", points[::2]), ("second", points[1::2])):
        for measure in MEASURES:
            spent = [cost(study, point, measure) for of_arm in of_arms for point in of_arm]
            column = "tokens" if measure == "generated_tokens" else measure
            columns[f"{name}_{column}"] = None if None in spent else sum(spent) / len(spent)
    return columns
