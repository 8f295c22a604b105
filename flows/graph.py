"""The stages of dvc.yaml as DVC itself resolves them: their order, and which would do nothing.

    python -m flows.graph [--outdated]

prints the stages, each after those that it depends on: all, or those that `dvc repro` would run.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import networkx
import yaml
from dvc import dvcfile, rwlock
from dvc.dependency import param
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.utils.strictyaml import YAMLSyntaxError, YAMLValidationError

from counterpoint.errors import UserError
from counterpoint.files import Loader
from flows.repro import LOCK_FILE, split, steady_locks

CHECK = "check"  # the stage that checks params.yaml; what it makes never differs
MISSING = object()
OPEN: dict[str, Any] = {}  # the repository that was read last, and of which files
steady_locks()


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Repo]:
    """The repository, as DVC has read it last where none of the files that it reads its graph from changed since."""
    files = [root.resolve() / name for name in ("dvc.yaml", LOCK_FILE, "params.yaml", "grid.yaml")]
    seen = [(path, path.stat().st_mtime_ns, path.stat().st_ino) if path.is_file() else (path,) for path in files]
    if OPEN.get("seen") != seen:
        OPEN.clear()
        OPEN.update(repo=Repo(str(root)), seen=seen)
    load = dvcfile.Lockfile._load_yaml
    dvcfile.Lockfile._load_yaml = functools.partialmethod(_load_lock, load)
    try:
        yield OPEN["repo"]
    finally:
        dvcfile.Lockfile._load_yaml = load


def _load_lock(file: dvcfile.Lockfile, load: Callable, **options: object) -> tuple[dict, str]:
    """What stands in a dvc.lock, by PyYAML's parser in C, for DVC's own takes half of all the time. DVC tells what is
    none. The two differ in words like `off`: a stage with such a parameter counts as changed here, and DVC decides."""
    with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        text = Path(file.path).read_text(encoding="utf-8")
        return file.validate(yaml.load(text, Loader) or {}, file.relpath), text
    return load(file, **options)


def needs(root: Path = Path()) -> dict[str, set[str]]:
    """Every stage, `train@rl-tiny-2k-0` for items, with those that it needs; each after those, else as in the file.

    Raises `UserError` when there is no DVC repository, or dvc.yaml or dvc.lock cannot be read.
    """
    if not (root / "dvc.yaml").is_file():
        raise UserError(f"{(root / 'dvc.yaml').resolve()}: no such file; run from the root of the repository")
    try:
        with opened(root) as repo:
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
        raise unreadable(error) from None


def unreadable(error: DvcException) -> UserError:
    """What DVC says of its files, in one line with the file, the place in it where DVC knows one, and the remedy."""
    said, found = " ".join(str(error).split()), getattr(error, "exc", None)
    if isinstance(error, YAMLValidationError):
        first = found.errors[0]
        said = f"{first.error_message} at {' → '.join(map(str, first.path)) or 'its top'}"
    elif isinstance(error, YAMLSyntaxError) and (mark := getattr(found.__cause__, "problem_mark", None)):
        said = f"no YAML from line {mark.line + 1} on"
    if LOCK_FILE not in str(error):
        return UserError(f"dvc.yaml: {said}")
    return UserError(
        f"{LOCK_FILE}: {said}; run `git checkout -- {LOCK_FILE}`, then the same command again: DVC finds in its cache "
        "what was made from the same inputs, and nothing is trained twice"
    )


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
    with contextlib.suppress(DvcException, LockError), opened(root) as repo, repo.lock, remembering():
        known = {stage.addressing: stage for stage in repo.index.stages}
        for name, before in needed.items():
            if name not in done and name in known and before <= {*done, *found}:
                with contextlib.suppress(DvcException, LockError):
                    if not known[name].changed():
                        found.append(name)
    return found


@contextlib.contextmanager
def remembering() -> Iterator[None]:
    """Within, DVC computes the hash of a path once and reads a file of parameters once, for all stages.

    It does both anew for every stage, and notes before each which paths it reads: three minutes for a thousand stages
    that share their code (bench/idle.py). What changes meanwhile is seen by the `dvc repro` of the stage it concerns.
    """
    hash_of, read, held = Output._get_hash_meta, param.read_param_file, rwlock.rwlock
    hashes: dict[str, object] = {}
    files: dict[str, object] = {}

    def remembered(out: Output) -> object:
        if out.fs_path not in hashes:
            hashes[out.fs_path] = hash_of(out)
        return hashes[out.fs_path]

    def values(
        fs: object, path: str, keys: list[str] | None = None, flatten: bool = False, **options: object
    ) -> object:
        if not keys or not flatten:
            return read(fs, path, keys, flatten, **options)
        if path not in files:
            files[path] = read(fs, path, **options)
        found = {key: functools.reduce(_under, key.split("."), files[path]) for key in keys}
        return {key: value for key, value in found.items() if value is not MISSING}

    Output._get_hash_meta, param.read_param_file = remembered, values
    rwlock.rwlock = lambda *_, **__: contextlib.nullcontext()
    try:
        yield
    finally:
        Output._get_hash_meta, param.read_param_file, rwlock.rwlock = hash_of, read, held


def _under(place: object, name: str) -> object:
    """What a mapping of parameters holds under a name."""
    return place.get(name, MISSING) if isinstance(place, dict) else MISSING


class Skipped:
    """The stages that `dvc repro -s` would skip, asked about while a study runs.

    `settled` reads the whole study, which takes seconds when it is large; a `dvc repro -s` that has nothing to do takes
    `ALONE`. So it is asked only when enough stages have come within reach to be worth it, once of each, and never of
    those that are not in dvc.lock: what was never recorded must run.
    """

    ALONE = 2.0  # seconds

    def __init__(self, needed: Mapping[str, set[str]], root: Path = Path()) -> None:
        self.root, self.seconds, self.asked = root, 0.0, set()
        kept = recorded(root)
        self.needed = {name: before for name, before in needed.items() if kept is None or name in kept}

    def now(self, done: Collection[str], running: Collection[str]) -> list[str]:
        """Those that can be skipped now, in the order of the study; none where a `dvc repro -s` each is cheaper."""
        ready = set(startable(self.needed, dict.fromkeys(self.needed, 0.0), done, running)) - self.asked
        if not ready or len(ready) * self.ALONE < self.seconds:
            return []
        began = time.monotonic()
        waiting = self.needed.keys() - self.asked - set(running)
        found = settled({name: before for name, before in self.needed.items() if name in waiting}, done, self.root)
        self.asked |= ready
        self.seconds = time.monotonic() - began
        return found


def recorded(root: Path = Path()) -> set[str] | None:
    """The stages that have an entry in dvc.lock; None where that cannot be told without reading it as DVC does."""
    try:
        entries = split((root / "dvc.lock").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError):
        return None
    return None if entries is None else set(entries)


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


def outdated(root: Path = Path()) -> list[str]:
    """The stages that `dvc repro` would run. The one that checks params.yaml does not count: it reads all of its keys,
    and makes nothing run."""
    needed = needs(root)
    current = {CHECK, *settled(needed, {CHECK}, root)}
    return [name for name in needed if name not in current]


def main(arguments: list[str]) -> int:
    """Print the stages; exit code 2 with one line for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m flows.graph", description="Print the stages in order.")
    parser.add_argument("--outdated", action="store_true", help="only those that `dvc repro` would run")
    try:
        names = outdated() if parser.parse_args(arguments).outdated else stages()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("".join(f"{name}\n" for name in names), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
