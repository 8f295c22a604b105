"""Run a study with independent stages side by side; the same results and dvc.lock as `dvc repro`.

    python -m flows.parallel [--jobs N]                    params.yaml as it stands
    python -m flows.parallel --study quick rl.epochs=2     what `make study STUDY=quick SET=rl.epochs=2` calls

A stage starts when all that it needs is up to date; of those that could start, the one with the longest way still
behind it to the end of the study goes first. Each is a `dvc --wait-for-lock repro -s STAGE` of its own
(flows/runner.py), so DVC alone decides what runs, and records it. Exit codes: 0 all is up to date, 1 a stage failed,
2 a user's mistake, 130 interrupted (run again to go on).
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import queue
import re
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from counterpoint import running, sources
from counterpoint.errors import UserError
from counterpoint.params import compose
from flows import graph, runner
from flows.supervise import GRACE
from stages import estimate, lifeline, shipped

RETRIES = 2  # of a stage that another DVC process stood in the way of
RETRY_DELAY = 10.0  # seconds
WAKE = 0.5  # seconds; a signal that the system hands to another thread is only heard when the main thread next wakes
# What DVC tells one who runs it by hand; the log keeps it.
ADVICE = re.compile(
    r"Running stage '.*':|Stage '.*' didn't change, skipping|Use `dvc push`|To track the changes with git|\tgit add "
    r"|To enable auto staging|\tdvc config core\.autostage|Generating lock file|Updating lock file"
)


class Study:
    """One pass over the stages: which are done, which run, and what is said of them on standard output."""

    def __init__(self, needs: Mapping[str, set[str]], weights: Mapping[str, float], root: Path = Path()) -> None:
        self.needs, self.root, self.longest = needs, root, graph.remaining(needs, weights)
        self.width = max(map(len, needs))
        self.done: dict[str, str] = {}  # stage: ran, restored or unchanged
        self.failed: dict[str, str] = {}  # stage: what to tell
        self.running: dict[str, runner.Child] = {}
        self.started: dict[str, float] = {}
        self.conflicts: collections.Counter[str] = collections.Counter()
        self.not_before: dict[str, float] = {}  # when a stage with a conflict may be tried again
        self.skipped = graph.Skipped(needs, root)
        self.heard: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()

    def run(self, jobs: int, environment: Mapping[str, str] = os.environ) -> None:
        """Bring all stages up to date, up to `jobs` at a time; after a failure none starts, but those at work go on.

        Whatever exception ends this, nothing of the stages is alive when it goes on.
        """
        try:
            self.ask()
            while True:
                self.start_ready(jobs, environment)
                if not self.running and (self.failed or len(self.done) == len(self.needs)):
                    return
                self.listen()
        except BaseException:
            with contextlib.suppress(OSError):  # the terminal may be gone
                print(f"stopping {len(self.running)} stages, in {GRACE:.0f} s at most", flush=True)
            runner.stop(self.running.values())
            raise

    def ask(self) -> None:
        """Find what need not run. Whenever a stage is done, for before DVC cannot know it of those after it."""
        for name in self.skipped.now(self.done, self.running):
            self.done[name] = "unchanged"
            self.say(name, f"unchanged, {self.progress()}")

    def start_ready(self, jobs: int, environment: Mapping[str, str]) -> None:
        """Start stages that can, while there is room."""
        now = time.monotonic()
        free = 0 if self.failed else max(0, jobs - len(self.running))
        ready = graph.startable(self.needs, self.longest, self.done, self.running)
        for name in [name for name in ready if self.not_before.get(name, 0.0) <= now][:free]:
            self.say(name, f"starts, {self.progress()}")
            self.started[name] = now
            self.running[name] = runner.start(name, self.root, environment)
            threading.Thread(target=self.read, args=(name, self.running[name]), daemon=True).start()

    def read(self, name: str, child: runner.Child) -> None:
        """Hand a child's lines to the main thread, and None when it has ended. Runs in a thread of its own."""
        for line in runner.lines(child):
            self.heard.put((name, line))
        self.heard.put((name, None))

    def listen(self) -> None:
        """Wait a moment for a line or the end of a stage."""
        try:
            name, line = self.heard.get(timeout=WAKE)
        except queue.Empty:
            return
        if line is None:
            self.close(name)
        elif not ADVICE.match(line):
            self.say(name, line)

    def close(self, name: str) -> None:
        """Note how a stage ended."""
        child = self.running.pop(name)
        seconds = time.monotonic() - self.started[name]
        try:
            self.done[name] = runner.finish(child)
        except runner.LockConflict as conflict:
            self.conflicts[name] += 1
            if self.conflicts[name] <= RETRIES:
                self.not_before[name] = time.monotonic() + RETRY_DELAY
                self.say(name, f"another DVC process is at work here; tried again in {RETRY_DELAY:.0f} s")
            else:
                self.failed[name] = str(conflict)
        except runner.StageFailed as failure:
            self.failed[name] = str(failure)
        if name in self.failed:
            others = "; what runs goes on to its end" if self.running else ""
            self.say(name, f"failed, {seconds:.0f} s, {self.progress()}{others}")
        elif name in self.done:
            self.say(name, f"{self.done[name]}, {seconds:.0f} s, {self.progress()}")
            self.ask()

    def progress(self) -> str:
        return f"{len(self.done)}/{len(self.needs)} done"

    def say(self, name: str, text: str) -> None:
        """One line, the stage's name in the margin."""
        print(f"{name:{self.width}} | {text}", flush=True)

    def summary(self) -> str:
        """How many stages ended in which way."""
        outcomes = collections.Counter(self.done.values())
        parts = [f"{outcomes[outcome]} {outcome}" for outcome in ("ran", "restored", "unchanged")]
        missing = len(self.needs) - len(self.done) - len(self.failed)
        if missing or self.failed:
            parts += [f"{len(self.failed)} failed", f"{missing} not reached"]
        return f"{len(self.needs)} stages: {', '.join(parts)}"


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def jobs_from(text: str | None, threads: int) -> int:
    """How many stages may run at a time: `text`, or so many as there are cores for; raises `UserError`."""
    if text is None:
        return max(1, usable_cores() // threads)
    if not re.fullmatch(r"0*[1-9][0-9]{0,3}", text):
        raise UserError(f"--jobs: {text!r} is not a whole number from 1 up; leave it out to use all cores")
    return int(text)


def surroundings(jobs: int, threads: int) -> dict[str, str]:
    """The environment of the stages: this process's own, but that threads that outnumber the cores wait passively.

    Spinning at each other's expense they take several times as long; what the user has set stays.
    """
    return ({"OMP_WAIT_POLICY": "PASSIVE"} if jobs * threads > usable_cores() else {}) | dict(os.environ)


def interrupt(*_: object) -> None:
    """Raise KeyboardInterrupt at the first of the signals; the others would only disturb the end of the stages."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    """Run the study; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.parallel", description="Run a study, independent stages side by side."
    )
    parser.add_argument("--study", default="", help="a name from studies/; params.yaml as it stands if left out")
    parser.add_argument(
        "--fresh", action="store_true", help="the study as studies/ has it, without changes of one's own"
    )
    parser.add_argument("--jobs", metavar="N", help="stages at a time (default: usable cores over `threads`)")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a setting laid on the study")
    chosen = parser.parse_args(arguments)
    started = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and a shell's `&` have it
            signal.signal(number, interrupt)
    lifeline.end_with(lifeline.made_by_make())
    try:
        with running.hold("`make study`"):
            made = compose.resolve(chosen.study, compose.split_settings(chosen.overrides), fresh=chosen.fresh)
            settings = made.params
            sources.check_all(settings.source)
            jobs = jobs_from(chosen.jobs, settings.threads)
            shipped.check()
            compose.save(made)
            print(made.in_words(), flush=True)
            study = Study(graph.needs(), estimate.by_stage(settings))
            study.ask()
            if len(study.done) < len(study.needs):  # what was timed before is read for that, which takes its while
                print(estimate.line(settings), flush=True)
            try:
                study.run(jobs, surroundings(jobs, settings.threads))
            finally:
                print(f"{study.summary()}; {time.monotonic() - started:.0f} s", flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from there", file=sys.stderr)
        return 130
    for name, message in study.failed.items():
        print(f"{message}\nThe whole of it: {runner.log_file(name)}", file=sys.stderr)
    return 1 if study.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
