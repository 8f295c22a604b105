"""Pre-training of a micro base from scratch: what it is taught, and the loop.

A fair base sees well, knows the answer format and reasons correctly on easier problems than those the study asks. It is
never taught wrong reasoning (reinforcement would have to unlearn what supervision overwrites). Broad and shallow:
captions of every difficulty and style, direct answers, text twins, both rules; reasoning on the two easiest
difficulties alone, which the study never asks.
Seeing is learnt first and slowly, reasoning in a second phase with its own learning rate.
States come from the `pretrain` part of the world, which no other split shares.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from counterpoint import prompt
from counterpoint.models import manifest, micro
from counterpoint.problem import digest
from counterpoint.sources.families import FAMILIES
from counterpoint.sources.families.common import Draft
from counterpoint.sources.procedural import EASY, HARDER, IN_DOMAIN, draw

# phase -> kind -> share of the examples
MIXES = {
    "seeing": {"caption": 0.36, "direct": 0.14, "twin_direct": 0.10, "think": 0.26, "twin_think": 0.14},
    "reasoning": {"caption": 0.14, "direct": 0.08, "twin_direct": 0.06, "think": 0.46, "twin_think": 0.26},
}
EASIEST = {"seeing": 0.6, "reasoning": 0.4}  # share of the reasoning that is about difficulty 1
SHIFTED_STYLE, SHIFTED_RULE = 0.25, 0.25
CHECKPOINT_EVERY, STATE = 500, "state.pt"


@dataclass(frozen=True)
class Recipe:
    """How a base is made: two phases of so many steps, each with a cosine from its own peak learning rate.

    An early base stops at step `stop_at`, with the schedule of the whole.
    """

    shape: micro.Shape
    seeing_steps: int
    seeing_learning_rate: float
    reasoning_steps: int
    reasoning_learning_rate: float
    stop_at: int | None
    batch: int
    seed: int
    threads: int


@dataclass(frozen=True)
class Lesson:
    """One example before it is put into words: its kind (a key of `MIXES`), family, draft, and picture if any."""

    kind: str
    family: str
    draft: Draft
    picture: Any

    @property
    def thinking(self) -> bool:
        """Whether it shows reasoning."""
        return self.kind in ("think", "twin_think")


def lesson(
    seed: int, index: int, phase: str = "seeing", families: Sequence[str] = tuple(FAMILIES), expressions: float = 0.0
) -> Lesson:
    """The `index`-th lesson of a phase. Of the reasoning about cards the share `expressions` makes expressions."""
    rng = Random(int(digest("pretrain", seed, index), 16))
    kind = rng.choices(list(MIXES[phase]), list(MIXES[phase].values()))[0]
    family = rng.choice(families)
    style = "shifted" if rng.random() < SHIFTED_STYLE else "plain"
    shifted_rule = rng.random() < SHIFTED_RULE
    thinking = kind in ("think", "twin_think")
    if thinking:
        difficulty = EASY[0] if rng.random() < EASIEST[phase] else EASY[1]
    else:
        difficulty = rng.choice((*EASY, *IN_DOMAIN, HARDER) if kind == "caption" else (*EASY, *IN_DOMAIN))
    share = expressions if thinking else 0.0
    draft, _, rng = draw(seed, "pretrain", "pretrain", family, index, difficulty, shifted_rule, share)
    picture = None if kind.startswith("twin") else FAMILIES[family].render(draft.latent, style, rng)
    return Lesson(kind, family, draft, picture)


def user_text(lesson: Lesson) -> str:
    """What the user says in a lesson."""
    if lesson.kind == "caption":
        return prompt.DESCRIBE
    question = f"{prompt.question_text(lesson.draft)} {prompt.THINK if lesson.thinking else prompt.DIRECT}"
    return question if lesson.picture is not None else f"{lesson.draft.text_twin} {question}"


def assistant_text(lesson: Lesson) -> str:
    """What the assistant says in a lesson."""
    if lesson.kind == "caption":
        return lesson.draft.caption
    draft = lesson.draft
    return prompt.completion_text(draft.reasoning, draft.answer) if lesson.thinking else draft.answer


def example(seed: int, index: int, phase: str = "seeing"):
    """The `index`-th example of a phase: (picture or None, user text, assistant text)."""
    drawn = lesson(seed, index, phase)
    return drawn.picture, user_text(drawn), assistant_text(drawn)


def corpus(seed: int, number: int = 6000) -> list[str]:
    """Texts to train the tokenizer on."""
    return [text for index in range(number) for text in example(seed, index)[1:]]


def collate(examples: list, processor):
    """Right-padded tensors: input_ids, attention_mask, labels (batch × length) and pixel_values or None."""
    import numpy as np
    import torch

    tokenizer = processor.tokenizer
    image_tokens = "<image>" * (processor.image_processor.size["height"] // micro.PATCH) ** 2
    rows = []
    for picture, user, assistant in examples:
        head = tokenizer(f"<user>{image_tokens if picture is not None else ''}{user}<assistant>").input_ids
        rows.append((head, tokenizer(f"{assistant}<eos>").input_ids))
    length = max(len(head) + len(tail) for head, tail in rows)
    input_ids = torch.full((len(rows), length), tokenizer.pad_token_id)
    labels = torch.full((len(rows), length), -100)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    for row, (head, tail) in enumerate(rows):
        ids = torch.tensor(head + tail)
        input_ids[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
        labels[row, len(head) : len(ids)] = ids[len(head) :]
    pictures = [np.asarray(picture) for picture, *_ in examples if picture is not None]
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1 if pictures else None
    return input_ids, mask, labels, pixels


def learning_rate(step: int, recipe: Recipe) -> float:
    """In each phase the `cosine` of its own peak."""
    if step < recipe.seeing_steps:
        peak, steps = recipe.seeing_learning_rate, recipe.seeing_steps
    else:
        peak, steps = recipe.reasoning_learning_rate, recipe.reasoning_steps
        step -= recipe.seeing_steps
    return cosine(step, peak, steps)


def cosine(step: int, peak: float, steps: int) -> float:
    """A linear warm-up over 4 % of `steps`, then a cosine down to 2 % of `peak`."""
    warm = max(1, steps // 25)
    if step < warm:
        return peak * (step + 1) / warm
    progress = (step - warm) / max(1, steps - warm)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def update(model, optimizer, batch: tuple, rate: float) -> float:
    """One optimizer step at learning rate `rate` on what `collate` made; returns the loss before it."""
    import torch
    from torch.nn.functional import cross_entropy

    input_ids, mask, labels, pixels = batch
    hidden = model.model(input_ids=input_ids, attention_mask=mask, pixel_values=pixels).last_hidden_state
    wanted = labels[:, 1:] != -100
    loss = cross_entropy(model.lm_head(hidden[:, :-1][wanted]), labels[:, 1:][wanted])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def train(recipe: Recipe, out: Path, work: Path, report: Callable[[str], None] = print) -> None:
    """Train a base by `recipe` and save it under `out` with its training log; resumes from `work`.

    Deterministic on one machine at the recipe's thread count.
    """
    import torch

    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    processor = micro.build_processor(corpus(recipe.seed), recipe.shape)
    model = micro.build_model(recipe.shape, processor.tokenizer)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.seeing_learning_rate, weight_decay=0.05, betas=(0.9, 0.95)
    )
    log, first, last = [], 0, recipe.stop_at or recipe.seeing_steps + recipe.reasoning_steps
    manifest.check_room(work, [*range(CHECKPOINT_EVERY, last, CHECKPOINT_EVERY), last])
    taken, _ = manifest.newest(work)
    manifest.drop_after(work, taken)
    if taken:
        state = torch.load(taken / STATE, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first, log = state["step"], state["log"]
        report(f"resuming at step {first}")
    began, running = time.monotonic(), 0.0
    for step in range(first, last):
        phase = "seeing" if step < recipe.seeing_steps else "reasoning"
        numbers = range(1_000_000 + step * recipe.batch, 1_000_000 + (step + 1) * recipe.batch)
        examples = [example(recipe.seed, number, phase) for number in numbers]
        running += update(model, optimizer, collate(examples, processor), learning_rate(step, recipe))
        if (step + 1) % 100 == 0:
            log.append({"step": step + 1, "loss": round(running / 100, 5)})
            rate = (step + 1 - first) / (time.monotonic() - began)
            left = (last - step - 1) / rate
            report(f"step {step + 1}/{last} loss {running / 100:.4f} {rate:.2f} steps/s {left / 60:.1f} min left")
            running = 0.0
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == last:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1, "log": log}
            checkpoint = work / f"checkpoint-{step + 1}"
            checkpoint.mkdir(parents=True, exist_ok=True)
            torch.save(state, checkpoint / STATE)
            manifest.write(checkpoint)
            manifest.rotate(work)
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    processor.save_pretrained(out)
    (out / "training_log.json").write_text(json.dumps(log, indent=1) + "\n")
