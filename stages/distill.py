"""Make one set of traces to imitate: python -m stages.distill self-tiny-2k

Writes data/traces/SET: demonstrations.parquet (the traces kept), trace_problems.parquet (attempts and acceptance of
each problem) and trace_sets.parquet (the set in one row); and data/runs/SET/distill/timings.parquet. What a teacher
samples is kept in work/distill/SET-FINGERPRINT, with the seconds it took: killed, the same command generates only what
is missing, writes the same bytes and still says what all of it cost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from counterpoint import columns, params, tables
from counterpoint.distill import accept, sampled
from counterpoint.distill.written import written
from counterpoint.errors import UserError
from counterpoint.evaluation.answers import Decoding, Model
from counterpoint.evaluation.store import weights_digest
from counterpoint.generation import prompt_checks
from counterpoint.generation.completion import Completion
from counterpoint.problem import Problem
from counterpoint.suites.views import views
from counterpoint.training.records import now, provenance
from stages.common import MODELS, TRACES, distill_folder, load_model, main, named, work_folder
from stages.pool import sample_problems

log = logging.getLogger("distill")
SHOWN = (  # columns of the table that is printed
    "family", "difficulty", "problems", "solved", "coverage", "attempts", "accepted", "acceptance", "duplicates",
    "kept",
)  # fmt: skip
DECIDED = ("samples", "keep", "temperature", "top_p", "max_tokens", "near_duplicate")


def program(arguments: list[str]) -> None:
    """Make the named set. Raises `UserError` for an unknown one, and where no trace is accepted."""
    settings = params.load()
    name = named(arguments, "trace set", "traces", settings.traces)
    wanted, limits = settings.traces[name], settings.distill
    way = settings.kinds[wanted.kind].way
    problems = sample_problems(wanted.sample)
    about = {
        "trace_set": name,
        "way": way,
        **{key: getattr(wanted, key) for key in ("kind", "model", "sample", "seed", "teacher")},
    }
    began, started, sampling = time.monotonic(), now(), 0.0
    if way == "sampled":
        about |= {key: getattr(limits, key) for key in DECIDED}
        attempts, sampling = _taught(name, settings, problems)
        began = time.monotonic()
    else:
        about["noise"] = limits.noise if way == "noisy" else None
        attempts = [[Completion(text, 0, False)] for text in written(way, problems, limits.noise, wanted.seed)]
    chosen = [
        accept.choose(problem, completions, limits.keep, limits.near_duplicate)
        for problem, completions in zip(problems, attempts, strict=True)
    ]
    print("\n".join(table(chosen)))
    if not any(choice.kept for choice in chosen):
        raise UserError(
            f"params.yaml: traces.{name}: the strict judge accepts none of its {sum(map(len, attempts))} traces; raise "
            f"distill.samples or distill.max_tokens, or give kinds.{wanted.kind} another teacher"
        )
    out = TRACES / name
    for table_name, rows in accept.rows(about, chosen).items():
        tables.write(table_name, rows, out / f"{table_name}.parquet")
    seconds = sampling + time.monotonic() - began
    timing = {"run_id": name, "step": None, "phase": "distill", "seconds": seconds, "started_at": started}
    tables.write("timings", [{**timing, **dict(provenance())}], distill_folder(name) / "timings.parquet")
    log.info("%s: %d traces of %d problems in %.0f s", name, sum(len(c.kept) for c in chosen), len(problems), seconds)


def _taught(name: str, settings: params.Params, problems: Sequence[Problem]) -> tuple[list[list[Completion]], float]:
    """The samples of the set's teacher for each problem, and the seconds that sampling them took, now or before."""
    wanted, limits = settings.traces[name], settings.distill
    bases = {f"base-{model}": path for model, path in settings.models.items()}
    path = bases.get(wanted.teacher, str(MODELS / wanted.teacher))
    decoding = Decoding(limits.max_tokens, limits.samples, limits.temperature, limits.top_p)
    weights, instruction = weights_digest(path), settings.prompt.instruction
    shown = views(problems, instruction)
    follows = sampled.fingerprint(weights, wanted.seed, shown, decoding, limits.batch_size, settings.threads)
    store = sampled.Timed(work_folder() / "distill" / f"{name}-{follows}" / "generations.sqlite")
    model = Model(sampled.identity(weights, wanted.seed), lambda: _load(path, settings, store, problems), store)
    attempts = sampled.sample(model, problems, instruction, decoding, limits.batch_size, name)
    seconds = store.seconds()
    store.close()
    log.info("%s: %d completions, %d of them generated", name, sum(map(len, attempts)), model.generated)
    return attempts, seconds


def _load(path: str, settings: params.Params, store: sampled.Timed, problems: Sequence[Problem]):
    loaded = load_model(path, settings.threads, settings.trust_remote_code)
    prompt_checks.check(*loaded, problems, settings.prompt.instruction, settings.distill.max_tokens)
    store.start()  # the seconds of training are without this too
    return loaded


def table(chosen: Sequence[accept.Chosen]) -> list[str]:
    """The acceptance by family and, where there are several, difficulty, as lines of a table: `acceptance` of the
    attempts, `coverage` of the problems."""
    several = len({choice.problem.difficulty for choice in chosen}) > 1
    lines = [SHOWN]
    for row in accept.acceptance(chosen):
        if row["difficulty"] is None or several:
            difficulty = "all" if row["difficulty"] is None else row["difficulty"]
            coverage, acceptance = row["solved"] / row["problems"], row["accepted"] / row["attempts"]
            row |= {"difficulty": difficulty, "coverage": f"{coverage:.1%}", "acceptance": f"{acceptance:.1%}"}
            lines.append([str(row[column]) for column in SHOWN])
    return columns.aligned(lines, right=range(1, len(SHOWN)))


if __name__ == "__main__":
    main(program)
