"""Run a study with independent stages side by side; the same results and dvc.lock as `dvc repro`.

    python -m flows.parallel [--jobs N]                    params.yaml as it stands
    python -m flows.parallel --study quick rl.epochs=2     what `make study STUDY=quick SET=rl.epochs=2` calls

A stage starts when all that it needs is up to date (counterpoint/schedule.py). Each is a `dvc --wait-for-lock repro -s
STAGE` of its own (flows/runner.py), so DVC alone decides what runs, and records it.

Exit codes: 0 all is up to date, 1 a stage failed, 2 a user's mistake, 130 interrupted (run again to go on).
"""

from __future__ import annotations

import collections
import contextlib
import functools
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from counterpoint import running, schedule, supervise
from counterpoint.errors import exit_codes
from counterpoint.params import compose
from flows import graph, prepare, runner
from stages import estimate

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What DVC tells one who runs it by hand; the log keeps it.
ADVICE = re.compile(
    r"Running stage '.*':|Stage '.*' didn't change, skipping|Use `dvc push`|To track the changes with git|\tgit add "
    r"|To enable auto staging|\tdvc config core\.autostage|Generating lock file|Updating lock file"
)


class StudyPass:
    """One pass over the stages of a study, and what is printed of it."""

    def __init__(
        self, needs: Mapping[str, set[str]], root: Path = Path(), environment: Mapping[str, str] = os.environ
    ) -> None:
        self.progress, self.root = schedule.Progress(needs), root
        self.width = max(map(len, needs))
        self.skipped = graph.Skipped(needs, root)
        self.programs = supervise.Programs(environment)

    def run(self, jobs: int, weights: Mapping[str, float]) -> None:
        """Bring all stages up to date, at most `jobs` at a time. After a failure none starts; those at work finish.

        weights: expected seconds by stage. Before any exception leaves this function, all stages have been ended.
        """

        def run_one(name: str) -> str:
            return runner.run_stage(name, functools.partial(self.echo, name), self.root, self.programs)

        with ThreadPoolExecutor(jobs) as pool:
            schedule.run(
                self.progress,
                functools.partial(pool.submit, run_one),
                jobs,
                self.stop,
                weights=weights,
                skippable=self.skipped.now,
                failures=(runner.StageFailed,),
                tell=self.tell,
            )

    def stop(self) -> None:
        """End all that is at work."""
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(f"stopping {len(self.progress.running)} stages, in {supervise.GRACE:.0f} s at most", flush=True)
        self.programs.stop()

    def tell(self, name: str, event: str) -> None:
        """Print that a stage starts or has ended."""
        progress = self.progress
        seconds = f", {progress.seconds[name]:.0f} s" if name in progress.seconds else ""
        others = "; what runs goes on to its end" if event == "failed" and progress.running else ""
        self.say(name, f"{event}{seconds}, {len(progress.done)}/{len(progress.needs)} done{others}")

    def echo(self, name: str, line: str) -> None:
        """Print a line of a stage's output, unless it is advice that means nothing here."""
        if not ADVICE.match(line):
            self.say(name, line)

    def say(self, name: str, text: str) -> None:
        """Print a line with the stage's name in front, in one piece, for each stage prints from a thread of its own."""
        sys.stdout.write(f"{name:{self.width}} | {text}\n")
        sys.stdout.flush()

    def summary(self) -> str:
        """How many stages ended in which way."""
        progress = self.progress
        outcomes = collections.Counter(progress.done.values())
        parts = [f"{outcomes[outcome]} {outcome}" for outcome in ("ran", "restored", "unchanged")]
        missing = len(progress.needs) - len(progress.done) - len(progress.failed)
        if missing or progress.failed:
            parts += [f"{len(progress.failed)} failed", f"{missing} not reached"]
        return f"{len(progress.needs)} stages: {', '.join(parts)}"


def interrupt(*_: object) -> None:
    """Raise KeyboardInterrupt at the first signal; later ones are ignored, so that the stages can end undisturbed."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@exit_codes
def main(arguments: list[str]) -> int:
    """Run the study; the exit code."""
    parser = prepare.parser("flows.parallel", "Run a study, independent stages side by side.")
    parser.add_argument("--fresh", action="store_true", help="the study as studies/ has it, without one's own changes")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # ignored by nohup and a shell's `&`: then it stays so
            signal.signal(number, interrupt)
    supervise.end_with(supervise.make())  # a killed `make` must not leave the study at work
    with running.hold("`make study`"):
        prepared = prepare.study(options.study, compose.split_settings(options.overrides), options.jobs, options.fresh)
        print(prepared.composed.in_words(), flush=True)
        study = StudyPass(graph.needs(), environment=prepared.environment)
        weights = estimate.by_stage(prepared.settings)
        schedule.skip(study.progress, study.skipped.now, study.tell)
        if len(study.progress.done) < len(study.progress.needs):
            print(estimate.line(prepared.settings), flush=True)  # reads measured times, so only where something is left
        try:
            study.run(prepared.jobs, weights)
        finally:
            print(f"{study.summary()}; {time.monotonic() - started:.0f} s", flush=True)
    for name, error in study.progress.failed.items():
        print(f"{error}\nThe whole of it: {runner.log_file(name)}", file=sys.stderr)
    return 1 if study.progress.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
