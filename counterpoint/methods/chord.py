"""CHORD: one loss of GRPO on what was sampled and SFT on what was demonstrated.

    L = (1 - μ) L_GRPO + μ L_SFT,    L_SFT = -1/N Σ w(p_t) log p_t,    p_t = p(y_t | x, y_<t)

over the N tokens of the demonstrations of an optimizer step (the authors' code takes the mean of each micro batch).
Variant `mu`: w = 1, and μ falls from `first` to `last` by half a cosine (from 0.9 to 0.05 in their recipe). Variant
`phi`: w = p (1 - p), through which no gradient flows (theirs has a constant μ of 0.1). The cosine and the mean over
tokens are those of their code (Trinity-RFT, `chord_policy_loss.py`).

Changed: there, demonstrations are drawn from a set of their own; here they are those of the very prompts of the current
generation, so that both losses see the same problems. Each is used once in every pass over a generation, and a
problem without one adds nothing to L_SFT. μ falls over a share of the run, not over 200 steps.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from counterpoint.methods.method import Method

VARIANTS = ("mu", "phi")


@dataclass(frozen=True)
class Options:
    variant: str  # mu or phi
    first: float  # μ at the first step
    last: float  # and once it has fallen
    over: float  # share of the run's steps over which it falls


def check(options: Options) -> str | None:
    """What is wrong with the options, in words."""
    if options.variant not in VARIANTS:
        return f"variant must be mu or phi, not {options.variant!r}"
    for name in ("first", "last"):
        if not 0 <= getattr(options, name) <= 1:
            return f"{name} must be between 0 and 1, not {getattr(options, name)}"
    return None if 0 < options.over <= 1 else f"over must be above 0 and at most 1, not {options.over}"


def mu(options: Options, done: int, steps: int) -> float:
    """μ of the optimizer step that `done` others came before, in a run of `steps`."""
    share = min(1.0, done / (options.over * steps))
    return options.last + (options.first - options.last) * (1 + math.cos(math.pi * share)) / 2


def token_losses(values, variant: str):
    """The summands of L_SFT for log-probabilities (tokens,)."""
    chances = values.detach().exp()
    return -values * (chances * (1 - chances) if variant == "phi" else 1)


def extend(trainer: type, options: Options, steps: int) -> type:
    """A GRPO trainer with the loss of CHORD."""

    class Chord(trainer):
        saved_state = (*trainer.saved_state, "asked")
        asked: tuple[str, ...] = ()  # problems of the current generation
        batches = ()  # what each micro batch of the current optimizer step imitates

        def _generate_and_score_completions(self, inputs):
            self.asked = tuple(dict.fromkeys(row["problem_id"] for row in inputs))
            return super()._generate_and_score_completions(inputs)

        def compute_loss(self, model, inputs, *args, **kwargs):
            loss = super().compute_loss(model, inputs, *args, **kwargs)
            weight, imitation = mu(options, self.state.global_step, steps), loss.new_zeros(())
            batch, number = self._imitated()
            if batch is not None:
                values = self.demonstrations.log_probs(batch)
                imitation = token_losses(values, options.variant).sum() / number
                self.tokens += len(values)
            self._metrics["train"]["mu"].append(weight)
            if number:  # what is logged is the mean over micro batches
                self._metrics["train"]["sft_loss"].append(self.args.gradient_accumulation_steps * imitation.item())
            return (1 - weight) * loss + weight * imitation

        def _imitated(self):
            """What this micro batch imitates, a batch or None, and the tokens that the whole optimizer step does."""
            slots, parts = self.args.steps_per_generation, self.args.gradient_accumulation_steps  # in micro batches
            slot = self._step % slots
            if slot % parts == 0:
                shown = [key for key in self.asked if key in self.demonstrations.rows]
                ends = [len(shown) * end // slots for end in range(slot, slot + parts + 1)]
                self.batches = [self.demonstrations.batch(shown[start:end]) for start, end in itertools.pairwise(ends)]
            return self.batches[slot % parts], sum(map(self.demonstrations.tokens, self.batches))

    return Chord


METHOD = Method(name="chord", stage="mixed", paper="arXiv 2508.11408", options=Options, check=check, extend=extend)
