"""The competence card of a base: what it sees, what it can answer in n tries, and what it answers blind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpoint import prompt
from counterpoint.evaluation.evaluate import item
from counterpoint.generation.decode import Request, generate, requests
from counterpoint.problem import Problem


def pass_at_k(correct: Sequence[int], n: int, k: int) -> float:
    """Unbiased pass@k averaged over problems: 1 − C(n−c, k) / C(n, k) (arXiv 2107.03374, eq. 1).

    `correct` holds the number of correct samples of each problem, out of `n`. Raises `ValueError` when k > n.
    """
    if k > n:
        raise ValueError(f"pass@{k} needs at least {k} samples, there are {n}")
    return float(np.mean([1.0 if n - c < k else 1 - np.prod(1 - k / np.arange(n - c + 1, n + 1)) for c in correct]))


def sampled_passes(
    model, processor, problems: Sequence[Problem], instruction: str, n: int, max_tokens: int, batch_size: int, seed: int
) -> dict[str, float]:
    """pass@1, 8 and 64 (as far as n allows) over `problems` from n samples each at temperature 1."""
    wanted = [r for r in requests(problems, instruction, words=False) for _ in range(n)]
    completions = generate(
        model, processor, wanted, max_tokens, batch_size=batch_size, sampled=True, seed=seed, label="samples"
    )
    owners = [p for p in problems for _ in range(n)]
    hits = np.array([item(p, c)["correct"] for p, c in zip(owners, completions, strict=True)]).reshape(-1, n)
    return {f"pass@{k}": round(pass_at_k(hits.sum(1).tolist(), n, k), 4) for k in (1, 8, 64) if k <= n}


def captions_right(
    model, processor, shown: dict[str, Sequence[tuple[bytes, str]]], max_tokens: int, batch_size: int
) -> dict[str, float]:
    """The share of captions exactly right for each family's pairs of picture and gold caption."""
    wanted = [Request(prompt.DESCRIBE, (picture,)) for pairs in shown.values() for picture, _ in pairs]
    completions = iter(generate(model, processor, wanted, max_tokens, batch_size=batch_size))
    return {
        family: round(sum(next(completions).text.strip() == caption for _, caption in pairs) / len(pairs), 4)
        for family, pairs in shown.items()
    }
