"""pass@k, avg@k and maj@k against every subset of the samples."""

import itertools
from collections import Counter

import numpy as np
import pytest

from counterpoint.statistics import avg_at_k, maj_at_k, pass_at_k


def subsets(n: int, k: int) -> list[tuple[int, ...]]:
    return list(itertools.combinations(range(n), k))


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_pass_at_k_is_the_share_of_subsets_with_a_hit(k):
    shares = [np.mean([min(s) < correct for s in subsets(6, k)]) for correct in range(7)]
    assert pass_at_k(range(7), 6, k).tolist() == pytest.approx(shares)


def test_pass_at_k_is_stable_for_many_samples():
    assert pass_at_k([1, 0, 1024], 1024, 64).tolist() == pytest.approx([64 / 1024, 0, 1])
    assert pass_at_k([10], 200, 100)[0] == pytest.approx(1 - np.prod([(100 - j) / (200 - j) for j in range(10)]))
    assert pass_at_k([], 4, 2).shape == (0,)


def test_avg_at_k_is_the_mean_over_all_subsets():
    for k in (1, 3, 5):
        shares = [np.mean([sum(i < correct for i in s) / k for s in subsets(5, k)]) for correct in range(6)]
        assert avg_at_k(range(6), 5, k).tolist() == pytest.approx(shares)


@pytest.mark.parametrize("method", [pass_at_k, avg_at_k])
@pytest.mark.parametrize(
    ("counts", "n", "k", "said"),
    [([1], 4, 8, "@8 needs"), ([1], 4, 0, "@0 needs"), ([5], 4, 2, "between 0 and 4"), ([-1], 4, 2, "between 0 and 4")],
)
def test_more_than_was_sampled_is_refused(method, counts, n, k, said):
    with pytest.raises(ValueError, match=said):
        method(counts, n, k)


def voted(answers, correct, k) -> float:
    """By enumeration: each subset votes, ties are shared out evenly."""
    shares = []
    for chosen in subsets(len(answers), k):
        votes = Counter(answers[i] for i in chosen if answers[i] is not None)
        winners = [a for a in votes if votes[a] == max(votes.values())]
        right = {answers[i] for i in chosen if correct[i]}
        shares.append(sum(a in right for a in winners) / len(winners) if winners else 0.0)
    return float(np.mean(shares))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 7, 8])
def test_maj_at_k_is_the_mean_over_all_subsets_and_ties(k):
    rng = np.random.default_rng(k)
    answers = [[(None, "3", "4", "5", "x")[i] for i in rng.integers(0, 5, 8)] for _ in range(40)]
    correct = [[a in {"3", "x"} for a in row] for row in answers]  # two spellings may both be right
    expected = [voted(row, right, k) for row, right in zip(answers, correct, strict=True)]
    assert maj_at_k(answers, correct, k).tolist() == pytest.approx(expected)
    assert len(set(expected)) >= 5


def test_maj_at_k_by_hand():
    # all eight: 3 right against 3 and 2 wrong: a tie of two
    answers = [["a"] * 3 + ["b"] * 3 + ["c"] * 2]
    correct = [[True] * 3 + [False] * 5]
    assert maj_at_k(answers, correct, 8).tolist() == [0.5]
    # what cannot be read has no vote, however often
    assert maj_at_k([["a", None, None]], [[True, False, False]], 3).tolist() == [1.0]
    assert maj_at_k([["a", None, None]], [[True, False, False]], 1).tolist() == pytest.approx([1 / 3])
    assert maj_at_k([[None, None]], [[False, False]], 2).tolist() == [0.0]
    # one sample is no vote: maj@1 = avg@1
    assert maj_at_k(answers, correct, 1).tolist() == pytest.approx(avg_at_k([3], 8, 1).tolist())


def test_maj_at_k_of_many_samples_is_quick_and_close_to_drawing():
    rng = np.random.default_rng(0)
    answers = rng.integers(0, 12, 64).tolist()
    correct = [a == answers[0] for a in answers]
    draws = [rng.permutation(64)[:16] for _ in range(4000)]
    drawn = np.mean([voted([answers[i] for i in d], [correct[i] for i in d], 16) for d in draws])
    assert maj_at_k([answers], [correct], 16)[0] == pytest.approx(drawn, abs=0.03)


def test_maj_at_k_refuses_contradictions():
    with pytest.raises(ValueError, match="both right and wrong"):
        maj_at_k([["a", "a"]], [[True, False]], 2)
    with pytest.raises(ValueError, match="maj@3"):
        maj_at_k([["a", "b"]], [[True, False]], 3)
    with pytest.raises(ValueError, match="zip"):
        maj_at_k([["a", "b"]], [[True]], 2)
    with pytest.raises(ValueError, match="answers of 1 items"):
        maj_at_k([["a", "b"]], [], 2)
