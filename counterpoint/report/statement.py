"""What the data says in plain words: which intervals exclude 0, what cannot be measured, what one seed leaves open."""

from __future__ import annotations

from counterpoint.report.read import Pair, Results
from counterpoint.report.trend import MAIN, trends, way


def statement(results: Results) -> list[str]:
    """Bullet points, as one Markdown block."""
    lines = [*_against_base(results), *_little_against_much(results), *_rewards(results), *_measurable(results)]
    return ["\n".join(f"- {line}" for line in [*lines, _seeds(results)])]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


def _against_base(results: Results) -> list[str]:
    lines = []
    for model in results.models:
        pairs = [results.gains[key] for run in results.trained if (key := (run.run_id, MAIN)) in results.gains]
        pairs = [pair for pair in pairs if pair.model == model]
        if not pairs or results.measurable(model, MAIN) is False:
            continue
        groups = {sign: [_name(p) for p in pairs if p.sign == sign] for sign in (1, -1, 0)}
        parts = []
        if groups[1]:
            parts.append(f"above the base: {_listed(groups[1])}")
        if groups[-1]:
            parts.append(f"below it: {_listed(groups[-1])}")
        if groups[0]:
            parts.append(f"not told apart from it: {_listed(groups[0])}")
        lines.append(f"`{model}`, {MAIN} (paired difference from its base): {'; '.join(parts)}.")
    return lines


def _name(pair: Pair) -> str:
    gain = f"{100 * pair.difference:+.1f}".replace("-", "−")
    return f"{pair.first.title.partition(' · ')[2]} ({gain})"


def _little_against_much(results: Results) -> list[str]:
    lines = []
    pairs = results.compared()
    for first, second in dict.fromkeys((pair.first, pair.second) for pair in pairs):
        mine = [p for p in pairs if (p.first, p.second) == (first, second)]
        kept = [p for p in mine if results.measurable(p.model, p.suite) is not False]
        if not kept:
            continue
        sides = {sign: [p.suite for p in kept if p.sign == sign] for sign in (1, -1, 0)}
        parts = []
        if sides[1]:
            parts.append(f"SFT is ahead on {_listed(sides[1])}")
        if sides[-1]:
            parts.append(f"RL is ahead on {_listed(sides[-1])}")
        if sides[0]:
            parts.append(f"the interval holds 0 on {_listed(sides[0])}")
        seed = f", seed {first.seed}" if len({run.seed for run in results.trained}) > 1 else ""
        lines.append(f"`{first.model}`{seed}, SFT on {first.sample} against RL on {second.sample}: {'; '.join(parts)}.")
    return lines


def _rewards(results: Results) -> list[str]:
    lines = []
    for trend in trends(results):
        reward = "too few steps to say what the training reward did"
        if trend.rewards:
            first, last = trend.rewards
            reward = f"training reward, first to last quarter: {way(first, last)} ({first.mean:.3f} to {last.mean:.3f})"
        lines.append(
            f"{trend.run.title}: {reward}; {MAIN} accuracy, first to last probe: {way(trend.start, trend.end)} "
            f"({100 * trend.start.accuracy:.1f} % to {100 * trend.end.accuracy:.1f} %)."
        )
    return lines


def _measurable(results: Results) -> list[str]:
    lines = []
    for model in results.models:
        bad = [suite for suite in results.suites if results.measurable(model, suite) is False]
        if bad:
            lines.append(
                f"`{model}`: not measurable on {_listed(bad)}: the base's interval does not lie above those of "
                "its blind baselines and above the majority answer, so arms are not judged there."
            )
        unknown = [suite for suite in results.suites if results.measurable(model, suite) is None]
        if unknown:
            lines.append(f"`{model}`: no blind baseline was run on {_listed(unknown)}.")
    return lines


def _seeds(results: Results) -> str:
    seeds = sorted({run.seed for run in results.trained if run.seed is not None})
    if not seeds:
        return "Nothing was trained: these are bases only."
    if len(seeds) == 1:
        return (
            f"Every arm was trained with one seed ({seeds[0]}): one seed settles nothing, whatever intervals exclude."
        )
    return f"{len(seeds)} seeds were trained ({', '.join(map(str, seeds))}); each is reported alone, none is pooled."
