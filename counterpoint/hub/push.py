"""Publish a checkpoint on the Hugging Face hub, with a model card: what it was trained on and how, how accurate it is,
and how to load it.

What the card says is read from the tables of the study (docs/tables.md). Run by `counterpoint push`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from counterpoint import prompt
from counterpoint.errors import UserError, nearest, one_line
from counterpoint.models.checkpoint import ADAPTER
from counterpoint.warehouse.database import literal
from counterpoint.warehouse.query import of_folder

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"
TEMPLATE = Path(__file__).with_name("card.md.jinja")
SUFFIXES = (".safetensors", ".json", ".jinja", ".txt", ".model")  # of the files that are published: never a pickle
ACCURACY = """
    select suite, purpose, n, accuracy, low, high, majority
    from accuracy left join suites using (suite)
    where run_id = {} and condition = 'normal' and family = 'all'
    order by suite
"""
DATA = """
    select source, family, count(*) as problems
    from samples join problems using (problem_id)
    where sample = {}
    group by all order by all
"""
COMMITS = "select distinct code_rev from timings where run_id = {} and code_rev is not null order by all"


def find_run(tables: Path, run_id: str) -> dict[str, Any]:
    """The run's row of the table `runs`. Raises `UserError` for a run that is not there."""
    runs = {row["run_id"]: row for row in _rows(tables, "from runs")}
    if run_id not in runs:
        raise UserError(f"{tables}: no run {run_id!r}{nearest(run_id, runs)}")
    return runs[run_id]


def card(run: dict[str, Any], tables: Path, checkpoint: Path, repository: str, licence: str) -> str:
    """The card of a run as Markdown, with the metadata before it that the hub reads.

    run: its row of the table `runs`. tables: the folder of the study's Parquet tables. repository: USER/NAME on the
    hub. licence: as the hub names it.
    """
    adapter = checkpoint / ADAPTER
    run_id = literal(run["run_id"])
    page = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return page.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        run=run,
        settings=json.loads(run["params_json"]),
        accuracy=_rows(tables, ACCURACY.format(run_id)),
        data=_rows(tables, DATA.format(literal(run["sample"]))) if run["sample"] else [],
        commits=[row["code_rev"] for row in _rows(tables, COMMITS.format(run_id))],
        adapted=json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"] if adapter.is_file() else "",
        repository=repository,
        answer_format=prompt.completion_text("…", "…"),
        licence=licence,
    )


def _rows(tables: Path, sql: str) -> list[dict[str, Any]]:
    answer = of_folder(tables, sql)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def files(checkpoint: Path) -> list[Path]:
    """The files of a checkpoint that are published. Raises `UserError` where it is none or has no safetensors."""
    if not checkpoint.is_dir():
        raise UserError(f"{checkpoint}: no such checkpoint; `dvc checkout {checkpoint}` brings back one of this study")
    published = sorted(path for path in checkpoint.iterdir() if path.is_file() and path.suffix in SUFFIXES)
    if not any(path.suffix == ".safetensors" for path in published):
        raise UserError(f"{checkpoint}: no safetensors in it; other weights are not published")
    return published


def push(checkpoint: Path, text: str, repository: str, private: bool = False, api: HfApi | None = None) -> str:
    """Make the model repository USER/NAME where it is missing, put checkpoint and card there, and return its address.

    text: the card. api: a client of the hub, by default one with the user's own token. Raises `UserError` for what the
    hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    api = api or HfApi()
    operations = [CommitOperationAdd(path.name, path) for path in files(checkpoint)]
    operations.append(CommitOperationAdd(CARD, text.encode("utf-8")))
    try:
        address = api.create_repo(repository, repo_type="model", private=private, exist_ok=True)
        api.create_commit(repository, operations, commit_message=f"{checkpoint.name} with its card", repo_type="model")
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        raise UserError(f"{repository}: the hub refused it ({one_line(error)}); `hf auth login` signs in") from None
    return str(address)
