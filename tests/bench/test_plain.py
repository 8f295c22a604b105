"""The plain loop: its log-probabilities are the model's, its completions stop, and it learns."""

import pytest
import torch

from bench import plain
from bench.cases import Case
from bench.clock import Clock

CASE = Case("t", "toy", "rl", batch=8, group=4, max_tokens=5, fixed_length=True)


def test_log_probabilities_are_the_models(loaded, problems):
    model, processor = loaded
    end = processor.tokenizer.eos_token_id
    inputs = plain.repeat(plain.encode(processor, problems[:2]), 2)
    torch.manual_seed(0)
    ids, mask = plain.rollout(model, inputs, 6, 1.0, end, [model.config.image_token_id])
    mask[0, 3:] = False  # a completion shorter than the others
    with torch.no_grad():
        got = plain.token_logps(model, *plain.append(inputs, ids, mask), temperature=0.7)
        joined, scored = plain.append(inputs, ids, mask)
        logits = model(**joined).logits[:, :-1] / 0.7
        wanted = logits.log_softmax(-1).gather(-1, joined["input_ids"][:, 1:, None]).squeeze(-1)[scored[:, 1:]]
    assert got.shape == (mask.sum(),)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def test_the_cached_rollout_draws_from_the_models_distribution(loaded, problems):
    """Near temperature zero a draw is the most probable token, with the cache as without."""
    model, processor = loaded
    inputs = plain.encode(processor, problems[:3])
    ids, mask = plain.rollout(model, inputs, 4, 1e-4, processor.tokenizer.eos_token_id, [])
    with torch.no_grad():
        joined, _ = plain.append(inputs, ids, mask)
        greedy = model(**joined).logits[:, -5:-1].argmax(-1)
    assert torch.equal(ids[mask], greedy[mask])


def test_a_completion_ends_with_its_first_end_token(loaded, problems):
    model, processor = loaded
    end, vocabulary = processor.tokenizer.eos_token_id, model.config.text_config.vocab_size
    torch.manual_seed(0)
    only = [token for token in range(vocabulary) if token not in (end, 50)]
    inputs = plain.repeat(plain.encode(processor, problems[:2]), 8)
    ids, mask = plain.rollout(model, inputs, 8, 1.0, end, only)
    for row, kept in zip(ids.tolist(), mask.tolist(), strict=True):
        length = row.index(end) + 1 if end in row else len(row)
        assert sum(kept) == length and all(kept[:length])
    assert 1 < mask.sum(1).float().mean() < 8
    full, all_kept = plain.rollout(model, inputs, 8, 1.0, end, [end])
    assert full.shape == (16, 8) and bool(all_kept.all()) and not bool((full == end).any())


def test_the_loss_by_hand():
    logps, mask = torch.zeros(3, requires_grad=True), torch.tensor([[True, True], [True, False]])
    loss = plain.grpo_loss(logps, mask, torch.tensor([1.0, 0.0]), group=2, low=0.2, high=0.2)
    loss.backward()
    advantage = 0.5 / (0.5**0.5 + 1e-4)
    torch.testing.assert_close(logps.grad, torch.tensor([-advantage, -advantage, advantage]) / 3)


def test_grpo_learns_a_token(root, monkeypatch, loaded, problems):
    monkeypatch.chdir(root)
    model, processor = loaded
    model.train()
    torch.manual_seed(0)
    shares = []

    def reward(completions, completion_ids, problem_id):
        assert len(problem_id) == len(completions) == CASE.batch
        scores = [sum(token % 2 == 0 for token in ids) / len(ids) for ids in completion_ids]
        shares.append(sum(scores) / len(scores))
        return scores

    monkeypatch.setattr(plain, "adamw", lambda model, *_: torch.optim.AdamW(model.parameters(), lr=0.01))
    clock = Clock()
    plain.train_grpo(model, processor, problems[:2] * 30, CASE, reward, 30, clock)
    assert len(clock.steps) == 30 and set(clock.phases[0]) == {"generate", "loss"}
    assert sum(shares[-5:]) / 5 > sum(shares[:5]) / 5 + 0.2


def test_sft_learns_gold_completions(root, monkeypatch, loaded, problems):
    monkeypatch.chdir(root)
    model, processor = loaded
    gold = [f"{p.answer}{processor.tokenizer.eos_token}" for p in problems[:4]]
    inputs = plain.encode(processor, problems[:4], gold)
    tails = torch.tensor([len(ids) for ids in processor.tokenizer(gold).input_ids])
    scored = plain.last(inputs["attention_mask"], tails)
    texts = [processor.tokenizer.decode(row[kept]) for row, kept in zip(inputs["input_ids"], scored, strict=True)]
    assert texts == gold
    losses = []

    def note(model, optimizer, loss, *rest):
        losses.append(loss.item())
        update(model, optimizer, loss, *rest)

    update = plain.update
    monkeypatch.setattr(plain, "update", note)
    case = Case("t", "toy", "sft", batch=4, group=1, max_tokens=0)
    plain.train_sft(model.train(), processor, problems[:4] * 12, case, 12, Clock())
    assert losses[0] == pytest.approx(torch.tensor(400.0).log().item(), abs=0.5)  # a random model knows nothing
    assert losses[-1] < losses[0] - 0.5
