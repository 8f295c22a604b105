"""What each stage program costs before its work: python -m bench.startup [--repeat 3] [PROGRAM …]

In a scratch folder and a study of one or two steps from the shipped base `tiny`, on one thread. A table, then the same
as JSON, by program the medians of

- imports: seconds in import statements, and the modules imported (a further run under `python -X importtime`);
- ready: seconds from the start of the process to its work (training begins, or a base is evaluated);
- first step: seconds to the end of the first optimizer step, the probe before it included;
- wall, cpu: seconds of the whole program.

Writes nothing else. On a machine with other work, compare `cpu`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from counterpoint.files import read_yaml
from counterpoint.params import compose

ROOT = Path(__file__).resolve().parents[1]
STUDY = """\
threads: 1
problems: {train: 64, per_suite: 16, per_probe: 4}
sampling: {sizes: {"32": 32}}
sft: {batch_size: 16}
rl: {batch_size: 128}
evaluation: {max_tokens: 16, base_conditions: [normal]}
competence: {problems: 1, samples: 2, max_tokens: 16, batch_size: 64}
bases: {tiny: %s}
models: {tiny: data/models/base/tiny}
runs:
  base: [tiny]
  train: [{arms: [sft, rl, sft_then_rl], models: [tiny], samples: ["32"], seeds: [0]}]
"""
# In an order in which each finds what it reads.
PROGRAMS = {
    "problems": ["stages.problems"],
    "sample": ["stages.sample"],
    "distill": ["stages.distill", "oracle-32"],
    "sft": ["stages.train", "sft-tiny-32-0"],
    "rl": ["stages.train", "rl-tiny-32-0"],
    "sft_then_rl": ["stages.train", "sft_then_rl-tiny-32-0"],
    "evaluate": ["stages.evaluate", "base-tiny"],
    "competence": ["stages.competence", "tiny"],
    "warehouse": ["stages.warehouse"],
    "report": ["stages.report"],
    "query": ["stages.query", "accuracy"],
}
TRAINED = [PROGRAMS[name][1] for name in ("sft", "rl", "sft_then_rl")]
COLUMNS = ("imports", "modules", "ready", "first_step", "wall", "cpu")


def run(folder: Path, arguments: list[str], *flags: str) -> tuple[dict[str, float], str]:
    """Wall and CPU seconds of one program, what its timings say, and its standard error. Ends on its failure."""
    shutil.rmtree(folder / "work", ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    before, clock, began = os.times(), time.monotonic(), time.time()
    command = [sys.executable, *flags, "-m", *arguments]
    child = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after, wall = os.times(), time.monotonic() - clock
    if child.returncode:
        sys.exit(f"{' '.join(arguments)}: exit code {child.returncode}\n{child.stderr[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    found = {"wall": wall, "cpu": cpu}
    for timings in folder.glob(f"data/runs/{arguments[-1]}/*/timings.parquet"):
        for row in pq.read_table(timings).to_pylist():
            since = datetime.fromisoformat(row["started_at"]).timestamp() - began
            if row["phase"] in ("train", "evaluate"):
                found["ready"] = since
            elif row["phase"] == "step" and row["step"] == 1:
                found["first_step"] = since + row["seconds"]
    return found, child.stderr


def imports(report: str) -> dict[str, float]:
    """Seconds and modules in the report of `-X importtime`, whose lines read `import time: SELF | TOTAL | NAME`."""
    cells = [line.removeprefix("import time:").split("|") for line in report.splitlines() if line.startswith("import ")]
    own = [int(row[0]) for row in cells if row[0].strip().isdigit()]  # the heading is left out; microseconds
    return {"imports": sum(own) / 1e6, "modules": len(own)}


def prepare(folder: Path) -> None:
    """A working folder with the scratch study and the shipped base."""
    (folder / "studies").mkdir()
    (folder / "data/models").mkdir(parents=True)
    (folder / "data/models/base").symlink_to(ROOT / "data/models/base")
    shutil.copy(ROOT / "studies/default.yaml", folder / "studies")
    recipe = read_yaml(ROOT / "studies/default.yaml")["bases"]["tiny"]
    (folder / "studies/startup.yaml").write_text(STUDY % json.dumps(recipe), encoding="utf-8")
    compose.write("startup", [], folder / "params.yaml", folder / "studies")


def row(cells: list[str]) -> str:
    """A line of the table."""
    return "  ".join([cells[0].ljust(12), *(cell.rjust(10) for cell in cells[1:])])


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description="What a stage costs before its work.")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PROGRAMS)}; all if left out")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, of which the median is told (default 3)")
    options = parser.parse_args(arguments)
    if options.repeat < 1:
        parser.error("--repeat must be at least 1")
    for name in options.programs:
        if name not in PROGRAMS:
            parser.error(f"unknown program {name!r}; known are {', '.join(PROGRAMS)}")
    wanted = options.programs or list(PROGRAMS)
    measured: dict[str, dict[str, float]] = {}
    print(row(["program", *COLUMNS]), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(folder)
        for name, program in PROGRAMS.items():
            if name == "warehouse":  # it wants every run evaluated
                for run_id in TRAINED:
                    run(folder, ["stages.evaluate", run_id])
            if name not in wanted:
                run(folder, program)
                continue
            runs = [run(folder, program)[0] for _ in range(options.repeat)]
            found = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
            found |= imports(run(folder, program, "-X", "importtime")[1])
            measured[name] = {key: round(value, 3) for key, value in found.items()}
            print(row([name, *(f"{found[key]:.5g}" if key in found else "" for key in COLUMNS)]), flush=True)
            if measured.keys() == set(wanted):
                break
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
