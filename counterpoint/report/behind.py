"""What is behind the verdicts on rewards, in report.md: same-sample audit, parts of the reward, what stands beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from counterpoint.report.markdown import NOTHING, folded, listed, number, over_seeds, percent, signed, table
from counterpoint.report.read import suite_place
from counterpoint.report.results import Group, spread
from counterpoint.report.rewarded import LAST, Rewarded, mean
from counterpoint.report.words import name, shares
from counterpoint.statistics.deceptive import VERDICTS

ZERO = 5e-4  # of a reward: what rounds to 0.000
PARTS = ("earned", "format", "length", "noise", "verifier", "memorisation", "decoding", "over_specialisation")
BESIDE = (
    ("answer follows", "answer_follows"), ("blank picture", "blank_accuracy"), ("pass@k", "pass_at_k"),
)  # fmt: skip
WHILE = (
    ("length", "mean_length", lambda value: f"{value:.1f}"), ("entropy", "entropy", lambda value: f"{value:.3f}"),
    ("KL", "kl", lambda value: f"{value:.3f}"), ("truncated, %", "truncated_fraction", percent),
    ("parsed, %", "parsed_fraction", percent), ("groups that teach nothing, %", "zero_advantage_fraction", percent),
)  # fmt: skip


def audit(groups: list[tuple[Group, list[Rewarded]]]) -> list[str]:
    """The run's judge against the strict one on the same completions, first tenth against last tenth of the steps."""
    columns = (
        ("called right though wrong", "false_positive_share"),
        ("of the right ones, called wrong", "false_negative_rate"),
        ("paid for though wrong", "exploited"),
    )
    rows = [
        [group.title, number(sum(row["n"] for one in mine for row in one.audit))]
        + [_span(mine, lambda one, column=column: shares(one, column)) for _, column in columns]
        for group, mine in groups
    ]
    told = (
        "Every completion sampled in training, judged by the run's own reward and by the strict judge. Per cent of all "
        "completions (of the right ones, where that is said), first tenth of the steps → last tenth, mean over seeds "
        "[least to greatest at the end]. A dash: no term of the reward claims to judge answers."
    )
    return ["### Same-sample audit", told, table(["arm", "completions", *(head for head, _ in columns)], rows)]


def _span(
    runs: Sequence[Rewarded],
    ends: Callable[[Rewarded], tuple[float | None, float | None]],
    show: Callable[[float], str] = percent,
) -> str:
    """First → last, mean over runs; the spread over them is that of the last."""
    pairs = [ends(one) for one in runs]
    first, last = mean(pair[0] for pair in pairs), [pair[1] for pair in pairs]
    if first is None or mean(last) is None:
        return NOTHING
    return f"{show(first)} → {_seeds(last, show)}"


def _seeds(values: Sequence[float | None], show: Callable[[float], str]) -> str:
    """The mean over seeds, with the least and the greatest where they differ."""
    said = over_seeds(values, show, " to ")
    found = spread(values)
    return show(found.mean) if found and show(found.low) == show(found.high) else said


def parts(groups: list[tuple[Group, list[Rewarded]]]) -> list[str]:
    """What the change of the reward is made of, without parts that no run has."""
    runs = [one for _, mine in groups for one in mine]
    kept = [part for part in PARTS if any(abs(_growth(one, _column(part)) or 0) >= ZERO for one in runs)]
    if not kept:
        return []
    rows = [
        [group.title, *(_grown(mine, column) for column in ("reward", *map(_column, kept)))] for group, mine in groups
    ]
    told = (
        f"The mean of the last {LAST} probes less that of the first {LAST}, mean over seeds [least to greatest]. "
        "`earned` is what greedy held-out accuracy earns; with the parts up to `decoding` it adds up to the reward: "
        "`verifier` is the run's judge against the strict one on the same completions, `memorisation` training against "
        "held-out problems, `decoding` sampled against greedy answers. `over-specialisation`, in domain against "
        "shifted problems, is no part of the sum. Parts that are 0 in every run are left out."
    )
    return ["### What the reward's change is made of", told, table(["arm", "reward", *map(name, kept)], rows)]


def _column(part: str) -> str:
    return part if part == "earned" else f"{part}_gap"


def _growth(one: Rewarded, column: str) -> float | None:
    known = [gap[column] for gap in one.gaps if gap[column] is not None]
    return mean(known[-LAST:]) - mean(known[:LAST]) if len(known) >= 2 * LAST else None


def _grown(runs: Sequence[Rewarded], column: str) -> str:
    return _seeds([_growth(one, column) for one in runs], lambda value: signed(value, 3))


def beside(groups: list[tuple[Group, list[Rewarded]]]) -> list[str]:
    """After training beside the base, and while training from the first probe to the last."""
    after = [
        [group.title, *(_span(mine, lambda one, c=c: (one.row[f"base_{c}"], one.row[c])) for _, c in BESIDE)]
        for group, mine in groups
    ]
    ks = sorted({one.row["k"] for _, mine in groups for one in mine if one.row["k"]})
    header = ["arm", *(head + (f", k = {listed(list(map(str, ks)))}" if head == "pass@k" and ks else "")
                       for head, _ in BESIDE)]  # fmt: skip
    told = (
        "Of the base → after training, per cent, mean over seeds [least to greatest]: greedy answers that follow from "
        "their reasoning, accuracy with a blank picture (asked of trained models where `evaluation.trained_conditions` "
        "has it), and the chance that one of k sampled answers is right."
    )
    while_ = [
        [group.title, *(_span(mine, lambda one, c=c: _ends(one, c), show) for _, c, show in WHILE)]
        for group, mine in groups
    ]
    return [
        "### Beside it", told, table(header, after),
        folded("While training, from the first probe to the last", table(["arm", *(w[0] for w in WHILE)], while_)),
    ]  # fmt: skip


def _ends(one: Rewarded, column: str) -> tuple[float | None, float | None]:
    return (one.gaps[0][column], one.gaps[-1][column]) if one.gaps else (None, None)


def elsewhere(groups: list[tuple[Group, list[Rewarded]]]) -> list[str]:
    """The verdicts on the other suites that were probed."""
    suites = sorted({suite for _, mine in groups for one in mine for suite in one.suites}, key=suite_place)
    if len(suites) < 2:
        return []
    rows = [[group.title, *(_tally(mine, suite) for suite in suites)] for group, mine in groups]
    return [folded("Verdicts suite by suite", table(["arm", *suites], rows, words=1 + len(suites)))]


def _tally(runs: Sequence[Rewarded], suite: str) -> str:
    found = [one.suites[suite]["verdict"] for one in runs if suite in one.suites]
    return ", ".join(f"{verdict} {found.count(verdict)}" for verdict in VERDICTS if verdict in found) or NOTHING
