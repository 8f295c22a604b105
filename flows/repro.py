"""`dvc --wait-for-lock repro -s STAGE`, reading and writing the entry of that stage alone: python flows/repro.py STAGE

DVC reads all of dvc.lock and writes it anew, in pure Python and in place, for every stage that it records: 17 s a stage
where it holds a thousand, 1 s here (bench/recording.py). Here DVC is shown the stage's own entry alone, and what it
makes of it takes that entry's place in the file, which is replaced as a whole, so that a `dvc` that is killed never
leaves half of it. The file is the same to the byte. One that is not laid out as DVC writes it is left to DVC.

DVC also notes in .dvc/tmp/rwlock which process reads or writes which path, in place again: killed in the middle it
leaves a file that stops every later command. Here that file is replaced as a whole, what cannot be read of it counts as
empty, and an entry counts only while its process lives and still is that command.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator

LOCK_FILE = "dvc.lock"
HEAD = "schema: '2.0'\nstages:\n"  # of a file as DVC writes it; then come entries, indented by two
ENTRY = re.compile(r"^  (?=\S)", re.MULTILINE)


def split(text: str) -> dict[str, str] | None:
    """The entries of a dvc.lock by stage, each as it stands there; None for a file that DVC would lay out otherwise."""
    if not text.startswith(HEAD) or not text.endswith("\n"):
        return None
    starts = [found.start() for found in ENTRY.finditer(text, len(HEAD))]
    if starts[:1] != [len(HEAD)]:
        return None
    entries = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    names = [entry[2 : entry.index("\n")] for entry in entries]
    plain = all(re.fullmatch(r"[\w@.-]+:", name) for name in names) and len(set(names)) == len(names)
    # nothing but the entries: no other key, no comment, no blank line
    known = all(line.startswith("    ") for entry in entries for line in entry.split("\n")[1:-1])
    return {name[:-1]: entry for name, entry in zip(names, entries, strict=True)} if plain and known else None


def show_only(stage: str) -> None:
    """Have DVC, in this process, read and write of every dvc.lock the entry of the stage alone."""
    from dvc import dvcfile
    from dvc.utils.serialize import modify_yaml, parse_yaml, parse_yaml_for_update
    from dvc.utils.serialize._yaml import dumps_yaml

    load_yaml = dvcfile.Lockfile._load_yaml

    def entries(path: str) -> dict[str, str] | None:
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            return split(file.read())
        return None

    def own(found: dict[str, str]) -> str:
        return HEAD + found[stage] if stage in found else HEAD.splitlines(keepends=True)[0]

    def load(self, **options):
        found = entries(self.path)
        if found is None or options:
            return load_yaml(self, **options)
        return self.validate(parse_yaml(own(found), self.path), self.relpath), own(found)

    @contextlib.contextmanager
    def modify(path, fs=None) -> Iterator[dict]:
        found = entries(path) if os.path.basename(path) == LOCK_FILE else None
        if found is None:
            with modify_yaml(path, fs=fs) as data:
                yield data
            return
        data = parse_yaml_for_update(own(found), path)
        yield data
        made = split(dumps_yaml({"schema": "2.0", "stages": data["stages"]}))
        scratch = f"{path}.new"
        with open(scratch, "w", encoding="utf-8") as file:
            file.write(HEAD + "".join({**found, **made}.values()))
        os.replace(scratch, path)

    dvcfile.Lockfile._load_yaml, dvcfile.modify_yaml = load, modify


def steady_locks() -> None:
    """Have DVC, in this process, survive what a killed one left in .dvc/tmp/rwlock, and leave no half of it."""
    from dvc import rwlock

    @contextlib.contextmanager
    def edit(lock_dir, fs, hardlink) -> Iterator[dict]:
        path = os.path.join(lock_dir, rwlock.RWLOCK_FILE)
        guard = rwlock.make_lock(os.path.join(lock_dir, rwlock.RWLOCK_LOCK), tmp_dir=lock_dir, hardlink_lock=hardlink)
        with guard:
            held = living(read_locks(path))
            lock = {"write": collections.defaultdict(dict, held["write"])}
            lock["read"] = collections.defaultdict(list, held["read"])
            yield lock
            scratch = f"{path}.new"
            with open(scratch, "w", encoding="utf-8") as file:
                json.dump(lock, file)
            os.replace(scratch, path)

    def read_locks(path: str) -> dict:
        try:
            with open(path, encoding="utf-8") as file:
                return rwlock.SCHEMA(json.load(file))
        except (FileNotFoundError, ValueError, rwlock.Invalid):  # none yet, empty, torn, or something else
            return rwlock.SCHEMA({})

    rwlock._edit_rwlock = edit


def living(locks: dict) -> dict:
    """The entries whose process is alive and has the command line that the entry names."""
    known: dict[str, bool] = {}

    def holds(entry: dict) -> bool:
        name = json.dumps(entry, sort_keys=True)
        if name not in known:
            known[name] = entry["pid"] == os.getpid() or still(entry["pid"], entry["cmd"])
        return known[name]

    read = {path: [entry for entry in entries if holds(entry)] for path, entries in locks["read"].items()}
    return {
        "write": {path: entry for path, entry in locks["write"].items() if holds(entry)},
        "read": {path: entries for path, entries in read.items() if entries},
    }


def still(pid: int, command: str) -> bool:
    """Whether the process is there and is that command, which DVC notes as sys.argv joined by spaces."""
    import psutil

    try:
        process = psutil.Process(pid)
        # what stands before the arguments differs: sys.argv holds a path where the command line may have `-m dvc`
        return process.status() != psutil.STATUS_ZOMBIE and (
            " ".join(["", *process.cmdline()]).endswith(command[len(command.split(" ", 1)[0]) :])
        )
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    from dvc.cli import main

    show_only(sys.argv[1])
    steady_locks()
    sys.exit(main(["--wait-for-lock", "repro", "-s", sys.argv[1]]))
