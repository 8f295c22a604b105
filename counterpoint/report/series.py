"""CSV files for `dvc plots`: probes.csv (reward and accuracy over steps), accuracy.csv (every run and suite)."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from counterpoint.report.numbers import mean_series
from counterpoint.report.results import ArmRuns, Results

MOST = 125  # points of a reward: those of a longer run are means over equal spans of steps


def write(results: Results, folder: Path) -> None:
    """Write both files into `folder`. Values are fractions, rounded to six places; those of probes.csv are means over
    an arm's seeds."""
    _csv(
        folder / "probes.csv",
        ("run", "series", "step", "value"),
        [
            (arm.title, name, step, f"{value:.6f}")
            for arm in results.arms
            if arm.method != "base"
            for name, points in _series(results, arm)
            for step, value in points
        ],
    )
    _csv(
        folder / "accuracy.csv",
        ("run", "model", "arm", "sample", "suite", "n", "accuracy", "low", "high"),
        [
            (
                run.run_id, run.model, run.arm, run.sample or "", suite, cell.n, f"{cell.accuracy:.6f}",
                f"{cell.low:.6f}", f"{cell.high:.6f}",
            )
            for run in results.runs
            for suite in results.suites
            if (cell := results.cell(run, suite))
        ],
    )  # fmt: skip


def _series(results: Results, arm: ArmRuns) -> Iterator[tuple[str, list[tuple[int, float]]]]:
    rewards = [results.rewards[run.run_id] for run in arm.runs if results.rewards[run.run_id]]
    if rewards:
        yield "reward", thinned(mean_series(rewards))
    runs = [run for run in arm.runs if results.probes[run.run_id]]
    for suite, decoding in sorted({(p.suite, p.decoding) for run in runs for p in results.probes[run.run_id]}):
        probes = [[(p.step, p.accuracy) for p in results.points(run, suite, decoding)] for run in runs]
        yield f"{suite} {decoding}", mean_series(probes)


def thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `MOST` points: means over spans of equally many, at the last step of each."""
    size = math.ceil(len(points) / MOST) if points else 1
    spans = [points[start : start + size] for start in range(0, len(points), size)]
    return [(span[-1][0], math.fsum(value for _, value in span) / len(span)) for span in spans]


def _csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
