"""Where problems come from: procedural families, a folder of files, or a data set of the hub's kind.

A new source is one file and its line in `load`.
"""

from __future__ import annotations

from collections.abc import Iterable

from counterpoint.errors import UserError
from counterpoint.params import Params
from counterpoint.problem import Problem


def load(params: Params) -> tuple[Iterable[Problem], list[dict]]:
    """The problems of `params.source`, split, and the rows refused at import (columns of the table `rejects`).

    The problems may come lazily: look at the rejects first. Raises `UserError` for a source that cannot be read.
    """
    source, sizes = params.source, params.problems
    if source.kind == "procedural":
        from counterpoint.sources import procedural

        return procedural.problems(sizes.seed, sizes.train, sizes.per_suite, sizes.per_probe), []
    if source.kind == "folder":
        from counterpoint.sources.folder import read
    else:
        from counterpoint.sources.hub import read
    from counterpoint.sources.splits import assign

    problems, rejects = read(source)
    return assign(problems, sizes.seed, sizes.per_suite, sizes.per_probe, source.held_out_families), rejects


def check_rejects(rejects: list[dict], allowed: int, listed: str) -> None:
    """Raise `UserError` when more rows were refused than allowed; `listed` names the file that lists them."""
    if len(rejects) > allowed:
        first = rejects[0]
        place = first["file"] + (f", line {first['line']}" if first["line"] is not None else "")
        raise UserError(
            f"{len(rejects)} rows cannot be used, {allowed} are allowed; the first: {place}: {first['reason']}; "
            f"all are listed in {listed}; mend them or set SET='source.rejects_allowed={len(rejects)}'"
        )
