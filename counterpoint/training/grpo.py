"""Reinforcement learning: TRL's GRPOTrainer that records every completion and resumes exactly.

A cycle is one generation of `batch_size × steps_per_generation` completions, learned from in `steps_per_generation`
optimizer steps, `num_iterations` times over. Only its first step generates: the others have no reward.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trl import GRPOConfig, GRPOTrainer

from counterpoint import rewards
from counterpoint.errors import UserError
from counterpoint.methods import ConfiguredMethod
from counterpoint.params import Rl
from counterpoint.problem import Problem
from counterpoint.training import session as sessions
from counterpoint.training.arguments import common_arguments, use_compact_head
from counterpoint.training.data import dataset
from counterpoint.training.demonstrations import Demonstrations
from counterpoint.training.records import now
from counterpoint.training.resume import ExactCycle
from counterpoint.training.shared import SharedPrefixGRPOTrainer
from counterpoint.verify import Verdict, judge


@dataclass(frozen=True)
class Judged:
    """A completion as rewards see it: its text, the problem it answers, and the strict judge's verdict."""

    text: str
    problem: Problem
    verdict: Verdict


class RewardTerms:
    """The reward terms of a run over its problems, as TRL's reward functions: a batch is judged once for all of them.

    weights: by name of the term, in the order of its functions.
    """

    def __init__(self, weights: Mapping[str, float], problems: Sequence[Problem]):
        self.weights = weights
        self.by_id = {p.problem_id: p for p in problems}
        self.batch: list[Judged] = []  # the latest
        self._ready = rewards.ready(weights, problems)

    def judge(self, texts: Sequence[str], problem_ids: Sequence[str]) -> None:
        """Judge a batch; the functions score this one until the next is judged."""
        self.batch = []
        for text, problem_id in zip(texts, problem_ids, strict=True):
            problem = self.by_id[problem_id]
            options = list(problem.options) if problem.options else None
            self.batch.append(Judged(text, problem, judge(text, problem.answer, problem.answer_type, options)))

    def functions(self) -> list[Callable[..., list[float]]]:
        """One function a term, with the term's name: TRL logs each under it."""

        def function(term: str):
            def score(**_) -> list[float]:
                return [self._ready[term](item.text, item.problem, item.verdict) for item in self.batch]

            score.__name__ = term
            return score

        return [function(term) for term in self.weights]


class GrpoRun(ExactCycle):
    """Mixin over a GRPOTrainer, before it in the bases: records each completion, and counts the tokens learned from."""

    session: sessions.Session
    terms: RewardTerms
    demonstrations: Demonstrations  # where the method is of the stage `mixed`
    scored: list[dict[str, Any]]  # rows of the table `completions` of the latest batch
    tokens = 0  # that carried a loss since the last step's record

    def after_update(self) -> None:
        """For methods of the stage `mixed`: called once an update of RL is made, before the schedule moves on."""

    def _generate(self, prompts):
        began, started = time.monotonic(), now()
        result = super()._generate(prompts)
        self.session.record_time("generate", self.state.global_step + 1, began, started)
        return result

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        """Judges the batch first, and notes what came of it, here where inputs and rewards stand side by side."""
        self.terms.judge([turns[0]["content"] for turns in completions], [row["problem_id"] for row in inputs])
        scores_of_batch = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        stops = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        samples: Counter[str] = Counter()  # completions of each problem so far
        self.scored = []
        for item, ids, scores in zip(self.terms.batch, completion_ids_list, scores_of_batch.tolist(), strict=True):
            terms = dict(zip(self.terms.weights, scores, strict=True))
            problem_id = item.problem.problem_id
            self.scored.append(
                {
                    "step": self.state.global_step + 1,
                    "problem_id": problem_id,
                    "sample_index": samples[problem_id],
                    "completion": item.text,
                    "extracted": item.verdict.extracted or "",
                    "correct": item.verdict.correct,
                    "parsed": item.verdict.parsed,
                    "truncated": ids[-1] not in stops,
                    "tokens": len(ids),
                    "reward": sum(weight * terms[term] for term, weight in self.terms.weights.items()),
                    "terms": terms,
                }
            )
            samples[problem_id] += 1
        return scores_of_batch

    def _generate_and_score_completions(self, inputs):
        output = super()._generate_and_score_completions(inputs)
        for row, advantage in zip(self.scored, output["advantages"].tolist(), strict=True):
            row["advantage"] = advantage
        self.session.recorder.add("completions", *self.scored)
        return output

    def compute_loss(self, model, inputs, *args, **kwargs):
        self.tokens += int(inputs["completion_mask"].sum())
        return super().compute_loss(model, inputs, *args, **kwargs)


class StockGrpo(GrpoRun, GRPOTrainer):
    """TRL's own generation and forward pass."""

    stock_reason = "asked for"


class SharedGrpo(GrpoRun, SharedPrefixGRPOTrainer):
    """Each prompt computed once a group; the rest of a cycle needs the prompts of its generation."""

    saved_state = (*ExactCycle.saved_state, "rollout_prompts")


TRAINERS = {"stock": StockGrpo, "shared": SharedGrpo}


def train(
    model, processor, problems: Sequence[Problem], settings: Rl, method: ConfiguredMethod, session: sessions.Session
) -> dict[str, int | str | None]:
    """Train `model` in place by GRPO (arXiv 2402.03300) or a variant of its loss; returns prompts_seen,
    generated_tokens, and what `session.run` says.

    Whole cycles are trained, as many as `epochs` hold but at least one. Raises `UserError` when one generation asks for
    more prompts than there are problems.
    """
    if settings.prompts > len(problems):  # TRL would warn and train nothing
        raise UserError(
            f"{settings.prompts} prompts a generation are more than the {len(problems)} problems; "
            "lower rl.batch_size or rl.steps_per_generation"
        )
    use_compact_head()
    # an epoch's incomplete last generation is dropped
    cycles = max(1, math.floor(settings.epochs * (len(problems) // settings.prompts)))
    steps = cycles * settings.steps_per_generation * settings.num_iterations
    arguments = GRPOConfig(
        **common_arguments(settings, session, steps),
        per_device_train_batch_size=settings.batch_size // settings.gradient_accumulation,
        gradient_accumulation_steps=settings.gradient_accumulation,
        steps_per_generation=settings.steps_per_generation * settings.gradient_accumulation,  # TRL's are micro steps
        num_iterations=settings.num_iterations,
        num_generations=settings.group_size,
        max_completion_length=settings.max_completion_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=0,
        beta=settings.beta,
        loss_type=settings.loss_type,
        epsilon=settings.clip_low,
        epsilon_high=settings.clip_high,
        scale_rewards=settings.scale_rewards,
        reward_weights=list(settings.rewards.values()),
        **method.method.arguments(method.options),
    )
    instruction = session.probe.instruction
    terms = RewardTerms(settings.rewards, problems)
    trainer = method.method.extend(TRAINERS[settings.engine], method.options, steps)(
        model=model,
        args=arguments,
        reward_funcs=terms.functions(),
        train_dataset=dataset(problems, instruction),
        processing_class=processor,
    )
    trainer.session, trainer.terms = session, terms
    if method.method.stage == "mixed":
        trainer.demonstrations = Demonstrations(trainer, *method.imitated(problems), instruction)

    def reward_columns(step: int, logs: dict[str, float]) -> dict[str, float | None]:
        if "reward" in logs:
            for term, weight in settings.rewards.items():
                mean, std = logs[f"rewards/{term}/mean"], logs[f"rewards/{term}/std"]
                row = {"step": step, "term": term, "weight": weight, "mean": mean, "std": std}
                session.recorder.add("rewards", row)
        return {
            "reward": logs.get("reward"),
            "reward_std": logs.get("reward_std"),
            "kl": logs.get("kl"),
            "completion_length": logs.get("completions/mean_length"),
            "truncated_fraction": logs.get("completions/clipped_ratio"),
            "zero_advantage_fraction": logs.get("frac_reward_zero_std"),
        }

    totals = sessions.run(trainer, session, reward_columns)
    begun = math.ceil(totals["updates"] * cycles / steps)  # fewer than `cycles` where the run was stopped
    generated = sum(row["tokens"] for row in session.recorder.rows("completions"))
    return {"prompts_seen": settings.prompts * begun, "generated_tokens": generated, **totals}
