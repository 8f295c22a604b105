"""Everything in which this project changes how DVC works, and why. Written against DVC 3.67.1 (requirements.lock).

An update of DVC has this file alone to look at: each patch names what it replaces. `tests/stages/test_dvc_patches.py`
holds that DVC's files stay the same to the byte.

| Patch | Replaces | Why |
|---|---|---|
| `Shown` | the file system of a `Repo` | DVC is asked about files that stand nowhere |
| `lock_file_in_c` | `Lockfile._load_yaml` | DVC's own parser takes half of all the time |
| `one_entry` | the same, `dvcfile.modify_yaml` | DVC reads and writes all of dvc.lock for every stage |
| `hashes_once` | `Output._get_hash_meta`, `param.read_param_file`, `rwlock.rwlock` | DVC reads them for every stage |
| `steady_locks` | `rwlock._edit_rwlock` | a killed DVC stops every later command |

As a program, `python stages/dvc_patches.py STAGE` is `dvc --wait-for-lock repro -s STAGE` with `one_entry` and
`steady_locks`. It is run by its path and isolated (`python -I`), so nothing of the project is imported at the top.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import yaml
from dvc import dvcfile, rwlock
from dvc.dependency import param
from dvc.fs import LocalFileSystem
from dvc.output import Output
from dvc.utils.serialize import modify_yaml, parse_yaml, parse_yaml_for_update
from dvc.utils.serialize._yaml import dumps_yaml

LOCK_FILE = "dvc.lock"
HEAD = "schema: '2.0'\nstages:\n"  # of a file as DVC writes it; then come entries, indented by two
ENTRY = re.compile(r"^  (?=\S)", re.MULTILINE)
MISSING = object()


class Shown(LocalFileSystem):
    """The local files, but with other contents for the paths in `texts`: `Repo(fs=Shown({…}))`.

    So DVC can be asked about parameters that no file holds: those of a plan, or those at a stage's start.
    """

    def __init__(self, texts: Mapping[str | Path, str]):
        super().__init__()
        self.texts = {os.path.abspath(path): text for path, text in texts.items()}

    def open(self, path, mode="r", **options):
        text = self.texts.get(os.path.abspath(path))
        if text is not None:
            return io.BytesIO(text.encode()) if "b" in mode else io.StringIO(text)
        return super().open(path, mode=mode, **options)

    def exists(self, path, *arguments, **options):
        return path in self.texts or super().exists(path, *arguments, **options)


@contextlib.contextmanager
def lock_file_in_c() -> Iterator[None]:
    """Within, DVC reads dvc.lock by PyYAML's parser in C; its own, in Python, takes half of the time of a question.

    DVC itself reads a file that is not valid, and says so. The two parsers differ in words like `off`: a stage with
    such a parameter counts as changed here, and DVC decides.
    """
    from counterpoint.files import Loader

    load_yaml = dvcfile.Lockfile._load_yaml

    def load(self, **options):
        with contextlib.suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
            text = Path(self.path).read_text(encoding="utf-8")
            return self.validate(yaml.load(text, Loader) or {}, self.relpath), text
        return load_yaml(self, **options)

    dvcfile.Lockfile._load_yaml = load
    try:
        yield
    finally:
        dvcfile.Lockfile._load_yaml = load_yaml


@contextlib.contextmanager
def hashes_once() -> Iterator[None]:
    """Within, DVC computes the hash of a path once and reads a file of parameters once, for all stages.

    It does both anew for every stage, and notes before each which paths it reads: three minutes for a thousand stages
    that share their code (bench/idle.py). What changes meanwhile is seen by the `dvc repro` of the stage it concerns.
    """
    hash_of, read, held = Output._get_hash_meta, param.read_param_file, rwlock.rwlock
    hashes: dict[str, object] = {}
    files: dict[str, object] = {}

    def hash_once(out: Output) -> object:
        if out.fs_path not in hashes:
            hashes[out.fs_path] = hash_of(out)
        return hashes[out.fs_path]

    def read_once(
        fs: object, path: str, keys: list[str] | None = None, flatten: bool = False, **options: object
    ) -> object:
        if not keys or not flatten:
            return read(fs, path, keys, flatten, **options)
        if path not in files:
            files[path] = read(fs, path, **options)
        values = {key: functools.reduce(_entry, key.split("."), files[path]) for key in keys}
        return {key: value for key, value in values.items() if value is not MISSING}

    Output._get_hash_meta, param.read_param_file = hash_once, read_once
    rwlock.rwlock = lambda *_, **__: contextlib.nullcontext()
    try:
        yield
    finally:
        Output._get_hash_meta, param.read_param_file, rwlock.rwlock = hash_of, read, held


def _entry(parameters: object, name: str) -> object:
    """What a mapping of parameters holds under a name."""
    return parameters.get(name, MISSING) if isinstance(parameters, dict) else MISSING


def split(text: str) -> dict[str, str] | None:
    """The entries of a dvc.lock by stage, each as it stands there; None for a file that DVC would lay out otherwise."""
    if not text.startswith(HEAD) or not text.endswith("\n"):
        return None
    starts = [match.start() for match in ENTRY.finditer(text, len(HEAD))]
    if starts[:1] != [len(HEAD)]:
        return None
    entries = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    names = [entry[2 : entry.index("\n")] for entry in entries]
    plain = all(re.fullmatch(r"[\w@.-]+:", name) for name in names) and len(set(names)) == len(names)
    # nothing but the entries: no other key, no comment, no blank line
    only_entries = all(line.startswith("    ") for entry in entries for line in entry.split("\n")[1:-1])
    if not plain or not only_entries:
        return None
    return {name[:-1]: entry for name, entry in zip(names, entries, strict=True)}


def one_entry(stage: str) -> None:
    """Have DVC, in this process, read and write of every dvc.lock the entry of the stage alone.

    DVC itself reads all of dvc.lock and writes it anew, in pure Python and in place, for every stage that it records:
    17 s a stage where the file holds a thousand, 1 s here (bench/recording.py). Here DVC is shown the stage's entry
    alone, and what it makes of it takes that entry's place. The file stays the same to the byte, and is replaced as a
    whole, so that a killed `dvc` never leaves half of it. A file that is not laid out as DVC does it is left to DVC.
    """
    load_yaml = dvcfile.Lockfile._load_yaml

    def entries_of(path: str) -> dict[str, str] | None:
        with contextlib.suppress(FileNotFoundError):
            return split(Path(path).read_text(encoding="utf-8"))
        return None

    def shown(entries: dict[str, str]) -> str:
        return HEAD + entries[stage] if stage in entries else HEAD.splitlines(keepends=True)[0]

    def load(self, **options):
        entries = entries_of(self.path)
        if entries is None or options:
            return load_yaml(self, **options)
        return self.validate(parse_yaml(shown(entries), self.path), self.relpath), shown(entries)

    @contextlib.contextmanager
    def modify(path, fs=None) -> Iterator[dict]:
        entries = entries_of(path) if os.path.basename(path) == LOCK_FILE else None
        if entries is None:
            with modify_yaml(path, fs=fs) as data:
                yield data
            return
        data = parse_yaml_for_update(shown(entries), path)
        yield data
        written = split(dumps_yaml({"schema": "2.0", "stages": data["stages"]}))
        _replace(path, HEAD + "".join({**entries, **written}.values()))

    dvcfile.Lockfile._load_yaml, dvcfile.modify_yaml = load, modify


def steady_locks() -> None:
    """Have DVC, in this process, survive what a killed one left in .dvc/tmp/rwlock, and leave no half of it.

    DVC notes there which process reads or writes which path, in place: killed in the middle it leaves a file that stops
    every later command. Here that file is replaced as a whole, what cannot be read of it counts as empty, and an entry
    counts only while its process lives and still is that command.
    """

    @contextlib.contextmanager
    def edit(lock_dir, fs, hardlink) -> Iterator[dict]:
        path = os.path.join(lock_dir, rwlock.RWLOCK_FILE)
        guard = rwlock.make_lock(os.path.join(lock_dir, rwlock.RWLOCK_LOCK), tmp_dir=lock_dir, hardlink_lock=hardlink)
        with guard:
            held = _living(_read_locks(path))
            lock = {"write": collections.defaultdict(dict, held["write"])}
            lock["read"] = collections.defaultdict(list, held["read"])
            yield lock
            _replace(path, json.dumps(lock))

    rwlock._edit_rwlock = edit


def _read_locks(path: str) -> dict:
    try:
        return rwlock.SCHEMA(json.loads(Path(path).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, rwlock.Invalid):  # none yet, empty, torn, or something else
        return rwlock.SCHEMA({})


def _living(locks: dict) -> dict:
    """The entries whose process is alive and has the command line that the entry names."""
    holds = functools.cache(_runs)
    read = {
        path: [entry for entry in entries if holds(entry["pid"], entry["cmd"])]
        for path, entries in locks["read"].items()
    }
    return {
        "write": {path: entry for path, entry in locks["write"].items() if holds(entry["pid"], entry["cmd"])},
        "read": {path: entries for path, entries in read.items() if entries},
    }


def _runs(pid: int, command: str) -> bool:
    """Whether the process is there and runs that command, which DVC notes as sys.argv joined by spaces."""
    if pid == os.getpid():
        return True
    try:
        process = psutil.Process(pid)
        # what stands before the arguments differs: sys.argv holds a path where the command line may have `-m dvc`
        arguments = command[len(command.split(" ", 1)[0]) :]
        same = " ".join(["", *process.cmdline()]).endswith(arguments)
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


def _replace(path: str, text: str) -> None:
    """Write a file whole or not at all, as counterpoint/files.py does, which an isolated program cannot import."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


if __name__ == "__main__":
    from dvc.cli import main

    one_entry(sys.argv[1])
    steady_locks()
    sys.exit(main(["--wait-for-lock", "repro", "-s", sys.argv[1]]))
