"""SFT against RL, and reward against held-out accuracy, in report.md."""

from __future__ import annotations

from counterpoint.report.contests import Contest, contests
from counterpoint.report.markdown import NOTHING, interval, over_seeds, percent, signed, table
from counterpoint.report.numbers import FEWEST
from counterpoint.report.results import Results
from counterpoint.report.trend import Course, courses, tally


def pairs(results: Results, pictures: str) -> list[str]:
    """The paired differences between SFT and RL, a table a model."""
    found = contests(results, results.pairs)
    if not found:
        return ["## SFT against RL", "No SFT run and RL run of one model and seed to compare."]
    several = any(len(contest.pairs) > 1 for contest in found)
    pooled = (
        " Mean over seeds: in round brackets the interval over seeds and problems, where the findings have it; else in "
        "square brackets the least and the greatest seed."
        if several
        else ""
    )
    blocks = [
        "## SFT against RL",
        f"Accuracy of SFT minus accuracy of RL, points, on the same problems; above 0 SFT is better.{pooled}",
        f"![Little SFT against much RL]({pictures}/sft_2k_vs_rl_20k.png)",
    ]
    for model in results.models:
        mine = {(c.first, c.second, c.suite): c for c in found if c.model == model}
        kinds = list(dict.fromkeys(key[:2] for key in mine))
        rows = [
            [f"{suite} †" if results.measurable(model, suite) is False else suite]
            + [_points(mine.get((*kind, suite))) for kind in kinds]
            for suite in results.suites
            if any((*kind, suite) in mine for kind in kinds)
        ]
        if rows:
            header = ["suite", *(f"{first} − {second}" for first, second in kinds)]
            blocks += [f"### {model}: SFT − RL", table(header, rows)]
    return blocks


def _points(contest: Contest | None) -> str:
    if contest is None:
        return NOTHING
    if contest.low is not None:
        return f"{signed(contest.difference)} {interval(contest.low, contest.high)}"
    return over_seeds([100 * pair.difference for pair in contest.pairs], signed, " to ")


def rewards(results: Results, pictures: str) -> list[str]:
    """What the training reward did, and held-out accuracy meanwhile: one row an arm."""
    greedy, sampled = courses(results), {c.group.title: c for c in courses(results, decoding="sampled")}
    title = "## Reward and held-out accuracy"
    if not greedy:
        return [title, "This study has no RL run with probes."]
    rows = [_row(course, sampled.get(course.group.title)) for course in greedy]
    header = [
        "arm", "training reward, first → last quarter", "", f"{results.main} greedy", "", f"{results.main} sampled",
        "probes", "ρ greedy", "ρ sampled",
    ]  # fmt: skip
    text = (
        "Training reward is the mean over the first and over the last quarter of a run's optimizer steps; it rose or "
        "fell when the two 95 % intervals (mean ± 1.96 · sd / √n of the steps' own mean rewards, taken as independent) "
        f"do not overlap; under {FEWEST} steps a quarter nothing is said. Accuracy is that of the first and the last "
        "probe, and rose or fell when their Wilson intervals do not overlap. ρ is Spearman's correlation over the "
        "probes of accuracy and the mean reward of the steps since the probe before: a description, not a test, for "
        "two series that both trend correlate by that alone. Numbers are means over seeds; in square brackets the "
        "least and the greatest seed."
    )
    picture = f"![Reward and accuracy over steps]({pictures}/reward_vs_accuracy.png)"
    return [title, text, picture, table(header, rows)]


def _row(course: Course, other: Course | None) -> list[str]:
    return [
        course.group.title,
        f"{course.reward[0]:.3f} → {course.reward[1]:.3f}" if course.reward else NOTHING,
        tally(course.reward_ways) if course.reward_ways else "too few steps to say",
        _span(course), tally(course.accuracy_ways), _span(other) if other else NOTHING,
        str(max(trend.points for trend in course.trends)), _rank(course), _rank(other) if other else NOTHING,
    ]  # fmt: skip


def _span(course: Course) -> str:
    first, last = course.accuracy
    return f"{percent(first)} → {percent(last)}"


def _rank(course: Course) -> str:
    return over_seeds([trend.correlation for trend in course.trends], lambda value: signed(value, 2), " to ")
