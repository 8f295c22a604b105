"""Evaluate one run of the grid, or a base, on every suite: python -m stages.evaluate rl-small-2k-0

Writes data/runs/RUN/eval: evals.parquet (every item), traces.parquet (the steps of its reasoning), timings.parquet and,
for a base, its run.json. Generations are kept in work/generations.sqlite: a killed evaluation goes on where it stopped,
and a changed judge needs no model.
"""

from __future__ import annotations

import json
import logging
import time

from counterpoint import files, params, problem, tables
from counterpoint.errors import UserError
from counterpoint.evaluation import traces
from counterpoint.evaluation.answers import Decoding, Model
from counterpoint.evaluation.evaluate import evaluate
from counterpoint.evaluation.store import Store, weights_digest
from counterpoint.generation import prompt_checks
from counterpoint.models import checkpoint
from counterpoint.problem import Problem
from counterpoint.suites import SUITES
from counterpoint.training.records import now, provenance
from stages.common import MODELS, PROBLEMS, eval_folder, generations, load_model, main, named

log = logging.getLogger("evaluate")


def program(arguments: list[str]) -> None:
    """Evaluate the named run."""
    settings = params.load()
    run_id = named(arguments, "run", "runs", {**settings.runs.base, **settings.runs.trained})
    is_base = run_id in settings.runs.base
    path = settings.models[settings.runs.base[run_id].model] if is_base else str(MODELS / run_id)
    problems = suite_problems(settings.suites)
    limits = settings.evaluation
    greedy = Decoding(limits.max_tokens)
    sampled = Decoding(limits.max_tokens, limits.samples, limits.temperature, limits.top_p)
    decodings = {
        name: (greedy, sampled) if limits.samples and name in limits.sampled_suites else (greedy,) for name in problems
    }
    store = Store(generations())
    model = Model(weights_digest(path), lambda: _load(path, settings, problems), store)
    began, started = time.monotonic(), now()
    rows = list(
        evaluate(
            run_id, model, problems, settings.prompt.instruction,
            limits.base_conditions if is_base else limits.trained_conditions, decodings, limits.batch_size,
        )
    )  # fmt: skip
    store.close()
    out = eval_folder(run_id)
    tables.write("evals", rows, out / "evals.parquet")
    by_id = {p.problem_id: p for members in problems.values() for p in members}
    tables.write("traces", traces.rows(rows, by_id), out / "traces.parquet")
    seconds = time.monotonic() - began
    timing = {"run_id": run_id, "step": None, "phase": "evaluate", "seconds": seconds, "started_at": started}
    tables.write("timings", [{**timing, **dict(provenance())}], out / "timings.parquet")
    if is_base:
        record = dict.fromkeys(tables.TABLES["runs"].schema.names)
        record |= dict.fromkeys(("prompts_seen", "updates", "generated_tokens", "trained_tokens"), 0)
        record |= {
            "run_id": run_id,
            "study": settings.study,
            "arm": "base",
            "method": "base",
            "model": settings.runs.base[run_id].model,
            "checkpoint": path,
            "status": "completed",
            "parameters": checkpoint.saved_parameters(path),
            "params_json": json.dumps({"prompt": settings.prompt.instruction}),
        }
        files.write_json(out / "run.json", record, sort_keys=True)
    log.info("%s: %d answers, %d of them generated, in %.0f s", run_id, len(rows), model.generated, seconds)


def suite_problems(suites: list[str]) -> dict[str, list[Problem]]:
    """The problems that each suite can show. Raises `UserError` for a suite without any."""
    problems = problem.load(PROBLEMS, splits={SUITES[name].split for name in suites})
    by_suite = {}
    for name in suites:
        by_suite[name] = [p for p in problems if p.split == SUITES[name].split and SUITES[name].fits(p)]
        if not by_suite[name]:
            raise UserError(f"{PROBLEMS}: no problems for suite {name!r}; take it out of suites in params.yaml")
    return by_suite


def _load(path: str, settings: params.Params, problems: dict[str, list[Problem]]):
    loaded = load_model(path, settings.threads, settings.trust_remote_code)
    for name, members in problems.items():
        prompt_checks.check(
            *loaded, members, settings.prompt.instruction, settings.evaluation.max_tokens, suite=SUITES[name]
        )
    return loaded


if __name__ == "__main__":
    main(program)
