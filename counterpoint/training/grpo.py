"""Reinforcement learning: TRL's GRPOTrainer with every completion recorded and its resume traps closed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from trl import GRPOConfig, GRPOTrainer
from trl.trainer.utils import RepeatSampler

from counterpoint.params import Rl
from counterpoint.problem import Problem
from counterpoint.rewards import REWARDS
from counterpoint.training import session as sessions
from counterpoint.training.data import dataset
from counterpoint.training.engine import common_arguments, compact_head, restore_weights
from counterpoint.verify import Verdict, judge


class EpochSampler(RepeatSampler):
    """TRL's sampler, reseeded each epoch; TRL's own replays the first epoch's order when a later one is resumed."""

    def set_epoch(self, epoch: int) -> None:
        if self.shuffle:
            self.generator.manual_seed(self.seed + epoch)


class _Trainer(GRPOTrainer):
    """GRPOTrainer that reseeds its sampler and keeps what it computes about each completion."""

    recorder = None
    problems: dict[str, Problem]
    terms: dict[str, float]

    def _get_train_sampler(self, dataset=None):
        stock = super()._get_train_sampler(dataset)
        return EpochSampler(
            data_source=stock.data_source,
            mini_repeat_count=stock.mini_repeat_count,
            batch_size=stock.batch_size,
            repeat_count=stock.repeat_count,
            shuffle=stock.shuffle,
            seed=stock.seed,
        )

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        if hasattr(self.model, "peft_config"):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            restore_weights(self.model, resume_from_checkpoint)

    def _generate(self, prompts):
        began, started = time.monotonic(), sessions.now()
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
                    "extracted": verdict.extracted,
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
        self.tokens = sum(row["tokens"] for row in rows)
        return output


def reward_functions(terms: dict[str, float], problems: dict[str, Problem], judged: list[tuple[str, Verdict]]) -> list:
    """One TRL reward function a term. The first judges the batch once and leaves the verdicts in `judged`."""

    def function(term: str, first: bool):
        def score(prompts, completions, problem_id, **_):
            if first:
                judged[:] = []
                for completion, key in zip(completions, problem_id, strict=True):
                    text, problem = completion[0]["content"], problems[key]
                    options = list(problem.options) if problem.options else None
                    judged.append((text, judge(text, problem.answer, problem.answer_type, options)))
            return [
                REWARDS[term](text, problems[k], verdict) for (text, verdict), k in zip(judged, problem_id, strict=True)
            ]

        score.__name__ = term
        return score

    return [function(term, index == 0) for index, term in enumerate(terms)]


def train(
    model, processor, problems: Sequence[Problem], settings: Rl, instruction: str, seed: int, session: sessions.Session
) -> dict[str, int]:
    """Train `model` in place by GRPO (arXiv 2402.03300) or a variant of its loss; returns prompts_seen, updates,
    generated_tokens and trained_tokens."""
    compact_head()
    by_id = {p.problem_id: p for p in problems}
    judged: list[tuple[str, Verdict]] = []
    prompts_per_step = settings.batch_size // settings.group_size
    steps_per_epoch = len(problems) // prompts_per_step  # an incomplete last batch is dropped
    arguments = GRPOConfig(
        **common_arguments(settings, session.work, seed, max(1, math.floor(settings.epochs * steps_per_epoch))),
        per_device_train_batch_size=settings.batch_size,
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
    )
    trainer = _Trainer(
        model=model,
        args=arguments,
        reward_funcs=reward_functions(settings.rewards, by_id, judged),
        train_dataset=dataset(problems, instruction, gold=False),
        processing_class=processor,
    )
    trainer.recorder, trainer.machine = session.recorder, session.machine
    trainer.terms, trainer.judged, trainer.tokens = settings.rewards, judged, 0

    def step_row(step: int, logs: dict) -> dict:
        session.recorder.add(
            "rewards",
            *(
                {
                    "step": step,
                    "term": t,
                    "weight": w,
                    "mean": logs[f"rewards/{t}/mean"],
                    "std": logs[f"rewards/{t}/std"],
                }
                for t, w in settings.rewards.items()
            ),
        )
        return {
            "loss": logs["loss"],
            "learning_rate": logs.get("learning_rate"),
            "grad_norm": logs.get("grad_norm"),
            "reward": logs["reward"],
            "reward_std": logs["reward_std"],
            "entropy": logs.get("entropy"),
            "kl": logs.get("kl"),
            "completion_length": logs["completions/mean_length"],
            "truncated_fraction": logs["completions/clipped_ratio"],
            "zero_advantage_fraction": logs["frac_reward_zero_std"],
            "tokens": trainer.tokens,
        }

    watch = sessions.Watch(session, processor, step_row)
    trainer.add_callback(watch)
    sessions.run(trainer, watch)
    updates = trainer.state.global_step
    tokens = sum(row["tokens"] for row in session.recorder.rows("steps"))
    return {
        "prompts_seen": prompts_per_step * updates,
        "updates": updates,
        "generated_tokens": tokens,
        "trained_tokens": tokens,
    }
