"""The same comparison at equal budgets: on probe problems, at the last probe within the smaller of two arms' budgets.

A run that started from another training run carries its cost: at a budget within that of the first part, it is still
the first part, whose probes then speak for it.

So SFT followed by RL, held to the budget of the very SFT that it started from, is that SFT, and would be compared with
itself. It is compared with that SFT continued instead: the arm that differs from it by more epochs alone. Where there
is none, or where no RL was probed within the budget, there is no such row.
"""

from __future__ import annotations

from dataclasses import replace

from counterpoint.findings.effects import Comparison, estimate
from counterpoint.findings.study import MEASURES, Run, Study

Point = tuple[str, int]  # a run and one of its optimizer steps
SLACK = 1 + 1e-9  # sums of seconds are equal but for their last digits


def ancestors(study: Study, run: Run) -> list[Run]:
    """The training runs that a run started from, itself first."""
    chain = [run]
    while chain[-1].parent and study.runs[chain[-1].parent] not in chain:
        chain.append(study.runs[chain[-1].parent])
    return chain


def cost(study: Study, point: Point, measure: str) -> float | None:
    """What a run had cost by a step, with all it started from; None where that is not known."""
    run, *parents = ancestors(study, study.runs[point[0]])
    known = [study.spent.get((part.run_id, measure)) for part in (run, *parents)]
    if any(spent is None for spent in known):
        return None
    return float(known[0][point[1]] + sum(spent[-1] for spent in known[1:]))


def end(run: Run) -> Point:
    """The run as it ended."""
    return run.run_id, run.updates


def probed(study: Study, run: Run, suite: str) -> list[Point]:
    """Where a run and the runs it started from were probed, first to last."""
    parts = reversed(ancestors(study, run))
    return [(part.run_id, step) for part in parts for step in sorted(study.probes.get((part.run_id, suite), ()))]


def last_within(study: Study, run: Run, suite: str, measure: str, budget: float) -> Point | None:
    """The last probe of a run on a suite that had cost no more than the budget."""
    points = [point for point in probed(study, run, suite) if cost(study, point, measure) <= budget * SLACK]
    return points[-1] if points else None


def at_equal(study: Study, comparison: Comparison, measure: str) -> tuple[Comparison, list[list[Point]]] | None:
    """What to compare when a measure of cost is equal, and by arm and seed the probes; None where there is nothing."""
    for place, (_, part) in enumerate(comparison.arms):
        whole = comparison.arms[place ^ 1][1]  # 0 with 1, 2 with 3
        if any(first in ancestors(study, run) for first, run in zip(part, whole, strict=True)):
            return _beside_continued(study, comparison, place, measure)
    points = _within_budget(study, comparison, measure)
    return (comparison, points) if points else None


def _beside_continued(
    study: Study, comparison: Comparison, place: int, measure: str
) -> tuple[Comparison, list[list[Point]]] | None:
    """As `at_equal`, where the arm at a place is what the other one started from."""
    (sign, part), (_, whole) = comparison.arms[place], comparison.arms[place ^ 1]
    budgets = [cost(study, end(run), measure) for run in whole]
    apart = {}
    for longer in continued(study, part):
        totals = [cost(study, end(run), measure) for run in longer]
        if None not in budgets + totals:
            apart[longer] = sum(abs(total - budget) for total, budget in zip(totals, budgets, strict=True))
    if not apart:
        return None
    longer = min(apart, key=apart.get)
    arms, sides = list(comparison.arms), list(comparison.sides)
    arms[place], sides[place] = (sign, longer), f"{longer[0].arm} {longer[0].sample}"
    comparison = replace(comparison, arms=tuple(arms), sides=tuple(sides))
    points = _within_budget(study, comparison, measure)
    begun = points and all(at == run.run_id and step for (at, step), run in zip(points[place ^ 1], whole, strict=True))
    return (comparison, points) if begun else None


def continued(study: Study, part: tuple[Run, ...]) -> list[tuple[Run, ...]]:
    """The arms that differ from these runs by more epochs alone, each with a run for every one of them."""
    found = [{run.arm: run for run in study.runs.values() if _longer(run, first)} for first in part]
    return [tuple(by_arm[arm] for by_arm in found) for arm in found[0] if all(arm in by_arm for by_arm in found)]


def _longer(run: Run, first: Run) -> bool:
    alike = replace(run, run_id=first.run_id, arm=first.arm, updates=first.updates, epochs=first.epochs) == first
    return alike and run.epochs > first.epochs


def _within_budget(study: Study, comparison: Comparison, measure: str) -> list[list[Point]] | None:
    """The last probes within the smaller of the two totals of a model's arms, seed by seed."""
    runs = [list(of_arm) for _, of_arm in comparison.arms]
    totals = [[cost(study, end(run), measure) for run in of_arm] for of_arm in runs]
    if any(total is None for of_arm in totals for total in of_arm):
        return None
    found: list[list[Point | None]] = []
    for place, of_arm in enumerate(runs):
        budgets = [min(both) for both in zip(totals[place], totals[place ^ 1], strict=True)]  # 0 with 1, 2 with 3
        found.append(
            [last_within(study, run, comparison.suite, measure, b) for run, b in zip(of_arm, budgets, strict=True)]
        )
    return None if any(point is None for of_arm in found for point in of_arm) else found


def effect(study: Study, comparison: Comparison, points: list[list[Point]]) -> dict | None:
    """The columns of the effect on the probe problems at these points."""
    answers = [[study.probes[run_id, comparison.suite][step] for run_id, step in of_arm] for of_arm in points]
    return estimate(comparison, answers)


def costs(study: Study, points: list[list[Point]]) -> dict:
    """The columns of cost: what the first and the second arm had cost on average over seeds (and models)."""
    found = {}
    for name, of_arms in (("first", points[::2]), ("second", points[1::2])):
        for measure in MEASURES:
            known = [cost(study, point, measure) for of_arm in of_arms for point in of_arm]
            column = "tokens" if measure == "generated_tokens" else measure
            found[f"{name}_{column}"] = None if None in known else sum(known) / len(known)
    return found
