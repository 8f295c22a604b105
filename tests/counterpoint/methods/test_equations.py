"""Each method's equation on numbers worked by hand.

Two tokens of a vocabulary of three. The first is drawn with 1/2, 1/4, 1/4 and is number 0; the second with 1/5, 4/5, 0
and is number 1: p = 1/2 and 4/5. The gradient of log p by the scores is one at the token less the distribution.
"""

import math
from collections import defaultdict
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from counterpoint.methods import chord, relift
from counterpoint.training import packed_sft

CHANCES = [[1 / 2, 1 / 4, 1 / 4], [1 / 5, 4 / 5, 1e-12]]
TOKENS = [0, 1]
SLOPES = torch.tensor([[1 / 2, -1 / 4, -1 / 4], [-1 / 5, 1 / 5, 0.0]])  # of log p


@pytest.fixture
def scores():
    return torch.tensor(CHANCES).log().requires_grad_()


def values(scores):
    return scores.log_softmax(-1)[torch.arange(2), TOKENS]


def test_dft_weighs_each_token_by_its_chance_through_which_no_gradient_flows(scores, monkeypatch):
    def log_probs(*_):
        found = values(scores)[None]
        return found, torch.zeros_like(found), torch.ones_like(found, dtype=torch.bool)

    monkeypatch.setattr(packed_sft, "log_probs", log_probs)
    trainer = SimpleNamespace(
        stock_reason=None, args=SimpleNamespace(loss_type="dft"), _total_train_tokens=0,
        _metrics={"train": defaultdict(list)},
        accelerator=SimpleNamespace(autocast=nullcontext, unwrap_model=lambda model: model),
    )  # fmt: skip
    batch = {"prompts": SimpleNamespace(lengths=[3]), "input_ids": None, "labels": torch.tensor([[-100, *TOKENS]])}
    loss = packed_sft.PackedSFTTrainer.compute_loss(trainer, None, batch)
    loss.backward()
    assert loss.item() == pytest.approx((1 / 2 * math.log(2) + 4 / 5 * math.log(5 / 4)) / 2)  # 0.262544
    weights = torch.tensor([[1 / 2], [4 / 5]])
    torch.testing.assert_close(scores.grad, -weights * SLOPES / 2)  # [[-1/8, 1/16, 1/16], [2/25, -2/25, 0]]


def test_chord_mu_weighs_every_token_alike(scores):
    loss = chord.token_losses(values(scores), "mu").mean()
    loss.backward()
    assert loss.item() == pytest.approx((math.log(2) + math.log(5 / 4)) / 2)  # 0.458145
    torch.testing.assert_close(scores.grad, -SLOPES / 2)


def test_chord_phi_weighs_what_is_least_certain_most_and_lets_no_gradient_through_the_weight(scores):
    loss = chord.token_losses(values(scores), "phi").mean()
    loss.backward()
    assert loss.item() == pytest.approx((1 / 4 * math.log(2) + 4 / 25 * math.log(5 / 4)) / 2)  # 0.104495
    weights = torch.tensor([[1 / 4], [4 / 25]])
    torch.testing.assert_close(scores.grad, -weights * SLOPES / 2)  # [[-1/16, 1/32, 1/32], [2/125, -2/125, 0]]


@pytest.mark.parametrize(
    ("done", "weight"),
    [(0, 0.9), (50, 0.775520), (100, 0.475), (150, 0.174480), (200, 0.05), (399, 0.05)],  # 0.475 ± 0.425 √½
)
def test_mu_falls_by_half_a_cosine_over_its_share_of_the_run(done, weight):
    assert chord.mu(chord.Options("mu", 0.9, 0.05, 0.5), done, steps=400) == pytest.approx(weight, abs=1e-6)


def test_a_constant_mu_stays():
    assert {chord.mu(chord.Options("phi", 0.1, 0.1, 1.0), done, 7) for done in range(8)} == {0.1}


def test_relift_takes_the_problems_without_one_correct_answer_that_have_a_demonstration():
    answers = [("a", False), ("a", False), ("b", False), ("b", True), ("c", False), ("c", False), ("d", False)]
    assert relift.unsolved(answers, {"a", "b", "d"}) == ["a", "d"]
