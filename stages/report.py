"""Write the pictures, the sample viewer and the Markdown report from the tables: python -m stages.report

Reads metrics/tables/ and data/problems/problems.parquet; writes metrics/plots/, metrics/rewards/, metrics/samples.html
and metrics/report.md.
"""

from __future__ import annotations

import logging
from pathlib import Path

from counterpoint import params
from counterpoint.errors import UserError
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
from stages.common import PROBLEMS, TABLES, main

log = logging.getLogger("report")
PLOTS = Path("metrics/plots")
SHEETS = Path("metrics/rewards")
REPORT = Path("metrics/report.md")
VIEWER = Path("metrics/samples.html")


def program(arguments: list[str]) -> None:
    """Report on the study in params.yaml."""
    if arguments:
        raise UserError(f"stages.report takes no arguments, not {arguments[0]!r}")
    results = read.load(TABLES, params.load().study)
    forest.draw(results.marts["findings"], PLOTS / "findings.png")
    curves.draw(results, PLOTS / "reward_vs_accuracy.png")
    arms.draw(results, PLOTS / "accuracy_by_arm.png")
    shifts.draw(results, PLOTS / "shift_curves.png")
    pairs.draw(results, PLOTS / "sft_2k_vs_rl_20k.png")
    overview.draw(results, PLOTS / "rewards.png")
    with read.connect(TABLES, factors.MARTS) as db:
        factors.draw(db, PLOTS)
    drawn = sheets.draw_all(results, SHEETS)
    series.write(results, PLOTS)
    viewer.write(results, TABLES, PROBLEMS, VIEWER)
    text.write(results, REPORT)
    log.info("wrote %s, %s, the pictures in %s and %d sheets in %s", REPORT, VIEWER, PLOTS, drawn, SHEETS)


if __name__ == "__main__":
    main(program)
