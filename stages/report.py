"""Write the pictures, the sample viewer and the Markdown report from the tables: python -m stages.report [--study NAME]

Reads metrics/tables/ and data/problems/problems.parquet; writes metrics/plots/, metrics/rewards/, metrics/samples.html
and metrics/report.md. With --study it reads the published study in metrics/NAME instead, and writes plots/ and
report.md there: the viewer needs texts, which are not published, and the sheets are as many as the runs.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from counterpoint import params
from counterpoint.report import (
    arms,
    curves,
    factors,
    forest,
    overview,
    pairs,
    read,
    series,
    sheets,
    shifts,
    text,
    viewer,
)
from counterpoint.report.results import Results
from counterpoint.warehouse import published
from stages import publish
from stages.common import PROBLEMS, TABLES, main

log = logging.getLogger("report")
METRICS = TABLES.parent
PLOTS = "plots"  # in METRICS, or in the folder of a published study
SHEETS = METRICS / "rewards"
REPORT = "report.md"
VIEWER = METRICS / "samples.html"


def program(arguments: list[str]) -> None:
    """Report on the study in params.yaml, or on a published one."""
    parser = argparse.ArgumentParser(prog="python -m stages.report", description="Pictures and report of a study.")
    parser.add_argument("--study", metavar="NAME", help="of this published study, not of the one in params.yaml")
    name = parser.parse_args(arguments).study
    if name is not None:
        folder = publish.folder(name)
        results = read.load(folder, published.load(folder)["study"], f"git checkout -- {folder}")
        draw(results, folder, folder)
        log.info("wrote %s and the pictures in %s", folder / REPORT, folder / PLOTS)
        return
    results = read.load(TABLES, params.load().study)
    draw(results, TABLES, METRICS)
    drawn = sheets.draw_all(results, SHEETS)
    series.write(results, METRICS / PLOTS)
    viewer.write(results, TABLES, PROBLEMS, VIEWER)
    log.info(
        "wrote %s, %s, pictures in %s and %d sheets in %s", METRICS / REPORT, VIEWER, METRICS / PLOTS, drawn, SHEETS
    )


def draw(results: Results, tables: Path, out: Path) -> None:
    """Draw the pictures into `out`/plots and write `out`/report.md; `tables` is where `results` were read."""
    plots = out / PLOTS
    forest.draw(results.marts["findings"], plots / "findings.png")
    curves.draw(results, plots / "reward_vs_accuracy.png")
    arms.draw(results, plots / "accuracy_by_arm.png")
    shifts.draw(results, plots / "shift_curves.png")
    pairs.draw(results, plots / "sft_2k_vs_rl_20k.png")
    overview.draw(results, plots / "rewards.png")
    with read.connect(tables, factors.MARTS) as db:
        factors.draw(db, plots)
    text.write(results, out / REPORT)


if __name__ == "__main__":
    main(program)
