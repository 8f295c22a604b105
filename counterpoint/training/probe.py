"""Held-out accuracy while training: the same probe problems, greedily and sampled, at step 0 and every k steps.

The random state is forked and the model's mode restored, so probing (or changing k) changes nothing in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint import rewards
from counterpoint.generation.decode import generate
from counterpoint.generation.prepare import Preparer
from counterpoint.problem import Problem, digest
from counterpoint.suites import SUITES
from counterpoint.suites.suite import score
from counterpoint.suites.views import views
from counterpoint.training.records import Recorder


@dataclass(frozen=True)
class Probe:
    """What is probed. `problems` by suite; `reward_weights` is None where no reward is defined (SFT)."""

    problems: dict[str, Sequence[Problem]]
    instruction: str
    max_tokens: int
    batch_size: int
    temperature: float
    top_p: float
    reward_weights: dict[str, float] | None


def interval(total_steps: int, at_least: int, every: int | None) -> int:
    """Optimizer steps between probes, so that at least `at_least` are taken, step 0 and the last one included."""
    return every or max(1, total_steps // max(1, at_least - 1))


def take(
    probe: Probe, model, processor, recorder: Recorder, step: int, prepared: Preparer | None = None
) -> dict[str, float]:
    """Probe the model and record it; returns the greedy accuracy by suite. `prepared` keeps the prompts."""
    accuracies, weights = {}, probe.reward_weights or {}
    ready = {suite: rewards.ready(weights, problems) for suite, problems in probe.problems.items()}
    for decoding in ("greedy", "sampled"):
        wanted, owners = [], []
        for suite, problems in probe.problems.items():
            wanted += views(problems, probe.instruction, SUITES[suite])
            owners += [(suite, problem) for problem in problems]
        completions = generate(
            model, processor, wanted, probe.max_tokens,
            batch_size=probe.batch_size, sampled=decoding == "sampled", temperature=probe.temperature,
            top_p=probe.top_p, seed=int(digest(recorder.run_id, step)[:8], 16), prepared=prepared,
        )  # fmt: skip
        judged = {suite: [] for suite in probe.problems}
        for (suite, problem), completion in zip(owners, completions, strict=True):
            verdict = score(problem, completion.text, SUITES[suite])
            reward = None
            if probe.reward_weights is not None:
                terms = ready[suite]
                reward = sum(w * terms[t](completion.text, problem, verdict) for t, w in weights.items())
            judged[suite].append((problem, completion, verdict, reward))
        for suite, items in judged.items():
            key = {"step": step, "suite": suite, "condition": "normal", "decoding": decoding}
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
            if decoding == "greedy":
                accuracies[suite] = correct / len(items)
    return accuracies
