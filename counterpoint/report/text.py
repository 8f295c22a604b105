"""report.md: what was run and what the numbers say, computed from the tables; nothing is claimed beyond them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from counterpoint.report.numbers import FEWEST
from counterpoint.report.read import BLIND, Cell, Pair, Results, Run
from counterpoint.report.statement import statement
from counterpoint.report.trend import Trend, trends, way

ARROWS = {1: " ↑", -1: " ↓", 0: ""}


def write(results: Results, path: Path, pictures: str = "plots") -> None:
    """Write the report; `pictures` is the folder of the PNG files relative to it."""
    sections = [
        [f"# Study `{results.study}`"],
        _ran(results),
        ["## What the numbers say", *statement(results)],
        *_accuracy(results, pictures),
        _pairs(results, pictures),
        _rewards(results, pictures),
        ["## How to read it", *READING],
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = (block for section in sections for block in section)
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8", newline="\n")


READING = [
    "- Accuracy is greedy, in per cent, with 95 % Wilson intervals. An answer that cannot be parsed or was cut off is "
    "not correct and is counted apart.\n"
    "- Paired differences are on the same problems, in points; their 95 % intervals use standard errors clustered by "
    "latent state. Each is read alone: of twenty intervals without any effect behind them, about one excludes 0.\n"
    "- Intervals cover the choice of test problems, not the luck of a training seed.\n"
    "- SFT reads reasoning traces that RL never sees, so equal samples are not equal information.",
]


def percent(value: float) -> str:
    """A fraction in per cent with one decimal."""
    return f"{100 * value:.1f}"


def points(pair: Pair) -> str:
    """A paired difference in points with its bounds."""
    signed = [f"{100 * value:+.1f}".replace("-", "−") for value in (pair.difference, pair.low, pair.high)]
    return f"{signed[0]} ({signed[1]} to {signed[2]})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(_safe(cell) for cell in line)} |" for line in lines)


def _safe(cell: str) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")


def _cell(cell: Cell | None, mark: str = "") -> str:
    return f"{percent(cell.accuracy)} ({percent(cell.low)}–{percent(cell.high)}){mark}" if cell else "–"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _ran(results: Results) -> list[str]:
    seeds = sorted({run.seed for run in results.trained if run.seed is not None})
    sizes = ", ".join(f"{name} ({size:,} problems)" for name, size in results.sizes.items()) or "none"
    counts = sorted({cell.n for key, cell in results.cells.items() if key[2] == "normal"})
    span = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}" if counts else "no"
    facts = (
        f"Models: {', '.join(results.models)}. Samples: {sizes}. Training runs: {len(results.trained)}. "
        f"Seeds: {', '.join(map(str, seeds)) or 'none'}. Suites: {', '.join(results.suites)}, {span} problems each."
    )
    rows = [
        [
            run.title,
            *(
                _number(v)
                for v in (run.parameters, run.updates, run.prompts_seen, run.generated_tokens, run.trained_tokens)
            ),
        ]
        for run in results.runs
    ]
    header = ["run", "parameters", "updates", "prompts seen", "generated tokens", "trained tokens"]
    return ["## What was run", facts, table(header, rows)]


def _accuracy(results: Results, pictures: str) -> list[list[str]]:
    intro = (
        "Arrows: the paired difference from the base excludes 0. “Unparsed” and “truncated” are shares of all answers "
        "over the suites. Three guesses are blind: the base without the picture (`no_image`), with the picture of "
        "another problem (`shuffled_image`), and the most frequent gold answer of each family among a suite's own "
        "problems (majority). A suite is measurable when the lower bound of the base lies above the upper bounds of "
        "the first two, where they were run, and above the majority.\n\n"
        f"![Accuracy by arm]({pictures}/accuracy_by_arm.png)"
    )
    sections = [["## Accuracy", intro]]
    for model in results.models:
        rows = [_accuracy_row(results, run) for run in results.runs if run.model == model]
        base = results.base(model)
        if base:
            normal = [results.cell(base, suite) for suite in results.suites]
            shares = [percent(cell.majority) if cell else "–" for cell in normal]
            rows.insert(1, ["majority answer by family", *shares, "", ""])
        for condition in reversed(BLIND):  # each is put right below the base
            cells = [results.cell(base, suite, condition) for suite in results.suites]
            if any(cells):
                rows.insert(1, [f"base, {condition}", *map(_cell, cells), "", ""])
        verdicts = {True: "yes", False: "**not measurable**", None: "no blind baseline"}
        rows.append(["measurable", *(verdicts[results.measurable(model, suite)] for suite in results.suites), "", ""])
        sections.append([f"### {model}", table(["run", *results.suites, "unparsed", "truncated"], rows)])
    return sections


def _accuracy_row(results: Results, run: Run) -> list[str]:
    cells = [results.cell(run, suite) for suite in results.suites]
    gains = [results.gains.get((run.run_id, suite)) for suite in results.suites]
    row = [_cell(cell, ARROWS[gain.sign] if gain else "") for cell, gain in zip(cells, gains, strict=True)]
    kept = [cell for cell in cells if cell]
    total = sum(cell.n for cell in kept)
    for share in ("unparsed", "truncated"):
        row.append(percent(sum(getattr(cell, share) * cell.n for cell in kept) / total) if total else "–")
    return [run.title.partition(" · ")[2], *row]


def _pairs(results: Results, pictures: str) -> list[str]:
    if not results.pairs:
        return ["## SFT against RL", "No SFT run and RL run of one model and seed to compare."]
    kinds: dict[tuple, dict[str, Pair]] = {}
    for pair in results.pairs:
        kinds.setdefault((pair.first, pair.second), {})[pair.suite] = pair
    rows = [
        [f"{first.title} − {second.title.partition(' · ')[2]}"]
        + [points(kept[suite]) if suite in kept else "–" for suite in results.suites]
        for (first, second), kept in kinds.items()
    ]
    picture = f"![Little SFT against much RL]({pictures}/sft_2k_vs_rl_20k.png)"
    text = "Accuracy of SFT minus accuracy of RL, points, on the same problems; above 0 SFT is better."
    return ["## SFT against RL", text, picture, table(["pair", *results.suites], rows)]


def _rewards(results: Results, pictures: str) -> list[str]:
    greedy, sampled = trends(results), {t.run.run_id: t for t in trends(results, decoding="sampled")}
    if not greedy:
        return ["## Reward and held-out accuracy", "This study has no RL run with probes."]

    def rank(value: float | None) -> str:
        return "–" if value is None else f"{value:+.2f}".replace("-", "−")

    rows = []
    for trend in greedy:
        other = sampled.get(trend.run.run_id)
        span = f"{percent(other.start.accuracy)} → {percent(other.end.accuracy)}" if other else "–"
        rows.append([
            trend.run.title, _quarters(trend), f"{_bounds(trend.start)} → {_bounds(trend.end)}", span,
            str(trend.points), rank(trend.correlation), rank(other.correlation if other else None),
        ])  # fmt: skip
    header = [
        "run", "training reward, first → last quarter", "in_domain greedy", "in_domain sampled", "points",
        "ρ greedy", "ρ sampled",
    ]  # fmt: skip
    text = (
        "Training reward is the mean over the first and over the last quarter of the optimizer steps, with the 95 % "
        "interval mean ± 1.96 · sd / √n of the steps' own mean rewards, taken as independent; under "
        f"{FEWEST} steps a quarter nothing is said. Accuracy is that of the first and the last probe, with Wilson "
        "intervals. “Rose” and “fell” are said of either only when the two intervals do not overlap. ρ is Spearman's "
        "correlation over the probes of accuracy and the mean reward of the steps since the probe before: a "
        "description, not a test, for two series that both trend correlate by that alone."
    )
    picture = f"![Reward and accuracy over steps]({pictures}/reward_vs_accuracy.png)"
    return ["## Reward and held-out accuracy", text, picture, table(header, rows)]


def _quarters(trend: Trend) -> str:
    if not trend.rewards:
        return "too few steps to say"
    first, last = (f"{span.mean:.3f} ({span.low:.3f}–{span.high:.3f})" for span in trend.rewards)
    return f"{first} → {last}: {way(*trend.rewards)}"


def _bounds(point) -> str:
    return f"{percent(point.accuracy)} ({percent(point.low)}–{percent(point.high)})"
