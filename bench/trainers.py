"""The arms that are trainers: TRL as a user writes it, TRL with its compact LM head, and this repository's engine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence

from bench.cases import Case, study
from bench.clock import Clock
from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.prompt import THINK
from counterpoint.training.arguments import use_compact_head
from counterpoint.training.data import dataset, gold


def train(
    arm: str, model, processor, problems: Sequence[Problem], case: Case, reward: Callable, steps: int, clock: Clock
) -> None:
    """`steps` optimizer steps of the arm on the problems; same settings as the default study's `rl` or `sft`.

    Raises `UserError` when the engine would take TRL's own path: that would measure stock under another name.
    """
    if arm == "compact":
        use_compact_head()
    with tempfile.TemporaryDirectory() as folder:
        make = _grpo if case.method == "rl" else _sft
        trainer = make(arm, model, processor, problems, case, reward, common(case, steps, folder))
        if getattr(trainer, "stock_reason", None):
            raise UserError(
                f"case {case.name}: the shared engine is off here: {trainer.stock_reason}; leave its arm out"
            )
        _watch(trainer, clock)
        trainer.train()


def common(case: Case, steps: int, folder: str) -> dict:
    """Arguments of both methods: what a CPU needs, no logging, no checkpoints; the settings of the study."""
    settings, cuda = getattr(study(), case.method), case.device == "cuda"
    return {
        "output_dir": folder,
        "max_steps": steps,
        "per_device_train_batch_size": case.batch,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": not cuda,
        "bf16": cuda,
        "gradient_checkpointing": cuda,
    }


def _grpo(arm: str, model, processor, problems, case: Case, reward: Callable, arguments: dict):
    from trl import GRPOConfig, GRPOTrainer

    settings, kind = study().rl, GRPOTrainer
    if arm == "shared":
        from counterpoint.training.shared import SharedPrefixGRPOTrainer as kind
    return kind(
        model=model,
        args=GRPOConfig(
            **arguments,
            num_generations=case.group,
            max_completion_length=case.max_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=0,
            beta=settings.beta,
            loss_type=settings.loss_type,
            epsilon=settings.clip_low,
            epsilon_high=settings.clip_high,
            scale_rewards=settings.scale_rewards,
            generation_kwargs={"min_new_tokens": case.max_tokens} if case.fixed_length else None,
        ),
        reward_funcs=[reward],
        train_dataset=dataset(problems, THINK),
        processing_class=processor,
    )


def _sft(arm: str, model, processor, problems, case: Case, reward: Callable, arguments: dict):
    from trl import SFTConfig, SFTTrainer

    if arm == "shared":
        from counterpoint.training import PackedSFTTrainer as kind
    else:
        kind = SFTTrainer
    return kind(
        model=model,
        args=SFTConfig(**arguments, max_length=None),
        train_dataset=dataset(problems, THINK, gold(problems)),
        processing_class=processor,
    )


def _watch(trainer, clock: Clock) -> None:
    """Let the clock see the trainer's steps and phases."""
    from transformers import PrinterCallback, TrainerCallback

    class Steps(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            control.should_training_stop = clock.step_ended() or control.should_training_stop
            return control

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Steps())
    if hasattr(trainer, "_generate_single_turn"):
        trainer._generate_single_turn = clock.wrap("generate", trainer._generate_single_turn)
    trainer.compute_loss = clock.wrap("loss", trainer.compute_loss)
    trainer.accelerator.backward = clock.wrap("loss", trainer.accelerator.backward)
