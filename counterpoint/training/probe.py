"""Held-out accuracy while training: the same probe problems, greedily and sampled, at step 0 and every k steps.

The random state is forked and the model's mode restored, so probing (or changing k) changes nothing in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from counterpoint import rewards
from counterpoint.generation.completion import Completion, Decoding
from counterpoint.generation.decode import generate
from counterpoint.generation.prompts import Preparer
from counterpoint.problem import Problem, digest
from counterpoint.suites import SUITES
from counterpoint.suites.suite import score
from counterpoint.suites.views import views
from counterpoint.training.records import Recorder
from counterpoint.verify import Verdict


@dataclass(frozen=True)
class ProbeSpec:
    """What is probed, and how often.

    problems: by suite. instruction: what every question ends with, in probes as in training. temperature and top_p: of
    sampled answers. reward_weights: None where no reward is defined (SFT). at_least: probes, step 0 and the last one
    included. every: optimizer steps between probes; None: as many as `at_least` allows.
    """

    problems: dict[str, Sequence[Problem]]
    instruction: str
    max_tokens: int
    batch_size: int
    temperature: float = 1.0
    top_p: float = 1.0
    reward_weights: dict[str, float] | None = None
    at_least: int = 2
    every: int | None = None

    def interval(self, total_steps: int) -> int:
        """Optimizer steps between the probes of a run of so many."""
        return self.every or max(1, total_steps // max(1, self.at_least - 1))


def take(
    probe: ProbeSpec, model, processor, recorder: Recorder, step: int, prepared: Preparer | None = None
) -> dict[str, float]:
    """Probe the model and record it; returns the greedy accuracy by suite. `prepared` keeps the prompts."""
    accuracies = {}
    seed = int(digest(recorder.run_id, step)[:8], 16)
    asked = [v for suite, problems in probe.problems.items() for v in views(problems, probe.instruction, SUITES[suite])]
    for samples in (0, 1):
        decoding = Decoding(probe.max_tokens, samples, probe.temperature, probe.top_p)
        answers = iter(generate(model, processor, asked, decoding, probe.batch_size, seed=seed, prepared=prepared))
        for suite, problems in probe.problems.items():
            completions, n = list(islice(answers, len(problems))), len(problems)
            verdicts = [score(p, c.text, SUITES[suite]) for p, c in zip(problems, completions, strict=True)]
            correct = sum(verdict.correct for verdict in verdicts)
            key = {"step": step, "suite": suite, "condition": "normal", "decoding": decoding.name}
            items = [
                {**key, "problem_id": p.problem_id, "correct": verdict.correct, "parsed": verdict.parsed}
                for p, verdict in zip(problems, verdicts, strict=True)
            ]
            recorder.add("probe_items", *items)
            row = {
                "n": n,
                "correct": correct,
                "accuracy": correct / n,
                "parsed_fraction": sum(verdict.parsed for verdict in verdicts) / n,
                "mean_length": sum(completion.tokens for completion in completions) / n,
                "reward": _mean_reward(probe.reward_weights, problems, completions, verdicts),
            }
            recorder.add("probes", {**key, **row})
            if not samples:
                accuracies[suite] = correct / n
    return accuracies


def _mean_reward(
    weights: dict[str, float] | None,
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    verdicts: Sequence[Verdict],
) -> float | None:
    if weights is None:
        return None
    terms = rewards.ready(weights, problems)
    answers = zip(problems, completions, verdicts, strict=True)
    earned = [sum(w * terms[term](c.text, p, v) for term, w in weights.items()) for p, c, v in answers]
    return sum(earned) / len(earned)
