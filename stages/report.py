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
from counterpoint.report import read, series, viewer
from counterpoint.report.pictures import (
    accuracy,
    curves,
    findings,
    frontier,
    pairs,
    phase,
    rewards,
    sheets,
    shifts,
    split,
)
from counterpoint.report.results import Results
from counterpoint.report.text import page
from counterpoint.warehouse import published
from stages.common import PROBLEMS, main
from stages.study_results import StudyFiles, published_folder

log = logging.getLogger("report")


def program(arguments: list[str]) -> None:
    """Report on the study in params.yaml, or on a published one."""
    parser = argparse.ArgumentParser(prog="python -m stages.report", description="Pictures and report of a study.")
    parser.add_argument("--study", metavar="NAME", help="of this published study, not of the one in params.yaml")
    name = parser.parse_args(arguments).study
    if name is not None:
        folder = published_folder(name)
        results = read.load(folder, published.load(folder)["study"], f"git checkout -- {folder}")
        draw(results, folder / "plots")
        page.write(results, folder, folder / "report.md")
        log.info("wrote the report and the pictures in %s", folder)
        return
    here = StudyFiles(params.load().study)
    results = read.load(here.tables, here.study)
    draw(results, here.plots)
    page.write(results, here.tables, here.report, here.sheets.name)
    drawn = sheets.draw_all(results, here.sheets)
    series.write(results, here.plots)
    viewer.write(results, here.tables, PROBLEMS, here.viewer)
    log.info("wrote %s, %s, pictures in %s and %d sheets", here.report, here.viewer, here.plots, drawn)


def draw(results: Results, folder: Path) -> None:
    """Draw the pictures of a study into a folder. What only some studies have is removed first, so that no picture of
    another study stays."""
    for old in (folder / "phase.png", folder / "split.png", *folder.glob("frontier_*.png")):
        old.unlink(missing_ok=True)
    findings.draw(results.marts["findings"], folder / "findings.png")
    curves.draw(results, folder / "reward_vs_accuracy.png")
    accuracy.draw(results, folder / "accuracy_by_arm.png")
    shifts.draw(results, folder / "shift_curves.png")
    pairs.draw(results, folder / "sft_2k_vs_rl_20k.png")
    rewards.draw(results, folder / "rewards.png")
    phase.draw(results.marts["phase"], folder / "phase.png")
    split.draw(results.marts["split_curve"], folder / "split.png")
    frontier.draw_all(results.marts["cost_curve"], folder)


if __name__ == "__main__":
    main(program)
