"""Train one run of the grid by its arm's method: python -m stages.train rl-small-2k-0

Writes data/models/RUN (the model) and data/runs/RUN/train (run.json and one Parquet file a table). Goes on from its
last checkpoint in work/train when interrupted.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from counterpoint import files, params, problem
from counterpoint.errors import UserError
from counterpoint.methods import ConfiguredMethod
from counterpoint.problem import Problem, digest
from counterpoint.sampling import content_hash
from counterpoint.suites import SUITES
from counterpoint.training.arguments import check_tracker
from stages import code
from stages.common import MODELS, PROBLEMS, load_model, loading, main, named, train_folder, work_folder
from stages.pool import demonstrations, part_of, sample_problems

log = logging.getLogger("train")
TRACES_SCORED = 512  # traces at most whose likelihood under the model that training starts from is recorded


@dataclass(frozen=True)
class Inputs:
    """What a run follows from.

    section: the parameters of its kind of training. probes: the probe problems by suite. demonstrations: the texts of
    its trace set by problem_id, None where it has none; teacher_tokens: what a teacher sampled for them. init_run: the
    base or run whose weights it starts from; init: the folder, or the hub's id, of these.
    """

    run: params.RunSpec
    settings: params.Params
    section: params.Sft | params.Rl
    problems: list[Problem]
    probes: dict[str, list[Problem]]
    demonstrations: dict[str, list[str]] | None
    teacher_tokens: int
    init_run: str
    init: str


def read_inputs(run: params.RunSpec, settings: params.Params) -> Inputs:
    """Read what a run follows from. Raises `UserError` where a part is missing, or there are too few problems."""
    section = params.settings(settings, run.arm)
    problems = part_of(sample_problems(run.sample), settings.arms[run.arm].part)
    if isinstance(section, params.Rl) and section.prompts > len(problems):
        raise UserError(
            f"params.yaml: arm {run.arm}: {section.prompts} prompts a generation are more than the {len(problems)} of "
            f"sample {run.sample}; lower rl.batch_size or rl.steps_per_generation"
        )
    texts, teacher_tokens = demonstrations(run.traces, problems) if run.traces else (None, 0)
    init_run = f"{run.start}-{run.model}-{run.sample}-{run.seed}" if run.start else f"base-{run.model}"
    init = str(MODELS / init_run) if run.start else settings.models[run.model]
    probes = probe_problems(settings.probe.suites, settings.problems.per_probe)
    return Inputs(run, settings, section, problems, probes, texts, teacher_tokens, init_run, init)


def probe_problems(suites: list[str], per_probe: int) -> dict[str, list[Problem]]:
    """The probe problems by suite, at most `per_probe` each; a view of another suite's problems probes that suite's.

    Suites that this data has no problems for (or no twins, where they show words) are left out. Raises `UserError` when
    none is left.
    """
    probes = problem.load(PROBLEMS, splits=["probe"])
    by_suite = {}
    for name in suites:
        tagged = [p for p in probes if f"suite:{SUITES[name].split}" in p.tags]
        fitting = [p for p in tagged if SUITES[name].fits(p)][:per_probe]
        if fitting:
            by_suite[name] = fitting
        else:
            log.info("no probe problems for suite %s: it is not followed", name)
    if not by_suite:
        raise UserError(f"{PROBLEMS}: no probe problems for any of {', '.join(suites)}; change probe.suites")
    return by_suite


def fingerprint(inputs: Inputs) -> str:
    """Names the work folder: no other model, data, probe, parameter, code or library resumes this run's checkpoint.

    Problems count by content: an id stays the same when a picture or a gold trace changes.
    """
    run, settings, folder = inputs.run, inputs.settings, Path(inputs.init)
    weights = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*")) if p.is_file()}
    return digest(
        run.run_id,
        inputs.init,
        weights,
        settings.threads,
        settings.checkpoint,
        asdict(settings.prompt),
        asdict(settings.probe),
        asdict(settings.arms[run.arm]),
        asdict(inputs.section),
        [_content(p) for p in inputs.problems],
        inputs.demonstrations,
        {suite: [_content(p) for p in probed] for suite, probed in inputs.probes.items()},
        code.digest_of(code.of_run(settings, run)),
        [f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft")],
    )


def _content(p: Problem) -> str:
    return digest(content_hash(p), p.text_twin, p.answer_type)


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
    run = settings.runs.trained[named(arguments, "run", "runs.train", settings.runs.trained)]
    check_tracker(settings.report_to)
    inputs = read_inputs(run, settings)
    work = work_folder() / "train" / f"{run.run_id}-{fingerprint(inputs)}"
    with locked(work):
        train(inputs, work)


def train(inputs: Inputs, work: Path) -> None:
    """Train a run in its work folder, then publish its model and its records.

    Raises `UserError` where the model cannot be loaded, asked one of the problems, or give one of the answers.
    """
    run, settings, section = inputs.run, inputs.settings, inputs.section
    is_rl = isinstance(section, params.Rl)
    with loading():  # seconds; what is wrong with the parameters has been said by now
        from transformers import set_seed

        from counterpoint.models import checkpoint
        from counterpoint.training.demonstrations import nats_per_token

        if is_rl:
            from counterpoint.training.grpo import train as train_by_method
        else:
            from counterpoint.training.sft import train as train_by_method
    model, processor = load_model(inputs.init, settings.threads, settings.trust_remote_code)
    method = ConfiguredMethod(
        params.method(settings, run.arm), params.options(settings, run.arm), inputs.demonstrations
    )
    imitated, texts = method.imitated(inputs.problems)
    _check_prompts(inputs, model, processor, imitated, texts)
    set_seed(run.seed)
    parameters = checkpoint.parameters(model)
    if section.lora:
        model = checkpoint.add_lora(model, **asdict(section.lora))
        for config in model.peft_config.values():
            config.base_model_name_or_path = inputs.init
    session = _session(inputs, work)
    log.info("%s: %d problems from %s", run.run_id, len(inputs.problems), inputs.init)
    trace_nll = None
    if inputs.demonstrations:
        trace_nll = nats_per_token(
            model, processor, imitated[:TRACES_SCORED], texts[:TRACES_SCORED], settings.prompt.instruction,
            section.batch_size,
        )  # fmt: skip
        log.info("%s: traces %s, %.3f nats per token under %s", run.run_id, run.traces, trace_nll, inputs.init_run)
    totals = train_by_method(model, processor, inputs.problems, section, method, session)
    folder, out = MODELS / run.run_id, train_folder(run.run_id)
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint.save(model, processor, folder)
    session.recorder.publish(out)
    record = {
        "run_id": run.run_id,
        "study": settings.study,
        "arm": run.arm,
        "model": run.model,
        "sample": run.sample,
        "seed": run.seed,
        "method": method.method.name,
        "trace_set": run.traces,
        "trace_nll": trace_nll,
        "teacher_tokens": inputs.teacher_tokens,
        "init_run": inputs.init_run,
        "engine": section.engine,  # `totals` says otherwise where a run fell back to another
        "checkpoint": str(folder),
        "checkpoint_rule": settings.checkpoint,
        "parameters": parameters,
        **totals,
        "params_json": json.dumps(
            {
                method.method.stage: asdict(section),
                "arm": asdict(settings.arms[run.arm]),
                "prompt": settings.prompt.instruction,
            },
            sort_keys=True,
        ),
    }
    files.write_json(out / "run.json", record, sort_keys=True)
    log.info("%s: %s, %d updates, published in %s and %s", run.run_id, totals["status"], totals["updates"], folder, out)


def _check_prompts(inputs: Inputs, model, processor, imitated: list[Problem], texts: list[str]) -> None:
    """Raise `UserError` for a problem that the model cannot be asked, or whose answer or trace it cannot give."""
    from counterpoint.generation import prompt_checks
    from counterpoint.training.data import gold

    settings, section = inputs.settings, inputs.section
    instruction = settings.prompt.instruction
    if isinstance(section, params.Rl):
        prompt_checks.check(model, processor, inputs.problems, instruction, section.max_completion_tokens)
    elif inputs.demonstrations is None:
        imitated, texts = inputs.problems, gold(inputs.problems)
    prompt_checks.check(model, processor, imitated, instruction, completions=texts)
    for suite, probed in inputs.probes.items():
        prompt_checks.check(model, processor, probed, instruction, settings.probe.max_tokens, suite=SUITES[suite])


def _session(inputs: Inputs, work: Path):
    from counterpoint.training.probe import ProbeSpec
    from counterpoint.training.records import Recorder, provenance
    from counterpoint.training.session import Session

    settings, section = inputs.settings, inputs.section
    is_rl = isinstance(section, params.Rl)
    probe = ProbeSpec(
        problems=inputs.probes,
        instruction=settings.prompt.instruction,
        max_tokens=settings.probe.max_tokens,
        batch_size=settings.probe.batch_size,
        temperature=section.temperature if is_rl else 1.0,
        top_p=section.top_p if is_rl else 1.0,
        reward_weights=section.rewards if is_rl else None,
        at_least=settings.probe.at_least,
        every=settings.probe.every,
    )
    return Session(
        recorder=Recorder(work / "records", inputs.run.run_id),
        work=work,
        probe=probe,
        seed=inputs.run.seed,
        checkpoint=settings.checkpoint,
        stop_when_deceptive=is_rl and section.stop_when_deceptive,
        machine=dict(provenance()),
        report_to=settings.report_to,
    )


if __name__ == "__main__":
    main(program)
