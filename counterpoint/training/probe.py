"""Held-out accuracy while training: the same probe problems, greedily and sampled, at step 0 and every k steps.

The random state is forked and the model's mode restored, so probing (or changing k) changes nothing in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint import rewards
from counterpoint.generation.completion import Decoding
from counterpoint.generation.decode import generate
from counterpoint.generation.prompts import Preparer
from counterpoint.problem import Problem, digest
from counterpoint.suites import SUITES
from counterpoint.suites.suite import score
from counterpoint.suites.views import views
from counterpoint.training.records import Recorder


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
    accuracies, weights = {}, probe.reward_weights or {}
    ready = {suite: rewards.ready(weights, problems) for suite, problems in probe.problems.items()}
    for samples in (0, 1):
        decoding = Decoding(probe.max_tokens, samples, probe.temperature, probe.top_p)
        wanted, owners = [], []
        for suite, problems in probe.problems.items():
            wanted += views(problems, probe.instruction, SUITES[suite])
            owners += [(suite, problem) for problem in problems]
        seed = int(digest(recorder.run_id, step)[:8], 16)
        completions = generate(model, processor, wanted, decoding, probe.batch_size, seed=seed, prepared=prepared)
        judged = {suite: [] for suite in probe.problems}
        for (suite, problem), completion in zip(owners, completions, strict=True):
            verdict = score(problem, completion.text, SUITES[suite])
            reward = None
            if probe.reward_weights is not None:
                terms = ready[suite]
                reward = sum(w * terms[t](completion.text, problem, verdict) for t, w in weights.items())
            judged[suite].append((problem, completion, verdict, reward))
        for suite, items in judged.items():
            key = {"step": step, "suite": suite, "condition": "normal", "decoding": decoding.name}
            correct = sum(v.correct for _, _, v, _ in items)
            recorder.add(
                "probe_items",
                *(
                    {**key, "problem_id": p.problem_id, "correct": v.correct, "parsed": v.parsed}
                    for p, _, v, _ in items
                ),
            )
            earned = [r for *_, r in items if r is not None]
            recorder.add(
                "probes",
                {
                    **key,
                    "n": len(items),
                    "correct": correct,
                    "accuracy": correct / len(items),
                    "parsed_fraction": sum(v.parsed for _, _, v, _ in items) / len(items),
                    "mean_length": sum(c.tokens for _, c, _, _ in items) / len(items),
                    "reward": sum(earned) / len(earned) if earned else None,
                },
            )
            if not samples:
                accuracies[suite] = correct / len(items)
    return accuracies
