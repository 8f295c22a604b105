"""The study as a Prefect flow: params.yaml is composed, then each stage of dvc.yaml that must run does so as one task.

    python -m flows.study                                    params.yaml as it stands
    python -m flows.study --study quick --jobs 1 rl.learning_rate=1e-5

Independent stages run side by side, as in flows/parallel.py. Needs no server: without PREFECT_API_URL one is started
that ends with the run. What need not run does not: DVC decides, by the same dvc.lock as `dvc repro`. A run whose server
does not answer any more says so within 15 seconds and ends; run again it goes on. Exit codes: 0 completed, 1 failed,
2 a user's mistake, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from typing import Any

from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from counterpoint import running, sources
from counterpoint.errors import UserError
from counterpoint.params import compose
from flows import asked, graph, heartbeat, parallel, runner, server
from stages import estimate, lifeline, shipped
from stages.places import place

ASK_EVERY = 3.5  # seconds from one look whether the server answers to the next, and at most for an answer
MISSED = 3  # answers after which it counts as gone


def lock_conflict(task: Any, task_run: Any, state: Any) -> bool:
    """Whether a failed stage deserves another try: only when another DVC process stood in its way."""
    return isinstance(state.result(raise_on_failure=False), runner.LockConflict)


# Prefect cannot see files, so its cache must not second-guess DVC's.
@task(
    name="stage",
    task_run_name="{target}",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=lock_conflict,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def stage(target: str) -> str:
    """One stage of dvc.yaml; returns `ran`, `restored` or `unchanged`."""
    return runner.run_stage(target, get_run_logger().info, children=runner.CURRENT.get())


@flow(name="study", persist_result=False)
def run_study(study: str = "", overrides: list[str] = [], jobs: int = 0) -> None:  # noqa: B006 (shown as the default)
    """Run a study from data to report.

    study: a name from studies/, or empty for params.yaml as it stands.
    overrides: settings KEY=VALUE laid on it, for example rl.learning_rate=1e-5.
    jobs: how many stages may run at a time; 0 for so many as the cores are enough for.
    """
    asked.check(study, overrides)
    if runtime.deployment.id:
        lifeline.end_with([os.getppid()])  # the program that serves it
    server.name_run(str(runtime.flow_run.id))
    with running.hold(f"the flow run {runtime.flow_run.name}"):
        made = compose.resolve(study, overrides)
        settings = made.params
        sources.check_all(settings.source)
        at_a_time = parallel.jobs_from(str(jobs) if jobs else None, settings.threads)
        shipped.check()
        compose.save(made)
        get_run_logger().info(made.in_words())
        needs = graph.needs()
        done: dict[str, tuple[str, float]] = {}
        get_run_logger().info("study %s: %d stages, up to %d at a time", settings.study, len(needs), at_a_time)
        runner.CURRENT.set(runner.Children(parallel.surroundings(at_a_time, settings.threads)))
        over = threading.Event()
        watched = (get_current_settings().api.url, runner.CURRENT.get(), over)
        threading.Thread(target=watch_server, args=watched, daemon=True).start()
        try:
            run_stages(needs, graph.remaining(needs, estimate.by_stage(settings)), at_a_time, done)
        except Exception:
            leave_summary(settings.study, list(needs), done)
            raise
        finally:
            over.set()
        leave_summary(settings.study, list(needs), done)


def watch_server(address: str, children: runner.Children, over: threading.Event) -> None:
    """End the process when the server has not answered for so long that it counts as gone, unless the run ends first.

    Prefect itself would go on without it for minutes and then fail: of what happens meanwhile no page could tell. Runs
    in a thread of its own.
    """
    missed, pause = 0, ASK_EVERY
    while missed < MISSED:
        if over.wait(pause):
            return
        asked_at = time.monotonic()
        missed = 0 if server.answers(address, ASK_EVERY) else missed + 1
        pause = max(0.0, ASK_EVERY - (time.monotonic() - asked_at))  # one that hangs is no later told
    print(
        f"the Prefect server at {address} does not answer any more: the run ends here, its stages save what they have; "
        "the same command goes on from there",
        file=sys.stderr,
        flush=True,
    )
    children.stop()
    os._exit(1)


def run_stages(
    needs: dict[str, set[str]], longest: dict[str, float], jobs: int, done: dict[str, tuple[str, float]]
) -> None:
    """Run each stage that must as a task, up to `jobs` at a time; outcome and seconds of each go to `done`.

    After a failure none starts; the first is raised when those at work have ended. A cancelled run raises in the main
    thread, here, and the stages' process groups are gone before that goes on.
    """
    running: dict[str, tuple[PrefectFuture, float]] = {}
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    failure: Exception | None = None
    skipped = graph.Skipped(needs)
    try:
        while not failure or running:
            if not failure:
                done |= dict.fromkeys(skipped.now(done, running), ("unchanged", 0.0))
                for name in graph.startable(needs, longest, done, running)[: max(0, jobs - len(running))]:
                    future = stage.submit(name)
                    running[name] = (future, time.monotonic())
                    future.add_done_callback(lambda _, name=name: ended.put(name))
            if not running:
                return
            name = first(ended)
            future, started = running.pop(name)
            try:
                outcome = future.result()
            except Exception as error:
                outcome, failure = "failed", failure or error
            done[name] = (outcome, time.monotonic() - started)
        raise failure
    except BaseException:
        runner.CURRENT.get().stop()
        raise


def first(ended: queue.SimpleQueue[str]) -> str:
    """The next of the queue, waited for in a way that lets the main thread hear every signal."""
    while True:
        with contextlib.suppress(queue.Empty):
            return ended.get(timeout=parallel.WAKE)


def leave_summary(name: str, targets: list[str], done: dict[str, tuple[str, float]]) -> None:
    """Leave the run's summary as a Prefect artifact."""
    complete = len(done) == len(targets) and all(outcome != "failed" for outcome, _ in done.values())
    made = place(name).summary
    results = json.loads(made.read_text(encoding="utf-8")) if complete and made.is_file() else {}
    text = summary(name, commit(), targets, done, results)
    create_markdown_artifact(text, key="study-summary", description=f"Study {name}: its stages and accuracies")


def commit() -> str:
    """The commit checked out, `-dirty` when files differ from it."""
    described = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return described.stdout.strip() or "no commit"


def summary(name: str, revision: str, targets: list[str], done: dict[str, tuple[str, float]], results: dict) -> str:
    """The run in Markdown: study and commit, each stage with outcome and seconds, accuracies by run and suite."""
    rows = [(target, *done.get(target, ("not reached", 0.0))) for target in targets]
    parts = [
        f"# Study {name}\n\nCommit {revision}; {sum(seconds for *_, seconds in rows):.0f} s in {len(rows)} stages.",
        table(["stage", "outcome", "seconds"], [[t, outcome, f"{seconds:.1f}"] for t, outcome, seconds in rows]),
    ]
    accuracies = results.get("accuracy")
    if isinstance(accuracies, dict) and accuracies:
        suites = list(dict.fromkeys(suite for by_suite in accuracies.values() for suite in by_suite))
        body = [[run, *(percent(by_suite.get(suite)) for suite in suites)] for run, by_suite in accuracies.items()]
        parts.append("Accuracy, %\n\n" + table(["run", *suites], body))
    return "\n\n".join(parts) + "\n"


def percent(value: Any) -> str:
    """A fraction, alone or under the key `accuracy`, in per cent."""
    number = value.get("accuracy") if isinstance(value, dict) else value
    return f"{100 * number:.1f}" if isinstance(number, int | float) else ""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def main(arguments: list[str]) -> int:
    """Run the flow once, here; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.study", description="Run a study as a Prefect flow.")
    parser.add_argument("--study", default="", help="a name from studies/; params.yaml as it stands if left out")
    parser.add_argument("--jobs", metavar="N", help="stages at a time (default: usable cores over `threads`)")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a setting laid on the study")
    chosen = parser.parse_args(arguments)
    overrides = compose.split_settings(chosen.overrides)
    try:
        with running.hold("`python -m flows.study`"):
            made = compose.resolve(chosen.study, overrides)
            settings = made.params
            sources.check_all(settings.source)
            jobs = parallel.jobs_from(chosen.jobs, settings.threads)
            shipped.check()
            compose.save(made)
            graph.stages()
            with temporary_settings({} if get_current_settings().api.url else {PREFECT_API_URL: server.start_own()}):
                heartbeat.ensure()
                state = run_study(chosen.study, overrides, jobs, return_state=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from there", file=sys.stderr)
        return 130
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
