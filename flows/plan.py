"""Print what a study would run and how long it would take: python -m flows.plan published [KEY=VALUE …]

Nothing is run and params.yaml stays as it is: the study is composed in memory as `make study` would write it, and DVC
is shown that text in the place of the file, so DVC alone decides what counts as done.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo

from counterpoint.errors import UserError, exit_codes
from counterpoint.params import compose, grid
from flows import graph
from stages import estimate
from stages.dvc_patches import Shown


def unchanged(texts: Mapping[Path, str]) -> set[str]:
    """The stages that `dvc repro` would leave as they are, were these texts in params.yaml and grid.yaml.

    The stage that checks the two counts as done: its result is known.

    Raises `UserError` when dvc.yaml or dvc.lock cannot be read, or another DVC process is at work.
    """
    try:
        with Repo(fs=Shown(texts)) as repo:
            return set(graph.unchanged(repo, graph.needs_of(repo), {graph.CHECK}))
    except LockError:
        raise UserError("another DVC process is at work here; ask for the plan again in a moment") from None
    except DvcException as error:
        raise graph.unreadable(error) from None


@exit_codes
def main(arguments: list[str]) -> int:
    """Print the plan."""
    if not arguments or arguments == ["--fresh"]:
        raise UserError("usage: python -m flows.plan [--fresh] STUDY [KEY=VALUE …]")
    study, *overrides = (word for word in arguments if word != "--fresh")
    made = compose.resolve(study, compose.split_settings(overrides), fresh="--fresh" in arguments)
    texts = {Path("params.yaml"): made.text, grid.FILE: grid.as_yaml(made.params)}
    print("\n".join([made.in_words(), *estimate.plan(made.params, estimate.measured(), unchanged(texts))]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
