"""CSV files for `dvc plots`: probes.csv (reward and accuracy over steps), accuracy.csv (every run and suite)."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from counterpoint.report.read import Results


def write(results: Results, folder: Path) -> None:
    """Write both files into `folder`. Values are fractions, rounded to six places."""
    _csv(
        folder / "probes.csv",
        ("run", "series", "step", "value"),
        [
            row
            for run in results.trained
            for row in (
                *((run.run_id, "reward", step, f"{reward:.6f}") for step, reward in results.rewards[run.run_id]),
                *(
                    (run.run_id, f"{p.suite} {p.decoding}", p.step, f"{p.accuracy:.6f}")
                    for p in results.probes[run.run_id]
                ),
            )
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


def _csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
