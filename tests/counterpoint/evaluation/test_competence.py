"""The competence card's numbers: pass@k against its definition, captions by exact match."""

import itertools

import pytest

from counterpoint.evaluation import competence
from counterpoint.generation.decode import Completion


def brute(correct: int, n: int, k: int) -> float:
    """The share of all k-subsets of n samples that hold a correct one."""
    subsets = list(itertools.combinations([i < correct for i in range(n)], k))
    return sum(any(subset) for subset in subsets) / len(subsets)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_pass_at_k_is_the_share_of_subsets_with_a_hit(k):
    for correct in range(7):
        assert competence.pass_at_k([correct], 6, k) == pytest.approx(brute(correct, 6, k))


def test_pass_at_k_averages_over_problems_and_is_stable_for_many_samples():
    assert competence.pass_at_k([0, 6], 6, 2) == 0.5
    assert competence.pass_at_k([1], 1024, 64) == pytest.approx(64 / 1024)
    with pytest.raises(ValueError, match="pass@8"):
        competence.pass_at_k([1], 4, 8)


def test_sampled_passes_count_each_problems_own_samples(monkeypatch, problems):
    def generate(model, processor, wanted, max_tokens, **settings):
        assert settings["sampled"]
        assert len(wanted) == 2 * 8
        said = [problems[0].answer] * 2 + ["nothing"] * 6 + ["nothing"] * 8
        return [Completion(f"<think>r</think><answer>{text}</answer>", 5, False) for text in said]

    monkeypatch.setattr(competence, "generate", generate)
    passes = competence.sampled_passes(None, None, problems[:2], "", 8, 4, 4, 0)
    assert passes == {"pass@1": 0.125, "pass@8": 0.5}


def test_a_caption_counts_only_when_exactly_right(monkeypatch):
    shown = {"count": [(b"1", "one disc"), (b"2", "two discs")], "grid": [(b"3", "a walk")]}
    said = ["one disc", "two disc", " a walk "]
    monkeypatch.setattr(
        competence, "generate", lambda model, processor, wanted, *_, **__: [Completion(s, 3, False) for s in said]
    )
    assert competence.captions_right(None, None, shown, 4, 4) == {"count": 0.5, "grid": 1.0}


def test_captions_of_a_real_model_are_read(loaded, problems):
    shown = {"count": [(problems[0].images[0], "x")]}
    assert competence.captions_right(*loaded, shown, 3, 4) == {"count": 0.0}
