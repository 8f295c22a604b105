"""Which rows of a finite source train, probe and test: by state, balanced over families, the same at every rerun."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator

from counterpoint.problem import Problem, digest

log = logging.getLogger("sources")


def _ranked(states: dict[str, list[Problem]], seed: int) -> list[str]:
    """States in a seeded order that takes the families in turn, so that every beginning of it is balanced."""
    turns: defaultdict[str, itertools.count] = defaultdict(itertools.count)
    turn = {state: next(turns[states[state][0].family]) for state in sorted(states, key=lambda s: digest(seed, s))}
    return sorted(turn, key=turn.__getitem__)  # stable: within a turn the shuffled order


def _as_probe(problem: Problem, suite: str) -> Problem:
    return dataclasses.replace(problem, split="probe", tags=(*problem.tags, f"suite:{suite}"))


def _by_state(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    states: dict[str, list[Problem]] = {}
    for problem in problems:
        states.setdefault(problem.state_id, []).append(problem)
    return states


def assign(
    problems: Iterable[Problem], seed: int, per_suite: int, per_probe: int, held_out_families: Iterable[str]
) -> Iterator[Problem]:
    """The problems of a source without parts, with their splits. A state's problems stay in one split.

    Families held out make up `rule_shift`, the others `in_domain`; each suite has at most `per_suite` problems and
    `per_probe` probes of other states. The rest of `in_domain` is `train`; the rest of `rule_shift` is left out.
    """
    held = set(held_out_families)
    tested = [dataclasses.replace(p, split="rule_shift" if p.family in held else "in_domain") for p in problems]
    probes = {"in_domain": per_probe, "rule_shift": per_probe}
    yield from _tested(tested, seed, probes, per_suite, train=("in_domain",))


def keep(problems: Iterable[Problem], seed: int, per_suite: int, per_probe: int) -> Iterator[Problem]:
    """The problems of a source whose parts say which split each belongs to, with probes drawn and suites cut to size.

    Every suite has at most `per_suite` problems and `per_probe` probes. The probes of `in_domain` are taken from the
    training part where there is one, so that the whole of a published test is left to the test; those of another suite
    from its own part. A state's problems stay in one split, also where several suites show versions of it.
    """
    problems = list(problems)
    trained = _by_state(p for p in problems if p.split == "train")
    tested = [p for p in problems if p.split != "train"]
    probes = dict.fromkeys((p.split for p in tested), per_probe)
    for state in _ranked(trained, seed):
        group = trained[state]
        probe = len(group) <= probes.get("in_domain", 0)
        if probe:
            probes["in_domain"] -= len(group)
        yield from (_as_probe(p, "in_domain") if probe else p for p in group)
    if trained:
        probes["in_domain"] = 0
    yield from _tested(tested, seed, probes, per_suite)


def _tested(
    problems: Iterable[Problem], seed: int, probes: dict[str, int], per_suite: int, train: Collection[str] = ()
) -> Iterator[Problem]:
    """The problems of suites, drawn state by state: first the probes, as many as `probes` says by suite, then the
    suites. Of the suites named in `train` the rest is training's, of the others it is left out."""
    states = _by_state(problems)
    room = dict.fromkeys(probes, per_suite)
    left_out = 0
    for state in _ranked(states, seed):
        group = states[state]
        sizes = Counter(p.split for p in group)
        free = next((free for free in (probes, room) if all(n <= free[suite] for suite, n in sizes.items())), None)
        if free is not None:
            for suite, size in sizes.items():
                free[suite] -= size
            yield from (_as_probe(p, p.split) if free is probes else p for p in group)
        elif sizes.keys() <= set(train):
            yield from (dataclasses.replace(p, split="train") for p in group)
        else:
            left_out += len(group)
    if left_out:
        log.info("%d problems that could test are beyond per_suite and per_probe: left out", left_out)
