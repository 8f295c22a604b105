import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from counterpoint import problem
from counterpoint.params import compose
from counterpoint.problem import Problem

ROOT = Path(__file__).parents[2]


def stage(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "stages.sample"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Parameters, and 40 training problems in four strata beside one of a suite."""
    compose.write("default", ["sampling.sizes={2k: 8, 20k: 20}"], tmp_path / "params.yaml", ROOT / "studies")
    problems = [
        Problem(f"s{n}", f"p{n}", "mine", "ab"[n % 2], "train", 1 + n // 20, f"{n} ?", (), "1", "integer")
        for n in range(40)
    ]
    problems.append(Problem("x", "x", "mine", "a", "in_domain", 1, "x ?", (), "1", "integer"))
    problem.write(problems, tmp_path / "data/problems/problems.parquet")
    return tmp_path


def test_samples_are_nested_stratified_and_the_same_again(folder):
    done = stage(folder)
    assert done.returncode == 0, done.stderr
    files = [folder / "data/samples" / name for name in ("samples.parquet", "manifest.json")]
    before = [f.read_bytes() for f in files]
    rows = pq.read_table(files[0]).to_pylist()
    ids = {s: [r["problem_id"] for r in rows if r["sample"] == s] for s in ("2k", "20k")}
    assert ids["20k"][:8] == ids["2k"] and len(ids["20k"]) == 20 and "x" not in ids["20k"]
    manifest = json.loads(before[1])
    assert manifest["samples"]["2k"]["strata"] == {"a/1": 2, "a/2": 2, "b/1": 2, "b/2": 2}
    assert set(manifest["problems"]) == set(ids["20k"])
    assert stage(folder).returncode == 0 and [f.read_bytes() for f in files] == before


def test_a_sample_larger_than_the_pool_is_told(folder):
    compose.write("default", ["sampling.sizes={2k: 8, 20k: 41}"], folder / "params.yaml", ROOT / "studies")
    done = stage(folder)
    assert done.returncode == 2 and "sampling.sizes.20k is 41, larger than the pool of 40" in done.stderr
    assert not (folder / "data/samples").exists()


def test_missing_problems_are_told(folder):
    (folder / "data/problems/problems.parquet").unlink()
    done = stage(folder)
    assert done.returncode == 2 and "no such file; run the stage that makes it" in done.stderr
