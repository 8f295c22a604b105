"""What the training pool shares with the tests: python -m stages.contamination [--against PATH …] [--json FILE]

The pool is the split `train` of data/problems/problems.parquet. Without `--against` the tests are its other splits; a
PATH is another study's problems.parquet, or a folder of such files, of which all but the split `train` is tested.
Prints a table and writes metrics/contamination.json, which lists each hit by id. What is found is for you to judge: the
exit code is 0.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from counterpoint import problem
from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.sources import contamination
from stages.common import PROBLEMS, main

log = logging.getLogger("contamination")
REPORT = Path("metrics/contamination.json")


def tests(paths: Sequence[Path]) -> Iterator[tuple[str, list[Problem]]]:
    """Name and problems of each test: a split of the study's own file, or PATH:split. Raises `UserError`."""
    for path in paths or [PROBLEMS]:
        files = sorted(path.glob("**/*.parquet")) if path.is_dir() else [path]
        if not files:
            raise UserError(f"{path}: no Parquet file of problems in this folder; `dvc repro problems` writes one")
        for file in files:
            splits: dict[str, list[Problem]] = {}
            for one in problem.load(file):
                splits.setdefault(one.split, []).append(one)
            for split in sorted(set(splits) - {"train", "pretrain"}):
                yield (f"{file}:{split}" if paths else split), splits[split]


def table(rows: dict[str, dict[str, int]]) -> str:
    """One line a test, with the number of problems of each kind."""
    heads = ["test", "problems", *contamination.KINDS]
    cells = [[name, *map(str, counts.values())] for name, counts in rows.items()]
    widths = [max(len(line[column]) for line in [heads, *cells]) for column in range(len(heads))]
    lines = []
    for line in [heads, *cells]:
        numbers = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        lines.append("  ".join([line[0].ljust(widths[0]), *numbers]))
    return "\n".join(lines)


def program(arguments: list[str]) -> None:
    """Compare, print and publish. Raises `UserError` for a file that is none of problems, or a study without a pool."""
    parser = argparse.ArgumentParser(prog="python -m stages.contamination")
    parser.add_argument("--against", nargs="+", type=Path, default=[], metavar="PATH")
    parser.add_argument("--json", type=Path, default=REPORT, metavar="FILE")
    options = parser.parse_args(arguments)
    trained = problem.load(PROBLEMS, splits=["train"])
    if not trained:
        raise UserError(f"{PROBLEMS}: no problem is of the split train: there is no pool to compare with")
    pool = contamination.Pool(trained)
    rows, listed = {}, []
    for name, members in tests(options.against):
        found = contamination.hits(pool, members)
        rows[name] = contamination.summary(found, len(members))
        listed += [
            {"test": name, **dataclasses.asdict(hit)} for hit in found if hit.kind != "shared question"
        ]  # templates would fill the file
        log.info("%s: %d problems against %d", name, len(members), len(trained))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report = {"pool": len(trained), "tests": rows, "hits": listed}
    options.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(table(rows))
    for hit in [hit for hit in listed if hit["kind"] == "leak"][:10]:
        print(f"leak: {hit['problem_id']} of {hit['test']} is {hit['pool_id']} of the pool")
    print(f"all hits but shared questions: {options.json}")


if __name__ == "__main__":
    main(program)
