"""What the data says in plain words: which intervals exclude 0, what cannot be measured, what the seeds leave open."""

from __future__ import annotations

from counterpoint.report import truth
from counterpoint.report.contests import Contest, contests
from counterpoint.report.decided import said
from counterpoint.report.foremost import foremost
from counterpoint.report.markdown import listed, over_seeds, signed
from counterpoint.report.measures import DISAGREED
from counterpoint.report.results import Group, Pair, Results, agreed
from counterpoint.report.trend import FELL, ROSE, Course, courses, tally

VERDICTS = ("supported", "contradicted", "suggestive", "inconclusive")
MOST = 12  # arms of a model that are named; of more, the plain ones on the samples of the claims, and the rest counted


def statement(results: Results) -> list[str]:
    """Bullet points, as one Markdown block: at most a few a model, each over all seeds."""
    lines = [
        *_findings(results),
        *_against_base(results),
        *_little_against_much(results),
        *_rewards(results),
        *truth.statement(results),
        *_unmeasurable(results),
        *_judges(results),
        _seeds(results),
    ]
    return ["\n".join(f"- {line}" for line in lines)]


def _findings(results: Results) -> list[str]:
    verdicts: dict[str, list[str]] = {}
    for row in sorted(results.marts["findings"], key=lambda row: VERDICTS.index(row["finding_verdict"])):
        names = verdicts.setdefault(said(row), [])
        if row["finding"] not in names:
            names.append(row["finding"])
    told = "; ".join(f"{verdict}: {listed(names)}" for verdict, names in verdicts.items())
    return [f"Findings: {told}."] if told else []


def _against_base(results: Results) -> list[str]:
    lines = []
    for model in results.models:
        if results.measurable(model, results.main) is False:
            continue
        groups = [group for group in results.groups if group.model == model]
        gains = {group: pairs for group in groups if (pairs := results.group_gains(group, results.main))}
        named = _named(results, list(gains))
        heads = {1: "above it", -1: "below it", 0: "not told apart from it"}
        if any(len(group.runs) > 1 for group in groups):
            heads = {1: "above it in every seed", -1: "below it in every seed", 0: "not in every seed on one side"}
        parts = []
        for sign, head in heads.items():
            mine = [_gain(group, gains[group]) for group in named if agreed(gains[group]) == sign]
            parts += [f"{head}: {listed(mine)}"] if mine else []
        if len(named) < len(gains):
            signs = [agreed(pairs) for group, pairs in gains.items() if group not in named]
            counts = [f"{signs.count(sign)} {head}" for sign, head in heads.items() if sign in signs]
            parts.append(f"other arms: {', '.join(counts)} (all under Accuracy)")
        if parts:
            lines.append(f"`{model}`, {results.main}, paired difference from its base: {'; '.join(parts)}.")
    return lines


def _named(results: Results, groups: list[Group]) -> list[Group]:
    """Those that are named; the others are counted."""
    return groups if len(groups) <= MOST else [group for group in groups if foremost(results, group)]


def _gain(group: Group, pairs: list[Pair]) -> str:
    return f"{group.name} ({over_seeds([100 * pair.difference for pair in pairs], signed, ' to ')})"


def _little_against_much(results: Results) -> list[str]:
    found = [c for c in contests(results, results.compared()) if results.measurable(c.model, c.suite) is not False]
    lines = []
    for model, first, second in dict.fromkeys((c.model, c.first, c.second) for c in found):
        mine = [c for c in found if (c.model, c.first, c.second) == (model, first, second)]
        sides = {sign: [c.suite for c in mine if c.sign == sign] for sign in (1, -1, 0)}
        heads = {1: "SFT is ahead on", -1: "RL is ahead on", 0: _undecided(mine)}
        parts = [f"{heads[sign]} {listed(suites)}" for sign, suites in sides.items() if suites]
        lines.append(f"`{model}`, {first} against {second}: {'; '.join(parts)}.")
    return lines


def _undecided(found: list[Contest]) -> str:
    pooled = all(contest.low is not None for contest in found)
    return "the interval holds 0 on" if pooled else "the seeds do not all exclude 0 on one side on"


def _rewards(results: Results) -> list[str]:
    lines = []
    for model in results.models:
        found = {course.group: course for course in courses(results) if course.group.model == model}
        named = _named(results, list(found))
        parts = [_course(found[group]) for group in named]
        if len(named) < len(found):
            parts.append(_counted([course for group, course in found.items() if group not in named]))
        if parts:
            lines.append(
                f"`{model}`, training reward from first to last quarter, {results.main} accuracy from first to last "
                f"probe: {'; '.join(parts)}."
            )
    return lines


def _counted(rest: list[Course]) -> str:
    reward, accuracy = [set(course.reward_ways) for course in rest], [set(course.accuracy_ways) for course in rest]
    return (
        f"other arms: {len(rest)}, of which in every seed the reward rose in {reward.count({ROSE})} and fell in "
        f"{reward.count({FELL})}, accuracy rose in {accuracy.count({ROSE})} and fell in {accuracy.count({FELL})} (all "
        "under Reward and held-out accuracy)"
    )


def _course(course: Course) -> str:
    reward = "too few steps to say what the reward did"
    if course.reward:
        reward = f"reward {tally(course.reward_ways)} ({course.reward[0]:.3f} to {course.reward[1]:.3f})"
    first, last = (100 * value for value in course.accuracy)
    return f"{course.group.name}: {reward}, accuracy {tally(course.accuracy_ways)} ({first:.1f} % to {last:.1f} %)"


def _unmeasurable(results: Results) -> list[str]:
    lines = []
    for verdict, told in (
        (False, "Not measurable, so no arm is judged there: "),
        (None, "No blind baseline was run: "),
    ):
        lines += _by_model(results, told, lambda row, verdict=verdict: row["measurable"] is verdict)
    return lines + _by_model(results, "Solved blind: ", lambda row: row["solved_blind"])


def _by_model(results: Results, told: str, wanted) -> list[str]:
    """One line that names the suites of each model whose row of `blind` is wanted; models alike stand together."""
    models: dict[tuple[str, ...], list[str]] = {}
    for model in results.models:
        rows = [(suite, results.blind(model, suite)) for suite in results.suites]
        suites = tuple(suite for suite, row in rows if row and wanted(row))
        if suites:
            models.setdefault(suites, []).append(f"`{model}`")
    every = tuple(results.suites)
    parts = [
        f"{'every suite' if suites == every else listed(suites)} ({listed(names)})" for suites, names in models.items()
    ]
    return [told + "; ".join(parts) + "."] if parts else []


def _judges(results: Results) -> list[str]:
    rows = [row for row in results.marts["judges"] if row["disagreement"] > DISAGREED]
    if not rows:
        return []
    worst = max(rows, key=lambda row: (row["disagreement"], row["run_id"], row["suite"], row["decoding"]))
    return [
        f"The two judges disagree on more than {100 * DISAGREED:g} % of the answers in {len(rows)} of "
        f"{len(results.marts['judges'])} places (a run, a suite, a decoding); most in `{worst['run_id']}` on "
        f"{worst['suite']}, {worst['decoding']}: {100 * worst['disagreement']:.1f} %."
    ]


def _seeds(results: Results) -> str:
    seeds = results.seeds
    if not results.trained:
        return "Nothing was trained: these are bases only."
    counts = {len(group.runs) for group in results.groups if group.method != "base"}
    if max(counts) == 1:
        which = f" ({seeds[0]})" if len(seeds) == 1 else ""
        return f"Every arm was trained with one seed{which}: one seed settles nothing, whatever intervals exclude."
    least = min(counts)
    few = f" Some arms have only {least}." if least < max(counts) else ""
    rule = "" if max(counts) >= 3 else " Under three, a verdict is at most suggestive."
    return (
        f"{len(seeds)} seeds were trained ({', '.join(map(str, seeds))}).{few} The findings and the comparisons of SFT "
        f"with RL pool them, with intervals over seeds and problems; accuracies are means over them.{rule}"
    )
