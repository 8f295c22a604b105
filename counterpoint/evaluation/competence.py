"""The competence card of a base: what it sees, what it can answer in n tries, and what it answers blind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpoint import prompt
from counterpoint.evaluation.evaluate import item
from counterpoint.generation.completion import Decoding
from counterpoint.generation.decode import generate
from counterpoint.problem import Picture, Problem
from counterpoint.statistics import pass_at_k
from counterpoint.suites.views import View, views


def sampled_passes(
    model, processor, problems: Sequence[Problem], instruction: str, n: int, max_tokens: int, batch_size: int, seed: int
) -> dict[str, float]:
    """pass@1, 8 and 64 (as far as n allows) over `problems` from n samples each at temperature 1."""
    wanted = [view for view in views(problems, instruction) for _ in range(n)]
    completions = generate(
        model, processor, wanted, Decoding(max_tokens, samples=n), batch_size, seed=seed, label="samples"
    )
    owners = [p for p in problems for _ in range(n)]
    hits = np.array([item(p, c)["correct"] for p, c in zip(owners, completions, strict=True)]).reshape(-1, n)
    return {f"pass@{k}": round(float(pass_at_k(hits.sum(1), n, k).mean()), 4) for k in (1, 8, 64) if k <= n}


def captions_right(
    model, processor, shown: dict[str, Sequence[tuple[Picture, str]]], max_tokens: int, batch_size: int
) -> dict[str, float]:
    """The share of captions exactly right for each family's pairs of picture and gold caption."""
    wanted = [View(prompt.DESCRIBE, (picture,)) for pairs in shown.values() for picture, _ in pairs]
    completions = iter(generate(model, processor, wanted, Decoding(max_tokens), batch_size))
    return {
        family: round(sum(next(completions).text.strip() == caption for _, caption in pairs) / len(pairs), 4)
        for family, pairs in shown.items()
    }
