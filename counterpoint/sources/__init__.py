"""Where problems come from: procedural families, a folder of files, or a data set of the hub's kind.

A new kind of source is one file and its line in `_read`.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from counterpoint import problem
from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.sources.parsing import Source, where
from counterpoint.suites import SUITES

FEW = 3  # reasons that differ in a value alone, and are each shown
# in a reason, what is a row's own: a list, a quotation (which may be cut off), a number
_VALUE = re.compile(r"\[[^\]]*(?:\]|$)|'[^']*(?:'|$)|\"[^\"]*(?:\"|$)|\d+")


def load(params: Any) -> tuple[Iterable[Problem], list[dict]]:
    """The problems of `params.source` and of its benchmarks, split, and the rejects: the rows refused at import
    (columns of the table `rejects`). Where the study has the suite `text_reasoning`, its problems too.

    params: an object of `params.Params`. The problems may come lazily: look at the rejects first. Raises `UserError`
    for a source that cannot be read.
    """
    from counterpoint.sources import procedural, text
    from counterpoint.sources.splits import assign, keep

    source, sizes = params.source, params.problems
    numbers = (sizes.seed, sizes.per_suite, sizes.per_probe)
    rejects: list[dict] = []
    if source.kind == "procedural":
        scope = procedural.Scope(tuple(sizes.families) if sizes.families else None, sizes.expressions)
        problems = procedural.problems(sizes.seed, sizes.train, sizes.per_suite, sizes.per_probe, scope)
    else:
        problems, rejects = _read(source)
    tests: list[Problem] = []
    for name, benchmark in source.benchmark_sources().items():
        members, refused = _read(benchmark)
        # ids of several sources may be equal, such as the numbers from 1
        tests += [dataclasses.replace(p, problem_id=f"{name}-{p.problem_id}") for p in members]
        rejects += refused
    if tests:
        problems, refused = _without_tested(problems, tests, source.name)
        rejects += refused
    if source.parts:
        problems = keep(problems, *numbers)
    elif source.kind != "procedural":
        problems = assign(problems, *numbers, source.held_out_families)
    asks_text = any(SUITES[suite].split == text.SPLIT for suite in params.suites)
    added = text.problems(*numbers) if asks_text else ()
    return itertools.chain(problems, keep(tests, *numbers), added), rejects


def _read(source: Source) -> tuple[list[Problem], list[dict]]:
    from counterpoint.sources import folder, hub

    _check(source)
    return (folder if source.kind == "folder" else hub).read(source)


def check_all(source: Source) -> None:
    """Raise `UserError`, before anything is read, for a source or a benchmark of it that cannot be read."""
    for each in (source, *source.benchmark_sources().values()):
        _check(each)


def _check(source: Source) -> None:
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


def _without_tested(problems: Iterable[Problem], tests: list[Problem], source: str) -> tuple[list[Problem], list[dict]]:
    """The problems without those whose picture, or text, a benchmark shows, and the latter as rejects."""
    problems = list(problems)
    shown = {p.state_id: p.source for p in tests}
    rejects = [
        {
            "source": source, "file": "", "line": None, "problem_id": p.problem_id,
            "reason": f"its picture or text occurs in the benchmark {shown[p.state_id]!r}",
        }
        for p in problems
        if p.state_id in shown
    ]  # fmt: skip
    return [p for p in problems if p.state_id not in shown], rejects


def reasons(rejects: Sequence[dict]) -> list[str]:
    """Why rows were refused, a line a reason with their number and the first such row; the most frequent first.

    Reasons that differ in a value alone, such as the path of a picture, are one where there are more than a few.
    """
    alike: defaultdict[str, dict[str, list[dict]]] = defaultdict(dict)
    for reject in rejects:
        alike[_VALUE.sub("…", reject["reason"])].setdefault(reject["reason"], []).append(reject)
    groups: list[tuple[str, list[dict]]] = []
    for members in alike.values():
        few = len(members) <= FEW
        groups += members.items() if few else [(_common(list(members)), list(itertools.chain(*members.values())))]
    groups.sort(key=lambda group: -len(group[1]))
    return [f"{len(refused):>7}  {reason} ({_where(refused[0])})" for reason, refused in groups]


def _common(alike: list[str]) -> str:
    """Reasons that differ in values alone as one, its values left out where they differ."""
    values = zip(*map(_VALUE.findall, alike), strict=True)
    shown = [value[0] if len(set(value)) == 1 else "…" for value in values]
    pieces = itertools.zip_longest(_VALUE.split(alike[0]), shown, fillvalue="")
    return "".join(itertools.chain(*pieces))


def _where(reject: dict) -> str:
    return where(reject["file"] or reject["source"], reject["line"])  # without a file: of the source, for a benchmark


def check_rejects(rejects: list[dict], allowed: int, listed: str) -> None:
    """Raise `UserError` when more rows were refused than allowed; `listed` names the file that lists them."""
    if len(rejects) > allowed:
        raise UserError(
            f"{len(rejects)} rows cannot be used, {allowed} are allowed; the first: {_where(rejects[0])}: "
            f"{rejects[0]['reason']}; all are listed in {listed}; mend them or set "
            f"SET='source.rejects_allowed={len(rejects)}'"
        )


def prove(problems: Sequence[Problem], suites: Sequence[str], source: str, rejects: Sequence[dict] = ()) -> None:
    """Prove that a study may be compared: nothing of a test or a probe is trained on, and nothing is missing.

    Raises `UserError` unless every problem is sound and its id unique; training, probes and suites share no state; and
    each suite and its probe have problems, with text twins where the suite shows words. `source` names the problems.
    Where none is left, the message says why most of `rejects` were refused.
    """
    if rejects and not problems:
        raise UserError(
            f"{source}: no row can be used; of {len(rejects)} refused: {' '.join(reasons(rejects)[0].split())}"
        )
    problem.check(problems, source)
    states: dict[str, set[str]] = {"train": set(), "probe": set(), "suites": set()}
    for p in problems:
        if p.split != "pretrain":
            states[p.split if p.split in states else "suites"].add(p.state_id)
    for first, second in itertools.combinations(states, 2):
        if shared := states[first] & states[second]:
            raise UserError(
                f"{source}: {len(shared)} states are both in {first} and in {second}, the first {min(shared)}"
            )
    for name in suites:
        split = SUITES[name].split
        shown = [p for p in problems if p.split == split]
        probes = [p for p in problems if p.split == "probe" and f"suite:{split}" in p.tags]
        if not shown or not probes:
            tested = ", ".join(sorted({p.split for p in problems} - {"pretrain", "train", "probe"})) or "none"
            missing = "problems" if not shown else "probe problems"
            raise UserError(
                f"{source}: no {missing} for suite {name!r} (suites with problems: {tested}); change suites"
            )
        bare = [p for p in (*shown, *probes) if not p.text_twin]
        if SUITES[name].needs_twin and bare:
            raise UserError(
                f"{source}: {len(bare)} problems that suite {name!r} shows have no text twin, the first "
                f"{bare[0].problem_id}; map source.fields.text_twin or take {name} out of suites"
            )
