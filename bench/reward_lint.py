"""What a lint of reward functions catches, ours beside rewardlint's, on the same functions: make lint-rewards

    python -m bench.reward_lint

Each reward is run by both as a user would run them. rewardlint brings its own cases, ours takes the golds of
tests/fixtures/lint/golds.jsonl. Without rewardlint (pinned in the Makefile, installed apart) its columns stay empty.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "tests" / "fixtures" / "lint"
REWARDLINT = ROOT / "work" / "rewardlint"  # where `make lint-rewards` puts it
REWARDS = {  # by what it is called in the table: what both tools import, and what ours is told besides
    "strict judge (`accuracy`)": ("terms.py:accuracy", ["--style", "tags"]),
    "`leaky_list`": ("terms.py:leaky_list", ["--style", "tags"]),
    "`leaky_empty`": ("terms.py:leaky_empty", ["--style", "tags"]),
    "`leaky_anywhere`": ("terms.py:leaky_anywhere", ["--style", "tags"]),
    "`leaky_cards`": ("terms.py:leaky_cards", ["--style", "tags"]),
    "TRL's `accuracy_reward`": ("trl.rewards:accuracy_reward", ["--style", "boxed"]),
    "EasyR1's `math.py`, written anew": ("boxed_math.py:compute_score", []),
    "gold anywhere in the text": ("my_rewards.py:substring", ["--style", "hash"]),
}


def ours(reward: str, words: list[str]) -> dict:
    """What `counterpoint lint-reward` says, and its seconds."""
    command = [
        sys.executable,
        "-m",
        "counterpoint.cli",
        "lint-reward",
        reward,
        "--data",
        "golds.jsonl",
        "--json",
        *words,
    ]
    done, seconds = _run([*command, "--within", "300", "--seconds", "20"])  # all cases, on a busy machine too
    said = json.loads(done.stdout)
    attacks = sorted({case["why"] for case in said["false_positives"]})
    return {
        "fails": done.returncode == 1, "tpr": said["tpr"], "fpr": said["fpr"], "attacks": attacks,
        "cases": said["right"] + said["wrong"], "seconds": seconds,
    }  # fmt: skip


def rewardlint(reward: str) -> dict | None:
    """What rewardlint says of the same function, None where it is not installed or cannot call it."""
    if not REWARDLINT.exists():
        return None
    done, seconds = _run([sys.executable, "-m", "rewardlint.cli", "audit", reward, "--format", "json"])
    if done.returncode == 2:
        return {"refused": done.stderr.strip().splitlines()[0], "seconds": seconds}
    said = json.loads(done.stdout[done.stdout.index("{") :])
    return {"fails": done.returncode == 1, "seconds": seconds, "said": said}


def _run(command: list[str]) -> tuple[subprocess.CompletedProcess, float]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(REWARDLINT)])}
    began = time.monotonic()
    done = subprocess.run(command, cwd=FIXTURES, env=environment, capture_output=True, text=True)
    return done, time.monotonic() - began


def row(name: str, mine: dict, other: dict | None) -> str:
    """A line of the table."""
    cells = [name, "fails" if mine["fails"] else "passes", f"{mine['tpr']:.1%}", f"{mine['fpr']:.1%}"]
    cells += [str(len(mine["attacks"])), f"{mine['cases']:,}", f"{mine['seconds']:.1f}"]
    if other is None:
        cells += [""] * 4
    elif "refused" in other:
        cells += [re.sub(r"\s+", " ", other["refused"])[:60], "", "", f"{other['seconds']:.1f}"]
    else:
        cells += [*_rates(other), f"{other['seconds']:.1f}"]
    return "| " + " | ".join(cells) + " |"


def _rates(other: dict) -> list[str]:
    said = other["said"]
    return [
        "fails" if other["fails"] else "passes",
        f"{1 - said['false_negative_rate']:.1%}",
        f"{said['false_positive_rate']:.1%}",
    ]


def main() -> None:
    """Print the table."""
    print("| reward | lint-reward | TPR | FPR | attacks paid | cases | s | rewardlint 0.1.0 | TPR | FPR | s |")
    print("|---|---|---:|---:|---:|---:|---:|---|---:|---:|---:|")
    for name, (reward, words) in REWARDS.items():
        print(row(name, ours(reward, words), rewardlint(reward)), flush=True)


if __name__ == "__main__":
    main()
