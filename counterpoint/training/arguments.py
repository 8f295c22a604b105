"""What the SFT and the GRPO trainer share: arguments, TRL's compact head, and the experiment tracker.

The tracker is TensorBoard, Trackio or Weights & Biases, through the callbacks of transformers. `report_to` in
params.yaml names it. It is read when a run trains and is part of no fingerprint: a tracker only copies what is logged,
so no run is trained anew for it. TensorBoard's files lie in the run's work folder; Trackio and wandb take login, server
and project from their own environment variables.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UserError
from counterpoint.params import Rl, Sft

if TYPE_CHECKING:
    from counterpoint.training.session import Session


def check_tracker(report_to: str) -> None:
    """Raise `UserError` with the command that installs the tracker where its package is missing."""
    if report_to != "none" and find_spec(report_to) is None:
        raise UserError(
            f"params.yaml: report_to is {report_to}, which is not installed; run `pip install {report_to}`, "
            "or write none"
        )


def use_compact_head() -> None:
    """Apply the LM head to labelled positions only on CPU too, as TRL does on CUDA.

    TRL 1.16 chooses the compact form by asking for a Triton device; on CPU it scores every prompt position and pays
    two to three times for a step. A private name, hence the exact pin of trl.
    """
    from trl.trainer import utils

    utils._use_triton = lambda device: True


def common_arguments(
    settings: Sft | Rl, session: Session, max_steps: int, schedule_steps: int | None = None
) -> dict[str, Any]:
    """TrainingArguments of both methods. Every step is logged, and saved every `checkpoint_every` steps.

    schedule_steps: the optimizer steps that the warmup is a fraction of, where the run ends before its schedule does.
    """
    import torch

    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(session.work),
        "seed": session.seed,
        "data_seed": session.seed,
        "max_steps": max_steps,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": round(settings.warmup_fraction * (schedule_steps or max_steps)),
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "logging_steps": 1,
        "logging_first_step": True,
        "save_strategy": "steps",
        "save_steps": settings.checkpoint_every,
        "report_to": session.report_to,
        "run_name": session.recorder.run_id,
        "project": "counterpoint",  # Trackio's
        "disable_tqdm": True,
        "use_cpu": not cuda,
        "bf16": cuda,  # bfloat16 can end a process on a CPU whose flags promise it
        "gradient_checkpointing": cuda,
        "dataloader_num_workers": 0,
        "remove_unused_columns": False,
    }
