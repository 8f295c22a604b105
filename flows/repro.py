"""`dvc --wait-for-lock repro -s STAGE`, reading and writing the entry of that stage alone: python flows/repro.py STAGE

DVC reads all of dvc.lock and writes it anew, in pure Python and in place, for every stage that it records: 10 ms an
entry, twenty seconds a stage in a study of a thousand. Here DVC is shown the stage's own entry alone, and what it makes
of it takes that entry's place in the file, which is replaced as a whole, so that a `dvc` that is killed never leaves
half of it. The file is the same to the byte. One that is not laid out as DVC writes it is left to DVC.
"""

from __future__ import annotations

import contextlib
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


if __name__ == "__main__":
    from dvc.cli import main

    show_only(sys.argv[1])
    sys.exit(main(["--wait-for-lock", "repro", "-s", sys.argv[1]]))
