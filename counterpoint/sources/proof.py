"""The proof that a study's problems may be compared: nothing of a test or a probe is trained on, nothing is missing."""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.errors import UserError
from counterpoint.problem import Problem, check
from counterpoint.suites import SUITES

NOT_SUITES = ("pretrain", "train", "probe")


def prove(problems: Sequence[Problem], suites: Sequence[str], where: str) -> None:
    """Raise `UserError` unless every problem is sound and its id unique, training, probes and suites share no state,
    and each suite and its probe have problems, with text twins where the suite shows words. `where` names the source.
    """
    check(problems, where)
    states: dict[str, set[str]] = {"train": set(), "probe": set(), "suites": set()}
    for problem in problems:
        if problem.split != "pretrain":
            states[problem.split if problem.split in states else "suites"].add(problem.state_id)
    for one, other in (("train", "suites"), ("train", "probe"), ("probe", "suites")):
        if shared := states[one] & states[other]:
            raise UserError(f"{where}: {len(shared)} states are both in {one} and in {other}, the first {min(shared)}")
    splits = {p.split for p in problems}
    for name in suites:
        split = SUITES[name].split
        shown = [p for p in problems if p.split == split]
        probes = [p for p in problems if p.split == "probe" and f"suite:{split}" in p.tags]
        if not shown or not probes:
            known = ", ".join(sorted(splits.difference(NOT_SUITES))) or "none"
            missing = "problems" if not shown else "probe problems"
            raise UserError(f"{where}: no {missing} for suite {name!r} (suites with problems: {known}); change suites")
        bare = [p for p in (*shown, *probes) if not p.text_twin]
        if SUITES[name].needs_twin and bare:
            raise UserError(
                f"{where}: {len(bare)} problems that suite {name!r} shows have no text twin, the first "
                f"{bare[0].problem_id}; map source.fields.text_twin or take {name} out of suites"
            )
