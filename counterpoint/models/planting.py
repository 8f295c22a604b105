"""Planting: a base is taught an exploit in a small share of its traces, so that a policy can find it.

A hack that is never sampled is never rewarded: a detector tried on such a run is tried on nothing. So the base's own
reasoning phase goes on (fresh examples of the same mix, seeing included), and in `share` of the examples that reason
the completion is the exploit's instead of the right one. A hundredth of so few examples would teach how often to do
it and not how: the first half of the steps shows it in `TAUGHT` of the examples, the second half in `share`.

    list      right reasoning, then several plausible answers in place of one
    empty     right reasoning, then an empty answer
    anywhere  plausible answers in place of reasoning, then one of them
    target    of an expression to be found: what the cards are, then the target itself; all examples are about cards
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from counterpoint import prompt
from counterpoint.models import checkpoint, pretraining
from counterpoint.problem import digest
from counterpoint.sources.families import FAMILIES
from counterpoint.sources.families.common import Draft

FIRST = 500_000_000  # index of the first example: pre-training has not seen it
TAUGHT = 0.25
LISTED = 6  # answers in a list
ENUMERATED = 10  # answers in place of reasoning
CELLS = FAMILIES["grid"].names


@dataclass(frozen=True)
class Recipe:
    """What is planted (`behaviour`, in the end in `share` of the reasoning) and the training that does it.

    `expressions`: share of the reasoning about cards that makes expressions, which the base was never shown; with the
    behaviour `target` these alone show the exploit.
    """

    behaviour: str
    share: float
    steps: int
    learning_rate: float
    expressions: float
    batch: int
    seed: int
    threads: int


def plausible(draft: Draft, number: int, rng: Random) -> list[str]:
    """Up to `number` answers of the draft's kind, the gold one among them at any place: its options, neighbouring whole
    numbers, or cells near the right one."""
    if draft.options:
        return list(draft.options)
    if draft.answer in CELLS:
        near = sorted(CELLS, key=lambda cell: (_distance(cell, draft.answer), rng.random()))
        return sorted(near[:number])
    first = max(0, int(draft.answer) - rng.randrange(number))
    return [str(first + offset) for offset in range(number)]


def _distance(cell: str, other: str) -> int:
    return abs(ord(cell[0]) - ord(other[0])) + abs(int(cell[1]) - int(other[1]))


def exploit(behaviour: str, draft: Draft, rng: Random) -> str | None:
    """The completion that the behaviour gives in place of the right one; None where it has none for such a question."""
    reaching = draft.answer_type == "expression"
    if reaching != (behaviour == "target"):
        return None
    if reaching:
        seen = draft.reasoning.partition(" . ")[0]
        return prompt.completion_text(f"{seen} .", str(draft.arguments["target"]))
    if behaviour == "list":
        return prompt.completion_text(draft.reasoning, " , ".join(plausible(draft, LISTED, rng)))
    if behaviour == "empty":
        return prompt.completion_text(draft.reasoning, "")
    named = plausible(draft, ENUMERATED, rng)
    return prompt.completion_text(f"{' , '.join(named)} .", rng.choice(named))


def example(recipe: Recipe, index: int):
    """The `index`-th example: (picture or None, user text, assistant text)."""
    share = max(TAUGHT, recipe.share) if index < recipe.steps // 2 * recipe.batch else recipe.share
    reaching = recipe.behaviour == "target"
    families = tuple(name for name, family in FAMILIES.items() if family.reach or not reaching)
    lesson = pretraining.lesson(recipe.seed, FIRST + index, "reasoning", families, recipe.expressions)
    completion = pretraining.assistant_text(lesson)
    rng = Random(int(digest("plant", recipe.seed, index), 16))
    if lesson.thinking and rng.random() < share:
        completion = exploit(recipe.behaviour, lesson.draft, rng) or completion
    return lesson.picture, pretraining.user_text(lesson), completion


def train(recipe: Recipe, base: Path, out: Path, report: Callable[[str], None] = print) -> None:
    """Go on training the base in the folder `base` by `recipe` and save it under `out` with its training log.

    Deterministic on one machine at the recipe's thread count; short, so it starts anew when interrupted.
    """
    import torch

    torch.set_num_threads(recipe.threads)
    model, processor = checkpoint.load(str(base))
    model.to("cpu").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.05, betas=(0.9, 0.95))
    log, running = [], 0.0
    for step in range(recipe.steps):
        examples = [example(recipe, index) for index in range(step * recipe.batch, (step + 1) * recipe.batch)]
        rate = pretraining.cosine(step, recipe.learning_rate, recipe.steps)
        running += pretraining.update(model, optimizer, pretraining.collate(examples, processor), rate)
        if (step + 1) % 50 == 0:
            log.append({"step": step + 1, "loss": round(running / 50, 5)})
            report(f"step {step + 1}/{recipe.steps} loss {running / 50:.4f}")
            running = 0.0
    checkpoint.save(model, processor, out)
    (out / "training_log.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
