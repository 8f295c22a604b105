"""format: 1 when the completion is reasoning in its tags, then exactly one answer in its tags, and nothing else."""

from counterpoint.problem import Problem
from counterpoint.verify import Verdict, well_formed

KIND = "format"


def reward(completion: str, problem: Problem, verdict: Verdict) -> float:
    """1.0 or 0.0."""
    return float(well_formed(completion))
