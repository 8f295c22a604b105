"""Print what a study would run and how long it would take: python -m flows.plan published [KEY=VALUE …]

Nothing is run and params.yaml stays as it is: the study is composed in memory as `make study` would write it, and DVC
is shown that text in the place of the file, so that what counts as done is DVC's own word.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path

import networkx
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.stage import PipelineStage

from counterpoint.errors import UserError
from counterpoint.params import compose, grid
from flows.graph import CHECK, remembering, unreadable
from flows.repro import steady_locks
from stages import estimate
from stages.dvc_files import Shown

PARAMS = Path("params.yaml")
steady_locks()


def unchanged(texts: Mapping[Path, str]) -> set[str]:
    """The stages that `dvc repro` would leave as they are, were these texts in params.yaml and grid.yaml.

    What comes after the stage that checks the two is asked as if that had run: what it would say is known.

    Raises `UserError` when dvc.yaml or dvc.lock cannot be read, or another DVC process is at work.
    """
    found: set[str] = set()
    try:
        with Repo(fs=Shown(texts)) as repo, repo.lock, remembering():
            graph = repo.index.graph
            for stage in networkx.topological_sort(graph.reverse()):
                before = {s.addressing for s in graph.successors(stage) if isinstance(s, PipelineStage)}
                if isinstance(stage, PipelineStage) and before <= {*found, CHECK}:
                    with contextlib.suppress(DvcException, LockError):  # one that is running, or lost a file
                        if not stage.changed():
                            found.add(stage.addressing)
    except LockError:
        raise UserError("another DVC process is at work here; ask for the plan again in a moment") from None
    except DvcException as error:
        raise unreadable(error) from None
    return found


def main(arguments: list[str]) -> int:
    """Print the plan; exit code 2 with one line for a user's mistake."""
    try:
        if not arguments or arguments == ["--fresh"]:
            raise UserError("usage: python -m flows.plan [--fresh] STUDY [KEY=VALUE …]")
        fresh = "--fresh" in arguments
        study, *words = (word for word in arguments if word != "--fresh")
        made = compose.resolve(study, compose.split_settings(words), fresh=fresh)
        settings = made.params
        texts = {PARAMS: made.text, grid.FILE: grid.as_yaml(settings)}
        print("\n".join([made.in_words(), *estimate.plan(settings, estimate.measured(), unchanged(texts))]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
