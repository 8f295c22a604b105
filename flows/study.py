"""The study as a Prefect flow: params.yaml is composed, then each stage of dvc.yaml that must run does so as one task.

    python -m flows.study                                    params.yaml as it stands
    python -m flows.study --study quick --jobs 1 rl.learning_rate=1e-5

Independent stages run side by side, as in flows/parallel.py. Needs no server: without PREFECT_API_URL one is started
that ends with the run. What need not run does not: DVC decides, by the same dvc.lock as `dvc repro`. A run whose server
does not answer any more says so within 15 seconds and ends; run again it goes on. Exit codes: 0 completed, 1 failed,
2 a user's mistake, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from counterpoint import columns, running, schedule, supervise
from counterpoint.errors import exit_codes
from counterpoint.params import compose
from flows import flow_parameters, graph, heartbeat, prepare, runner, server
from stages import estimate
from stages.study_results import StudyFiles

ASK_EVERY = 3.5  # seconds from one look whether the server answers to the next, and at most for an answer
MISSED = 3  # answers after which it counts as gone


# Prefect cannot see files, so its cache must not second-guess DVC's.
@task(name="stage", task_run_name="{target}", cache_policy=NO_CACHE, persist_result=False)
def stage(target: str) -> str:
    """One stage of dvc.yaml; returns `ran`, `restored` or `unchanged`."""
    return runner.run_stage(target, get_run_logger().info, programs=runner.CURRENT.get())


@flow(name="study", persist_result=False)
def run_study(study: str = "", overrides: list[str] = [], jobs: int = 0) -> None:  # noqa: B006 (shown as the default)
    """Run a study from data to report.

    study: a name from studies/, or empty for params.yaml as it stands.
    overrides: settings KEY=VALUE laid on it, for example rl.learning_rate=1e-5.
    jobs: how many stages may run at a time; 0 for as many as there are cores for.
    """
    flow_parameters.check(study, overrides)
    if runtime.deployment.id:
        supervise.end_with(os.getppid())  # the program that serves it
    server.name_run(str(runtime.flow_run.id))
    with running.hold(f"the flow run {runtime.flow_run.name}"):
        prepared = prepare.study(study, overrides, str(jobs) if jobs else None)
        get_run_logger().info(prepared.composed.in_words())
        name, progress = prepared.settings.study, schedule.Progress(graph.needs())
        get_run_logger().info("study %s: %d stages, up to %d at a time", name, len(progress.needs), prepared.jobs)
        run_stages(progress, prepared)
        create_markdown_artifact(
            summary(name, progress), key="study-summary", description=f"Study {name}: its stages and accuracies"
        )
        for error in progress.failed.values():
            raise error


def run_stages(progress: schedule.Progress, prepared: prepare.Prepared) -> None:
    """Run each stage that must run as a task, while the server answers.

    A cancelled run raises an exception here, in the main thread. All stages have been ended before it goes on.
    """
    programs, over = supervise.Programs(prepared.environment), threading.Event()
    runner.CURRENT.set(programs)
    watched = (get_current_settings().api.url, programs, over)
    threading.Thread(target=watch_server, args=watched, daemon=True).start()
    try:
        schedule.run(
            progress,
            stage.submit,
            prepared.jobs,
            programs.stop,
            weights=estimate.by_stage(prepared.settings),
            skippable=graph.Skipped(progress.needs).now,
            failures=(Exception,),
        )
    finally:
        over.set()


def watch_server(address: str, programs: supervise.Programs, over: threading.Event) -> None:
    """End this process when the server has missed `MISSED` answers, unless the run is `over` first. For a thread.

    Without this Prefect would go on for minutes, unseen by any page, and then fail.
    """
    missed, pause = 0, ASK_EVERY
    while missed < MISSED:
        if over.wait(pause):
            return
        asked_at = time.monotonic()
        missed = 0 if server.answers(address, ASK_EVERY) else missed + 1
        pause = max(0.0, ASK_EVERY - (time.monotonic() - asked_at))  # a server that hangs is noticed no later
    print(
        f"the Prefect server at {address} does not answer any more: the run ends here, its stages save what they have; "
        "the same command goes on from there",
        file=sys.stderr,
        flush=True,
    )
    programs.stop()
    os._exit(1)


def commit() -> str:
    """The commit checked out, `-dirty` when files differ from it."""
    described = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return described.stdout.strip() or "no commit"


def summary(study: str, progress: schedule.Progress) -> str:
    """The run in Markdown: study and commit, each stage with outcome and seconds, accuracies by run and suite."""
    outcomes = {**progress.done, **dict.fromkeys(progress.failed, "failed")}
    rows = [
        [target, outcomes.get(target, "not reached"), f"{progress.seconds.get(target, 0.0):.1f}"]
        for target in progress.needs
    ]
    seconds = sum(progress.seconds.values())
    parts = [
        f"# Study {study}\n\nCommit {commit()}; {seconds:.0f} s in {len(rows)} stages.",
        columns.markdown(["stage", "outcome", "seconds"], rows),
    ]
    file = StudyFiles(study).summary
    if len(progress.done) == len(progress.needs) and file.is_file():
        accuracies = json.loads(file.read_text(encoding="utf-8"))["accuracy"]
        suites = list(dict.fromkeys(suite for by_suite in accuracies.values() for suite in by_suite))
        percent = {run: {suite: f"{100 * a:.1f}" for suite, a in row.items()} for run, row in accuracies.items()}
        body = [[run, *(by_suite.get(suite, "") for suite in suites)] for run, by_suite in percent.items()]
        parts.append("Accuracy, %\n\n" + columns.markdown(["run", *suites], body))
    return "\n\n".join(parts) + "\n"


@exit_codes
def main(arguments: list[str]) -> int:
    """Run the flow once, here."""
    options = prepare.parser("flows.study", "Run a study as a Prefect flow.").parse_args(arguments)
    overrides = compose.split_settings(options.overrides)
    with running.hold("`python -m flows.study`"):
        prepared = prepare.study(options.study, overrides, options.jobs)
        graph.needs()  # tells a mistake in dvc.yaml before a server is started
        with temporary_settings({} if get_current_settings().api.url else {PREFECT_API_URL: server.start_own()}):
            heartbeat.ensure()
            state = run_study(options.study, overrides, prepared.jobs, return_state=True)
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
