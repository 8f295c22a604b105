"""shuffled: the strict judge with another problem's gold answer, a null arm: real labels, paired at random."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from counterpoint.problem import Problem, digest
from counterpoint.verify import Verdict, extract, matches

KIND = "noise"


def prepare(problems: Sequence[Problem]) -> Callable[[str, Problem, Verdict], float]:
    """The term over this pool: 1.0 where the answer is that of the problem's partner, else 0.0.

    A partner has the same family and answer type and never is the problem itself, though its answer may be the same by
    chance. One problem alone of its kind has none and earns 0.0. Options stay the problem's own, for these were shown.
    """
    partner = partners(problems)

    def reward(completion: str, problem: Problem, verdict: Verdict) -> float:
        other = partner[problem.problem_id]
        answer = extract(completion)[0]
        if other is None or answer is None:
            return 0.0
        options = list(problem.options) if problem.options else None
        return float(matches(answer, other.answer, problem.answer_type, options))

    return reward


def partners(problems: Sequence[Problem]) -> dict[str, Problem | None]:
    """By problem_id another problem of the same family and answer type, None where there is none.

    Each kind goes round in the order of a hash of its ids: every problem is the partner of exactly one, whatever the
    order of `problems`.
    """
    kinds: defaultdict[tuple[str, str], dict[str, Problem]] = defaultdict(dict)
    for problem in problems:
        kinds[problem.family, problem.answer_type][problem.problem_id] = problem
    partner: dict[str, Problem | None] = {}
    for members in kinds.values():
        ring = sorted(members.values(), key=lambda p: digest("shuffled", p.problem_id))
        for problem, other in zip(ring, [*ring[1:], *ring[:1]], strict=True):
            partner[problem.problem_id] = None if other is problem else other
    return partner
