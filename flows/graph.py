"""The stages of dvc.yaml as DVC itself resolves them: their order, and which would do nothing.

    python -m flows.graph

prints the stages, each after those that it depends on.
"""

from __future__ import annotations

from pathlib import Path

import networkx
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.stage import PipelineStage

from counterpoint.errors import UserError


def stages(root: Path = Path()) -> list[str]:
    """Names of all stages, `rl@rl-small-2k-0` for items, each after its dependencies; else in the file's order.

    Raises `UserError` when there is no DVC repository or dvc.yaml cannot be resolved.
    """
    if not (root / "dvc.yaml").is_file():
        raise UserError(f"{(root / 'dvc.yaml').resolve()}: no such file; run from the root of the repository")
    try:
        with Repo(str(root)) as repo:
            place = {stage: number for number, stage in enumerate(repo.index.stages)}
            # DVC's edges point from a stage to what it needs.
            order = networkx.lexicographical_topological_sort(repo.index.graph.reverse(), key=place.__getitem__)
            return [stage.addressing for stage in order if isinstance(stage, PipelineStage)]
    except DvcException as error:
        raise UserError(f"dvc.yaml: {' '.join(str(error).split())}") from None


def unchanged(target: str, root: Path = Path()) -> bool:
    """Whether `dvc repro -s TARGET` would skip the stage: the same question asked in this process, without its start.

    False when the answer cannot be had now, as when another process holds a lock; `dvc repro` then decides.
    """
    try:
        with Repo(str(root)) as repo, repo.lock:
            (stage,) = repo.stage.collect(target)
            return not stage.changed()
    except (DvcException, LockError):
        return False


if __name__ == "__main__":
    print("\n".join(stages()))
