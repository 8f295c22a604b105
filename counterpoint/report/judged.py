"""Suites, their blind baselines and every arm's accuracy on them, in report.md."""

from __future__ import annotations

from counterpoint.report.markdown import NOTHING, accuracies, listed, percent, table
from counterpoint.report.results import Group, Results, agreed

ARROWS = {1: " ↑", -1: " ↓", 0: ""}
WIDEST = 9  # suites of a table


def blind(results: Results) -> list[str]:
    """Every suite of every base beside what can be had there blind."""
    blocks = [
        "## Suites and their blind baselines",
        "What each base gets on a suite, and three blind guesses: the base without the picture (or without its words), "
        "with those of another problem, and always the most frequent gold answer of the family among the suite's own "
        "problems. A suite is measurable when the lower bound of the base lies above the majority answer and above the "
        "upper bounds of the other two, where they were asked. It is **solved blind** when the best blind guess is "
        "right on a half or more, and on four fifths of what the base gets.",
    ]
    for model in results.models:
        rows = [_blind_row(row) for suite in results.suites if (row := results.blind(model, suite))]
        if rows:
            header = ["suite", "problems", "base", "blank", "another's", "majority", "measurable", "solved blind"]
            blocks += [f"### {model}: suites", table(header, rows)]
    return blocks


def _blind_row(row: dict) -> list[str]:
    measurable = {True: "yes", False: "**no** †", None: "not asked blind"}[row["measurable"]]
    solved = {True: "**solved blind**", False: "no", None: NOTHING}[row["solved_blind"]]
    base = f"{percent(row['accuracy'])} ({percent(row['low'])}–{percent(row['high'])})"
    guesses = [percent(row[name]) for name in ("no_image", "shuffled_image", "majority")]
    return [row["suite"], f"{row['n']:,}", base, *guesses, measurable, solved]


def accuracy(results: Results, pictures: str) -> list[str]:
    """Accuracy of every arm: a table a model for the core suites, and further ones for the rest."""
    several = any(len(group.runs) > 1 for group in results.groups)
    seeds = (
        "Arms with several seeds: the mean over seeds, in square brackets the least and the greatest; intervals that "
        "pool seeds are those of the findings. An arrow: in every seed the paired difference from the base excludes 0 "
        "on that side."
        if several
        else "Arrows: the paired difference from the base excludes 0."
    )
    blocks = [
        "## Accuracy",
        f"Per cent of greedy answers; in round brackets Wilson's 95 % interval of one run. {seeds} “Unparsed” and "
        "“truncated” are shares of all answers over all suites. † not measurable for this model.",
        f"![Accuracy by arm]({pictures}/accuracy_by_arm.png)",
    ]
    rest = [suite for suite in results.suites if suite not in results.core]
    for model in results.models:
        groups = [group for group in results.groups if group.model == model]
        blocks.append(f"### {model}: accuracy")
        if results.core:
            rows = [[*_row(results, group, results.core), *_unread(results, group)] for group in groups]
            blocks.append(table(["arm", *_marked(results, model, results.core), "unparsed", "truncated"], rows))
        for start in range(0, len(rest), WIDEST):
            part = rest[start : start + WIDEST]
            rows = [_row(results, group, part) for group in groups]
            blocks.append(table(["arm", *_marked(results, model, part)], rows))
    return blocks


def _marked(results: Results, model: str, suites: list[str]) -> list[str]:
    return [f"{suite} †" if results.measurable(model, suite) is False else suite for suite in suites]


def _row(results: Results, group: Group, suites: list[str]) -> list[str]:
    marks = [ARROWS[agreed(results.group_gains(group, suite))] for suite in suites]
    cells = [results.group_cells(group, suite) for suite in suites]
    return [group.name, *(accuracies(*both) for both in zip(cells, marks, strict=True))]


def _unread(results: Results, group: Group) -> list[str]:
    cells = [cell for suite in results.suites for cell in results.group_cells(group, suite)]
    total = sum(cell.n for cell in cells)
    shares = [sum(getattr(cell, share) * cell.n for cell in cells) for share in ("unparsed", "truncated")]
    return [percent(share / total) if total else NOTHING for share in shares]


def curves(results: Results, pictures: str) -> list[str]:
    """The picture of accuracy against severity."""
    axes = sorted({row["axis"] for row in results.marts["shift_curve"]})
    if not axes:
        return ["## Shift curves", "No suite of this study has a place on an axis of shifts."]
    told = (
        f"Accuracy against the severity of a shift: {listed(axes)}. Severity 0 is `in_domain`; along difficulty it is "
        "the problems' own, whichever suite holds them. Numbers: `make query Q=shift_curve`."
    )
    return ["## Shift curves", told, f"![Accuracy along each axis of shift]({pictures}/shift_curves.png)"]
