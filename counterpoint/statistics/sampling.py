"""Several samples of one item: pass@k, avg@k and maj@k, each averaged within the item.

Every function returns one number for each item, (items): n samples of an item are not n items, so intervals and tests
are made over what is returned here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache
from math import comb

import numpy as np


def pass_at_k(correct_counts: Sequence[int] | np.ndarray, n: int, k: int) -> np.ndarray:
    """The chance that k of an item's n samples, drawn without replacement, hold a correct one: 1 − C(n−c, k) / C(n, k).

    Unbiased (arXiv 2107.03374, equation 1). `correct_counts` (items): correct samples c of each item. → (items).
    Raises `ValueError` when k > n, k < 1, or a count lies outside 0 to n.
    """
    counts = _counts(correct_counts, n, k, "pass")
    drawn = np.arange(k)
    # the product of (n−c−j) / (n−j): no factorial of large numbers; a factor of 0 says that n−c < k
    return 1 - np.prod(np.maximum(n - counts[:, None] - drawn, 0) / (n - drawn), axis=1)


def avg_at_k(correct_counts: Sequence[int] | np.ndarray, n: int, k: int) -> np.ndarray:
    """The expected share correct of k of an item's n samples: c / n whatever k is, all n samples being used.

    Shapes and errors as in `pass_at_k`.
    """
    return _counts(correct_counts, n, k, "avg") / n


def maj_at_k(
    answers: Sequence[Sequence[Hashable | None]], correct: Sequence[Sequence[bool]] | np.ndarray, k: int
) -> np.ndarray:
    """The chance that a majority vote among k of an item's n samples is correct (arXiv 2203.11171). → (items).

    `answers` (items, n): the extracted answer of each sample, None where none could be read: such a sample is drawn
    but does not vote, and where none votes the vote is wrong. `correct` (items, n): each sample's verdict. Answers
    vote together when they are equal, so "1/2" and "0.5" do not. Ties are broken uniformly at random; the result is
    the exact expectation over all choices of k of the n samples and over the breaking of ties, not a simulation.

    Raises `ValueError` when k > n, k < 1, shapes differ, or equal answers of an item have different verdicts.
    """
    if len(answers) != len(correct):
        raise ValueError(f"answers of {len(answers)} items, verdicts of {len(correct)}")
    return np.array([_majority(said, right, k) for said, right in zip(answers, correct, strict=True)], float)


def _majority(answers: Sequence[Hashable | None], correct: Sequence[bool], k: int) -> float:
    _check_k(len(answers), k, "maj")
    verdicts: dict[Hashable, bool] = {}
    for answer, right in zip(answers, correct, strict=True):
        if answer is not None and verdicts.setdefault(answer, bool(right)) != bool(right):
            raise ValueError(f"answer {answer!r} is judged both right and wrong within one item")
    votes = Counter(answer for answer in answers if answer is not None)
    silent = len(answers) - votes.total()
    chance = 0.0
    for answer, count in votes.items():
        if verdicts[answer]:
            others = sorted(votes[other] for other in votes if other != answer)
            chance += _wins(count, tuple(others), silent, k)
    return chance


@lru_cache(maxsize=4096)  # items share few patterns of votes
def _wins(mine: int, others: tuple[int, ...], silent: int, k: int) -> float:
    """The chance that an answer given `mine` times wins the vote of k samples against answers given `others` times.

    For each number of its votes, `ways[chosen, tied]` counts the ways to take `chosen` of the other answers' samples
    so that none has more votes and `tied` have as many; the rest are silent samples.
    """
    favourable = 0.0
    for votes in range(1, min(mine, k) + 1):
        rest = k - votes
        ways = np.zeros((rest + 1, rest // votes + 1))
        ways[0, 0] = 1
        for count in others:
            more = np.zeros_like(ways)
            for taken in range(min(count, votes, rest) + 1):
                before = ways[: rest + 1 - taken]
                if taken < votes:
                    more[taken:] += comb(count, taken) * before
                else:
                    more[taken:, 1:] += comb(count, taken) * before[:, :-1]
            ways = more
        unread = np.array([comb(silent, rest - chosen) for chosen in range(rest + 1)], float)
        shares = 1 / np.arange(1, ways.shape[1] + 1)
        favourable += comb(mine, votes) * float(unread @ ways @ shares)
    return favourable / comb(mine + sum(others) + silent, k)


def _counts(correct_counts: Sequence[int] | np.ndarray, n: int, k: int, name: str) -> np.ndarray:
    _check_k(n, k, name)
    counts = np.asarray(correct_counts)
    if counts.ndim != 1 or not ((counts >= 0) & (counts <= n)).all():
        raise ValueError(f"counts of correct samples must lie between 0 and {n}, one for each item")
    return counts


def _check_k(n: int, k: int, name: str) -> None:
    if not 1 <= k <= n:
        raise ValueError(f"{name}@{k} needs k of 1 or more and at least k samples, there are {n}")
