"""Draw or read the study's problems, and prove that no test or probe is trained on: python -m stages.problems

Writes data/problems/problems.parquet and rejects.parquet (rows refused at import; written before the stage fails on
them, so that they can be looked at).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from counterpoint import columns, params, problem, sources, tables
from counterpoint.problem import Problem
from counterpoint.progress import track
from stages.common import PROBLEMS, REJECTS, main

log = logging.getLogger("problems")


def counts(problems: Sequence[Problem]) -> list[str]:
    """Problems per split and family, one line a family, as the lines of a table."""
    numbers = Counter((p.family, p.split) for p in problems)
    families, splits = (sorted({key[axis] for key in numbers}) for axis in (0, 1))
    rows = [[family, *(str(numbers[family, split]) for split in splits)] for family in families]
    return columns.aligned([["family", *splits], *rows], right=range(1, len(splits) + 1))


def program(arguments: list[str]) -> None:
    """Publish the problems of params.yaml. Raises `UserError` for rows, sizes or suites that cannot be used."""
    settings = params.load()
    source, sizes = settings.source, settings.problems
    loaded, rejects = sources.load(settings)
    tables.write("rejects", rejects, REJECTS)
    if rejects:
        print("\n".join([f"{len(rejects)} rows refused:", *sources.reasons(rejects)]))
    sources.check_rejects(rejects, source.rejects_allowed, str(REJECTS))
    suites = len({p for p in settings.suites if p != "text_twin"})
    total = sizes.train + suites * (sizes.per_suite + sizes.per_probe) if source.kind == "procedural" else None
    problems = list(track(loaded, total, "problems"))
    sources.prove(problems, settings.suites, source.name, rejects)
    problem.write(problems, PROBLEMS)
    print("\n".join(counts(problems)))
    log.info("%d problems in %s, %d rows refused", len(problems), PROBLEMS, len(rejects))


if __name__ == "__main__":
    main(program)
