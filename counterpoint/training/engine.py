"""What SFT and GRPO share of TRL: common arguments and the handling of its known traps on CPU."""

from __future__ import annotations

from typing import Any

from counterpoint.params import Rl, Sft
from counterpoint.training import tracking
from counterpoint.training.session import Session


def compact_head() -> None:
    """Apply the LM head to labelled positions only on CPU too, as TRL does on CUDA.

    TRL 1.16 chooses the compact form by asking for a Triton device; on CPU it scores every prompt position and pays
    two to three times for a step. A private name, hence the exact pin of trl.
    """
    from trl.trainer import utils

    utils._use_triton = lambda device: True


def restore_weights(model, folder: str) -> None:
    """Load a whole model's checkpoint into `model`, every weight or an error.

    transformers saves LLaVA-like models under the hub's older names, which `Trainer` does not map back on resume: it
    warns, loads nothing and goes on from the weights it was given.
    """
    saved = type(model).from_pretrained(folder, dtype=model.dtype, use_safetensors=True)
    model.load_state_dict(saved.state_dict())


def common_arguments(
    settings: Sft | Rl, session: Session, seed: int, max_steps: int, whole: int | None = None
) -> dict[str, Any]:
    """TrainingArguments that both methods share; logs every step, saves every `checkpoint_every` steps.

    whole: the steps that the warmup is a fraction of, where the run ends before its schedule does.
    """
    import torch

    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(session.work),
        "seed": seed,
        "data_seed": seed,
        "max_steps": max_steps,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": round(settings.warmup_fraction * (whole or max_steps)),
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "logging_steps": 1,
        "logging_first_step": True,
        "save_strategy": "steps",
        "save_steps": settings.checkpoint_every,
        **tracking.arguments(session.report_to, session.recorder.run_id),
        "disable_tqdm": True,
        "use_cpu": not cuda,
        "bf16": cuda,  # bfloat16 can end a process on a CPU whose flags promise it
        "gradient_checkpointing": cuda,
        "dataloader_num_workers": 0,
        "remove_unused_columns": False,
    }
