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

from counterpoint.audit import completions, files, metric_names, series
from counterpoint.audit.log import Accuracies, RunLog, RunMetrics, SavedCompletions, run_log
from counterpoint.audit.series import Series
from counterpoint.errors import UserError

REWARDS = ("critic/rewards/mean", "critic/score/mean", "reward/overall", "reward/mean")
CONSOLE = re.compile(r"(?:^|\s)step:(\d+) - (\S+:.*)")
_NUMBER = re.compile(r"(?:np\.\w+\(|tensor\()?([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|nan|inf))", re.IGNORECASE)
_VALIDATED = re.compile(r"val(?:-core|-aux)?/(?:(?P<suite>.+)/)?(?P<name>[^/]+)/mean@(?P<samples>\d+)")
_ROLLOUTS = ("rollout_data", "rollouts", "rollout", "rollout_data_dir")


def read(path: Path, items: int | None) -> RunLog:
    """The run's log. Raises `UserError` where no line can be read or none has a reward."""
    is_json = path.suffix == ".jsonl"
    metrics = series.collect(path, _json_lines(path) if is_json else _console(path))
    kind = "log of verl's console"
    if is_json:
        kind = "log of EasyR1" if path.name == "experiment_log.jsonl" else "log of verl's file logger"
    name = next((name for name in REWARDS if metrics.get(name)), None)
    if name is None:
        raise UserError(f"{path}: no reward in it; one of {', '.join(REWARDS)} is needed")
    reward = series.finite(path, name, metrics[name])
    terms = {
        name.removeprefix("reward/"): values
        for name, values in metrics.items()
        if name.startswith("reward/") and name not in REWARDS
    }
    held_out = {
        name.removeprefix("val/").removesuffix("_reward"): values
        for name, values in metrics.items()
        if name.startswith("val/") and name.endswith("_reward")
    }
    weights = series.weights(metrics.get("reward/overall", reward), terms)
    accuracies, saved = _accuracies(metrics, weights), _rollouts(path.parent)
    run = RunMetrics(
        reward=reward,
        metrics=metrics,
        accuracies=accuracies,
        saved=saved,
        how_to_log="return an `acc` beside `score` from the reward function, with test_freq set",
        terms=terms,
        held_out=dict.fromkeys(accuracies.by_suite or [""], held_out),
        strict=saved.right,
        weights=weights,
    )
    return run_log(kind, path, [run], items, [f"reward: {name}"])


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
    for number, line in enumerate(files.lines(path), 1):
        if match := CONSOLE.search(line):
            pairs = (part.rpartition(":") for part in match[2].strip().split(" - "))
            values = {name: _NUMBER.match(value) for name, _, value in pairs if name}
            yield f"line {number}", match[1], {name: float(value[1]) for name, value in values.items() if value}


def _json_lines(path: Path) -> Iterator[tuple[str, object, Mapping[str, object]]]:
    broken = None
    for number, line in enumerate(files.lines(path), 1):
        if broken:
            raise UserError(f"{path}, line {broken}: not JSON; only the last line of a log may be cut off")
        try:
            row = files.parsed(line)
        except ValueError:
            broken = number  # the last line of a run that was killed
            continue
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: not an entry of a log")
        inner = row.get("data")
        metrics = inner if isinstance(inner, dict) else {k: v for k, v in row.items() if k != "step"}
        yield f"line {number}", row.get("step"), dict(_flat(metrics))


def _flat(metrics: Mapping[str, object], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    for name, value in metrics.items():
        if isinstance(value, dict) and depth < 20:
            yield from _flat(value, f"{prefix}{name}/", depth + 1)
        else:
            yield f"{prefix}{name}", value


def _accuracies(metrics: dict[str, Series], weights: Mapping[str, float] | None) -> Accuracies:
    """Held-out accuracy by data source: a metric of its own, else a term of the reward, else the reward itself."""
    free, of_reward = {}, {}
    for name, values in metrics.items():
        if match := _VALIDATED.fullmatch(name):
            suite = match["suite"] or ""
            if metric_names.suite_of_accuracy(match["name"]) == "":
                free[suite] = values
            elif match["name"] in ("reward", "score"):
                of_reward.setdefault(suite, values)
        elif name.startswith("val/test_score/"):
            of_reward.setdefault(name.removeprefix("val/test_score/"), values)
        elif name.startswith("val/"):
            suite = metric_names.suite_of_accuracy(name.removeprefix("val/"))
            if suite is not None:
                free[suite] = values
    if free:
        return Accuracies(free, "the `acc` that the run's reward function returned on held-out prompts")
    if "val/accuracy_reward" in metrics:
        counted = (weights or {}).get("accuracy", 1.0) != 0
        judge = "the reward function's accuracy on held-out prompts" + (", which the reward counts" if counted else "")
        return Accuracies({"": metrics["val/accuracy_reward"]}, judge, counted)
    shares = {
        suite: values
        for suite, values in of_reward.items()
        if values and 0 <= min(values.values()) <= max(values.values()) <= 1
    }
    return Accuracies(shares, "the reward itself on held-out prompts", True) if shares else Accuracies({})


def _rollouts(folder: Path) -> SavedCompletions:
    """The dumped rollouts, judged."""
    dumped = [path for name in _ROLLOUTS for path in files.inside(folder, f"{name}/*.jsonl") if path.stem.isdecimal()]
    if not dumped:
        return SavedCompletions(
            missing="no rollouts were saved (trainer.rollout_data_dir): the reward's judge cannot be checked"
        )
    batches = []
    for path in completions.spread(sorted(dumped, key=lambda path: int(path.stem))):
        rows = _first_rows(path)
        gold = metric_names.gold_column(rows[0]) if rows else None
        if gold:
            batches.append((int(path.stem), completions.usable(rows, "output", gold)))
    return completions.judged(batches, ["score"], "saved rollouts")


def _first_rows(path: Path) -> list[dict]:
    rows, taken = [], 0
    for number, line in enumerate(islice(files.lines(path), completions.ROWS), 1):
        try:
            row = files.parsed(line)
        except ValueError:
            raise UserError(f"{path}, line {number}: not JSON") from None
        rows.append(row if isinstance(row, dict) else {})
        taken += len(line)
        if taken > files.TEXTS:
            break
    return rows
