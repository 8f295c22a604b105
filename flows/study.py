"""The study as a Prefect flow: params.yaml is composed, then every stage of dvc.yaml runs in order as one task.

    python -m flows.study                                    params.yaml as it stands
    python -m flows.study --study quick rl.learning_rate=1e-5

Needs no server: without PREFECT_API_URL a temporary one is started. What need not run does not: DVC decides, by the
same dvc.lock as `dvc repro`. Exit codes: 0 completed, 1 failed, 2 a user's mistake, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client

from counterpoint import params, studies
from counterpoint.errors import UserError
from flows import graph, runner
from stages.common import SUMMARY


def compose(study: str, overrides: list[str]) -> str:
    """Bring params.yaml to the study and the KEY=VALUE settings; an empty study keeps the present one. Its name.

    Raises `UserError` before anything is written.
    """
    name = study or params.read_yaml(Path("params.yaml")).get("study")
    if study or overrides:
        studies.write(name, overrides)
    else:
        params.load()
    return name


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
    return runner.run_stage(target, get_run_logger().info)


@flow(name="study", persist_result=False)
def run_study(study: str = "", overrides: list[str] = []) -> None:  # noqa: B006 (Prefect shows it as the default)
    """Run a study from data to report.

    study: a name from studies/, or empty for params.yaml as it stands.
    overrides: settings KEY=VALUE laid on it, for example rl.learning_rate=1e-5.
    """
    name = compose(study, overrides)
    targets = graph.stages()
    done: dict[str, tuple[str, float]] = {}
    get_run_logger().info("study %s: %d stages", name, len(targets))
    try:
        for target in targets:
            started = time.monotonic()
            done[target] = ("failed", 0.0)
            # Called, not submitted: a cancelled run raises in the main thread, which must be the one to stop the stage.
            outcome = stage(target)
            done[target] = (outcome, time.monotonic() - started)
    except Exception:
        done[target] = ("failed", time.monotonic() - started)
        leave_summary(name, targets, done)
        raise
    leave_summary(name, targets, done)


def leave_summary(name: str, targets: list[str], done: dict[str, tuple[str, float]]) -> None:
    """Leave the run's summary as a Prefect artifact."""
    complete = len(done) == len(targets) and all(outcome != "failed" for outcome, _ in done.values())
    results = json.loads(SUMMARY.read_text(encoding="utf-8")) if complete and SUMMARY.is_file() else {}
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


def start_server() -> None:
    """Start the temporary server now, if there is no other, deaf to Ctrl-C: how a run was stopped is yet to be stored.

    (Otherwise the terminal's signal ends it too, and Prefect tries for minutes to reach it.)
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        get_client(sync_client=True)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def main(arguments: list[str]) -> int:
    """Run the flow once, here; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.study", description="Run a study as a Prefect flow.")
    parser.add_argument("--study", default="", help="a name from studies/; params.yaml as it stands if left out")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a setting laid on the study")
    chosen = parser.parse_args(arguments)
    try:
        compose(chosen.study, chosen.overrides)
        graph.stages()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        start_server()
        state = run_study(chosen.study, chosen.overrides, return_state=True)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from there", file=sys.stderr)
        return 130
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
