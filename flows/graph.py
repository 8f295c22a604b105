"""The stages of dvc.yaml as DVC itself resolves them: their order, and which would do nothing.

    python -m flows.graph [--outdated]

prints the stages, each after those that it depends on: all, or those that `dvc repro` would run.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import networkx
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.utils.strictyaml import YAMLSyntaxError, YAMLValidationError

from counterpoint import schedule
from counterpoint.errors import UserError, exit_codes
from stages import dvc_patches
from stages.dvc_patches import LOCK_FILE

CHECK = "check"  # the stage that checks params.yaml; what it makes never differs
LAST_READ: dict[str, Any] = {}  # the repository that was read last, and of which files
dvc_patches.steady_locks()


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Repo]:
    """The repository; DVC reads its files anew only where one of those that its graph is made of has changed."""
    files = [root.resolve() / name for name in ("dvc.yaml", LOCK_FILE, "params.yaml", "grid.yaml")]
    state = [(path, path.stat().st_mtime_ns, path.stat().st_ino) if path.is_file() else (path,) for path in files]
    if LAST_READ.get("state") != state:
        LAST_READ.clear()
        LAST_READ.update(repo=Repo(str(root)), state=state)
    with dvc_patches.lock_file_in_c():
        yield LAST_READ["repo"]


def needs(root: Path = Path()) -> dict[str, set[str]]:
    """Every stage (`train@rl-tiny-2k-0`) with those that it needs. Each comes after those, else in the file's order.

    Raises `UserError` when there is no DVC repository, or dvc.yaml or dvc.lock cannot be read.
    """
    if not (root / "dvc.yaml").is_file():
        raise UserError(f"{(root / 'dvc.yaml').resolve()}: no such file; run from the root of the repository")
    try:
        with opened(root) as repo:
            return needs_of(repo)
    except DvcException as error:
        raise unreadable(error) from None


def needs_of(repo: Repo) -> dict[str, set[str]]:
    """As `needs`, of an open repository; raises `DvcException` where DVC cannot read its files."""
    position = {stage: number for number, stage in enumerate(repo.index.stages)}
    graph = repo.index.graph  # its edges point from a stage to what it needs
    order = networkx.lexicographical_topological_sort(graph.reverse(), key=position.__getitem__)
    return {
        stage.addressing: {s.addressing for s in graph.successors(stage) if isinstance(s, PipelineStage)}
        for stage in order
        if isinstance(stage, PipelineStage)
    }


def unreadable(error: DvcException) -> UserError:
    """DVC's message about its files on one line, with the file, the place in it where DVC names one, and the remedy."""
    message, cause = " ".join(str(error).split()), getattr(error, "exc", None)
    if isinstance(error, YAMLValidationError):
        first = cause.errors[0]
        message = f"{first.error_message} at {' → '.join(map(str, first.path)) or 'its top'}"
    elif isinstance(error, YAMLSyntaxError) and (mark := getattr(cause.__cause__, "problem_mark", None)):
        message = f"no YAML from line {mark.line + 1} on"
    if LOCK_FILE not in str(error):
        return UserError(f"dvc.yaml: {message}")
    return UserError(
        f"{LOCK_FILE}: {message}; run `git checkout -- {LOCK_FILE}`, then the same command again: DVC finds in its "
        "cache what was made from the same inputs, and nothing is trained twice"
    )


def unchanged(repo: Repo, asked: Mapping[str, set[str]], current: Collection[str] = ()) -> list[str]:
    """The stages that `dvc repro -s` would skip now, in the order of `asked`.

    repo: an open repository.
    asked: the stages to ask about, with those that each needs.
    current: stages that are up to date. A stage counts only when all that it needs are among these or counted before
        it: what DVC says of a stage holds only once its inputs are up to date.

    All are asked in this process and under one lock; no `dvc` is started for each. A stage is left out when DVC cannot
    tell now, as when another process runs it. Raises `LockError` when another process holds the repository,
    `DvcException` when its files cannot be read.
    """
    skipped: list[str] = []
    with repo.lock, dvc_patches.hashes_once():
        by_name = {stage.addressing: stage for stage in repo.index.stages}
        for name, before in asked.items():
            if name in by_name and before <= {*current, *skipped}:
                with contextlib.suppress(DvcException, LockError):
                    if not by_name[name].changed():
                        skipped.append(name)
    return skipped


def settled(asked: Mapping[str, set[str]], current: Collection[str] = (), root: Path = Path()) -> list[str]:
    """As `unchanged`, of the repository in `root`; none where DVC cannot tell now: `dvc repro` decides then."""
    with contextlib.suppress(DvcException, LockError), opened(root) as repo:
        return unchanged(repo, asked, current)
    return []


class Skipped:
    """Asks, while a study runs, which stages `dvc repro -s` would skip.

    To ask `settled` takes seconds when the study is large; a `dvc repro -s` that has nothing to do takes `ALONE`. So it
    is asked only when enough stages have become startable to be worth it, once about each. Stages that are not in
    dvc.lock are never asked about: what was never recorded must run.
    """

    ALONE = 2.0  # seconds

    def __init__(self, needed: Mapping[str, set[str]], root: Path = Path()) -> None:
        self.root, self.seconds, self.asked = root, 0.0, set()
        in_lock = recorded(root)
        self.needed = {name: before for name, before in needed.items() if in_lock is None or name in in_lock}

    def now(self, done: Collection[str], running: Collection[str]) -> list[str]:
        """Those that can be skipped now, in the order of the study; none where a `dvc repro -s` each is cheaper."""
        same = dict.fromkeys(self.needed, 0.0)
        ready = set(schedule.startable(self.needed, same, done, running)) - self.asked
        if not ready or len(ready) * self.ALONE < self.seconds:
            return []
        began = time.monotonic()
        waiting = self.needed.keys() - self.asked - set(running) - set(done)
        skipped = settled({name: before for name, before in self.needed.items() if name in waiting}, done, self.root)
        self.asked |= ready
        self.seconds = time.monotonic() - began
        return skipped


def recorded(root: Path = Path()) -> set[str] | None:
    """The stages that have an entry in dvc.lock; None where only DVC's own parser can tell."""
    try:
        entries = dvc_patches.split((root / LOCK_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError):
        return None
    return None if entries is None else set(entries)


@exit_codes
def main(arguments: list[str]) -> int:
    """Print the stages."""
    parser = argparse.ArgumentParser(prog="python -m flows.graph", description="Print the stages in order.")
    parser.add_argument("--outdated", action="store_true", help="only those that `dvc repro` would run")
    options = parser.parse_args(arguments)
    names = needs()
    # The stage that checks params.yaml does not count: it depends on every key, and nothing reruns because of it.
    current = {CHECK, *settled(names, {CHECK})} if options.outdated else ()
    print("".join(f"{name}\n" for name in names if name not in current), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
