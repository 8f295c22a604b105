"""The benchmark of a training step: this repository's engine, stock TRL and two more rivals, in turn.

    python -m bench                                                   # all; writes metrics/bench.json (make bench)
    python -m bench --case a,b --arm shared,stock --rounds 1 --steps 3   # a short trial; writes nothing

Each measurement is a process of its own, and a round runs every arm once, so that what disturbs the machine for a while
disturbs all arms. Where a GPU is present, the case is one of Qwen2-VL-2B's shape in bfloat16 (`--case a,b,c,d`: the
CPU's). The floor is explained in bench/floor.py.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench import runs
from bench.cases import Case, cases
from bench.worker import ARMS
from counterpoint import files
from counterpoint.errors import UserError

OUT = Path("metrics/bench.json")
ON_CPU, ON_GPU = "abcd", "g"
HEADER = (
    f"{'case':4} {'arm':8} {'step s':>8} {'compl/s':>8} {'tokens/s':>9} {'peak MB':>8} {'vs stock':>8} {'× floor':>8}"
)


def measure(case: Case, arms: list[str], options: argparse.Namespace, peak: float | None) -> list[dict]:
    """Rows of the case, one an arm, after `options.rounds` rounds over the arms."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        shared = {"warmup": options.warmup, "steps": options.steps}
        runs.worker(arms[0], case.name, folder, options.threads, prepare=True, **shared)
        found: dict[str, list[dict]] = {arm: [] for arm in arms}
        for number in range(options.rounds):
            for arm in arms:
                found[arm].append(runs.worker(arm, case.name, folder, options.threads, **shared))
                seconds = median(found[arm][-1]["steps"])
                print(f"case {case.name} round {number + 1}/{options.rounds} {arm}: {seconds:.3f} s", file=sys.stderr)
        lengths = [one["completion_tokens"] for rounds in found.values() for one in rounds]
        length = sum(lengths) / len(lengths) if case.method == "rl" else None
        floor = runs.worker("floor", case.name, folder, options.threads, length=length)
    return [row(case, arm, found, floor, peak) for arm in arms]


def row(case: Case, arm: str, found: dict[str, list[dict]], floor: dict, peak: float | None) -> dict:
    """An arm's medians over its rounds; `ratio` is the median over rounds of stock's step time to the arm's."""
    steps = [median(one["steps"]) for one in found[arm]]
    seconds = median(steps)
    tokens = [one["completion_tokens"] or floor["completion_tokens"] for one in found[arm]]
    stock = [median(one["steps"]) for one in found.get("stock", [])]
    ratios = [theirs / ours for theirs, ours in zip(stock, steps, strict=True)] if stock else []
    return {
        "case": case.name,
        "title": case.title,
        "arm": arm,
        "step_seconds": seconds,
        "step_seconds_rounds": steps,
        "generate_seconds": _phase(found[arm], "generate"),
        "loss_seconds": _phase(found[arm], "loss"),
        "completions_per_second": case.batch / seconds,
        "tokens_per_second": case.batch * median(tokens) / seconds,
        "completion_tokens": median(tokens),
        "prompt_tokens": floor["prompt_tokens"],
        "import_mb": median(one["import_mb"] for one in found[arm]),
        "peak_mb": median(one["peak_mb"] for one in found[arm]),
        "ratio": median(ratios) if ratios else None,
        "ratio_rounds": ratios or None,
        "floor_seconds": floor["floor_seconds"],
        "floor_distance": seconds / floor["floor_seconds"],
        "operations": floor["operations"],
        "mfu": floor["operations"] / seconds / peak if peak else None,
    }


def _phase(rounds: list[dict], name: str) -> float | None:
    values = [median(one[name]) for one in rounds if name in one]
    return median(values) if values else None


def line(found: dict) -> str:
    """A row of the printed table."""
    ratio = f"{found['ratio']:8.2f}" if found["ratio"] else f"{'':8}"
    text = (
        f"{found['case']:4} {found['arm']:8} {found['step_seconds']:8.3f} {found['completions_per_second']:8.1f} "
        f"{found['tokens_per_second']:9.0f} {found['peak_mb']:8.0f} {ratio} {found['floor_distance']:8.1f}"
    )
    return text + (f"   MFU {found['mfu']:.1%}" if found["mfu"] else "")


def table(rows: list[dict]) -> str:
    """The first table of docs/cost.md: by case, seconds of a step for each arm, the lead over stock, and memory."""
    lines = [
        "| a step of | engine | stock TRL | compact head | plain loop | stock ÷ engine | memory, engine and stock |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for title in dict.fromkeys(row["title"] for row in rows):
        by_arm = {row["arm"]: row for row in rows if row["title"] == title}
        seconds = [f"{by_arm[arm]['step_seconds']:.2f} s" if arm in by_arm else "" for arm in ARMS]
        ours, stock = by_arm["shared"], by_arm["stock"]
        memory = f"{ours['peak_mb'] / 1e3:.1f} GB, {stock['peak_mb'] / 1e3:.1f} GB"
        lines.append(f"| {title} | {' | '.join(seconds)} | **{ours['ratio']:.1f}** | {memory} |")
    return "\n".join(lines)


def program(arguments: list[str] | None = None) -> None:
    """Measure what the arguments name and print it; the whole benchmark is written to metrics/bench.json too."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--case", help="letters joined by commas (default: all)")
    parser.add_argument("--arm", help=f"of {','.join(ARMS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5, help="timed steps of a process")
    parser.add_argument("--warmup", type=int, default=2, help="steps before them that are not counted")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    for name, least in (("rounds", 1), ("steps", 1), ("warmup", 1), ("threads", 1)):
        if getattr(options, name) < least:
            raise UserError(f"--{name} {getattr(options, name)}: must be {least} or more")
    arms = _named(options.arm, ARMS, "--arm", list(ARMS))
    letters = _named(options.case, "", "--case", list(cases()))
    described, peak = runs.machine(options.threads), None
    letters = letters or list(ON_GPU if described["gpu"] else ON_CPU)
    if ON_GPU in letters:
        from bench.gpu import peak as known_peak

        if not described["gpu"]:
            raise UserError(f"--case {ON_GPU}: needs a CUDA device, and torch finds none; leave it out")
        peak = known_peak(described["gpu"])
    rows = []
    print(HEADER, flush=True)
    for letter in letters:
        # on a GPU stock has the compact head by itself, and the plain loop knows LLaVA alone
        fitting = [arm for arm in arms if letter != ON_GPU or arm in ("shared", "stock")]
        if not fitting:
            raise UserError(f"--arm {options.arm}: none of these runs case {letter}; name shared or stock")
        for found in measure(cases()[letter], fitting, options, peak if letter == ON_GPU else None):
            rows.append(found)
            print(line(found), flush=True)
    if options.case is None and options.arm is None:
        settings = {name: getattr(options, name) for name in ("rounds", "steps", "warmup", "threads")}
        files.write_json(OUT, {"machine": described, "settings": settings, "rows": rows})
        print(f"written to {OUT}; for docs/cost.md:\n\n{table(rows)}")


def _named(given: str | None, default, flag: str, known: list[str]) -> list[str]:
    """The names in a comma list, or the default. Raises `UserError` for an unknown one."""
    names = list(default) if given is None else given.split(",")
    for name in names:
        if name not in known:
            raise UserError(f"{flag} {given}: {name!r} is not known; known are {', '.join(known)}")
    return list(dict.fromkeys(names))


if __name__ == "__main__":
    try:
        program()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
