"""What a stage program imports, and when: seconds that every run of every stage would pay."""

import os
import subprocess
import sys

import pytest

LEARNING = {"torch", "transformers", "trl", "datasets", "accelerate", "peft"}
OTHERS = {
    "prefect", "dvc", "matplotlib", "pandas", "scipy", "statsmodels", "arch", "sympy", "math_verify", "imagehash",
    "reasoning_gym", "optuna",
}  # fmt: skip


def loaded(root, code: str) -> list[set[str]]:
    """The packages of this project's neighbours that a new process has loaded at each `told()` in the code."""
    head = (
        "import sys\n"
        f"watched = {LEARNING | OTHERS | {'duckdb'}!r}\n"
        "def told(): print(' '.join(sorted(watched & {name.partition('.')[0] for name in sys.modules})))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", head + code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_programs_that_need_no_model_load_none(root):
    names = (
        "problems", "sample", "estimate", "warehouse", "query", "equivalence", "findings", "rescore", "publish", "tune",
    )  # fmt: skip
    code = "".join(f"import stages.{name}\ntold()\n" for name in names)
    for name, found in zip(names, loaded(root, code), strict=True):
        assert not found & (LEARNING | OTHERS), name
    ((found),) = loaded(root, "import stages.report\ntold()\n")
    assert found & (LEARNING | OTHERS) == {"matplotlib"}


def test_programs_that_train_or_evaluate_tell_bad_input_before_they_load_anything(root):
    names = ("check", "train", "distill", "evaluate", "competence")
    code = "".join(f"import stages.{name}\ntold()\n" for name in names)
    for name, found in zip(names, loaded(root, code), strict=True):
        assert not found, name


def test_evaluation_loads_no_trainer_and_training_no_pictures_flows_or_tables(root, micro_folder):
    at_evaluation, at_training = loaded(
        root,
        "import stages.evaluate\n"
        "from counterpoint.evaluation.evaluate import evaluate\n"
        "from counterpoint.models import checkpoint\n"
        f"checkpoint.load({str(micro_folder)!r})\n"
        "told()\n"
        "from counterpoint.training import grpo, sft\n"
        "told()\n",
    )
    assert {"torch", "transformers"} <= at_evaluation
    assert not at_evaluation & {"trl", "peft", "datasets", "prefect", "dvc", "matplotlib", "duckdb"}
    assert "trl" in at_training
    assert not at_training & {"prefect", "dvc", "matplotlib", "duckdb"}


@pytest.mark.slow
def test_the_benchmark_of_start_up_measures_every_program(root):
    from bench import startup

    command = [sys.executable, "-m", "bench.startup", "--repeat", "1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    for name in startup.PROGRAMS:
        assert f'"{name}": {{' in done.stdout.splitlines()[-1]
