"""Print the findings of the study: python -m stages.findings [--all] [--finding NAME] [--study published]

The first line says of which study (stages/study_results.py); the stage `warehouse` put them into its tables
(counterpoint/analysis says how). Primary contrasts decide a finding; --all lists the secondary ones too. Not a DVC
stage.
"""

from __future__ import annotations

import click

from counterpoint import cli
from counterpoint.analysis import printed
from counterpoint.tables import read
from stages.common import main
from stages.study_results import tables_of


@click.command()
@cli.findings_options
@click.option("--study", metavar="NAME", help="Of this study, not of the one in params.yaml.")
def show(finding: str | None, everything: bool, study: str | None) -> None:
    """Print every finding, or one."""
    tables = tables_of(study)
    rows = read(tables.tables / "findings.parquet", f"run `{tables.remedy}`")
    print(tables.head, printed.text(rows, finding, everything), sep="\n\n")


def program(arguments: list[str]) -> None:
    """Run the command line."""
    cli.run(arguments, show, "python -m stages.findings")


if __name__ == "__main__":
    main(program)
