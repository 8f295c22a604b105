"""One real, miniature `dvc repro` in a copy of the working tree, as a user meets it: every stage program runs in it.

Slow parts are the imports of torch in each stage; the models answer nothing right and need not.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow.parquet as pq
import pytest

RUNS = {
    "sft-mini-16-0": "sft",
    "sft_lora-mini-16-0": "sft",
    "rl-mini-32-0": "rl",
    "sft_then_rl-mini-16-0": "sft_then_rl",
    "chord_mu-mini-16-0": "mixed",
}
EMPTY_HERE = {"rejects", "traces"}  # no row is refused; traces come with a later stage


def run(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """`python -m …` in the copy, with this interpreter first on the path, as in an activated environment."""
    environment = {k: v for k, v in os.environ.items() if k not in ("COUNTERPOINT_WORK", "PYTHONPATH")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=1200
    )


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory, root, mini_overlay):
    """A fresh repository with the tree's files and the mini study composed."""
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("pipeline") / "counterpoint"
    for name in git(root, "ls-files", "-co", "--exclude-standard", "-z").split("\0"):
        if name and (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
    (folder / "studies/mini.yaml").write_text(mini_overlay, encoding="utf-8")
    composed = run(folder, "counterpoint.params", "mini")
    assert composed.returncode == 0, composed.stderr
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "mini")
    made = run(folder, "stages.base", "mini")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def done(copy):
    """The first `dvc repro`, ended."""
    result = run(copy, "dvc", "repro")
    assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return SimpleNamespace(folder=copy, output=result.stdout)


def test_every_stage_of_the_graph_has_run(done):
    for stage in (
        "competence@mini",
        "problems",
        "sample",
        "distill@oracle-16",
        "evaluate@base-mini",
        "warehouse",
        "report",
    ):
        assert f"Running stage '{stage}'" in done.output
    for run_id in RUNS:
        assert f"Running stage 'train@{run_id}'" in done.output
        assert f"Running stage 'evaluate@{run_id}'" in done.output


def test_the_tables_are_filled_for_every_run(done):
    tables = {path.stem: pq.read_table(path) for path in (done.folder / "metrics/mini/tables").glob("*.parquet")}
    wanted = {"problems", "samples", "runs", "steps", "rewards", "probes", "probe_items", "evals", "timings", "rejects"}
    assert wanted <= set(tables)
    for name in wanted - EMPTY_HERE:
        assert tables[name].num_rows, name
    runs = {row["run_id"]: row for row in tables["runs"].to_pylist()}
    assert set(runs) == {"base-mini", *RUNS}
    assert {run_id: runs[run_id]["method"] for run_id in RUNS} == RUNS | {"chord_mu-mini-16-0": "chord"}
    assert runs["sft_then_rl-mini-16-0"]["init_run"] == "sft-mini-16-0"
    assert set(tables["evals"]["run_id"].to_pylist()) == set(runs)
    assert set(tables["timings"]["run_id"].to_pylist()) == {*runs, "oracle-16"}
    for name in ("steps", "probes", "probe_items"):
        assert set(tables[name]["run_id"].to_pylist()) == set(RUNS), name
    rl = {run_id for run_id, stage in RUNS.items() if stage != "sft"}
    assert set(tables["rewards"]["run_id"].to_pylist()) == rl
    for run_id in rl:
        assert pq.read_table(done.folder / "data/runs" / run_id / "train/completions.parquet").num_rows
    for mart in ("accuracy", "reward_vs_accuracy", "sft_vs_rl", "cost_efficiency", "blind", "judges", "cross_modal"):
        assert tables[mart].num_rows, mart


def test_the_samples_are_nested(done):
    rows = pq.read_table(done.folder / "data/samples/samples.parquet").to_pylist()
    samples = {name: {row["problem_id"] for row in rows if row["sample"] == name} for name in ("16", "32")}
    assert (len(samples["16"]), len(samples["32"])) == (16, 32)
    assert samples["16"] < samples["32"]


def test_what_a_reader_opens_is_there(done):
    metrics = done.folder / "metrics/mini"
    assert json.loads((metrics / "summary.json").read_text())
    assert json.loads((done.folder / "metrics/competence/mini.json").read_text())["base"] == "mini"
    assert (metrics / "report.md").read_text().strip()
    assert "<html" in (metrics / "samples.html").read_text().lower()
    assert len(list((metrics / "plots").glob("*.png"))) >= 3


def test_the_adapter_of_the_lora_arm_is_small_and_names_its_base(done):
    adapter = done.folder / "data/models/sft_lora-mini-16-0"
    assert (
        json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == "data/models/base/mini"
    )
    assert not (adapter / "model.safetensors").exists()


def test_results_can_be_asked(done):
    answer = run(done.folder, "stages.query", "select run_id, suite, accuracy from accuracy where suite = 'in_domain'")
    assert answer.returncode == 0, answer.stderr
    assert all(run_id in answer.stdout for run_id in RUNS)
    with duckdb.connect(str(done.folder / "metrics/mini/results.duckdb"), read_only=True) as db:
        assert db.sql("select count(*) from runs").fetchall() == [(1 + len(RUNS),)]


def test_a_second_repro_runs_nothing_and_an_rl_parameter_touches_rl_alone(done):
    lock = (done.folder / "dvc.lock").read_bytes()
    again = run(done.folder, "dvc", "repro")
    assert again.returncode == 0
    assert "Running stage" not in again.stdout
    assert (done.folder / "dvc.lock").read_bytes() == lock
    params = (done.folder / "params.yaml").read_text()
    changed = run(done.folder, "counterpoint.params", "mini", "rl.learning_rate=1e-5")
    assert changed.returncode == 0, changed.stderr
    status = run(done.folder, "dvc", "status", "--json")
    (done.folder / "params.yaml").write_text(params)
    trained = {f"train@{run_id}" for run_id, stage in RUNS.items() if stage != "sft"}
    assert set(json.loads(status.stdout)) == {"check"} | trained


@pytest.mark.parametrize(
    ("command", "setting", "named"),
    [
        (["counterpoint.params", "mimi"], None, ("unknown study 'mimi'", "did you mean 'mini'")),
        (
            ["counterpoint.params", "mini", "rl.learning_rat=1"],
            None,
            ("rl.learning_rat", "did you mean 'learning_rate'"),
        ),
        (["stages.problems"], ("kind: procedural", "kind: procedurl"), ("source.kind", "did you mean 'procedural'")),
        (["stages.sample"], ("'32': 32", "'32': 99"), ("sampling.sizes.32", "problems.train = 48")),
        (["stages.train", "rl-mini-32-0"], ("group_size: 4", "group_size: 3"), ("batch_size 16", "group_size 3")),
        (["stages.train", "sft-mini-61-0"], None, ("no run 'sft-mini-61-0'", "did you mean")),
        (["stages.warehouse"], ("threads: 1 ", "threads: one "), ("threads must be of type int", "'one'")),
    ],
    ids=["study", "setting", "source", "sample", "group", "run", "type"],
)
def test_a_mistake_ends_with_two_and_one_line(done, command, setting, named):
    file = done.folder / "params.yaml"
    before = file.read_text()
    try:
        if setting:
            assert setting[0] in before
            file.write_text(before.replace(*setting))
        result = run(done.folder, *command)
    finally:
        file.write_text(before)
    assert result.returncode == 2, result.stderr
    errors = result.stderr.strip().splitlines()
    assert len(errors) == 1 and errors[0].startswith("error: ")
    assert all(words in errors[0] for words in named), errors[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("\nthreads: 1 ", "\noptimiser: adam\nthreads: 1 "), "params.yaml: unknown key optimiser"),
        (("group_size: 4", "group_size: four"), "params.yaml: rl.group_size must be of type int, not 'four'"),
        (("group_size: 4", "group_size: 1"), "params.yaml: rl.group_size must be at least 2"),
    ],
    ids=["key", "type", "range"],
)
def test_plain_dvc_tells_a_mistake_before_it_computes_as_make_study_does(done, change, said):
    file = done.folder / "params.yaml"
    before = file.read_text()
    lock = (done.folder / "dvc.lock").read_bytes()
    try:
        assert change[0] in before
        file.write_text(before.replace(*change))
        results = [run(done.folder, *command) for command in (("dvc", "repro"), ("flows.parallel",))]
    finally:
        file.write_text(before)
    for result in results:
        (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
        assert line.startswith(f"error: {said}") and result.returncode
    assert results[1].returncode == 2 and "Running stage 'problems'" not in results[0].stdout
    assert (done.folder / "dvc.lock").read_bytes() == lock


def test_a_rule_added_by_hand_is_run_by_plain_dvc_at_the_second_call(done):
    names = ("params.yaml", "grid.yaml")
    before = {name: (done.folder / name).read_text() for name in names}
    line = "  - {arm: sft, model: mini, sample: '16', seed: 1}\n"
    try:
        (done.folder / "params.yaml").write_text(before["params.yaml"] + line)
        first = run(done.folder, "dvc", "repro", "train@sft-mini-16-1")
        assert first.returncode and "train@sft-mini-16-1" in first.stderr  # DVC has read the grid as it was
        told = run(done.folder, "dvc", "repro")
        assert told.returncode and "error: grid.yaml: the runs that follow from params.yaml have changed" in told.stderr
        status = json.loads(run(done.folder, "dvc", "status", "--json").stdout)
        assert {"train@sft-mini-16-1", "evaluate@sft-mini-16-1", "warehouse"} <= set(status)
        assert not any("mini-16-0" in name for name in status)
    finally:
        for name in names:
            (done.folder / name).write_text(before[name])
