"""The rival to respect: GRPO and SFT in plain PyTorch on a Hugging Face model, with no trainer around it.

One decode loop with the model's own key-value cache over the group-times repeated batch, multinomial sampling, a stop
when all have ended; a loss on completion positions only, hidden states cut before the LM head; DAPO's token loss;
fused AdamW. Pictures are preprocessed once per distinct prompt, then repeated. For models of LLaVA's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn.functional import cross_entropy

from bench.cases import Case, prompt_text, study
from bench.clock import Clock
from counterpoint.problem import Problem
from counterpoint.prompt import completion_text


def encode(processor, problems: Sequence[Problem], gold: Sequence[str] | None = None) -> dict[str, torch.Tensor]:
    """Padded rows: input_ids and attention_mask (rows × length), pixel_values (rows × 3 × height × width).

    Prompts are padded on the left, to be continued; prompts with their gold completions on the right.
    """
    texts = [prompt_text(processor, asked) for asked in problems]
    if gold is not None:
        texts = [text + completion for text, completion in zip(texts, gold, strict=True)]
    side = "left" if gold is None else "right"
    images = [[picture.decode() for picture in asked.images] for asked in problems]
    return dict(processor(text=texts, images=images, padding=True, padding_side=side, return_tensors="pt"))


def last(attention_mask: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Of right-padded rows, the mask of each row's last `counts` tokens."""
    places, ends = torch.arange(attention_mask.shape[1]), attention_mask.sum(1, keepdim=True)
    return (places >= ends - counts[:, None]) & (places < ends)


def repeat(inputs: dict[str, torch.Tensor], group: int) -> dict[str, torch.Tensor]:
    """Every prompt `group` times in a row."""
    return {name: value.repeat_interleave(group, 0) for name, value in inputs.items()}


@torch.no_grad()
def rollout(
    model, inputs: dict[str, torch.Tensor], max_tokens: int, temperature: float, end: int, banned: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample a completion for each row: ids and mask (rows × tokens), the end token included in the mask.

    Tokens in `banned` are never drawn; every row runs to `max_tokens` where `end` is one of them.
    """
    mask, banned = inputs["attention_mask"], list(banned)
    ended = torch.zeros(len(mask), dtype=torch.bool)
    out, drawn = model(**inputs, use_cache=True, logits_to_keep=1), []
    for step in range(max_tokens):
        logits = out.logits[:, -1] / temperature
        logits[:, banned] = -torch.inf
        token = torch.multinomial(logits.softmax(-1), 1).squeeze(1).masked_fill(ended, end)
        drawn.append(token)
        ended = ended | (token == end)
        if ended.all() or step + 1 == max_tokens:
            break
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        out = model(
            input_ids=token[:, None],
            attention_mask=mask,
            past_key_values=out.past_key_values,
            use_cache=True,
            logits_to_keep=1,
        )
    ids = torch.stack(drawn, 1)
    before = (ids == end).cumsum(1) - (ids == end).long()
    return ids, before == 0


def append(inputs: dict[str, torch.Tensor], ids: torch.Tensor, mask: torch.Tensor) -> tuple[dict, torch.Tensor]:
    """The prompts with their completions behind them, and the mask (rows × length) of the completions' tokens."""
    joined = {
        **inputs,
        "input_ids": torch.cat([inputs["input_ids"], ids], 1),
        "attention_mask": torch.cat([inputs["attention_mask"], mask.long()], 1),
    }
    return joined, torch.cat([torch.zeros_like(inputs["input_ids"], dtype=torch.bool), mask], 1)


def token_logps(model, inputs: dict[str, torch.Tensor], scored: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Log-probability of each token under the mask `scored` (rows × length), flat, row by row; the LM head runs on the
    positions before these alone."""
    wanted = scored[:, 1:]
    hidden = model.model(**inputs, use_cache=False).last_hidden_state[:, :-1][wanted]
    return -cross_entropy(model.lm_head(hidden) / temperature, inputs["input_ids"][:, 1:][wanted], reduction="none")


def grpo_loss(
    logps: torch.Tensor, mask: torch.Tensor, rewards: torch.Tensor, group: int, low: float, high: float
) -> torch.Tensor:
    """DAPO's token mean (arXiv 2503.14476) of the clipped surrogate; advantages standardised within the group."""
    grouped = rewards.view(-1, group)
    advantages = (grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-4)
    advantages = advantages.view(-1, 1).expand_as(mask)[mask]
    ratio = (logps - logps.detach()).exp()
    return -torch.min(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages).sum() / mask.sum()


def update(model, optimizer: torch.optim.Optimizer, loss: torch.Tensor, max_grad_norm: float, clock: Clock) -> None:
    """Backward, clip, step."""
    with clock.phase("loss"):
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()


def train_grpo(
    model, processor, problems: Sequence[Problem], case: Case, reward: Callable, steps: int, clock: Clock
) -> None:
    """`steps` optimizer steps of GRPO over the problems in order, with the settings of the default study's `rl`."""
    settings, tokenizer = study().rl, processor.tokenizer
    optimizer = adamw(model, settings.learning_rate, settings.weight_decay)
    end = tokenizer.eos_token_id
    banned = [model.config.image_token_id, *([end] if case.fixed_length else [])]
    for step in range(steps):
        batch = problems[step * case.prompts : (step + 1) * case.prompts]
        inputs = repeat(encode(processor, batch), case.group)
        with clock.phase("generate"):
            ids, mask = rollout(model, inputs, case.max_tokens, settings.temperature, end, banned)
        drawn = [row[kept].tolist() for row, kept in zip(ids, mask, strict=True)]
        texts = tokenizer.batch_decode(drawn, skip_special_tokens=True)
        rewards = reward(
            completions=[[{"role": "assistant", "content": text}] for text in texts],
            completion_ids=drawn,
            problem_id=[asked.problem_id for asked in batch for _ in range(case.group)],
        )
        with clock.phase("loss"):
            logps = token_logps(model, *append(inputs, ids, mask), settings.temperature)
            loss = grpo_loss(logps, mask, torch.tensor(rewards), case.group, settings.clip_low, settings.clip_high)
        update(model, optimizer, loss, settings.max_grad_norm, clock)
        if clock.step_ended():
            break


def train_sft(model, processor, problems: Sequence[Problem], case: Case, steps: int, clock: Clock) -> None:
    """`steps` optimizer steps on gold completions, with the settings of the default study's `sft`."""
    settings, tokenizer = study().sft, processor.tokenizer
    optimizer = adamw(model, settings.learning_rate, settings.weight_decay)
    for step in range(steps):
        batch = problems[step * case.batch : (step + 1) * case.batch]
        gold = [completion_text(asked.reasoning, asked.answer) + tokenizer.eos_token for asked in batch]
        inputs = encode(processor, batch, gold)
        tails = torch.tensor([len(ids) for ids in tokenizer(gold).input_ids])
        with clock.phase("loss"):
            loss = -token_logps(model, inputs, last(inputs["attention_mask"], tails)).mean()
        update(model, optimizer, loss, settings.max_grad_norm, clock)
        if clock.step_ended():
            break


def adamw(model, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """The optimizer that Hugging Face's trainer takes by default."""
    return torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True)
