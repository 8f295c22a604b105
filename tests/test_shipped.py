"""What ships with the repository is what dvc.lock says, so that a fresh clone trains and cards no base."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_bases_and_cards_are_up_to_date_in_dvc_lock():
    command = [sys.executable, "-m", "dvc", "status", "base", "competence"]
    status = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert status.returncode == 0, status.stderr
    assert "up to date" in status.stdout, f"after a change: `dvc repro base competence`\n{status.stdout}"
