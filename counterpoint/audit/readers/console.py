"""What a framework prints, behind whatever Ray, tqdm or a logger write before it.

- verl (`verl/utils/logger/aggregate_logger.py`): `step:N - critic/rewards/mean:0.5 - …`, also `np.float64(0.5)`;
- EasyR1 (`verl/utils/logger/logger.py`, ConsoleLogger): `Step N`, then the metrics as nested YAML;
- TRL and ms-swift (transformers' PrinterCallback and ProgressCallback): `{'loss': 0.0, 'reward': 0.5, …}`, from
  transformers 5 on with numbers as text; ms-swift adds `'global_step/max_steps': '3/40'`, TRL no step;
- OpenRLHF (`ppo_trainer.py`): `Global step N: {'policy_loss': …, 'reward': …}`, `global_step N, eval_metrics: {…}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from counterpoint.audit import files, series
from counterpoint.audit.log import Logged
from counterpoint.audit.readers import steps

FIRST = 20_000  # lines within which a log has its first step
LONGEST = 50_000  # characters of a line with a dictionary
NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|\.?nan|\.?inf)"
_VERL = re.compile(r"(?:^|\s)step:(\d+) - (\S+:.*)")
_VERL_NUMBER = re.compile(rf"(?:np\.\w+\(|tensor\()?({NUMBER})", re.IGNORECASE)
_EASYR1 = re.compile(r"(?P<before>.*?)Step (?P<step>\d+)\s*")
_YAML = re.compile(rf"( *)'?([^\s:'][^:']*)'?:(?: ({NUMBER}))?\s*", re.IGNORECASE)
_DICT = re.compile(r"(?P<before>[^{]*)\{(?P<inner>['\"].*)\}\s*")
_ENTRY = re.compile(
    rf"(['\"])(?P<name>[^'\"]+)\1: (?:['\"]?(?:np\.\w+\()?(?P<number>{NUMBER})\)?['\"]?(?=[,}}]|$)"
    r"|'(?P<text>[^']*)')",
    re.IGNORECASE,
)
_TRAINED = re.compile(r"'(?:loss|[^']*reward[^']*|policy_loss)': ")
_STEP = re.compile(r"global[_ ]step\D{0,3}(\d+)", re.IGNORECASE)
_KINDS = {steps.OF_SWIFT: "log of ms-swift's console", "response_length": "log of OpenRLHF's console"}
_COUNTED = "no step is printed in it: a step here is the number of a training entry"
Lines = Iterable[tuple[int, str]]
Rows = Iterator[tuple[str, object, dict[str, object]]]


def fits(path: Path) -> bool:
    """Whether one of the first lines is a step as a framework prints it."""
    return _form(path) is not None


def read(path: Path) -> Logged:
    """The steps that were printed, of a file that `fits`. Raises `UserError` where they fall or repeat."""
    form, notes = _form(path), []
    lines = enumerate(files.lines(path), 1)
    if form == "dicts":
        rows = [(f"line {number}", row) for number, line in lines if (row := _dict(line))]
        names = {name for _, row in rows for name in row}
        notes = [] if steps.names_of([dict.fromkeys(names, 0)]) else [_COUNTED]
        kind = next((kind for name, kind in _KINDS.items() if name in names), "log of TRL's console")
        metrics = series.collect(path, steps.stepped(rows))
    elif form == "easyr1":
        kind, metrics = "log of EasyR1's console", series.collect(path, _blocks(lines))
    else:
        kind, metrics = "log of verl's console", series.collect(path, _verl(lines))
    return Logged(kind, path, {"": metrics}, path.parent, notes)


def _form(path: Path) -> str | None:
    before = None
    for line in islice(files.lines(path), FIRST):
        if _VERL.search(line):
            return "verl"
        if len(line) >= LONGEST:
            continue
        if before is not None and _nested(line, before):
            return "easyr1"
        step = _EASYR1.fullmatch(line)
        before = step["before"] if step else None
        if _TRAINED.search(line) and _dict(line):
            return "dicts"
    return None


def _verl(lines: Lines) -> Rows:
    for number, line in lines:
        if match := _VERL.search(line):
            pairs = (part.rpartition(":") for part in match[2].strip().split(" - "))
            values = {name: _VERL_NUMBER.match(value) for name, _, value in pairs if name}
            yield f"line {number}", match[1], {name: float(value[1]) for name, value in values.items() if value}


def _dict(line: str) -> dict[str, object]:
    """The numbers of a dictionary that ends a line, with the step that stands in it or before it."""
    match = _DICT.fullmatch(line) if len(line) < LONGEST else None
    if not match:
        return {}
    row: dict[str, object] = {}
    for entry in _ENTRY.finditer(match["inner"]):
        if entry["number"]:
            row[entry["name"]] = float(entry["number"])
        elif entry["name"] == steps.OF_SWIFT:
            row[entry["name"]] = entry["text"]
    if row and (step := _STEP.search(match["before"])):
        row["global_step"] = int(step[1])
    return row


def _blocks(lines: Lines) -> Rows:
    """EasyR1's blocks. Ray marks the lines of a process; those of others may stand between."""
    position, step, before = "", "", None
    parents: list[str] = []
    metrics: dict[str, object] = {}
    for number, line in lines:
        begins = _EASYR1.fullmatch(line) if len(line) < LONGEST else None
        if before is not None and not begins and (nested := _nested(line, before)):
            parents = [*parents[: len(nested[1]) // 2], nested[2]]
            if nested[3]:
                metrics["/".join(parents)] = float(nested[3].lower().replace(".nan", "nan").replace(".inf", "inf"))
        elif begins or (before is not None and line.startswith(before)):
            if metrics:
                yield position, step, metrics
            before, parents, metrics = None, [], {}
            if begins:
                position, step, before = f"line {number}", begins["step"], begins["before"]
    if metrics:
        yield position, step, metrics


def _nested(line: str, before: str) -> re.Match | None:
    """The line of a block, whose lines begin with `before`."""
    return _YAML.fullmatch(line, len(before)) if len(line) < LONGEST and line.startswith(before) else None
