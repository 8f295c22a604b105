"""A study of one RL run that can be killed anywhere: its folder, its processes by what they do, what must be the same.

For tests/reliability. Everything runs in a copy of the working tree, by the commands that a user types.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
RUN = "rl-tiny-160-0"
STUDY = """\
suites: [in_domain, text_twin]
problems: {train: 200, per_suite: 32, per_probe: 8}
sampling:
  sizes: {"160": 160}
rl: {batch_size: 32, checkpoint_every: 5}
probe: {at_least: 4, suites: [in_domain, text_twin]}
evaluation: {base_conditions: [normal], samples: 0}
competence: {problems: 2, samples: 2}
models: {tiny: data/models/base/tiny}
runs:
  base: [tiny]
  train:
    - {arms: [rl], models: [tiny], samples: ["160"], seeds: [0]}
"""
# what tells each process of a study from its command line
ROLES = {
    "make": lambda words: Path(words[0]).name == "make",
    "driver": lambda words: "flows.parallel" in words,
    "flow": lambda words: "flows.study" in words or "--multiprocessing-fork" in words,
    # Python's own helper of a program that starts processes goes with that program
    "serve": lambda words: "flows.serve" in words or any("resource_tracker" in word for word in words),
    "server": lambda words: "flows.server" in words,
    "supervise": lambda words: any(word.endswith("supervise.py") for word in words),
    "dvc": lambda words: (
        not any(w.endswith("supervise.py") for w in words)
        and any(w.endswith("dvc_patches.py") or w == "dvc" or w.endswith("/dvc") for w in words)
    ),
    "training": lambda words: "stages.train" in words and Path(words[0]).name.startswith("python"),
}


def copy_tree(folder: Path) -> Path:
    """A copy of the working tree in `folder`, as a git checkout with this interpreter's environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith(("tests/", "metrics/published/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return folder


def make_study(folder: Path) -> Path:
    """A copy of the working tree in `folder` with the study composed and all before its RL run up to date."""
    copy_tree(folder)
    (folder / "studies/killed.yaml").write_text(STUDY, encoding="utf-8")
    command(folder, "python", "-m", "counterpoint.params", "killed")
    command(folder, "dvc", "repro", "evaluate@base-tiny", "competence", "sample")
    return folder


def environment(**more: str) -> dict[str, str]:
    """The user's, with this interpreter's programs first on the path, and nothing of the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "PYTEST", "COUNTERPOINT", "MAKE"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}", "OMP_NUM_THREADS": "1", **more}


def hear() -> None:
    """Take signals as a command in a terminal does. A shell's `&` ignores SIGINT, nohup SIGHUP, for all that follow,
    and the tests may have been begun so."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def start(folder: Path, *words: str, log: str = "driver", **more: str) -> subprocess.Popen:
    """A command in the folder, the leader of a group of its own; its output goes to FOLDER/LOG.out."""
    with (folder / f"{log}.out").open("ab") as file:
        return subprocess.Popen(
            words, cwd=folder, env=environment(**more), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True,
            preexec_fn=hear,
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
    return sum(len(path.read_bytes().splitlines()) for path in folder.glob("work/train/*/records/steps.jsonl"))


def wait_for_step(folder: Path, step: int = 10, seconds: float = 180) -> None:
    """Wait until the RL run is in full swing."""
    wait_for(lambda: steps(folder) >= step, seconds, f"step {step} of the RL run")


def left(folder: Path, but: Iterable[str] = ()) -> list[str]:
    """The command lines of what lives in the folder, but for these roles."""
    let_be = {process.pid for role in but for process in of_role(folder, role)}
    found = []
    for process in processes(folder):
        with contextlib.suppress(psutil.Error):
            if process.pid not in let_be:
                found.append(" ".join(process.cmdline()))
    return found


def gone(folder: Path, seconds: float, but: Iterable[str] = ()) -> None:
    """Nothing but these roles lives in the folder after so many seconds; later, as others want the cores too."""
    seconds *= max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))
    took = wait_for(lambda: not left(folder, but), seconds + 20, f"an end of {left(folder, but)}")
    print(f"nothing left after {took:.1f} of {seconds:.1f} s", flush=True)
    assert took <= seconds


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
        for place in (f"data/models/{RUN}", "data/runs", "data/samples", "data/problems", "metrics/killed/tables")
        for path in sorted((folder / place).rglob("*"))
        if path.is_file() and path.stem not in ("timings", "cost_efficiency", "cost_curve", "findings")
    ]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Server:
    """A Prefect server of the folder, as `make server` starts it, and what it says."""

    def __init__(self, folder: Path):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/api"

    def __enter__(self):
        self.process = start(self.folder, "python", "-m", "flows.server", "--port", str(self.port), log="server")
        wait_for(self.answers, 180, "an answer of the server")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=2):
                return True
        except OSError:
            return False

    def call(self, path: str, body: dict) -> list | dict:
        """POST to the API as a program does, with a token against forged requests."""
        with urllib.request.urlopen(f"{self.address}/csrf-token?client=test") as answer:
            token = json.load(answer)["token"]
        headers = {"content-type": "application/json", "Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.address}/{path}", json.dumps(body).encode(), headers)
        ) as answer:
            return json.load(answer)

    def runs(self, *states: str) -> list[dict]:
        """All runs, or those in these states, the first one first."""
        only = {"flow_runs": {"state": {"type": {"any_": states}}}} if states else {}
        return self.call("flow_runs/filter", {"sort": "EXPECTED_START_TIME_ASC", **only})

    def states(self) -> list[str]:
        """The state of every run, the first one first."""
        return [run["state_type"] for run in self.runs()]

    def trigger(self) -> str:
        """Ask for a run of the served study; its id."""
        (deployment,) = self.call("deployments/filter", {})
        return self.call(f"deployments/{deployment['id']}/create_flow_run", {})["id"]
