"""Where problems come from: procedural families, a folder of files, or a data set of the hub's kind.

A new source is one file and its line in `_read`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from pathlib import Path

from counterpoint.errors import UserError
from counterpoint.params import Params, Source
from counterpoint.params.typed import build
from counterpoint.problem import Problem
from counterpoint.sources import text
from counterpoint.suites import SUITES


def load(params: Params) -> tuple[Iterable[Problem], list[dict]]:
    """The problems of `params.source` and of its benchmarks, split, and the rows refused at import (columns of the
    table `rejects`); where the study has the suite `text_reasoning`, its problems too.

    The problems may come lazily: look at the rejects first. Raises `UserError` for a source that cannot be read.
    """
    found, rejects = _of_source(params)
    if any(SUITES[suite].split == text.SPLIT for suite in params.suites):
        sizes = params.problems
        found = itertools.chain(found, text.problems(sizes.seed, sizes.per_suite, sizes.per_probe))
    return found, rejects


def _of_source(params: Params) -> tuple[Iterable[Problem], list[dict]]:
    source, sizes = params.source, params.problems
    if source.kind == "procedural":
        from counterpoint.sources import procedural

        scope = procedural.Scope(tuple(sizes.families) if sizes.families else None, sizes.expressions)
        own, rejects = procedural.problems(sizes.seed, sizes.train, sizes.per_suite, sizes.per_probe, scope), []
    else:
        own, rejects = _read(source)
    if source.kind == "procedural" and not source.benchmarks:
        return own, rejects
    from counterpoint.sources.splits import assign, keep

    tests: list[Problem] = []
    for name, keys in source.benchmarks.items():
        found, refused = _read(benchmark(source, name, keys))
        # ids of several sources may be equal, such as the numbers from 1
        tests += [dataclasses.replace(p, problem_id=f"{name}-{p.problem_id}") for p in found]
        rejects += refused
    if source.benchmarks:
        own, refused = _apart(own, tests, source.name)
        rejects += refused
    if source.kind == "procedural":
        drawn = own
    elif source.parts:
        drawn = keep(own, sizes.seed, sizes.per_suite, sizes.per_probe)
    else:
        drawn = assign(own, sizes.seed, sizes.per_suite, sizes.per_probe, source.held_out_families)
    return itertools.chain(drawn, keep(tests, sizes.seed, sizes.per_suite, sizes.per_probe)), rejects


def benchmark(source: Source, name: str, keys: dict) -> Source:
    """The source of a benchmark: what it does not state is as in `source`, but for what belongs to that one alone.

    Its problems make up the suite of its own name, or the suites that its `parts` name. Raises `UserError`.
    """
    neutral = {
        "repository": None, "revision": None, "config": None, "name": name, "family": "file",
        "part": None, "parts": {"all": name}, "held_out_families": [], "benchmarks": {},
    }  # fmt: skip
    plain = {**{f.name: getattr(source, f.name) for f in dataclasses.fields(Source)}, **neutral, **keys}
    if "fields" not in keys:
        raise UserError(f"params.yaml: source.benchmarks.{name}.fields is missing; map its columns")
    found = build(Source, plain, f"source.benchmarks.{name}")
    if found.benchmarks or not found.parts or "train" in found.parts.values():
        raise UserError(f"params.yaml: source.benchmarks.{name}: a benchmark's parts are suites, never train")
    return found


def _read(source: Source) -> tuple[list[Problem], list[dict]]:
    check(source)
    if source.kind == "folder":
        from counterpoint.sources.folder import read
    else:
        from counterpoint.sources.hub import read
    return read(source)


def check_all(source: Source) -> None:
    """Raise `UserError`, before anything is read, for a source or a benchmark of it that could not be."""
    for each in (source, *(benchmark(source, name, keys) for name, keys in source.benchmarks.items())):
        check(each)


def check(source: Source) -> None:
    """Raise `UserError` for a folder that is not there, and for a hub data set that is not pinned to a commit."""
    local = source.kind == "folder" or (source.kind == "hub" and not source.repository)
    if local and not Path(source.path).is_dir():
        hub = ", or source.repository for the hub" if source.kind == "hub" else ""
        raise UserError(f"source.path: {source.path} is no folder; set SET='source.path=FOLDER' to the rows' own{hub}")
    pinned = source.revision and len(source.revision) == 40 and set(source.revision) <= set("0123456789abcdef")
    if source.kind == "hub" and source.repository and not pinned:
        raise UserError(
            f"params.yaml: source.revision of {source.repository} is {source.revision!r}; set it to a commit (40 hex "
            f"digits, on the hub under Files, History), or the rows may change from one run to the next"
        )


def _apart(own: Iterable[Problem], tests: list[Problem], name: str) -> tuple[list[Problem], list[dict]]:
    """The source's problems without those whose picture, or text, a benchmark shows, and the latter as rejects."""
    shown = {p.state_id: p.source for p in tests}
    kept, rejects = [], []
    for problem in own:
        if problem.state_id in shown:
            reason = f"its picture or text occurs in the benchmark {shown[problem.state_id]!r}"
            place = {"source": name, "file": "", "line": None, "problem_id": problem.problem_id}
            rejects.append({**place, "reason": reason})
        else:
            kept.append(problem)
    return kept, rejects


def check_rejects(rejects: list[dict], allowed: int, listed: str) -> None:
    """Raise `UserError` when more rows were refused than allowed; `listed` names the file that lists them."""
    if len(rejects) > allowed:
        first = rejects[0]
        place = first["file"] + (f", line {first['line']}" if first["line"] is not None else "")
        raise UserError(
            f"{len(rejects)} rows cannot be used, {allowed} are allowed; the first: {place}: {first['reason']}; "
            f"all are listed in {listed}; mend them or set SET='source.rejects_allowed={len(rejects)}'"
        )
