"""Which rows of a finite source train, probe and test: by state, balanced over families, the same at every rerun."""

from __future__ import annotations

import dataclasses
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator

from counterpoint.problem import Problem, digest

log = logging.getLogger("sources")


def _ranked(states: dict[str, list[Problem]], seed: int) -> list[str]:
    """States in a seeded order that takes the families in turn, so that every beginning of it is balanced."""
    shuffled = sorted(states, key=lambda state: digest(seed, state))
    taken: defaultdict[str, int] = defaultdict(int)
    turns = []
    for place, state in enumerate(shuffled):
        family = states[state][0].family
        turns.append((taken[family], place, state))
        taken[family] += 1
    return [state for _, _, state in sorted(turns)]


def assign(
    problems: Iterable[Problem], seed: int, per_suite: int, per_probe: int, held_out_families: Iterable[str]
) -> Iterator[Problem]:
    """The problems with their splits. A state's problems never part.

    Families held out make up `rule_shift`, the others `in_domain`; each suite has at most `per_suite` problems and
    `per_probe` probes of other states. The rest of the others is `train`; the rest of the held-out ones is left out.
    """
    held = set(held_out_families)
    by_suite: dict[str, dict[str, list[Problem]]] = {"in_domain": {}, "rule_shift": {}}
    for problem in problems:
        suite = "rule_shift" if problem.family in held else "in_domain"
        by_suite[suite].setdefault(problem.state_id, []).append(problem)
    for suite, states in by_suite.items():
        room = {"probe": per_probe, suite: per_suite}
        left_out = 0
        for state in _ranked(states, seed):
            group = states[state]
            split = next((name for name, free in room.items() if len(group) <= free), "train")
            if split != "train":
                room[split] -= len(group)
            elif suite == "rule_shift":
                left_out += len(group)
                continue
            tags = (f"suite:{suite}",) if split == "probe" else ()
            for problem in group:
                yield dataclasses.replace(problem, split=split, tags=(*problem.tags, *tags))
        if left_out:
            log.info("%d problems of held-out families are beyond per_suite and per_probe: left out", left_out)
