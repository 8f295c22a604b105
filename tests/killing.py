"""A study of one RL run that can be killed anywhere: its folder, its processes by what they do, what must be the same.

For tests/reliability. Everything runs in a copy of the working tree, by the commands that a user types.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
RUN = "rl-tiny-500-0"
STUDY = """\
suites: [in_domain, text_twin]
problems: {train: 600, per_suite: 32, per_probe: 8}
sampling:
  sizes: {"500": 500}
rl: {batch_size: 32, checkpoint_every: 10}
probe: {at_least: 4}
evaluation: {base_conditions: [normal], samples: 2}
models: {tiny: data/models/base/tiny}
runs:
  base: [tiny]
  sft: []
  rl:
    - {arms: [rl], models: [tiny], samples: ["500"], seeds: [0]}
  sft_then_rl: []
"""
# what tells each process of a study from its command line
ROLES = {
    "make": lambda words: Path(words[0]).name == "make",
    "driver": lambda words: "flows.parallel" in words,
    "flow": lambda words: "flows.study" in words or "--multiprocessing-fork" in words,
    "serve": lambda words: "flows.serve" in words,
    "server": lambda words: "flows.server" in words,
    "supervise": lambda words: any(word.endswith("supervise.py") for word in words),
    "dvc": lambda words: (
        not any(w.endswith("supervise.py") for w in words)
        and any(w.endswith("repro.py") or w == "dvc" or w.endswith("/dvc") for w in words)
    ),
    "training": lambda words: "stages.rl" in words and Path(words[0]).name.startswith("python"),
}


def make_study(folder: Path) -> Path:
    """A copy of the working tree in `folder` with the study composed and all before its RL run up to date."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith(("tests/", "metrics/published/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "studies/killed.yaml").write_text(STUDY, encoding="utf-8")
    (folder / ".venv").symlink_to(sys.prefix)
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    command(folder, "python", "-m", "counterpoint.studies", "killed")
    command(folder, "dvc", "repro", "evaluate_base@base-tiny", "sample")
    command(folder, "dvc", "repro", "-s", "plant")
    return folder


def environment(**more: str) -> dict[str, str]:
    """The user's, with this interpreter's programs first on the path, and nothing of the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "PYTEST", "COUNTERPOINT", "MAKE"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}", "OMP_NUM_THREADS": "1", **more}


def start(folder: Path, *words: str, log: str = "driver", **more: str) -> subprocess.Popen:
    """A command in the folder, the leader of a group of its own; its output goes to FOLDER/LOG.out."""
    with (folder / f"{log}.out").open("ab") as file:
        return subprocess.Popen(
            words, cwd=folder, env=environment(**more), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip


def command(folder: Path, *words: str, seconds: float = 600, **more: str) -> subprocess.CompletedProcess:
    """A command run to its end, which must be a good one."""
    done = subprocess.run(
        words, cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


MAKE = ("make", "-o", ".venv/ready", "study", "STUDY=killed", "JOBS=1")


def processes(folder: Path) -> list[psutil.Process]:
    """All that live with this folder as their working directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder.resolve():
                found.append(process)
    return found


def of_role(folder: Path, role: str) -> list[psutil.Process]:
    """Those of them that have the role."""
    found = []
    for process in processes(folder):
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if words and ROLES[role](words):
                found.append(process)
    return found


def wait_for(holds: Callable[[], object], seconds: float, what: str) -> float:
    """Wait until it holds; the seconds that took. Fails after `seconds`."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - began


def steps(folder: Path) -> int:
    """Optimizer steps that the RL run has recorded so far."""
    return sum(len(path.read_bytes().splitlines()) for path in folder.glob("work/rl/*/records/steps.jsonl"))


def wait_for_step(folder: Path, step: int = 10, seconds: float = 180) -> None:
    """Wait until the RL run is in full swing."""
    wait_for(lambda: steps(folder) >= step, seconds, f"step {step} of the RL run")


def left_after(folder: Path, seconds: float = 2.0, but: Iterable[str] = ()) -> list[str]:
    """The command lines of what still lives in the folder after so many seconds, but for these roles."""
    time.sleep(seconds)
    let_be = {process.pid for role in but for process in of_role(folder, role)}
    return [" ".join(p.cmdline()) for p in processes(folder) if p.pid not in let_be and p.is_running()]


def kill_all(folder: Path) -> int:
    """`kill -9` all that lives in the folder; how many that were."""
    count = 0
    while living := processes(folder):
        for process in living:
            with contextlib.suppress(psutil.Error):
                process.kill()
                count += 1
        time.sleep(0.02)
    return count


def send(folder: Path, role: str, number: int) -> None:
    """Send a signal to the one process of a role."""
    found = of_role(folder, role)
    assert found, f"no {role} among {[p.cmdline() for p in processes(folder)]}"
    os.kill(found[0].pid, number)


def interrupt(process: subprocess.Popen) -> None:
    """What Ctrl-C does: SIGINT to the whole group."""
    os.killpg(process.pid, signal.SIGINT)


def results(folder: Path) -> dict[str, str]:
    """Digests of what a study makes, but for what tells times: its models, records and tables."""
    files = [
        path
        for place in (f"data/models/{RUN}", "data/runs", "data/samples", "data/problems", "metrics/tables")
        for path in sorted((folder / place).rglob("*"))
        if path.is_file() and path.stem not in ("timings", "cost_efficiency", "cost_curve", "findings")
    ]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
