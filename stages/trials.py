"""One arm's trials: folders of their own under work/tune, and the stages that are run in them, one after the other."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from counterpoint import files, params, supervise
from counterpoint.errors import UserError
from counterpoint.evaluation.store import weights_digest
from counterpoint.params import compose
from counterpoint.problem import digest
from counterpoint.training.best_checkpoint import IN_DOMAIN
from counterpoint.training.records import provenance
from counterpoint.tuning import recipe, space, table, trial
from stages import code
from stages.common import MODELS, PROBLEMS, RUNS, SAMPLES, TRACES, distill_folder, train_folder, work_folder
from stages.train import locked

log = logging.getLogger("tune")
INTERRUPTED = (130, 143)  # exit codes of a program that was told to end


@dataclass
class Search:
    """The search of one arm."""

    arm: str
    data: dict[str, Any]  # the parameters of the first trial
    steps: list[recipe.Step]  # what makes a trial's inputs, and last the trial's own run
    space: dict[str, params.Range]
    trials: int
    start: str | None  # the searched arm whose best model the trials start from
    folder: Path = Path()
    fingerprint: str = ""
    start_model: str | None = None  # what the trials start from, where that is not the base, in words
    tried: list[trial.Trial] = dataclasses.field(default_factory=list)

    @property
    def settings(self) -> params.Params:
        return params.parse(self.data, "params.yaml")

    @property
    def run_id(self) -> str:
        return self.steps[-1][1]

    def trial_folder(self, number: int) -> Path:
        return self.folder / f"trial-{number:02}"


class Programs(supervise.Programs):
    """The stages at work, each in a folder that stands in for the repository's root, with a work folder of its own."""

    def __init__(self) -> None:
        super().__init__({**os.environ, "COUNTERPOINT_WORK": "work", "PYTHONPATH": str(code.ROOT)})

    def run(self, folder: Path, log_file: Path, stage: str, *arguments: str) -> int:
        """Run a stage to its end; its exit code. Raises KeyboardInterrupt where it was told to end: the tuning ends
        too, and goes on later."""
        command = [sys.executable, "-m", f"stages.{stage}", *arguments]
        ended = self.start(command, log_file, folder, stdout=subprocess.DEVNULL).wait()
        if ended in INTERRUPTED:
            raise KeyboardInterrupt
        return ended

    def make(self, folder: Path, stage: str, *arguments: str) -> None:
        """Run a stage that must succeed. Raises `UserError` with its last line when it fails."""
        log_file = folder / f"{'-'.join((stage, *arguments))}.log"
        if self.run(folder, log_file, stage, *arguments):
            raise UserError(f"{' '.join((stage, *arguments))}: {last_line(log_file)} (the whole of it: {log_file})")


def make_world(programs: Programs, folder: Path, data: dict[str, Any]) -> None:
    """Draw the problems and samples that all trials share; at each start anew, for their source may have changed."""
    with locked(folder):
        files.replace(folder / "params.yaml", compose.dump(data))
        for stage in ("problems", "sample"):
            programs.make(folder, stage)


def last_line(log_file: Path) -> str:
    """The last line of a log, without the `error: ` that a program puts before a user's mistake."""
    text = log_file.read_text(encoding="utf-8", errors="replace").strip() if log_file.exists() else ""
    return text.rpartition("\n")[2].removeprefix("error: ") or "no output"


def link(path: Path, target: Path) -> None:
    """Make `path` a link to `target`, whatever it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target.resolve())


def fingerprint(search: Search, world: Path, before: Search | None) -> str:
    """Names the arm's folder, so that no trial is reused for other data, bases, parameters, ranges, code or libraries.

    world: the folder of the problems and samples. before: the search from whose best trial this one starts.
    """
    settings = search.settings
    runs = settings.runs.trained
    read = {file for run in runs.values() for file in code.of_run(settings, run)}
    read |= {Path(space.__file__), *(code.of("distill") if settings.traces else ())}
    return digest(
        [hashlib.sha256((world / path).read_bytes()).hexdigest() for path in (PROBLEMS, SAMPLES)],
        sorted((run.model, weights_digest(settings.models[run.model])) for run in runs.values()),
        [(run_id, dataclasses.asdict(settings.arms[run.arm])) for run_id, run in runs.items()],
        [dataclasses.asdict(params.settings(settings, run.arm)) for run in runs.values()],
        [dataclasses.asdict(part) for part in (settings.prompt, settings.probe)],
        [
            (name, dataclasses.asdict(trace_set), vars(settings.kinds[trace_set.kind]))
            for name, trace_set in settings.traces.items()
        ],
        dataclasses.asdict(settings.distill) if settings.traces else None,
        settings.threads,
        {key: dataclasses.asdict(range_) for key, range_ in search.space.items()},
        (before.fingerprint, table.best(before.tried).number) if before else None,
        code.digest_of(sorted(read)),
        [f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft", "optuna")],
    )  # fmt: skip


def search_arm(programs: Programs, search: Search, world: Path, before: Search | None) -> None:
    """Make what an arm's trials need, then run its trials, one after the other.

    world: the folder of the problems and samples. before: the search from whose best trial this one starts.
    """
    if before:
        top = table.best(before.tried)
        if top is None:
            raise UserError(f"arm {search.arm}: no trial of {before.arm}, from whose best it starts, ended well")
        search.data = space.changed(search.data, before.arm, top.values)
        search.start_model = f"{before.arm}, trial {top.number}"
    elif start := search.settings.arms[search.arm].start:
        search.start_model = f"{start}, values of the study"
    search.fingerprint = fingerprint(search, world, before)
    search.folder = work_folder() / "tune" / f"{search.run_id}-{search.fingerprint}"
    with locked(search.folder):
        for path in (PROBLEMS, SAMPLES):
            link(search.folder / path.parent, world / path.parent)
        files.replace(search.folder / "params.yaml", compose.dump(search.data))
        if before:
            model = MODELS / before.run_id
            made = before.trial_folder(top.number) / model
            if not made.is_dir():
                raise UserError(
                    f"arm {search.arm}: the model of {before.arm}'s trial {top.number}, the best of the first "
                    f"{before.trials}, is gone, for a later one was better; ask for as many --trials as before"
                )
            link(search.folder / model, made)
        for stage, key in search.steps[:-1]:
            out = distill_folder(key) / "timings.parquet" if stage == "distill" else train_folder(key) / "run.json"
            if not (search.folder / out).exists():
                log.info("%s: %s %s", search.arm, stage, key)
                programs.make(search.folder, stage, key)
        for number in range(search.trials):
            run_trial(programs, search, number)


def run_trial(programs: Programs, search: Search, number: int) -> None:
    """Run a trial unless it has ended, and append it to `search.tried`."""
    folder = search.trial_folder(number)
    current = trial.read(folder)
    if current is None:
        settings = search.settings
        values = (
            space.propose(search.space, search.tried, settings.tune.seed)
            if number
            else space.values(settings, search.arm, search.space)
        )
        current = trial.Trial(number, values)
        trial.write(current, folder)
    if current.state == trial.BEGUN:
        current = train(programs, search, current, folder)
        trial.write(current, folder)
        for bulk in ("work", RUNS):  # checkpoints and completions
            shutil.rmtree(folder / bulk, ignore_errors=True)
    search.tried.append(current)
    outcome = f"{current.accuracy:.1%}" if current.state == trial.DONE else f"{current.state}: {current.reason}"
    log.info("%s %d/%d: %s: %s", search.arm, number + 1, search.trials, table.printed(current.values), outcome)
    top = table.best(search.tried)
    for tried in search.tried:  # only the best is started from
        if tried is not top:
            shutil.rmtree(search.trial_folder(tried.number) / MODELS / search.run_id, ignore_errors=True)


def train(programs: Programs, search: Search, begun: trial.Trial, folder: Path) -> trial.Trial:
    """Train a trial from its last checkpoint; the trial as it ended."""
    files.replace(folder / "params.yaml", compose.dump(space.changed(search.data, search.arm, begun.values)))
    for path in (PROBLEMS.parent, SAMPLES.parent, TRACES):
        (search.folder / path).mkdir(parents=True, exist_ok=True)
        link(folder / path, search.folder / path)
    for model in (search.folder / MODELS).glob("*"):
        link(folder / MODELS / model.name, model)
    log_file = folder / "train.log"
    ended = programs.run(folder, log_file, "train", search.run_id)
    if ended == 2:  # a user's mistake, which every trial would meet
        raise UserError(f"{last_line(log_file)} (arm {search.arm}; the whole of it: {log_file})")
    about = dict(provenance())
    step = trial.diverged(folder / "work")
    if step is not None:
        reason = f"the gradient of step {step} is not finite"
        return dataclasses.replace(begun, state=trial.DIVERGED, reason=reason, **about)
    if ended:
        reason = f"exit code {ended}: {last_line(log_file)}"
        return dataclasses.replace(begun, state=trial.FAILED, reason=reason, **about)
    return trial.measured(begun, folder / train_folder(search.run_id), IN_DOMAIN, about)


def rows(search: Search) -> list[dict]:
    """The rows of an arm's trials."""
    run = search.settings.runs.trained[search.run_id]
    about = {key: getattr(run, key) for key in ("arm", "method", "model", "sample", "seed")}
    about |= {"start": search.start_model, "fingerprint": search.fingerprint}
    used = [params.parse(space.changed(search.data, search.arm, tried.values)) for tried in search.tried]
    return table.rows(about, search.tried, [vars(params.settings(settings, search.arm)) for settings in used])
