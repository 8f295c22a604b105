"""The verdicts on the rewards of this checkout's RL runs, those that train now and those that are published.

The runs' records are only read, so that looking disturbs nothing. A verdict is the trainer's own (see
counterpoint/training/assessment.py), of the greedy accuracy in domain. work/verdicts.json holds the last look.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from counterpoint import columns, files, params
from counterpoint.errors import one_line
from counterpoint.statistics.reward_parts import since_last
from counterpoint.training import assessment, best_checkpoint
from counterpoint.training.records import read_lines
from stages.common import RUNS, work_folder

SILENT = 600.0  # seconds without a record after which an unfinished run counts as stopped
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
    """A verdict that differs from the last look's; a run that was never looked at counts as `inconclusive`."""

    old: str
    new: Look


def memory() -> Path:
    """Where the last look is remembered."""
    return work_folder() / "verdicts.json"


def remembered() -> dict[str, Look]:
    """The last look by run; none where the file is missing or unreadable."""
    try:
        return {run: Look(**fields) for run, fields in json.loads(memory().read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember(looks: dict[str, Look]) -> None:
    """Keep the looks for the next time."""
    files.write_json(memory(), {run: asdict(look) for run, look in looks.items()})


def look(before: dict[str, Look]) -> dict[str, Look]:
    """Every RL run with at least one probe, by name; one whose records are as they were `before` is not read again."""
    looks = {}
    for run, folder in sorted(sources().items()):
        try:
            seen = (_published if folder.name == "train" else _live)(folder, before.get(run))
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:  # half written, or just being replaced
            print(f"{folder}: left out of this look: {one_line(error)}", file=sys.stderr)
            seen = before.get(run)
        if seen:
            looks[run] = seen
    return looks


def sources() -> dict[str, Path]:
    """The folder of each run's records: the published ones (…/train), or live ones (…/records) that are newer."""
    newest: dict[str, tuple[float, Path]] = {}
    published = [(file.parent.parent.name, file) for file in RUNS.glob("*/train/run.json")]
    live_files = work_folder().glob("*/*/records/steps.jsonl")
    for run, file in [*published, *((_run_of(file.parent), file) for file in live_files)]:
        written = file.stat().st_mtime
        if run not in newest or written > newest[run][0]:
            newest[run] = written, file.parent
    return {run: folder for run, (_, folder) in newest.items()}


def _run_of(records: Path) -> str:
    """The run whose live records lie in work/STAGE/RUN-FINGERPRINT/records."""
    return records.parent.name.rpartition("-")[0]


def _live(folder: Path, before: Look | None) -> Look | None:
    written = max(file.stat().st_mtime for file in folder.glob("*.jsonl"))
    state = "training" if time.time() - written < SILENT else "unfinished"
    last = max((row["step"] for row in read_lines(folder / "steps.jsonl")[0]), default=0)
    probes = [row for row in read_lines(folder / "probes.jsonl")[0] if row["step"] <= last]  # of steps that have ended
    if not probes:
        return None
    source = [str(folder), max(row["step"] for row in probes)]
    if before and before.source == source:
        return replace(before, state=state)
    return _assessed(_run_of(folder), source, state, replace(assessment.read_records(folder), probes=probes))


def _published(folder: Path, before: Look | None) -> Look | None:
    record = folder / "run.json"
    source = [str(folder), record.stat().st_mtime_ns]
    if before and before.source == source:
        return before
    tables = {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in ("probes", "steps", "rewards")}
    if not tables["rewards"]:
        return None
    state = json.loads(record.read_text(encoding="utf-8"))["status"]
    strict = assessment.strict_answers(folder / "completions.parquet")
    return _assessed(folder.parent.name, source, state, assessment.RunRecords(**tables, strict=strict))


def _assessed(run: str, source: list[str | int], state: str, rows: assessment.RunRecords) -> Look | None:
    """None where no reward is recorded, as in SFT, or nothing is probed."""
    probed = {row["suite"] for row in rows.probes}
    asked = [suite for suite in params.load().probe.suites if suite in probed]
    suite = best_checkpoint.deciding_suite(asked or sorted(probed))
    greedy = best_checkpoint.greedy(rows.probes, suite)
    rewards = best_checkpoint.recorded(rows.steps, "reward")
    if not greedy or not rewards:
        return None
    verdict = assessment.plain(assessment.assess(rows, suite))
    reward = float(since_last(list(greedy), rewards)[-1])
    step = max(greedy)
    return Look(
        run, source, state, step, len(greedy), reward if reward == reward else None, greedy[step]["accuracy"],
        verdict["verdict"], verdict["mechanism"], verdict["reason"],
    )  # fmt: skip


def changes(before: dict[str, Look], after: dict[str, Look]) -> list[Change]:
    """The runs whose verdict differs from before."""
    olds = {run: before[run].verdict if run in before else "inconclusive" for run in after}
    return [Change(olds[run], new) for run, new in after.items() if new.verdict != olds[run]]


def table(looks: dict[str, Look]) -> str:
    """The runs as a Markdown table, deceptive ones first."""
    if not looks:
        return "No RL run has been probed yet."
    rows = []
    for seen in sorted(looks.values(), key=lambda seen: (seen.verdict != "deceptive", seen.run)):
        shown = asdict(seen)
        for name in ("reward", "accuracy"):
            shown[name] = "" if shown[name] is None else f"{shown[name]:.3f}"
        rows.append([shown[name] for name in HEAD])
    return columns.markdown(HEAD, rows)
