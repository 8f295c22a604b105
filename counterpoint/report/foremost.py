"""Which arms stand for the others where a study has more of them than a reader can take in."""

from __future__ import annotations

from counterpoint.report.results import METHODS, Group, Results


def claimed(results: Results, group: Group) -> bool:
    """Whether it was trained on a sample of the claims."""
    return group.method != "base" and group.runs[0].sample in results.claimed


def foremost(results: Results, group: Group) -> bool:
    """Whether it is the plain arm of SFT, of RL or of both in turn, on a sample of the claims."""
    return group.plain and group.method in METHODS and claimed(results, group)
