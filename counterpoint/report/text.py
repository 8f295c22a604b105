"""report.md: what was run, what was found and what the numbers say, computed from the tables and nothing beyond them.

text.py   the order of it    decided.py  the findings    markdown.py  tables and numbers
judged.py suites and accuracy    measures.py  modalities, reliability, judges    against.py  SFT and RL, reward
factors.py  the factors as axes    truth.py  whether rewards tell the truth, with behind.py, in the words of words.py
"""

from __future__ import annotations

from pathlib import Path

from counterpoint.report import against, decided, factors, judged, measures, truth
from counterpoint.report.markdown import NOTHING, listed, number, table
from counterpoint.report.results import Group, Results, spread
from counterpoint.report.statement import statement


def write(results: Results, path: Path, pictures: str = "plots", sheets: str | None = None) -> None:
    """Write the report; `pictures` is the folder of the PNG files relative to it, `sheets` that of the runs' sheets."""
    blocks = [
        f"# Study `{results.study}`",
        *_ran(results),
        *decided.section(results, pictures),
        "## What the numbers say",
        *statement(results),
        *factors.section(results, pictures),
        *judged.blind(results),
        *judged.accuracy(results, pictures),
        *judged.curves(results, pictures),
        *measures.modalities(results),
        *measures.reliability(results),
        *measures.judges(results),
        *against.pairs(results, pictures),
        *against.rewards(results, pictures),
        *truth.section(results, pictures, sheets),
        "## How to read it",
        READING,
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8", newline="\n")


READING = (
    "- Accuracy is greedy, in per cent. An answer that cannot be parsed or was cut off is not correct and is counted "
    "apart.\n"
    "- Round brackets hold a 95 % interval: Wilson's for the accuracy of one run, clustered by latent state for a "
    "paired difference of two, and over seeds and problems together for the findings. The first two cover the choice "
    "of test problems, not the luck of a training seed. Each is read alone: of twenty without any effect behind them, "
    "about one excludes 0.\n"
    "- The findings' intervals held the truth in 93.9 to 96.6 % of simulated studies with three seeds "
    "(docs/statistics.md).\n"
    "- Square brackets hold the least and the greatest seed around the mean over seeds. They are no interval: with "
    "more seeds they only widen.\n"
    "- † marks a suite that is not measurable for a model: what its base gets there is no better than blind, so no arm "
    "is judged on it.\n"
    "- SFT reads reasoning traces that RL never sees, so equal samples are not equal information."
)


def _ran(results: Results) -> list[str]:
    samples = ", ".join(f"{name} ({size:,} problems)" for name, size in results.sizes.items())
    counts = [cell.n for cell in results.cells.values() if cell.condition == "normal"]
    low, high = min(counts, default=0), max(counts, default=0)
    span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    facts = (
        f"Models: {', '.join(results.models)}. Samples: {samples or 'none'}. Training runs: {len(results.trained)}. "
        f"Seeds: {_seeds(results.seeds)}. Suites: {', '.join(results.suites)}, {span} problems each."
    )
    unfinished = [f"`{run.run_id}` ({run.status})" for run in results.runs if run.status not in (None, "completed")]
    header = ["arm", "seeds", "parameters", "updates", "prompts seen", "generated tokens", "trained tokens"]
    blocks = ["## What was run", facts, table(header, map(_row, results.groups), words=2)]
    if any(len(group.runs) > 1 for group in results.groups):
        blocks.append("Counts are means over the seeds.")
    if unfinished:
        blocks.append(f"Not completed: {listed(unfinished)}.")
    return blocks


def _seeds(seeds: list[int]) -> str:
    return ", ".join(map(str, seeds)) or NOTHING


def _row(group: Group) -> list[str]:
    counted = ("parameters", "updates", "prompts_seen", "generated_tokens", "trained_tokens")
    means = [spread([getattr(run, name) for run in group.runs]) for name in counted]
    seeds = _seeds([run.seed for run in group.runs if run.seed is not None])
    return [group.title, seeds, *(number(found and found.mean) for found in means)]
