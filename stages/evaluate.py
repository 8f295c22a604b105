"""Evaluate one run of the grid, or a base, on every suite: python -m stages.evaluate rl-small-2k-0

Writes data/runs/RUN/eval: evals.parquet (every item), timings.parquet and, for a base, its run.json.
"""

from __future__ import annotations

import json
import logging
import time

from counterpoint import params, problem, tables
from counterpoint.errors import UserError
from counterpoint.suites import SUITES
from counterpoint.training.records import now, provenance
from stages.common import MODELS, PROBLEMS, eval_folder, loading, main

log = logging.getLogger("evaluate")


def program(arguments: list[str]) -> None:
    """Evaluate the named run."""
    settings = params.load()
    trained = {**settings.runs.sft, **settings.runs.rl, **settings.runs.sft_then_rl}
    known = {**settings.runs.base, **trained}
    if len(arguments) != 1 or arguments[0] not in known:
        named = arguments[0] if arguments else ""
        raise UserError(f"params.yaml: no run {named!r} in runs{params.nearest(named, known)}")
    run_id = arguments[0]
    is_base = run_id in settings.runs.base
    path = settings.models[settings.runs.base[run_id].model] if is_base else str(MODELS / run_id)
    problems = {name: problem.load(PROBLEMS, splits=[SUITES[name].split]) for name in settings.suites}
    for name, members in problems.items():
        if SUITES[name].words:
            problems[name] = members = [p for p in members if p.text_twin]
        if not members:
            raise UserError(f"{PROBLEMS}: no problems for suite {name!r}; take it out of suites in params.yaml")

    with loading():
        import torch

        from counterpoint.evaluation.evaluate import evaluate
        from counterpoint.models import checkpoint

        torch.set_num_threads(settings.threads)
        model, processor = checkpoint.load(path, settings.trust_remote_code)
    began, started = time.monotonic(), now()
    conditions = settings.evaluation.base_conditions if is_base else ["normal"]
    rows = list(
        evaluate(
            run_id, model, processor, problems, settings.prompt.instruction, conditions,
            settings.evaluation.max_tokens, settings.evaluation.batch_size,
        )
    )  # fmt: skip
    out = eval_folder(run_id)
    tables.write("evals", rows, out / "evals.parquet")
    seconds = time.monotonic() - began
    timing = {"run_id": run_id, "step": None, "phase": "evaluate", "seconds": seconds, "started_at": started}
    tables.write("timings", [{**timing, **dict(provenance())}], out / "timings.parquet")
    if is_base:
        record = dict.fromkeys(tables.TABLES["runs"].schema.names)
        record |= {
            "run_id": run_id,
            "study": settings.study,
            "arm": "base",
            "method": "base",
            "model": settings.runs.base[run_id].model,
            "checkpoint": path,
            "status": "completed",
            "parameters": checkpoint.parameters(model),
            "prompts_seen": 0,
            "updates": 0,
            "generated_tokens": 0,
            "trained_tokens": 0,
            "params_json": json.dumps({"prompt": settings.prompt.instruction}),
        }
        (out / "run.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    log.info("%s: %d items in %.0f s", run_id, len(rows), seconds)


if __name__ == "__main__":
    main(program)
