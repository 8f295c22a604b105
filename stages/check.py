"""Stage `check`: whether params.yaml holds, and grid.yaml is what follows from it: python -m stages.check

All other stages come after it, so that plain `dvc repro` tells a mistake in params.yaml before it computes. DVC has
read grid.yaml by then. Where its runs are not those of params.yaml any more, it is written anew and the stage fails:
the same command again runs what params.yaml says. Writes data/checked, which never differs, so nothing reruns for it.
"""

from __future__ import annotations

from pathlib import Path

from counterpoint import files, params, sources
from counterpoint.errors import UserError, nearest
from counterpoint.params import compose, grid
from counterpoint.training.arguments import check_tracker
from stages.common import main

CHECKED = Path("data/checked")


def program(arguments: list[str]) -> None:
    """Check the parameters. Raises `UserError` for what is wrong, and where grid.yaml had to be written anew."""
    if arguments:
        raise UserError("usage: python -m stages.check (it takes no arguments)")
    settings = params.load()
    if settings.study not in compose.names():
        raise UserError(
            f"params.yaml: study is {settings.study!r}{nearest(settings.study, compose.names())}; a study of your own "
            f"has a file, studies/{settings.study}.yaml"
        )
    sources.check_all(settings.source)
    check_tracker(settings.report_to)
    text = grid.as_yaml(settings)
    if not grid.FILE.is_file() or grid.FILE.read_text(encoding="utf-8") != text:
        files.replace(grid.FILE, text)
        raise UserError(
            f"{grid.FILE}: the runs that follow from params.yaml have changed; it is written anew, the same command "
            "again runs them"
        )
    CHECKED.write_text("params.yaml holds, and grid.yaml follows from it\n", encoding="utf-8")


if __name__ == "__main__":
    main(program)
