"""Reinforcement learning: TRL's GRPOTrainer with every completion recorded and its resume traps closed.

A cycle is one generation of `batch_size × steps_per_generation` completions, learned from in `steps_per_generation`
optimizer steps, `num_iterations` times over. Only its first step generates: the others have no reward.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from trl import GRPOConfig, GRPOTrainer

from counterpoint import rewards
from counterpoint.errors import UserError
from counterpoint.params import Rl
from counterpoint.problem import Problem
from counterpoint.training import session as sessions
from counterpoint.training.data import dataset
from counterpoint.training.engine import common_arguments, compact_head
from counterpoint.training.how import REINFORCED, How
from counterpoint.training.records import Recorder, now
from counterpoint.training.resume import ExactCycle
from counterpoint.training.shared import SharedPrefixGRPOTrainer
from counterpoint.verify import Verdict, judge


class Recording:
    """Mixin over a GRPOTrainer, before it in the bases: keeps what it computes about each completion."""

    recorder: Recorder
    machine: dict[str, str]
    terms: dict[str, float]
    judged: list[tuple[str, Verdict]]
    tokens = 0  # that carried a loss since the last step's record

    def _generate(self, prompts):
        began, started = time.monotonic(), now()
        result = super()._generate(prompts)
        row = {"step": self.state.global_step + 1, "phase": "generate", "started_at": started, **self.machine}
        self.recorder.add("timings", {**row, "seconds": time.monotonic() - began})
        return result

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        stops = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        self._scored = [
            (row["problem_id"], text, verdict, len(ids), ids[-1] not in stops, scores)
            for row, (text, verdict), ids, scores in zip(
                inputs, self.judged, completion_ids_list, rewards.tolist(), strict=True
            )
        ]
        return rewards

    def _generate_and_score_completions(self, inputs):
        output = super()._generate_and_score_completions(inputs)
        step, seen, weights = self.state.global_step + 1, {}, list(self.terms.values())
        rows = []
        for scored, advantage in zip(self._scored, output["advantages"].tolist(), strict=True):
            problem_id, text, verdict, tokens, truncated, scores = scored
            seen[problem_id] = seen.get(problem_id, -1) + 1
            rows.append(
                {
                    "step": step,
                    "problem_id": problem_id,
                    "sample_index": seen[problem_id],
                    "completion": text,
                    "extracted": verdict.extracted or "",
                    "correct": verdict.correct,
                    "parsed": verdict.parsed,
                    "truncated": truncated,
                    "tokens": tokens,
                    "reward": sum(w * s for w, s in zip(weights, scores, strict=True)),
                    "advantage": advantage,
                    "terms": dict(zip(self.terms, scores, strict=True)),
                }
            )
        self.recorder.add("completions", *rows)
        return output

    def compute_loss(self, model, inputs, *args, **kwargs):
        self.tokens += int(inputs["completion_mask"].sum())
        return super().compute_loss(model, inputs, *args, **kwargs)


class _Stock(Recording, ExactCycle, GRPOTrainer):
    """TRL's own generation and forward pass."""

    stock_reason = "asked for"


class _Shared(Recording, ExactCycle, SharedPrefixGRPOTrainer):
    """Each prompt computed once a group; the rest of a cycle needs the prompts of its generation."""

    kept = (*ExactCycle.kept, "rollout_prompts")


TRAINERS = {"stock": _Stock, "shared": _Shared}


def reward_functions(terms: dict[str, float], problems: dict[str, Problem], judged: list[tuple[str, Verdict]]) -> list:
    """One TRL reward function a term. The first judges the batch once and leaves the verdicts in `judged`."""
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
    model,
    processor,
    problems: Sequence[Problem],
    settings: Rl,
    instruction: str,
    seed: int,
    session: sessions.Session,
    how: How = REINFORCED,
) -> dict[str, int | str | None]:
    """Train `model` in place by GRPO (arXiv 2402.03300) or a variant of its loss; returns prompts_seen, updates,
    generated_tokens, trained_tokens, the engine that ran, and what `session.ending` says.

    Whole cycles are trained, as many as `epochs` hold but at least one. Raises `UserError` when one generation asks for
    more prompts than there are problems.
    """
    if settings.prompts > len(problems):  # TRL would warn and train nothing
        raise UserError(
            f"{settings.prompts} prompts a generation are more than the {len(problems)} problems; "
            "lower rl.batch_size or rl.steps_per_generation"
        )
    compact_head()
    by_id = {p.problem_id: p for p in problems}
    judged: list[tuple[str, Verdict]] = []
    # an epoch's incomplete last generation is dropped
    cycles = max(1, math.floor(settings.epochs * (len(problems) // settings.prompts)))
    steps = cycles * settings.steps_per_generation * settings.num_iterations
    arguments = GRPOConfig(
        **common_arguments(settings, session, seed, steps),
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
        **how.method.arguments(how.options),
    )
    kind = how.extended(TRAINERS[settings.engine], problems, instruction, steps, processor)
    trainer = kind(
        model=model,
        args=arguments,
        reward_funcs=reward_functions(settings.rewards, by_id, judged),
        train_dataset=dataset(problems, instruction),
        processing_class=processor,
    )
    trainer.recorder, trainer.machine = session.recorder, session.machine
    trainer.terms, trainer.judged = settings.rewards, judged

    def step_row(step: int, logs: dict) -> dict:
        if "reward" in logs:
            terms = [
                {"step": step, "term": t, "weight": w, **{k: logs[f"rewards/{t}/{k}"] for k in ("mean", "std")}}
                for t, w in settings.rewards.items()
            ]
            session.recorder.add("rewards", *terms)
        tokens, trainer.tokens = trainer.tokens, 0
        return {
            "loss": logs["loss"],
            "learning_rate": logs.get("learning_rate"),
            "grad_norm": logs.get("grad_norm"),
            "reward": logs.get("reward"),
            "reward_std": logs.get("reward_std"),
            "entropy": logs.get("entropy"),
            "kl": logs.get("kl"),
            "completion_length": logs.get("completions/mean_length"),
            "truncated_fraction": logs.get("completions/clipped_ratio"),
            "zero_advantage_fraction": logs.get("frac_reward_zero_std"),
            "tokens": tokens,
        }

    watch = sessions.Watch(session, processor, step_row)
    trainer.add_callback(watch)
    ended = sessions.run(trainer, watch)
    begun = math.ceil(trainer.state.global_step * cycles / steps)  # fewer than `cycles` where the run was stopped
    return {
        "prompts_seen": settings.prompts * begun,
        "updates": trainer.state.global_step,
        "generated_tokens": sum(row["tokens"] for row in session.recorder.rows("completions")),
        "trained_tokens": sum(row["tokens"] for row in session.recorder.rows("steps")),
        "engine": "stock" if trainer.stock_reason else "shared",
        **ended,
    }
