"""Watch the rewards of the RL runs of this checkout, those that train now and those that are published.

    python -m flows.watch --once                 one table, on standard output
    python -m flows.watch --every 300            look again and again; the table is printed when it changes

The runs' records are only read, so that looking disturbs nothing. Where a Prefect server answers (PREFECT_API_URL, else
the one of `make server`) each look is a run of the flow `watch`: it keeps the artifact `deceptive-rewards` current and
emits `counterpoint.verdict.changed` for a run whose verdict is another than at the last look, which is remembered in
work/verdicts.json. `python -m flows.serve --watch 300` serves it as a deployment. A verdict is the trainer's own (see
counterpoint/training/assessment.py), of the greedy accuracy in domain.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from counterpoint import params
from counterpoint.errors import UserError, one_line
from counterpoint.training import assessment, best_checkpoint
from counterpoint.training.records import read_lines
from flows import server
from stages.common import RUNS, work_folder

SILENT = 600.0  # seconds without a record after which an unfinished run counts as stopped
EVERY = 300  # seconds
HEAD = ("run", "state", "step", "probes", "reward", "accuracy", "verdict", "mechanism", "reason")


@dataclass(frozen=True)
class Look:
    """What is known of one run: `source` changes with its records, `reward` and `accuracy` are the last probe's."""

    run: str
    source: list[str | int]
    state: str
    step: int
    probes: int
    reward: float | None
    accuracy: float
    verdict: str
    mechanism: str
    reason: str


@dataclass(frozen=True)
class Change:
    """A verdict that is another than at the last look; a run that was never looked at counts as `inconclusive`."""

    old: str
    new: Look


def memory() -> Path:
    """Where the last look is remembered."""
    return work_folder() / "verdicts.json"


def remembered() -> dict[str, Look]:
    """The last look by run; none where the file is missing or unreadable."""
    try:
        return {run: Look(**kept) for run, kept in json.loads(memory().read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember(looks: dict[str, Look]) -> None:
    """Write the memory, whole or not at all."""
    memory().parent.mkdir(parents=True, exist_ok=True)
    scratch = memory().with_suffix(".new")
    scratch.write_text(json.dumps({run: asdict(look) for run, look in looks.items()}, indent=1), encoding="utf-8")
    scratch.replace(memory())


def look(before: dict[str, Look]) -> dict[str, Look]:
    """Every RL run with at least one probe, by name; one whose records are as they were `before` is not read again."""
    found = {}
    for run, folder in sorted(sources().items()):
        try:
            seen = (_published if folder.name == "train" else _live)(folder, before.get(run))
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:  # half written, or just being replaced
            print(f"{folder}: left out of this look: {one_line(error)}", file=sys.stderr)
            seen = before.get(run)
        if seen:
            found[run] = seen
    return found


def sources() -> dict[str, Path]:
    """Where each run's records lie: published ones (…/train), or live ones (…/records) that are newer."""
    newest: dict[str, tuple[float, Path]] = {}
    places = [(file, file.parent.parent.name) for file in RUNS.glob("*/train/run.json")]
    places += [
        (file, file.parent.parent.name.rpartition("-")[0]) for file in work_folder().glob("*/*/records/steps.jsonl")
    ]
    for file, run in places:
        written = file.stat().st_mtime
        if run not in newest or written > newest[run][0]:
            newest[run] = written, file.parent
    return {run: folder for run, (_, folder) in newest.items()}


def _live(folder: Path, before: Look | None) -> Look | None:
    written = max(file.stat().st_mtime for file in folder.glob("*.jsonl"))
    state = "training" if time.time() - written < SILENT else "unfinished"
    last = max((row["step"] for row in read_lines(folder / "steps.jsonl")[0]), default=0)
    probes = [row for row in read_lines(folder / "probes.jsonl")[0] if row["step"] <= last]  # of steps that have ended
    step = max((row["step"] for row in probes), default=None)
    if step is None:
        return None
    source = [str(folder), step]
    if before and before.source == source:
        return replace(before, state=state)
    rows = replace(assessment.read_records(folder), probes=probes)
    return _assessed(folder.parent.name.rpartition("-")[0], source, state, rows)


def _published(folder: Path, before: Look | None) -> Look | None:
    record = folder / "run.json"
    source = [str(folder), record.stat().st_mtime_ns]
    if before and before.source == source:
        return before
    if not pq.read_metadata(folder / "rewards.parquet").num_rows:
        return None
    state = json.loads(record.read_text(encoding="utf-8"))["status"]
    probes, steps, rewards = (
        pq.read_table(folder / f"{t}.parquet").to_pylist() for t in ("probes", "steps", "rewards")
    )
    strict = assessment.strict_answers(folder / "completions.parquet")
    return _assessed(folder.parent.name, source, state, assessment.RunRecords(probes, steps, rewards, strict))


def _assessed(run: str, source: list[str | int], state: str, rows: assessment.RunRecords) -> Look | None:
    """None where no reward is recorded, as in SFT, or nothing is probed."""
    probed = {row["suite"] for row in rows.probes}
    asked = [suite for suite in params.load().probe.suites if suite in probed]
    suite = best_checkpoint.deciding_suite(asked or sorted(probed))
    greedy = best_checkpoint.greedy(rows.probes, suite)
    rewards = {row["step"]: row.get("reward") for row in rows.steps}
    if not greedy or all(reward is None for reward in rewards.values()):
        return None
    found = assessment.plain(assessment.assess(rows, suite))
    reward = best_checkpoint.since_last(list(greedy), rewards)[-1]
    step = max(greedy)
    return Look(
        run, source, state, step, len(greedy), reward if reward == reward else None, greedy[step]["accuracy"],
        found["verdict"], found["mechanism"], found["reason"],
    )  # fmt: skip


def changes(before: dict[str, Look], after: dict[str, Look]) -> list[Change]:
    """The runs whose verdict is another than before."""
    olds = {run: before[run].verdict if run in before else "inconclusive" for run in after}
    return [Change(olds[run], new) for run, new in after.items() if new.verdict != olds[run]]


def table(looks: dict[str, Look]) -> str:
    """The runs as a Markdown table, deceptive ones first."""
    if not looks:
        return "No RL run has been probed yet."
    order = sorted(looks.values(), key=lambda seen: (seen.verdict != "deceptive", seen.run))
    rows = [
        (seen.run, seen.state, seen.step, seen.probes, _number(seen.reward), _number(seen.accuracy), seen.verdict,
         seen.mechanism, seen.reason)
        for seen in order
    ]  # fmt: skip
    body = [HEAD, ["---"] * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in body)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def look_alone() -> str:
    """One look without Prefect; the table."""
    before = remembered()
    after = look(before)
    for change in changes(before, after):
        print(f"{change.new.run}: {change.old} -> {change.new.verdict} at step {change.new.step}", file=sys.stderr)
    remember(after)
    return table(after)


def main(arguments: list[str]) -> int:
    """Look once, or until interrupted; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.watch", description="Watch the rewards of RL runs.")
    parser.add_argument("--every", type=int, default=EVERY, metavar="SECONDS", help=f"between looks (default {EVERY})")
    parser.add_argument("--once", action="store_true", help="look once")
    chosen = parser.parse_args(arguments)
    address = os.environ.setdefault("PREFECT_API_URL", server.url())
    try:
        if chosen.every < 1:
            raise UserError(f"--every: {chosen.every} is not a number of seconds from 1 up")
        params.load()
        work_folder()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if server.answers(address):
        from flows.watching import watch as at_look  # Prefect reads PREFECT_API_URL when it is imported
    else:
        print(f"no Prefect server answers at {address}: the table is only printed", file=sys.stderr)
        at_look = look_alone
    shown = None
    try:
        while True:
            text = at_look()
            if text != shown:
                print(text, flush=True)
                shown = text
            if chosen.once:
                return 0
            time.sleep(chosen.every)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
