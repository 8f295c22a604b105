"""One arm's trials: folders of their own under work/tune, and the stages that are run in them, one after the other."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.evaluation.store import weights_digest
from counterpoint.params import compose
from counterpoint.problem import digest
from counterpoint.training.best_checkpoint import IN_DOMAIN
from counterpoint.training.records import provenance
from counterpoint.tuning import propose, recipe, space, table, trial
from counterpoint.tuning.children import Chain, Command
from stages import code
from stages.common import MODELS, PROBLEMS, RUNS, SAMPLES, TRACES, distill_folder, train_folder, work_folder
from stages.train import locked

log = logging.getLogger("tune")
INTERRUPTED = (130, -2, -15)  # exit codes of a program that was told to end


@dataclass
class Search:
    """One arm's search. `data`: the parameters of its first trial; `steps`: what is made before it, the trial's own run
    the last; `start`: the searched arm whose best model it starts from."""

    arm: str
    data: dict[str, Any]
    steps: list[recipe.Step]
    space: dict[str, params.Range]
    trials: int
    start: str | None
    folder: Path = Path()
    known: str = ""  # its fingerprint
    began: str | None = None  # what it started from, in words
    tried: list[trial.Trial] = dataclasses.field(default_factory=list)

    @property
    def settings(self) -> params.Params:
        return params.parse(self.data, "params.yaml")

    @property
    def run_id(self) -> str:
        return self.steps[-1][1]

    def trial_folder(self, number: int) -> Path:
        return self.folder / f"trial-{number:02}"


def make_world(folder: Path, data: Mapping[str, Any]) -> Chain:
    """Draw the problems and samples that all trials share; at each start anew, for their source may have changed."""
    with locked(folder):
        write_params(folder, data)
        for stage in ("problems", "sample"):
            yield from made(folder, stage)


def made(folder: Path, stage: str, *arguments: str) -> Chain:
    """Run a stage in a folder. Raises `UserError` with its last line when it fails."""
    log_file = folder / f"{'-'.join((stage, *arguments))}.log"
    ended = yield Command(f"stages.{stage}", arguments, folder, log_file)
    check_interrupted(ended)
    if ended:
        raise UserError(f"{' '.join((stage, *arguments))}: {last_line(log_file)} (the whole of it: {log_file})")


def check_interrupted(ended: int) -> None:
    """Raise KeyboardInterrupt where a program was told to end: the tuning ends too, and goes on later."""
    if ended in INTERRUPTED:
        raise KeyboardInterrupt


def last_line(log_file: Path) -> str:
    """The last line of a log that is not empty, as a program tells a user's mistake."""
    text = log_file.read_text(encoding="utf-8", errors="replace").strip() if log_file.exists() else ""
    return text.rpartition("\n")[2].removeprefix("error: ") or "no output"


def write_params(folder: Path, data: Mapping[str, Any]) -> None:
    """Put params.yaml into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(compose.dump(dict(data)), encoding="utf-8")


def link(place: Path, target: Path) -> None:
    """Make `place` a link to `target`, whatever it was."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target.resolve())


def fingerprint(search: Search, world: Path, before: Search | None) -> str:
    """Names the arm's folder: other data, base, parameters, ranges, code or libraries share no trial with it."""
    settings = search.settings
    runs = settings.runs.trained
    files = {file for run in runs.values() for file in code.of_run(settings, run)}
    files |= {Path(propose.__file__), *(code.of("distill") if settings.traces else ())}
    return digest(
        [hashlib.sha256((world / path).read_bytes()).hexdigest() for path in (PROBLEMS, SAMPLES)],
        sorted((run.model, weights_digest(settings.models[run.model])) for run in runs.values()),
        [(run_id, dataclasses.asdict(settings.arms[run.arm])) for run_id, run in runs.items()],
        [dataclasses.asdict(params.settings(settings, run.arm)) for run in runs.values()],
        [dataclasses.asdict(part) for part in (settings.prompt, settings.probe)],
        [(name, dataclasses.asdict(made), vars(settings.kinds[made.kind])) for name, made in settings.traces.items()],
        dataclasses.asdict(settings.distill) if settings.traces else None,
        settings.threads,
        {key: dataclasses.asdict(range_) for key, range_ in search.space.items()},
        (before.known, table.best(before.tried).number) if before else None,
        code.digest_of(sorted(files)),
        [f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft", "optuna")],
    )  # fmt: skip


def chain(search: Search, world: Path, before: Search | None) -> Chain:
    """What an arm's trials need, then its trials, one after the other; `before` is the search that it starts from."""
    if before:
        top = table.best(before.tried)
        if top is None:
            raise UserError(f"arm {search.arm}: no trial of {before.arm}, from whose best it starts, ended well")
        search.data = space.changed(search.data, before.arm, top.values)
        search.began = f"{before.arm}, trial {top.number}"
    elif search.settings.arms[search.arm].start:
        search.began = f"{search.settings.arms[search.arm].start}, values of the study"
    search.known = fingerprint(search, world, before)
    search.folder = work_folder() / "tune" / f"{search.run_id}-{search.known}"
    with locked(search.folder):
        share(search.folder, world)
        write_params(search.folder, search.data)
        if before:
            first = MODELS / before.run_id
            if not (before.trial_folder(top.number) / first).is_dir():
                raise UserError(
                    f"arm {search.arm}: the model of {before.arm}'s trial {top.number}, the best of the first "
                    f"{before.trials}, is gone, for a later one was better; ask for as many --trials as before"
                )
            link(search.folder / first, before.trial_folder(top.number) / first)
        for stage, key in search.steps[:-1]:
            ended = distill_folder(key) / "timings.parquet" if stage == "distill" else train_folder(key) / "run.json"
            if not (search.folder / ended).exists():
                log.info("%s: %s %s", search.arm, stage, key)
                yield from made(search.folder, stage, key)
        for number in range(search.trials):
            yield from one_trial(search, number)


def share(folder: Path, world: Path) -> None:
    """Links to the problems and samples of a world."""
    for path in (PROBLEMS, SAMPLES):
        link(folder / path.parent, world / path.parent)


def one_trial(search: Search, number: int) -> Chain:
    """Run a trial unless it has ended, and append it to those tried."""
    folder = search.trial_folder(number)
    found = trial.read(folder)
    if found is None:
        settings = search.settings
        values = (
            propose.propose(search.space, search.tried, settings.tune.seed)
            if number
            else space.values(settings, search.arm, search.space)
        )
        found = trial.Trial(number, values)
        trial.write(found, folder)
    if found.state == trial.BEGUN:
        found = yield from trained(search, found, folder)
        trial.write(found, folder)
        for bulk in ("work", RUNS):  # checkpoints and completions
            shutil.rmtree(folder / bulk, ignore_errors=True)
    search.tried.append(found)
    told = f"{found.accuracy:.1%}" if found.state == trial.DONE else f"{found.state}: {found.reason}"
    values = ", ".join(f"{key} {table.told(value)}" for key, value in found.values.items())
    log.info("%s %d/%d: %s: %s", search.arm, number + 1, search.trials, values, told)
    top = table.best(search.tried)
    for other in search.tried:  # only the best is started from
        if other is not top:
            shutil.rmtree(search.trial_folder(other.number) / MODELS / search.run_id, ignore_errors=True)


def trained(search: Search, begun: trial.Trial, folder: Path) -> Chain:
    """Train a trial from its last checkpoint; the trial as it ended."""
    run_id = search.run_id
    write_params(folder, space.changed(search.data, search.arm, begun.values))
    for path in (PROBLEMS.parent, SAMPLES.parent, TRACES):
        (search.folder / path).mkdir(parents=True, exist_ok=True)
        link(folder / path, search.folder / path)
    for model in (search.folder / MODELS).glob("*"):
        link(folder / MODELS / model.name, model)
    log_file = folder / "train.log"
    ended = yield Command("stages.train", (run_id,), folder, log_file)
    check_interrupted(ended)
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
    return trial.measured(begun, folder / train_folder(run_id), IN_DOMAIN, about)


def rows(search: Search) -> list[dict]:
    """The rows of an arm's trials."""
    settings = search.settings
    run = settings.runs.trained[search.run_id]
    about = {key: getattr(run, key) for key in ("arm", "model", "sample", "seed")}
    about |= {"method": settings.arms[search.arm].method, "start": search.began, "fingerprint": search.known}
    used = [params.parse(space.changed(search.data, search.arm, one.values)) for one in search.tried]
    return table.rows(about, search.tried, [vars(params.settings(one, search.arm)) for one in used])
