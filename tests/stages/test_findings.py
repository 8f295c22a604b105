"""The findings as a user asks for them, on a made-up study."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from stages import findings as stage
from tests.counterpoint.analysis import made_up_findings as made_up

REPOSITORY = Path(__file__).resolve().parents[2]
LEVELS = {"base": 0.3, "sft 2k": 0.55, "rl 2k": 0.4, "sft 20k": 0.65, "rl 20k": 0.42}


@pytest.fixture(scope="module")
def table():
    models = {"tiny": LEVELS, "small": {**LEVELS, "base": 0.6}}
    return made_up.decided(made_up.study(np.random.default_rng(0), models, items=200, probe_items=20))


@pytest.fixture
def folder(table, tmp_path, monkeypatch) -> Path:
    (tmp_path / "metrics/default/tables").mkdir(parents=True)
    pq.write_table(table, tmp_path / "metrics/default/tables/findings.parquet")
    (tmp_path / "params.yaml").write_text("study: default\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys, *arguments: str) -> str:
    stage.program(list(arguments))
    return capsys.readouterr().out


def test_every_finding_is_told_with_its_verdict_and_its_primary_contrasts(folder, table, capsys):
    text = printed(capsys)
    rows = table.to_pylist()
    for row in rows:
        assert f"{row['finding']}: {row['finding_verdict'].upper()}" in text
        assert row["claim"] in text
        if row["effect"] is not None and row["role"] == "primary":
            value, digits = (row["effect_logits"], 2) if row["unit"] == "logits" else (row["effect"], 1)
            assert f"{value:+.{digits}f} {row['unit']}".replace("-", "−") in text
            assert row["reason"] in text
    assert "secondary" not in text
    assert text.index("capacity:") < text.index("data_efficiency:") < text.index("reward_truth:")
    assert all(len(line) < 200 for line in text.splitlines()[1:])


def test_all_lists_the_secondary_ones_after_the_primary(folder, table, capsys):
    text = printed(capsys, "--all", "--finding", "data_efficiency")
    assert "capacity" not in text
    own = [row for row in table.to_pylist() if row["finding"] == "data_efficiency"]
    assert text.index("  primary") < text.index("  secondary")
    assert text.count("sft 2k − rl 20k") == len(own)
    assert "generated_tokens" in text and "seconds" in text


def test_what_is_missing_or_mistyped_is_one_line(folder):
    with pytest.raises(UserError, match="no finding 'capacty'; did you mean 'capacity'"):
        stage.program(["--finding", "capacty"])
    (folder / "metrics/default/tables/findings.parquet").write_bytes(b"no table")
    with pytest.raises(UserError, match=r"findings\.parquet: not a readable table .*; run `dvc repro warehouse`"):
        stage.program([])
    (folder / "metrics/default/tables/findings.parquet").unlink()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-m", "stages.findings"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == "error: metrics/default/tables/findings.parquet: no such file; run `dvc repro warehouse`\n"
