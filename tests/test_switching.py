"""Three studies in one checkout, switched back and forth: no edit is lost, every answer names its study, and on return
nothing is trained again."""

import json
import re
import subprocess
from pathlib import Path

import killing
import pytest
import yaml

NAMES = ("first", "second", "third")
STEPS = {"first": "8", "second": "16", "third": "24"}  # of the sample that each has alone


@pytest.fixture(scope="module")
def tree(tmp_path_factory, root, mini_overlay):
    """A copy of the tree with three studies of one SFT and one RL run each."""
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    folder = killing.copy_tree(tmp_path_factory.mktemp("switching") / "tree")
    for name in NAMES:
        overlay = yaml.safe_load(mini_overlay)
        overlay["sampling"]["sizes"] = {STEPS[name]: int(STEPS[name])}
        overlay["runs"]["train"] = [{"arms": ["sft", "rl"], "models": ["mini"], "samples": [STEPS[name]], "seeds": [0]}]
        overlay["rl"]["batch_size"] = 8
        (folder / f"studies/{name}.yaml").write_text(yaml.safe_dump(overlay))
    run(folder, "counterpoint.params", "first")
    run(folder, "stages.base", "mini")
    return folder


def run(folder: Path, *command: str) -> str:
    """`python -m …` in the tree, which must succeed; what it says."""
    return killing.command(folder, "python", "-m", *command, OMP_NUM_THREADS="1", DVC_NO_ANALYTICS="1").stdout


@pytest.mark.slow
def test_studies_live_side_by_side(tree):
    params = tree / "params.yaml"
    for number, name in enumerate(NAMES):
        said = run(tree, "counterpoint.params", name)
        assert said.startswith(f"params.yaml: study {name}, as it stands in studies/")
        text = params.read_text()
        params.write_text(text.replace("\n  trials: 8 ", f"\n  trials: {10 + number} ", 1))
        assert params.read_text() != text
        assert "Running stage 'train@" in run(tree, "dvc", "repro")
    answers = {}
    for _ in range(5):
        for number, name in enumerate(NAMES):
            said = run(tree, "counterpoint.params", name)
            assert said.startswith(f"params.yaml: study {name}; changed on it: tune.trials={10 + number}")
            told = run(tree, "dvc", "repro")
            assert not re.search(r"Running stage '(train|evaluate|distill|problems|sample)", told), told
            asked = run(tree, "stages.query", "select sample, count(*) as runs from runs group by all order by all")
            head, *rows = asked.splitlines()
            assert head.startswith(f"study {name} (metrics/{name}), newest work of ")
            assert head.endswith("params.yaml says so still") and STEPS[name] in asked
            assert answers.setdefault(name, rows) == rows
    for name in NAMES[:2]:  # those that are not in params.yaml now
        head, *_ = run(tree, "stages.query", "from runs", "--study", name).splitlines()
        assert head.startswith(f"study {name} ") and head.endswith("; params.yaml holds the study third now")
    compared = run(tree, "stages.compare", "first", "third")
    assert compared.startswith("A: study first") and "\nB: study third" in compared
    headline = json.loads((tree / "metrics/first/headline.json").read_text())
    assert headline["runs"] == 2
    listed = subprocess.run(["git", "status", "--short"], cwd=tree, capture_output=True, text=True, check=True).stdout
    changed = {line.split()[-1] for line in listed.splitlines() if line[1] == "M"}  # since the copy was added
    assert changed <= {"params.yaml", "grid.yaml", "dvc.lock"}, listed
