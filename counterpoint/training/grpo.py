"""Reinforcement learning: TRL's GRPOTrainer with every completion recorded and its resume traps closed.

A cycle is one generation of `batch_size × steps_per_generation` completions, learned from in `steps_per_generation`
optimizer steps, `num_iterations` times over. Only its first step generates: the others have no reward.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
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
from counterpoint.training.records import Recorder, now
from counterpoint.training.resume import ExactCycle
from counterpoint.training.shared import SharedPrefixGRPOTrainer
from counterpoint.verify import Verdict, judge


class GrpoRun(ExactCycle):
    """Mixin over a GRPOTrainer, before it in the bases: records each completion, and counts the tokens learned from."""

    recorder: Recorder
    machine: dict[str, str]
    terms: dict[str, float]  # weights of the reward terms
    judged: list[tuple[str, Verdict]]  # text and verdict of each completion of the latest batch
    scored: list[dict[str, Any]]  # rows of the table `completions` of the latest batch
    tokens = 0  # that carried a loss since the last step's record

    def _generate(self, prompts):
        began, started = time.monotonic(), now()
        result = super()._generate(prompts)
        row = {"step": self.state.global_step + 1, "phase": "generate", "started_at": started, **self.machine}
        self.recorder.add("timings", {**row, "seconds": time.monotonic() - began})
        return result

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        """Also notes what was judged, here where inputs and rewards stand side by side."""
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        stops, weights = {*self.eos_token_ids, self._tokenizer.pad_token_id}, self.terms.values()
        earlier: dict[str, int] = {}  # completions of each problem so far
        self.scored = []
        for example, (text, verdict), ids, scores in zip(
            inputs, self.judged, completion_ids_list, rewards.tolist(), strict=True
        ):
            problem_id = example["problem_id"]
            earlier[problem_id] = earlier.get(problem_id, -1) + 1
            self.scored.append(
                {
                    "step": self.state.global_step + 1,
                    "problem_id": problem_id,
                    "sample_index": earlier[problem_id],
                    "completion": text,
                    "extracted": verdict.extracted or "",
                    "correct": verdict.correct,
                    "parsed": verdict.parsed,
                    "truncated": ids[-1] not in stops,
                    "tokens": len(ids),
                    "reward": sum(w * s for w, s in zip(weights, scores, strict=True)),
                    "terms": dict(zip(self.terms, scores, strict=True)),
                }
            )
        return rewards

    def _generate_and_score_completions(self, inputs):
        output = super()._generate_and_score_completions(inputs)
        for row, advantage in zip(self.scored, output["advantages"].tolist(), strict=True):
            row["advantage"] = advantage
        self.recorder.add("completions", *self.scored)
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


def reward_functions(terms: dict[str, float], problems: dict[str, Problem], judged: list[tuple[str, Verdict]]) -> list:
    """One TRL reward function a term. The first judges the batch once and leaves texts and verdicts in `judged`."""
    ready = rewards.ready(terms, list(problems.values()))

    def function(term: str, first: bool):
        def score(prompts, completions, problem_id, **_):
            if first:
                judged[:] = []
                for completion, key in zip(completions, problem_id, strict=True):
                    text, problem = completion[0]["content"], problems[key]
                    options = list(problem.options) if problem.options else None
                    judged.append((text, judge(text, problem.answer, problem.answer_type, options)))
            return [
                ready[term](text, problems[k], verdict) for (text, verdict), k in zip(judged, problem_id, strict=True)
            ]

        score.__name__ = term
        return score

    return [function(term, index == 0) for index, term in enumerate(terms)]


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
    by_id = {p.problem_id: p for p in problems}
    judged: list[tuple[str, Verdict]] = []
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
        **method.arguments(),
    )
    instruction = session.probe.instruction
    trainer = method.extend(TRAINERS[settings.engine], problems, instruction, steps, processor)(
        model=model,
        args=arguments,
        reward_funcs=reward_functions(settings.rewards, by_id, judged),
        train_dataset=dataset(problems, instruction),
        processing_class=processor,
    )
    trainer.recorder, trainer.machine = session.recorder, session.machine
    trainer.terms, trainer.judged = settings.rewards, judged

    def reward_columns(step: int, logs: dict[str, float]) -> dict[str, float | None]:
        if "reward" in logs:
            terms = [
                {"step": step, "term": t, "weight": w, **{k: logs[f"rewards/{t}/{k}"] for k in ("mean", "std")}}
                for t, w in settings.rewards.items()
            ]
            session.recorder.add("rewards", *terms)
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
