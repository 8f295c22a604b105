"""The benchmark of recording a stage in studies of several sizes: plain `dvc repro -s` beside stages/dvc_patches.py.

    python -m bench.recording [--entries 10,100,1000] [--rounds 3]

A scratch repository whose dvc.lock holds so many entries, each as large as a training run's; the stage itself does
nothing. Both arms run it in turn, as the study does, and must leave the same dvc.lock. Seconds of CPU, medians.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from counterpoint.errors import UserError
from counterpoint.params import compose
from stages.dvc_patches import HEAD, split

REPRO = Path(__file__).resolve().parents[1] / "stages/dvc_patches.py"
ARMS = {
    "dvc": (sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-s", "run@0"),
    "ours": (sys.executable, "-Iu", str(REPRO), "run@0"),
}
GRAPH = """\
stages:
  run:
    foreach: [%s]
    do:
      cmd: cp source.txt out-${item}
      params: [rl, probe, prompt, distill]
      deps: [source.txt]
      outs: ["out-${item}"]
"""


def prepare(entries: int) -> None:
    """A repository in the working directory whose lock file holds `entries` stages, `run@0` among them."""
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    Path("params.yaml").write_text(compose.dump(compose.study("default", REPRO.parents[1] / "studies")))
    Path("source.txt").write_text("0")
    Path("dvc.yaml").write_text(GRAPH % ", ".join(map(str, range(entries))))
    subprocess.run(ARMS["dvc"], check=True, capture_output=True)
    entry = split(Path("dvc.lock").read_text())["run@0"]
    others = (re.sub(r"\b(run@|out-)0\b", rf"\g<1>{number}", entry) for number in range(1, entries))
    Path("dvc.lock").write_text(HEAD + entry + "".join(others))


def timed(arm: str) -> float:
    """Seconds of CPU that the arm takes to run the stage."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(ARMS[arm], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(entries: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of both arms by round, on one repository."""
    seconds: dict[str, list[float]] = {arm: [] for arm in ARMS}
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            prepare(entries)
            lock = Path("dvc.lock")
            for number in range(rounds):
                before, made = lock.read_bytes(), {}
                Path("source.txt").write_text(str(number + 1))
                for arm in ARMS:
                    lock.write_bytes(before)
                    shutil.rmtree(".dvc/cache/runs")  # or the second arm would take over what the first made
                    seconds[arm].append(timed(arm))
                    made[arm] = lock.read_bytes()
                if made["dvc"] != made["ours"] or made["dvc"] == before:
                    raise UserError(f"bench.recording: the two leave other lock files at {entries} entries")
        finally:
            os.chdir(here)
    return seconds


def main(arguments: list[str]) -> int:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.recording", description=__doc__.splitlines()[0])
    parser.add_argument("--entries", default="10,100,1000", help="sizes of dvc.lock, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    sizes = options.entries.split(",")
    if options.rounds < 1 or not all(re.fullmatch("[1-9][0-9]{0,4}", size) for size in sizes):
        raise UserError("bench.recording: --entries are whole numbers from 1 up, --rounds at least 1")
    print(f"{'entries':>7} {'dvc, s':>7} {'ours, s':>7} {'ratio':>6}  rounds")
    for size in map(int, sizes):
        seconds = measure(size, options.rounds)
        ratios = [theirs / own for theirs, own in zip(seconds["dvc"], seconds["ours"], strict=True)]
        middle = {arm: median(spent) for arm, spent in seconds.items()}
        spread = ", ".join(f"{ratio:.1f}" for ratio in ratios)
        print(f"{size:7} {middle['dvc']:7.2f} {middle['ours']:7.2f} {median(ratios):6.1f}  {spread}", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
