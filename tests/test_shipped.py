"""What ships: cards that dvc.lock knows, so that a fresh clone cards no base, and a page that needs no network."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_cards_are_up_to_date_in_dvc_lock():
    command = [sys.executable, "-m", "dvc", "status", "competence"]
    status = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert status.returncode == 0, status.stderr
    assert "up to date" in status.stdout, f"after a change: `dvc repro competence`\n{status.stdout}"


def test_the_page_of_dvc_plots_needs_no_network():
    config = (ROOT / ".dvc/config").read_text(encoding="utf-8")
    page = ROOT / ".dvc" / re.search(r"html_template = (\S+)", config)[1]
    text = page.read_text(encoding="utf-8")
    scripts = re.findall(r'src="\.\./([^"]+)"', text)
    assert len(scripts) == 3 and all((ROOT / script).stat().st_size > 50_000 for script in scripts)
    assert "http" not in text and "{plot_divs}" in text and "{scripts}" not in text
