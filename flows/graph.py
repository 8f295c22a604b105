"""The stages of dvc.yaml as DVC itself resolves them: their order, and which would do nothing.

    python -m flows.graph

prints the stages, each after those that it depends on.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path

import networkx
import yaml
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.stage import PipelineStage

from counterpoint.errors import UserError

LOCK_FILE = "dvc.lock"


def needs(root: Path = Path()) -> dict[str, set[str]]:
    """Every stage, `rl@rl-small-2k-0` for items, with the stages that it needs; each after those, else as in the file.

    Raises `UserError` when there is no DVC repository or dvc.yaml cannot be resolved.
    """
    if not (root / "dvc.yaml").is_file():
        raise UserError(f"{(root / 'dvc.yaml').resolve()}: no such file; run from the root of the repository")
    try:
        with Repo(str(root)) as repo:
            place = {stage: number for number, stage in enumerate(repo.index.stages)}
            # DVC's edges point from a stage to what it needs.
            graph = repo.index.graph
            order = networkx.lexicographical_topological_sort(graph.reverse(), key=place.__getitem__)
            return {
                stage.addressing: {s.addressing for s in graph.successors(stage) if isinstance(s, PipelineStage)}
                for stage in order
                if isinstance(stage, PipelineStage)
            }
    except DvcException as error:
        raise UserError(f"dvc.yaml: {' '.join(str(error).split())}") from None


def stages(root: Path = Path()) -> list[str]:
    """Names of all stages, each after its dependencies; raises `UserError` as `needs` does."""
    return list(needs(root))


def settled(needed: Mapping[str, set[str]], done: Collection[str] = (), root: Path = Path()) -> list[str]:
    """Stages that `dvc repro -s` would skip now, one after the other, in the order of `needed`.

    needed: the stages to ask about, with those that each needs.
    done: stages that are up to date. A stage counts only when all it needs are among these or counted before it, for
        what DVC says of a stage holds only once what it reads is up to date.

    All are asked in this process and under one lock, without the start of a `dvc` for each. A stage is left out too
    when the answer cannot be had now, as when another process holds a lock; `dvc repro` then decides.
    """
    found: list[str] = []
    with contextlib.suppress(DvcException, LockError), Repo(str(root)) as repo, repo.lock:
        known = {stage.addressing: stage for stage in repo.index.stages}
        for name, before in needed.items():
            if name not in done and name in known and before <= {*done, *found}:
                with contextlib.suppress(DvcException, LockError):
                    if not known[name].changed():
                        found.append(name)
    return found


def remaining(needed: Mapping[str, set[str]], weights: Mapping[str, float]) -> dict[str, float]:
    """For each stage the seconds from its start to the end of the longest chain of stages that wait for it.

    needed: every stage with those that it needs, each after those. weights: seconds by stage, 1 where none are given.
    """
    longest: dict[str, float] = {}
    after: dict[str, float] = collections.defaultdict(float)
    for name in reversed(needed):
        longest[name] = weights.get(name, 1.0) + after[name]
        for other in needed[name]:
            after[other] = max(after[other], longest[name])
    return longest


def startable(
    needed: Mapping[str, set[str]], longest: Mapping[str, float], done: Collection[str], running: Collection[str]
) -> list[str]:
    """Stages that are neither done nor running and need nothing else, the longest way to the end first."""
    ready = [n for n, before in needed.items() if n not in done and n not in running and before <= set(done)]
    return sorted(ready, key=longest.__getitem__, reverse=True)


def lock_file(root: Path = Path()) -> str | None:
    """The text of dvc.lock, empty without one; None when another process is at work on it."""
    try:
        with Repo(str(root)) as repo, repo.lock:
            return (root / LOCK_FILE).read_text(encoding="utf-8") if (root / LOCK_FILE).exists() else ""
    except (DvcException, LockError):
        return None


def mend_lock_file(before: str, root: Path = Path()) -> bool:
    """Put `before` back as dvc.lock if a `dvc` that was stopped cut it off; whether it did. For when no DVC is at work.

    DVC writes the file in place, in some 0.2 s. Cut off there it may even parse, and the stages that it lost would run
    again, the shipped bases too, which no cache holds. `dvc repro` adds and replaces stages and drops none, so a
    missing one tells, as does an unfinished last line; a stage recorded after `before` is in DVC's run cache.
    """
    text = (root / LOCK_FILE).read_text(encoding="utf-8") if (root / LOCK_FILE).exists() else ""
    if (text.endswith("\n") and _recorded(before) <= _recorded(text)) or not before:
        return False
    (root / LOCK_FILE).write_text(before, encoding="utf-8")
    return True


def _recorded(text: str) -> set[str]:
    try:
        return set(yaml.safe_load(text)["stages"])
    except (yaml.YAMLError, TypeError, KeyError):
        return set()


if __name__ == "__main__":
    print("\n".join(stages()))
