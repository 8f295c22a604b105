"""The cards that ship with the repository are what dvc.lock says, so that a fresh clone cards no base."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_cards_are_up_to_date_in_dvc_lock():
    command = [sys.executable, "-m", "dvc", "status", "competence"]
    status = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert status.returncode == 0, status.stderr
    assert "up to date" in status.stdout, f"after a change: `dvc repro competence`\n{status.stdout}"
