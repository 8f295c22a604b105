"""Write the pictures, the sample viewer and the Markdown report from the tables: python -m stages.report [--study NAME]

Reads the tables in metrics/STUDY and data/problems/problems.parquet; writes plots/, rewards/, samples.html and
report.md beside them. With --study it reads the published study in metrics/published/NAME instead, and writes plots/
and report.md there: the viewer needs texts, which are not published, and the sheets are as many as the runs.
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
from stages.common import PROBLEMS, main
from stages.places import place, published_folder

log = logging.getLogger("report")


def program(arguments: list[str]) -> None:
    """Report on the study in params.yaml, or on a published one."""
    parser = argparse.ArgumentParser(prog="python -m stages.report", description="Pictures and report of a study.")
    parser.add_argument("--study", metavar="NAME", help="of this published study, not of the one in params.yaml")
    name = parser.parse_args(arguments).study
    if name is not None:
        folder = published_folder(name)
        results = read.load(folder, published.load(folder)["study"], f"git checkout -- {folder}")
        draw(results, folder, folder / "plots", folder / "report.md", None)
        log.info("wrote the report and the pictures in %s", folder)
        return
    here = place(params.load().study)
    results = read.load(here.tables, here.study)
    draw(results, here.tables, here.plots, here.report, here.sheets.name)
    drawn = sheets.draw_all(results, here.sheets)
    series.write(results, here.plots)
    viewer.write(results, here.tables, PROBLEMS, here.viewer)
    log.info("wrote %s, %s, pictures in %s and %d sheets", here.report, here.viewer, here.plots, drawn)


def draw(results: Results, tables: Path, plots: Path, report: Path, sheets: str | None) -> None:
    """Draw the pictures into the folder `plots` and write `report`; `tables` is where `results` were read, `sheets` the
    folder of the runs' sheets beside the report, if there are any."""
    forest.draw(results.marts["findings"], plots / "findings.png")
    curves.draw(results, plots / "reward_vs_accuracy.png")
    arms.draw(results, plots / "accuracy_by_arm.png")
    shifts.draw(results, plots / "shift_curves.png")
    pairs.draw(results, plots / "sft_2k_vs_rl_20k.png")
    overview.draw(results, plots / "rewards.png")
    with read.connect(tables, factors.MARTS) as db:
        factors.draw(db, plots)
    text.write(results, report, sheets=sheets)


if __name__ == "__main__":
    main(program)
