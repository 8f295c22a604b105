"""The cost of growth: time and memory of an RL step against group size, image tokens and batch, engine and stock.

    python -m bench.growth                                          # all of it (make bench-growth)
    python -m bench.growth --axis group --values 2,8 --steps 1      # a short trial; writes nothing

One axis moves at a time, the others stay at the base point. The group grows at a fixed number of completions, so that
what changes is sharing alone: stock's work stays the same. Writes metrics/growth.json, docs/cost.png, and the table
between the marks in docs/cost.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench import runs
from counterpoint import files
from counterpoint.errors import UserError

BASE = {"group": 8, "image_tokens": 144, "batch": 64}
AXES = {
    "group": ("group size G, at 64 completions", (2, 4, 8, 16, 32)),
    "image_tokens": ("image tokens", (36, 64, 144, 256, 576)),
    "batch": ("completions in a step", (32, 64, 128, 256)),
}
ARMS = ("shared", "stock")
LIMIT = 60.0  # seconds a step; a slower point is left out and said so
DATA, PAGE, PICTURE = Path("metrics/growth.json"), Path("docs/cost.md"), Path("docs/cost.png")
OPEN, CLOSE = "<!-- growth: written by python -m bench.growth -->", "<!-- growth ends -->"


def points(axis: str | None = None, values: list[int] | None = None) -> list[dict[str, int]]:
    """The grid: base point and one axis at a time, each point once. With `axis`, that axis alone at `values`."""
    if axis:
        return [{**BASE, axis: value} for value in values or AXES[axis][1]]
    grid = [{**BASE, name: value} for name, (_, along) in AXES.items() for value in along]
    return [point for place, point in enumerate(grid) if point not in grid[:place]]


def measure(point: dict[str, int], options: argparse.Namespace) -> list[dict]:
    """Rows of the point, one an arm: median seconds a step over the rounds, peak memory; or that it was too slow."""
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        folder, shared = Path(name), {**point, "warmup": options.warmup, "steps": options.steps}
        runs.worker("stock", "b", folder, options.threads, prepare=True, **shared)
        found: dict[str, list[dict]] = {arm: [] for arm in ARMS}
        for _ in range(options.rounds):
            for arm in ARMS:
                if not any("too_slow" in one for one in found[arm]):
                    found[arm].append(runs.worker(arm, "b", folder, options.threads, limit=LIMIT, **shared))
    rows = []
    for arm in ARMS:
        slow = next((one["too_slow"] for one in found[arm] if "too_slow" in one), None)
        done = [one for one in found[arm] if "steps" in one] if slow is None else []
        rows.append(
            {
                **point,
                "arm": arm,
                "step_seconds": median(median(one["steps"]) for one in done) if done else None,
                "generate_seconds": median(median(one["generate"]) for one in done) if done else None,
                "loss_seconds": median(median(one["loss"]) for one in done) if done else None,
                "peak_mb": median(one["peak_mb"] for one in done) if done else None,
                "too_slow_seconds": slow,
            }
        )
    return rows


def along(rows: list[dict], axis: str, arm: str) -> list[dict]:
    """The arm's rows on the axis, in its order."""
    fixed = {name: value for name, value in BASE.items() if name != axis}
    here = [row for row in rows if row["arm"] == arm and all(row[name] == value for name, value in fixed.items())]
    return sorted(here, key=lambda row: row[axis])


def table(rows: list[dict]) -> str:
    """The Markdown table: an axis and a value a line, engine and stock beside each other."""
    lines = [
        "| axis | value | engine, s | stock, s | stock ÷ engine | engine, MB | stock, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for axis, (title, _) in AXES.items():
        for ours, theirs in zip(along(rows, axis, "shared"), along(rows, axis, "stock"), strict=True):
            both = ours["step_seconds"] and theirs["step_seconds"]
            ratio = f"{theirs['step_seconds'] / ours['step_seconds']:.2f}" if both else ""
            cells = [title, str(ours[axis]), _seconds(ours), _seconds(theirs), ratio, _memory(ours), _memory(theirs)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _seconds(row: dict) -> str:
    if row["step_seconds"] is None:
        return f"left out: {row['too_slow_seconds']:.0f} s a step"
    return f"{row['step_seconds']:.2f}"


def _memory(row: dict) -> str:
    return "" if row["peak_mb"] is None else f"{row['peak_mb']:,.0f}"


def rewrite(page: str, body: str) -> str:
    """The page with `body` between its marks. Raises `UserError` when the marks are missing."""
    if OPEN not in page or CLOSE not in page:
        raise UserError(f"{PAGE}: the lines {OPEN!r} and {CLOSE!r} are missing; put them where the table belongs")
    before, _, rest = page.partition(OPEN)
    return f"{before}{OPEN}\n{body}\n{CLOSE}{rest.partition(CLOSE)[2]}"


def picture(rows: list[dict], path: Path) -> None:
    """Seconds and memory of a step along each axis, engine and stock; doubling axes, from zero."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, len(AXES), figsize=(11, 6), sharex="col", layout="constrained")
    measures = (("step_seconds", 1.0, "seconds a step"), ("peak_mb", 1e3, "peak memory, GB"))
    for column, (axis, (title, _)) in enumerate(AXES.items()):
        for line, (name, unit, label) in enumerate(measures):
            panel = panels[line][column]
            for arm, colour, mark, words in (
                ("stock", "#b3541e", "s", "stock TRL"),
                ("shared", "#1f5fa8", "o", "engine"),
            ):
                here = [row for row in along(rows, axis, arm) if row[name] is not None]
                panel.plot(
                    [row[axis] for row in here],
                    [row[name] / unit for row in here],
                    marker=mark,
                    color=colour,
                    label=words,
                )
            panel.set_xscale("log", base=2)
            values = sorted({row[axis] for row in rows})
            panel.set_xticks(values, [str(value) for value in values])
            panel.minorticks_off()
            panel.set_ylim(bottom=0)
            panel.grid(alpha=0.3)
            if column == 0:
                panel.set_ylabel(label)
            if line == len(measures) - 1:
                panel.set_xlabel(title)
    panels[0][0].legend(frameon=False)
    figure.suptitle("Cost of an RL step (VLM-like model, 40 tokens a completion)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def program(arguments: list[str] | None = None) -> None:
    """Measure the grid; the whole one is written to metrics/growth.json and docs/."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__.splitlines()[0])
    parser.add_argument("--axis", choices=list(AXES))
    parser.add_argument("--values", help="whole numbers joined by commas, on the axis")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    if options.values and not options.axis:
        raise UserError(f"--values {options.values}: needs --axis, one of {', '.join(AXES)}")
    try:
        values = [int(value) for value in options.values.split(",")] if options.values else None
    except ValueError:
        raise UserError(f"--values {options.values}: must be whole numbers joined by commas") from None
    described, rows = runs.machine(options.threads), []
    page = PAGE.read_text(encoding="utf-8")
    rewrite(page, "")  # a page without its marks is told before hours are spent
    for point in points(options.axis, values):
        rows += measure(point, options)
        words = ", ".join(f"{row['arm']} {_seconds(row)} s {_memory(row)} MB" for row in rows[-len(ARMS) :])
        print(f"G {point['group']}, image tokens {point['image_tokens']}, batch {point['batch']}: {words}", flush=True)
    if options.axis is None:
        settings = {name: getattr(options, name) for name in ("rounds", "steps", "warmup", "threads")}
        files.write_json(DATA, {"machine": described, "settings": settings, "base": BASE, "rows": rows})
        PAGE.write_text(rewrite(page, table(rows)), encoding="utf-8")
        picture(rows, PICTURE)
        print(f"written to {DATA}, {PAGE} and {PICTURE}")


if __name__ == "__main__":
    try:
        program()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
