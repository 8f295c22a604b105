"""Train one run of the grid by its arm's method: python -m stages.train rl-small-2k-0

Writes data/models/RUN (the model) and data/runs/RUN/train (run.json and one Parquet file a table). Goes on from its
last checkpoint in work/train when interrupted.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from counterpoint import params, problem
from counterpoint.errors import UserError, nearest
from counterpoint.methods import ConfiguredMethod
from counterpoint.problem import Problem, digest
from counterpoint.sampling import content_hash
from counterpoint.suites import SUITES
from counterpoint.training.arguments import check_tracker
from stages import code
from stages.common import MODELS, PROBLEMS, loading, main, train_folder, work_folder
from stages.pool import demonstrations, part_of, sample_problems

log = logging.getLogger("train")
NEAREST = 512  # traces whose likelihood under the model that training starts from is recorded


def find_run(arguments: list[str], settings: params.Params) -> params.RunSpec:
    """The run of the grid that the command line names."""
    runs = settings.runs.trained
    if len(arguments) != 1 or arguments[0] not in runs:
        named = arguments[0] if arguments else ""
        raise UserError(f"params.yaml: no run {named!r} in runs.train{nearest(named, runs)}")
    return runs[arguments[0]]


def probe_problems(suites: list[str], per_probe: int) -> dict[str, list[Problem]]:
    """The probe problems by suite; a view of another suite's problems probes that suite's.

    Suites that this data has no problems for (or no twins, where they show words) are left out. Raises `UserError` when
    none is left.
    """
    probes = problem.load(PROBLEMS, splits=["probe"])
    found = {}
    for name in suites:
        tagged = [p for p in probes if f"suite:{SUITES[name].split}" in p.tags]
        shown = [p for p in tagged if SUITES[name].fits(p)][:per_probe]
        if shown:
            found[name] = shown
        else:
            log.info("no probe problems for suite %s: it is not followed", name)
    if not found:
        raise UserError(f"{PROBLEMS}: no probe problems for any of {', '.join(suites)}; change probe.suites")
    return found


def fingerprint(
    run: params.RunSpec,
    init: str,
    settings: params.Params,
    problems: list[Problem],
    probes: dict[str, list[Problem]],
    shown: dict[str, list[str]] | None,
) -> str:
    """Names the work folder: no other model, data, probe, parameter, code or library resumes this run's checkpoint.

    Problems count by content: an id stays the same when a picture or a gold trace changes.
    """
    folder = Path(init)
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*")) if p.is_file()}
    return digest(
        run.run_id,
        init,
        files,
        settings.threads,
        settings.checkpoint,
        dataclasses.asdict(settings.prompt),
        dataclasses.asdict(settings.probe),
        dataclasses.asdict(settings.arms[run.arm]),
        dataclasses.asdict(params.settings(settings, run.arm)),
        [_content(p) for p in problems],
        shown,
        {suite: [_content(p) for p in probed] for suite, probed in probes.items()},
        code.digest_of(code.of_run(settings, run)),
        [f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft")],
    )


def _content(problem: Problem) -> str:
    return digest(content_hash(problem), problem.text_twin, problem.answer_type)


@contextmanager
def locked(work: Path) -> Iterator[None]:
    """Hold the work folder; the lock goes with the process, so an orphan still holds it and a dead one does not."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{work}: another process is training this run; wait for it or end it") from None
        yield


def program(arguments: list[str]) -> None:
    """Train one run of the grid and publish its model and records; goes on from its last checkpoint."""
    settings = params.load()
    run = find_run(arguments, settings)
    section = params.settings(settings, run.arm)
    check_tracker(settings.report_to)
    problems = part_of(sample_problems(run.sample), settings.arms[run.arm].part)
    if isinstance(section, params.Rl) and section.prompts > len(problems):
        raise UserError(
            f"params.yaml: arm {run.arm}: {section.prompts} prompts a generation are more than the {len(problems)} of "
            f"sample {run.sample}; lower rl.batch_size or rl.steps_per_generation"
        )
    shown, sampled = demonstrations(run.traces, problems) if run.traces else (None, 0)
    init_run = f"{run.start}-{run.model}-{run.sample}-{run.seed}" if run.start else f"base-{run.model}"
    init = str(MODELS / init_run) if run.start else settings.models[run.model]
    probes = probe_problems(settings.probe.suites, settings.problems.per_probe)
    work = work_folder() / "train" / f"{run.run_id}-{fingerprint(run, init, settings, problems, probes, shown)}"
    with locked(work):
        _train(run, settings, section, problems, init, init_run, probes, work, shown, sampled)


def _train(run, settings, section, problems, init, init_run, probes, work, shown, sampled) -> None:
    is_rl = isinstance(section, params.Rl)
    with loading():  # seconds; bad input has been told by now
        import torch
        from transformers import set_seed

        from counterpoint.generation import prompt_checks
        from counterpoint.models import checkpoint
        from counterpoint.training import session as sessions
        from counterpoint.training.data import gold
        from counterpoint.training.demonstrations import nats_per_token
        from counterpoint.training.probe import ProbeSpec
        from counterpoint.training.records import Recorder, provenance

        if is_rl:
            from counterpoint.training.grpo import train
        else:
            from counterpoint.training.sft import train
        torch.set_num_threads(settings.threads)
        model, processor = checkpoint.load(init, settings.trust_remote_code)
    method = ConfiguredMethod(params.method(settings, run.arm), params.options(settings, run.arm), shown)
    instruction = settings.prompt.instruction
    if is_rl:
        prompt_checks.check(model, processor, problems, instruction, section.max_completion_tokens)
    imitated, texts = method.imitated(problems) if shown else ([], []) if is_rl else (problems, gold(problems))
    prompt_checks.check(model, processor, imitated, instruction, completions=texts)
    for suite, probed in probes.items():
        prompt_checks.check(model, processor, probed, instruction, settings.probe.max_tokens, suite=SUITES[suite])
    set_seed(run.seed)
    count = checkpoint.parameters(model)
    if section.lora:
        lora = dataclasses.asdict(section.lora)
        model = checkpoint.add_lora(model, **lora)
        for config in model.peft_config.values():
            config.base_model_name_or_path = init
    session = sessions.Session(
        recorder=Recorder(work / "records", run.run_id),
        work=work,
        probe=ProbeSpec(
            problems=probes,
            instruction=instruction,
            max_tokens=settings.probe.max_tokens,
            batch_size=settings.probe.batch_size,
            temperature=section.temperature if is_rl else 1.0,
            top_p=section.top_p if is_rl else 1.0,
            reward_weights=section.rewards if is_rl else None,
            at_least=settings.probe.at_least,
            every=settings.probe.every,
        ),
        seed=run.seed,
        checkpoint=settings.checkpoint,
        stop_when_deceptive=is_rl and section.stop_when_deceptive,
        machine=dict(provenance()),
        report_to=settings.report_to,
    )
    log.info("%s: %d problems from %s", run.run_id, len(problems), init)
    trace_nll = None
    if shown:
        first = slice(NEAREST)
        trace_nll = nats_per_token(model, processor, imitated[first], texts[first], instruction, section.batch_size)
        log.info("%s: traces %s, %.3f nats per token under %s", run.run_id, run.traces, trace_nll, init_run)
    totals = train(model, processor, problems, section, method, session)
    folder = MODELS / run.run_id
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint.save(model, processor, folder)
    out = train_folder(run.run_id)
    session.recorder.publish(out)
    told = {"arm": dataclasses.asdict(settings.arms[run.arm]), "prompt": instruction}
    record = {
        "run_id": run.run_id,
        "study": settings.study,
        **{key: getattr(run, key) for key in ("arm", "model", "sample", "seed")},
        "method": method.method.name,
        "trace_set": run.traces,
        "trace_nll": trace_nll,
        "teacher_tokens": sampled,
        "init_run": init_run,
        "engine": section.engine,  # `totals` says otherwise where a run fell back to another
        "checkpoint": str(folder),
        "checkpoint_rule": settings.checkpoint,
        "parameters": count,
        **totals,
        "params_json": json.dumps({method.method.stage: dataclasses.asdict(section), **told}, sort_keys=True),
    }
    (out / "run.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    log.info("%s: %s, %d updates, published in %s and %s", run.run_id, totals["status"], totals["updates"], folder, out)


if __name__ == "__main__":
    main(program)
