"""Nested samples: one seeded, stratified order of the pool; every sample is a beginning of it, so 2K lies in 20K.

The order deals out seats by the quota method of Balinski and Young (1975): after k problems each stratum (family ×
difficulty) has its share of k rounded down or up. The better-known largest remainders are not nested.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from counterpoint.errors import UserError
from counterpoint.problem import Problem, digest


def order(strata: Mapping[str, Hashable], seed: int) -> list[str]:
    """The ids in a seeded order of which every beginning is stratified. `strata` maps id to stratum."""
    members: defaultdict[Hashable, list[str]] = defaultdict(list)
    for name in sorted(strata, key=lambda name: digest(seed, name)):
        members[strata[name]].append(name)
    names = sorted(members, key=lambda stratum: digest(seed, str(stratum)))
    size = {stratum: len(members[stratum]) for stratum in names}
    taken = dict.fromkeys(names, 0)
    ordered = []
    for number in range(1, len(strata) + 1):
        # a stratum is open while one more leaves it at its upper quota at most
        fitting = (s for s in names if taken[s] * len(strata) < number * size[s])
        chosen = max(fitting, key=lambda s: size[s] / (taken[s] + 1))
        ordered.append(members[chosen][taken[chosen]])
        taken[chosen] += 1
    return ordered


def stratum(problem: Problem) -> str:
    """The stratum as the manifest names it: family/difficulty."""
    return f"{problem.family}/{problem.difficulty}"


def content_hash(problem: Problem) -> str:
    """Digest of what a learner reads of the problem: question, options, answer, reasoning and pictures."""
    images = [digest(picture.read().hex(), length=64) for picture in problem.images]
    return digest(problem.question, problem.options, problem.answer, problem.reasoning, images)


def draw(pool: Sequence[Problem], seed: int, sizes: Mapping[str, int]) -> tuple[list[dict], dict[str, Any]]:
    """Rows (sample, problem_id, position from 0) and the manifest: ids, content hashes and strata.

    Raises `UserError` when a sample is larger than the pool.
    """
    for name, size in sizes.items():
        if size > len(pool):
            raise UserError(
                f"params.yaml: sampling.sizes.{name} is {size}, larger than the pool of {len(pool)} training problems; "
                f"lower it or give more problems"
            )
    by_id = {problem.problem_id: problem for problem in pool}
    ordered = order({name: stratum(problem) for name, problem in by_id.items()}, seed)
    rows = [
        {"sample": name, "problem_id": problem_id, "position": position}
        for name, size in sizes.items()
        for position, problem_id in enumerate(ordered[:size])
    ]
    samples = {}
    for name, size in sizes.items():
        counts = Counter(stratum(by_id[problem_id]) for problem_id in ordered[:size])
        samples[name] = {"size": size, "ids_digest": digest(ordered[:size]), "strata": dict(sorted(counts.items()))}
    largest = set(ordered[: max(sizes.values(), default=0)])
    manifest = {
        "seed": seed,
        "pool": len(pool),
        "samples": samples,
        # in the order of the pool, in which its pictures lie side by side
        "problems": {name: content_hash(problem) for name, problem in by_id.items() if name in largest},
    }
    return rows, manifest
