"""Time `make study` where nothing is to do: python -m bench.idle [default published]

A copy of the tree is composed as the study. Stand-ins are laid where its stages publish, and DVC is told of them: so it
finds everything up to date, as after a run of hours. Two programs are timed, the one behind `make study` and plain `dvc
repro`, three times each in turn; medians. (DVC checks every stage by itself; `make study` has it compute the hash of a
path once: stages/dvc_patches.py.)
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = (".json", ".md", ".html")
ARMS = {"make study": ("-m", "flows.parallel"), "dvc repro": ("-m", "dvc", "repro", "-q")}
ROUNDS = 3


def stand_in() -> None:
    """Lay something small where each stage of the repository in the working directory publishes, and tell DVC."""
    from dvc.repo import Repo
    from dvc.stage.serialize import to_single_stage_lockfile
    from dvc.utils.serialize import dumps_yaml

    with Repo(".") as repo, repo.lock:
        for out in repo.index.outs:
            path = Path(out.fs_path)
            if path.suffix in FILES or path.name == "checked":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("a stand-in")
            else:
                path.mkdir(parents=True, exist_ok=True)
                (path / "file").write_text(path.name)
        entries = {}
        for stage in repo.index.stages:
            stage.save(run_cache=False)
            stage.commit()
            entries[stage.addressing] = to_single_stage_lockfile(stage)
        Path("dvc.lock").write_text(dumps_yaml({"schema": "2.0", "stages": entries}), encoding="utf-8")


def prepare(folder: Path, study: str) -> None:
    """A copy of the tree in which the study is finished, by stand-ins."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    os.chdir(folder)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run([sys.executable, "-m", "counterpoint.params", study], check=True, stdout=subprocess.DEVNULL)
    stand_in()


def seconds(command: tuple[str, ...]) -> float:
    """Wall seconds of a program that must succeed and run no stage."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    if done.returncode or "Running stage" in done.stdout or " 0 ran" not in f"{done.stdout} 0 ran":
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - began


def main(names: list[str]) -> None:
    """Print the medians of each study."""
    here = Path.cwd()
    for study in names or ["default", "published"]:
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder), study)
            number = Path("dvc.lock").read_text(encoding="utf-8").count("\n    cmd: ")
            spent = {arm: [] for arm in ARMS}
            for _ in range(ROUNDS):
                for arm, command in ARMS.items():
                    spent[arm].append(seconds(command))
            os.chdir(here)
        ours, theirs = (statistics.median(spent[arm]) for arm in ARMS)
        print(f"{study}: {number} stages, nothing to do: make study {ours:.1f} s, dvc repro {theirs:.1f} s "
              f"({theirs / ours:.1f} times as long)", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
