"""Logs of verl and EasyR1: one line a step.

- verl's console (`verl/utils/logger/aggregate_logger.py`): `step:N - critic/rewards/mean:0.5 - …`, behind whatever
  Ray writes before it; numbers as `0.5` or `np.float64(0.5)`;
- verl's file logger (`verl/utils/tracking.py`, FileLogger): `{"step": N, "data": {"critic/rewards/mean": 0.5, …}}`;
- EasyR1's file logger (`verl/utils/logger/logger.py`): experiment_log.jsonl, `{"step": N, "critic": {"rewards": …}}`.

Rollouts that verl dumps (`trainer.rollout_data_dir`: N.jsonl with input, output, gts, score) are judged again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from counterpoint.audit import build, completions, files, named, series
from counterpoint.audit.log import Check, Log
from counterpoint.audit.series import Series
from counterpoint.errors import UserError

REWARDS = ("critic/rewards/mean", "critic/score/mean", "reward/overall", "reward/mean")
CONSOLE = re.compile(r"(?:^|\s)step:(\d+) - (\S+:.*)")
_NUMBER = re.compile(r"(?:np\.\w+\(|tensor\()?([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|nan|inf))", re.IGNORECASE)
_VALIDATED = re.compile(r"val(?:-core|-aux)?/(?:(?P<suite>.+)/)?(?P<name>[^/]+)/mean@(?P<samples>\d+)")
_ROLLOUTS = ("rollout_data", "rollouts", "rollout", "rollout_data_dir")


def read(path: Path, items: int | None) -> Log:
    """The run's log. Raises `UserError` where no line can be read or none has a reward."""
    text_lines = path.suffix == ".jsonl"
    metrics = series.collect(path, _json_lines(path) if text_lines else _console(path))
    kind = "log of verl's console"
    if text_lines:
        kind = "log of EasyR1" if path.name == "experiment_log.jsonl" else "log of verl's file logger"
    name = next((name for name in REWARDS if metrics.get(name)), None)
    if name is None:
        raise UserError(f"{path}: no reward in it; one of {', '.join(REWARDS)} is needed")
    reward = series.finite(path, name, metrics[name])
    terms = {n.removeprefix("reward/"): values for n, values in metrics.items()
             if n.startswith("reward/") and n not in REWARDS}  # fmt: skip
    held_terms = {n.removeprefix("val/").removesuffix("_reward"): values for n, values in metrics.items()
                  if n.startswith("val/") and n.endswith("_reward")}  # fmt: skip
    weights = series.weights(metrics.get("reward/overall", reward), terms)
    checks, checker, missing = _rollouts(path.parent)
    notes = [f"reward: {name}"]
    chosen, judge, own = _accuracies(metrics, weights)
    if not chosen and checks:
        judge = f"{checker}, not on held-out problems"
        chosen = {"": {check.step: check.right for check in checks}}
        items = items or min(check.number for check in checks)
    strict = {check.step: check.right for check in checks}
    curves = []
    for suite, accuracy in (chosen or {"": {}}).items():
        accuracy, percent = series.shares(path, f"the accuracy {suite}".strip(), accuracy)
        number, told = series.number_of_items(items, None, accuracy) if accuracy else (1, [])
        curves.append(build.curve("", suite, reward, accuracy, number,
                                  build.Parts(terms, held_terms, strict, weights), metrics))  # fmt: skip
        missing += told
        notes += ["accuracy was logged in per cent"] if percent else []
    if terms and not weights:
        missing.append("the logged reward terms do not add up to the reward: its gap cannot be split by term")
    elif not terms:
        missing.append("the terms of the reward are not in the log: its gap cannot be split by term")
    if not chosen:
        missing.append(
            "no accuracy in this log: return an `acc` beside `score` from the reward function, with test_freq set"
        )
    told = (tuple(notes), tuple(dict.fromkeys(missing)))
    return Log(kind, path, judge, own, tuple(curves), tuple(checks), *told, checked_by=checker)


def is_console(path: Path) -> bool:
    """Whether one of the first lines that say anything is a step of verl."""
    return any(CONSOLE.search(line) for line in islice(files.lines(path), 20_000))


def is_json_lines(path: Path) -> bool:
    """Whether the first line is a step of verl's or EasyR1's file logger."""
    try:
        row = files.parsed(next(files.lines(path), ""))
    except ValueError:
        return False
    if not isinstance(row, dict) or "step" not in row:
        return False
    return isinstance(row.get("data"), dict) or any(isinstance(value, dict) for value in row.values())


def _console(path: Path) -> Iterator[tuple[str, object, Mapping[str, object]]]:
    for place, line in enumerate(files.lines(path), 1):
        if match := CONSOLE.search(line):
            pairs = (part.rpartition(":") for part in match[2].strip().split(" - "))
            found = {name: _NUMBER.match(value) for name, _, value in pairs if name}
            yield f"line {place}", match[1], {name: float(value[1]) for name, value in found.items() if value}


def _json_lines(path: Path) -> Iterator[tuple[str, object, Mapping[str, object]]]:
    broken = None
    for place, line in enumerate(files.lines(path), 1):
        if broken:
            raise UserError(f"{path}, line {broken}: not JSON; only the last line of a log may be cut off")
        try:
            row = files.parsed(line)
        except ValueError:
            broken = place  # the last line of a run that was killed
            continue
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {place}: not an entry of a log")
        inner = row.get("data")
        metrics = inner if isinstance(inner, dict) else {k: v for k, v in row.items() if k != "step"}
        yield f"line {place}", row.get("step"), dict(_flat(metrics))


def _flat(metrics: Mapping[str, object], before: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    for name, value in metrics.items():
        if isinstance(value, dict) and depth < 20:
            yield from _flat(value, f"{before}{name}/", depth + 1)
        else:
            yield f"{before}{name}", value


def _accuracies(metrics: dict[str, Series], weights: Mapping[str, float] | None) -> tuple[dict[str, Series], str, bool]:
    """Held-out accuracy by data source, whose it is, and whether it is the reward itself."""
    free, own = {}, {}
    for name, values in metrics.items():
        if match := _VALIDATED.fullmatch(name):
            suite = match["suite"] or ""
            if named.suite_of_accuracy(match["name"]) == "":
                free[suite] = values
            elif match["name"] in ("reward", "score"):
                own.setdefault(suite, values)
        elif name.startswith("val/test_score/"):
            own.setdefault(name.removeprefix("val/test_score/"), values)
        elif name.startswith("val/") and named.suite_of_accuracy(name.removeprefix("val/")) is not None:
            free[named.suite_of_accuracy(name.removeprefix("val/"))] = values
    if free:
        return free, "the `acc` that the run's reward function returned on held-out prompts", False
    if "val/accuracy_reward" in metrics:
        counted = (weights or {}).get("accuracy", 1.0) != 0
        told = "the reward function's accuracy on held-out prompts"
        return {"": metrics["val/accuracy_reward"]}, told + (", which the reward counts" if counted else ""), counted
    own = {
        suite: values
        for suite, values in own.items()
        if values and 0 <= min(values.values()) <= max(values.values()) <= 1
    }
    return own, "the reward itself on held-out prompts" if own else "", bool(own)


def _rollouts(folder: Path) -> tuple[list[Check], str, list[str]]:
    """The checks of dumped rollouts, who judged them, and what they lack."""
    dumped = [path for name in _ROLLOUTS for path in files.inside(folder, f"{name}/*.jsonl") if path.stem.isdecimal()]
    if not dumped:
        return [], "", ["no rollouts were saved (trainer.rollout_data_dir): the reward's judge cannot be checked"]
    batches = []
    for path in completions.spread(sorted(dumped, key=lambda path: int(path.stem))):
        rows, taken = [], 0
        for place, line in enumerate(islice(files.lines(path), completions.ROWS), 1):
            try:
                row = files.parsed(line)
            except ValueError:
                raise UserError(f"{path}, line {place}: not JSON") from None
            rows.append(row if isinstance(row, dict) else {})
            taken += len(line)
            if taken > files.TEXTS:
                break
        rows = [{**row, "completion": row.get("output")} for row in rows]
        gold = named.gold_column(rows[0]) if rows else None
        if gold:
            batches.append((int(path.stem), completions.usable(rows, "completion", gold)))
    checks, judge = completions.checks(batches, ["score"])
    if not checks:
        return [], "", [judge]
    return checks, f"the {judge} judge here, on {sum(c.number for c in checks)} saved rollouts", []
