"""Demonstrations on the packed engine and by a plain forward pass, against one at a time."""

import math
from types import SimpleNamespace

import pytest
import torch

from counterpoint.errors import UserError
from counterpoint.generation import architecture
from counterpoint.prompt import completion_text
from counterpoint.training import demonstrations
from tests.counterpoint.methods.plain import log_probs

ASKED = "think first ."


@pytest.fixture
def shown(problems):
    """Problems and texts of different lengths, one problem twice."""
    texts = [completion_text(p.reasoning, p.answer) for p in problems[:3]]
    return [*problems[:3], problems[0]], [*texts, completion_text("red .", "4")]


@pytest.mark.parametrize("is_packed", [True, False])
def test_every_token_and_its_gradient_are_those_of_a_plain_pass(loaded, shown, is_packed):
    model, processor = loaded
    rows = [3, 0, 2]
    batch = demonstrations.collator(model, processor, *shown, ASKED, is_packed)(rows)
    assert ("prompts" in batch) == is_packed
    found = demonstrations.log_probs(model, batch)
    wanted = torch.cat([log_probs(model, processor, shown[0][row], shown[1][row], ASKED) for row in rows])
    assert len(found) == demonstrations.Demonstrations.tokens(batch)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    weights = torch.linspace(0.1, 1, len(found))
    parameters = [p for p in model.parameters() if p.requires_grad]
    mine = torch.autograd.grad((weights * found).sum(), parameters, allow_unused=True)
    plain = torch.autograd.grad((weights * wanted).sum(), parameters, allow_unused=True)
    assert [g is None for g in mine] == [g is None for g in plain] and any(g is not None for g in mine)
    for one, other in zip(mine, plain, strict=True):
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("supported", [True, False])
def test_nats_per_token_is_the_mean_over_tokens_and_leaves_the_model_as_it_was(loaded, shown, supported, monkeypatch):
    model, processor = loaded
    if not supported:
        monkeypatch.setattr(architecture, "unsupported", lambda model: "another architecture")
    monkeypatch.setattr(demonstrations, "SCORED_AT_ONCE", 3)
    model.train()
    state = torch.get_rng_state()
    found = demonstrations.nats_per_token(model, processor, *shown, ASKED)
    assert model.training and torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
    values = torch.cat([log_probs(model, processor, *pair, ASKED) for pair in zip(*shown, strict=True)])
    assert found == pytest.approx(-values.mean().item(), abs=1e-5) and math.isfinite(found)
    with pytest.raises(ValueError, match="no text"):
        demonstrations.nats_per_token(model, processor, [], [], ASKED)


def test_more_than_one_process_is_refused_in_words():
    with pytest.raises(UserError, match="trains in one process; start it without a launcher"):
        demonstrations.Demonstrations(SimpleNamespace(accelerator=SimpleNamespace(num_processes=2)), [], [], ASKED)
