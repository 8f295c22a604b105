"""coin: heads or tails by a hash of problem and completion, the same at every rerun: a null arm (arXiv 2506.10947)."""

from counterpoint.problem import Problem, digest
from counterpoint.verify import Verdict

KIND = "noise"


def reward(completion: str, problem: Problem, verdict: Verdict) -> float:
    """1.0 or 0.0, each for half of all pairs of problem and completion."""
    return float(int(digest("coin", problem.problem_id, ascii(completion)), 16) % 2)
