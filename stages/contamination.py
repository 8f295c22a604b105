"""What the training pool shares with the tests: python -m stages.contamination [--against PATH …] [--json FILE]

The pool is the split `train` of data/problems/problems.parquet. Without `--against` the tests are its other splits; a
PATH is another study's problems.parquet, or a folder of such files, of which all but the split `train` is tested.
Prints a table and writes metrics/contamination.json, which lists each hit by id. What is found is for you to judge: the
exit code is 0.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from counterpoint import columns, files, problem
from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.sources import contamination
from stages.common import PROBLEMS, main

log = logging.getLogger("contamination")
REPORT = Path("metrics/contamination.json")


def tests(paths: Sequence[Path]) -> Iterator[tuple[str, list[Problem]]]:
    """Name and problems of each test: a split of the study's own file, or PATH:split. Raises `UserError`."""
    for path in paths or [PROBLEMS]:
        tables = sorted(path.glob("**/*.parquet")) if path.is_dir() else [path]
        if not tables:
            raise UserError(f"{path}: no Parquet file of problems in this folder; `dvc repro problems` writes one")
        for file in tables:
            splits: defaultdict[str, list[Problem]] = defaultdict(list)
            for member in problem.load(file):
                splits[member.split].append(member)
            for split in sorted(set(splits) - {"train", "pretrain"}):
                yield (f"{file}:{split}" if paths else split), splits[split]


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
        hits = contamination.hits(pool, members)
        rows[name] = contamination.summary(hits, len(members))
        # shared questions are templates most often, which would fill the file
        listed += [{"test": name, **dataclasses.asdict(hit)} for hit in hits if hit.kind != "shared question"]
        log.info("%s: %d problems against %d", name, len(members), len(trained))
    report = {"pool": len(trained), "tests": rows, "hits": listed}
    files.write_json(options.json, report, sort_keys=True)
    heads = ["test", "problems", *contamination.KINDS]
    lines = [[name, *map(str, counts.values())] for name, counts in rows.items()]
    print("\n".join(columns.aligned([heads, *lines], right=range(1, len(heads)))))
    for hit in [hit for hit in listed if hit["kind"] == "leak"][:10]:
        print(f"leak: {hit['problem_id']} of {hit['test']} is {hit['pool_id']} of the pool")
    print(f"all hits but shared questions: {options.json}")


if __name__ == "__main__":
    main(program)
