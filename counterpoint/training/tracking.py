"""Experiment trackers: TensorBoard, Trackio or Weights & Biases, through the callbacks of transformers.

`report_to` in params.yaml names one. It is read when a run trains and is part of no fingerprint: a tracker only copies
what is logged, so no run is trained anew for it. TensorBoard's files lie in the run's work folder; Trackio and wandb
take their project and their login from their own environment variables and configuration.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from counterpoint.errors import UserError


def check_installed(report_to: str) -> None:
    """Raise `UserError` with the command that installs the tracker where its package is missing."""
    if report_to != "none" and find_spec(report_to) is None:
        raise UserError(
            f"params.yaml: report_to is {report_to}, which is not installed; run `pip install {report_to}`, "
            "or write none"
        )


def arguments(report_to: str, run_id: str) -> dict[str, Any]:
    """What TrainingArguments are told of the tracker and of the run's name there."""
    return {"report_to": report_to, "run_name": run_id, "project": "counterpoint"}
