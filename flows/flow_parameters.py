"""The parameters that a flow accepts: another study of this checkout and other values, not other code or files.

Whoever reaches the Prefect server chooses the parameters of a run. So these never turn on `trust_remote_code`, name a
model that no study of this checkout names, read another source of problems, or send a run's log to another tracker. A
user does that, in params.yaml or studies/.
"""

from __future__ import annotations

from pathlib import Path

from counterpoint.errors import UserError
from counterpoint.files import read_yaml
from counterpoint.params import compose

FIXED = ("trust_remote_code", "source", "report_to")  # keys of params.yaml


def check(study: str, overrides: list[str], path: Path = Path("params.yaml"), folder: Path = Path("studies")) -> None:
    """Raise `UserError` for an unknown study or setting, and for one that is a user's alone to make."""
    plain = compose.resolve(study, [], path, folder).data
    data = compose.resolve(study, overrides, path, folder).data
    for key in FIXED:
        if data[key] != plain[key]:
            raise UserError(
                f"{key}: no flow parameter; whoever reaches the server could set it, so write it into {path}"
            )
    allowed = checkpoints(path, folder)
    for model, checkpoint in data["models"].items():
        if checkpoint not in allowed:
            raise UserError(
                f"models.{model}: {checkpoint!r} is in no study of this checkout, and no flow parameter may "
                f"name another checkpoint; write it into {path} or a file in {folder}"
            )


def checkpoints(path: Path, folder: Path) -> set[str]:
    """The checkpoints that params.yaml and the files in `folder` name."""
    sections = (read_yaml(file).get("models") for file in (path, *sorted(folder.glob("*.yaml"))))
    return {checkpoint for models in sections if isinstance(models, dict) for checkpoint in models.values()}
