"""Print the findings of the study: python -m stages.findings [--all] [--finding NAME] [--study published]

The first line says of which study (stages/places.py); the stage `warehouse` put them into its tables
(counterpoint/findings says how). Primary contrasts decide a finding; --all lists the secondary ones too. Not a DVC
stage.
"""

from __future__ import annotations

import argparse

from counterpoint.findings import printed
from stages.common import main
from stages.places import results


def program(arguments: list[str]) -> None:
    """Print every finding, or one."""
    parser = argparse.ArgumentParser(prog="python -m stages.findings", description="The findings of the study.")
    parser.add_argument("--all", action="store_true", help="the secondary contrasts too")
    parser.add_argument("--finding", metavar="NAME", help="this one alone")
    parser.add_argument("--study", metavar="NAME", help="of this study, not of the one in params.yaml")
    options = parser.parse_args(arguments)
    asked = results(options.study)
    if asked.place:
        rows = printed.read(asked.place.tables, "run `dvc repro warehouse`")
    else:
        rows = printed.read(asked.published, f"run `git checkout -- {asked.published}`")
    text = printed.text(rows, options.finding, options.all)
    print(asked.head, text, sep="\n\n")


if __name__ == "__main__":
    main(program)
