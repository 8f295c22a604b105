"""`make tune`: trials by the very stages, in this process; resumed, counted when they fail, judged by probes alone."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow.parquet as pq
import pytest

from counterpoint import params, problem, tables
from counterpoint.errors import UserError
from counterpoint.files import read_yaml
from counterpoint.params import compose
from counterpoint.tuning import recipe, trial
from stages import distill, problems, sample, train, trials, tune

STAGES = {f"stages.{stage.__name__[7:]}": stage.program for stage in (problems, sample, distill, train)}
TRAINING = "stages.train"


@pytest.fixture
def ran(mini, micro_folder, monkeypatch):
    """A folder of the mini study in which programs run in this process at once; `ran.commands`, and `ran.code`: what a
    command ends with in place of running, None to run it."""
    folder = mini("tune.model=mini", 'tune.sample="16"', "tune.trials=2", "tune.probes=4", "tune.rl.epochs=null")
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    told = SimpleNamespace(folder=folder, commands=[], code=lambda command: None)

    def start(programs, words, log, folder, stdout):
        module, *arguments = words[2:]
        command = SimpleNamespace(module=module, arguments=tuple(arguments), folder=folder, log=log)
        told.commands.append(command)
        code = told.code(command)
        if code is None:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                STAGES[module](arguments)
        return SimpleNamespace(wait=lambda: code or 0)

    monkeypatch.setattr(trials.Programs, "start", start)
    monkeypatch.setattr(tune, "ThreadPoolExecutor", AtOnce)
    return told


class AtOnce(ThreadPoolExecutor):
    """Runs what it is given in the main thread, where training can take signals."""

    def submit(self, call, *arguments):
        future = Future()
        try:
            future.set_result(call(*arguments))
        except BaseException as error:
            future.set_exception(error)
        return future


def pretend(command, rights):
    """Leave behind what a run publishes; of its 4 probes in domain so many are right as `rights` gives for the learning
    rate, or as stands for None there. 0, its exit code."""
    ((run_id,), arm) = command.arguments, command.arguments[0].partition("-")[0]
    rate = params.settings(params.load(command.folder / "params.yaml"), arm).learning_rate
    right = rights.get(rate, rights[None])
    out, key = command.folder / f"data/runs/{run_id}/train", {"condition": "normal", "decoding": "greedy"}
    probes = [(step, n, step > 0 and n < right, "in_domain") for step in (0, 3) for n in range(4)]
    probes += [(3, n, n >= right, "rule_shift") for n in range(4)]  # a suite that says the contrary
    items = [
        {"step": s, "problem_id": f"{n}", "correct": c, "suite": suite, **key, "run_id": run_id}
        for s, n, c, suite in probes
    ]
    tables.write("probe_items", items, out / "probe_items.parquet")
    tables.write("timings", [], out / "timings.parquet")
    (out / "run.json").write_text(json.dumps(dict.fromkeys(trial.COUNTED, 3)))
    model = command.folder / f"data/models/{run_id}"
    model.mkdir(parents=True, exist_ok=True)
    (model / "config.json").write_text("{}")
    return 0


def stored(folder, columns="*"):
    return duckdb.sql(f"select {columns} from '{folder}/metrics/tuning/tuning.parquet' order by arm, trial").fetchall()


def refused(*arguments):
    with pytest.raises(UserError) as caught:
        tune.program(list(arguments))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_sft_and_rl_get_the_same_trials_of_real_training_and_a_second_call_trains_nothing(ran, capsys):
    tune.program(["--arms", "sft,rl"])
    told = capsys.readouterr().out
    assert "tuning sft, rl: 2 trials each on mini 16; about" in told and "0.0% (0.0%–49.0%)" in told
    rows = stored(ran.folder, "arm, trial, drawn, state, learning_rate, n, seed, updates, before")
    assert [row[:4] for row in rows] == [
        ("rl", 0, False, "done"), ("rl", 1, True, "done"), ("sft", 0, False, "done"), ("sft", 1, True, "done")
    ]  # fmt: skip
    assert [row[4] for row in rows[::2]] == [0.0001, 0.002] and len({row[4] for row in rows}) == 4
    assert all(row[5:7] == (4, 1000) and row[7] > 0 and row[8] == 0 for row in rows)
    # what is trained on is the study's; what judges are probes, of which there are as many as were asked for
    (world,) = (ran.folder / "work/tune").glob("problems-*")
    mine, theirs = (problem.load(at / "data/problems/problems.parquet") for at in (world, ran.folder))
    assert [p for p in mine if p.split == "train"] == [p for p in theirs if p.split == "train"]
    samples = [pq.read_table(at / "data/samples/samples.parquet").to_pylist() for at in (world, ran.folder)]
    assert all(row in samples[1] for row in samples[0]) and len(samples[0]) == len(samples[1])
    before = (ran.folder / "metrics/tuning/tuning.parquet").read_bytes()
    ran.commands.clear()
    tune.program(["--arms", "rl,sft"])
    assert TRAINING not in {command.module for command in ran.commands}
    assert (ran.folder / "metrics/tuning/tuning.parquet").read_bytes() == before


def test_the_best_is_what_probes_in_domain_say_and_its_model_alone_is_kept(ran, capsys):
    ran.code = lambda command: pretend(command, {0.002: 3, None: 2}) if command.module == TRAINING else None
    tune.program(["--arms", "sft", "--trials", "3"])
    assert stored(ran.folder, "best, correct, n") == [(True, 3, 4), (False, 2, 4), (False, 2, 4)]
    told = capsys.readouterr().out
    assert "as now" in told and "75.0% (30.1%–95.4%)" in told
    assert "sft: the study's values stay (no trial was more accurate)" in told and "sft.learning_rate: " not in told
    (found,) = json.loads((ran.folder / "metrics/tuning/tuning.json").read_text())
    assert (found["best"]["trial"], found["now"]["accuracy"], found["spread"]["least"]) == (0, 0.75, 0.5)
    (kept,) = (ran.folder / "work/tune").rglob("data/models/sft-mini-16-1000")
    assert kept.parts[-4] == "trial-00"


def test_a_killed_tuning_goes_on_with_the_same_trials(ran):
    calls = []

    def killed(command):
        if command.module != TRAINING:
            return None
        calls.append(command.folder.name)
        return 130 if len(calls) == 2 else pretend(command, {0.002: 1, None: 2})

    ran.code = killed
    with pytest.raises(KeyboardInterrupt):
        tune.program(["--arms", "sft", "--trials", "3"])
    (folder,) = (ran.folder / "work/tune").glob("sft-*")
    begun = json.loads((folder / "trial-01/trial.json").read_text())
    assert begun["state"] == "begun" and not (folder / "trial-02").exists()
    tune.program(["--arms", "sft", "--trials", "3"])
    assert calls == ["trial-00", "trial-01", "trial-01", "trial-02"]
    resumed = stored(ran.folder, "trial, state, values_json, correct")
    assert json.loads(resumed[1][2]) == begun["values"]
    shutil.rmtree(ran.folder / "work/tune")
    tune.program(["--arms", "sft", "--trials", "3"])
    assert stored(ran.folder, "trial, state, values_json, correct") == resumed


def test_a_trial_that_crashes_or_diverges_counts_and_a_mistake_stops_all(ran):
    def code(command):
        if command.module != TRAINING:
            return None
        if command.folder.name == "trial-01":
            command.log.write_text("Traceback\nRuntimeError: out of memory\n\n")
            return 1
        records = command.folder / "work/train/run/records"
        records.mkdir(parents=True)
        (records / "steps.jsonl").write_text('{"step": 7, "loss": 0.0, "grad_norm": NaN}\n')
        return pretend(command, {None: 4})

    ran.code = code
    tune.program(["--arms", "sft", "--trials", "2"])
    assert stored(ran.folder, "state, reason, best, n") == [
        ("diverged", "the gradient of step 7 is not finite", False, None),
        ("failed", "exit code 1: RuntimeError: out of memory", False, None),
    ]
    assert "no trial of sft, from whose best it starts, ended well" in refused("--arms", "sft,sft_then_rl")

    def mistaken(command):
        if command.module != TRAINING:
            return None
        command.log.write_text("error: params.yaml: arm rl: 64 prompts are too many\n")
        return 2

    ran.code = mistaken
    assert refused("--arms", "rl").startswith("params.yaml: arm rl: 64 prompts are too many (arm rl; the whole of it: ")
    ran.code = lambda command: 1 if command.module == "stages.sample" else None
    assert refused("--arms", "rl").startswith("sample: no output (the whole of it: ")


def test_rl_after_sft_starts_from_the_best_of_its_own_search(ran):
    ran.code = lambda command: pretend(command, {0.002: 1, None: 2}) if command.module == TRAINING else None
    tune.program(["--arms", "sft_then_rl,sft"])
    (first,) = (ran.folder / "work/tune").glob("sft-*")
    (then,) = (ran.folder / "work/tune").glob("sft_then_rl-*")
    model = "data/models/sft-mini-16-1000"
    assert (then / "trial-00" / model).resolve() == (first / "trial-01" / model).resolve()
    best = json.loads((first / "trial-01/trial.json").read_text())["values"]
    assert params.settings(params.load(then / "trial-00/params.yaml"), "sft").learning_rate == best["learning_rate"]
    assert dict(stored(ran.folder, "arm, start")) == {"sft": None, "sft_then_rl": "sft, trial 1"}
    order = [command.arguments for command in ran.commands if command.module == TRAINING]
    assert order == [("sft-mini-16-1000",)] * 2 + [("sft_then_rl-mini-16-1000",)] * 2
    with pytest.raises(UserError, match=r"the best of the first 1, is gone, for a later one was better; ask for as"):
        tune.program(["--arms", "sft_then_rl,sft", "--trials", "1"])
    tune.program(["--arms", "sft_then_rl", "--trials", "1"])
    order = [command.arguments for command in ran.commands if command.module == TRAINING]
    assert order[4:] == [("sft-mini-16-1000",), ("sft_then_rl-mini-16-1000",)]
    assert stored(ran.folder, "start")[-1] == ("sft, values of the study",)


def test_the_folder_of_an_arm_changes_with_what_its_trials_follow_from(ran, tmp_path):
    def known(*settings):
        data = read_yaml(ran.folder / "params.yaml")
        for setting in settings:
            compose.apply(data, setting)
        parsed = params.parse(data)
        own = compose.merge(recipe.world(data, 4), {})
        steps = recipe.with_run(own, parsed, arm, "mini", "16", 1000, ())
        search = trials.Search(arm, own, steps, tune.space.ranges(parsed, arm), 2, None)
        return trials.fingerprint(search, ran.folder, None)

    for arm, changes in (
        ("sft", ["sft.batch_size=4", "distill.noise=0.5", "tune.sft.epochs.choices=[1,2]", "prompt.instruction=x"]),
        ("rl", ["rl.temperature=0.9", "arms.rl.settings.top_p=0.9", "threads=2", "probe.max_tokens=5"]),
    ):
        names = [known(), *(known(change) for change in changes)]
        assert len(set(names)) == len(names)
        others = [
            "evaluation.max_tokens=9",
            "tune.trials=5",
            "study=x",
            "rl.beta=0.01" if arm == "sft" else "sft.epochs=2",
        ]
        assert {known(), *(known(other) for other in others)} == {names[0]}
    file = ran.folder / "data/problems/problems.parquet"
    problem.write(problem.load(file)[1:], file)
    assert known() != names[0]


def test_mistakes_are_refused_in_one_line_before_anything_is_run(ran):
    assert "no arm 'stf'; did you mean 'sft'?" in refused("--arms", "stf")
    assert "--arms names none" in refused("--arms", ",")
    assert "--trials: '0' is not a whole number" in refused("--trials", "0")
    assert "--jobs: 'two' is not" in refused("--jobs", "two")
    assert "no model 'tiny'" in refused("--model", "tiny")
    assert "no sample '2k'" in refused("--sample", "2k")
    file = ran.folder / "params.yaml"
    text = file.read_text()
    for old, new, message in (
        ("seed: 1000", "seed: 0", "tune.seed 0 is that of a run of this study"),
        ("learning_rate: {low: 0.0003,", "learning_rate: {low: -1.0,", "tune.sft.learning_rate must be"),
        ("choices: [1, 2, 3]", "choices: [1, -2]", "tune: arms.sft.settings.epochs must be above 0"),
        ("choices: [1, 2, 3]", "choises: [1, 2]", "unknown key tune.sft.epochs.choises; did you mean 'choices'?"),
    ):
        assert old in text
        file.write_text(text.replace(old, new, 1))
        assert message in refused("--arms", "sft")
    assert not ran.commands and not os.path.exists("metrics/tuning")


@pytest.mark.slow
def test_killed_for_real_and_started_again_it_ends_as_if_it_had_not_been(mini, micro_folder, root):
    """Processes of their own, SIGKILL to the one that was started while the second trial trains."""
    folder = mini("tune.model=mini", 'tune.sample="32"', "tune.trials=2", "tune.probes=4", "rl.epochs=3")
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    command, environment = (
        [sys.executable, "-m", "stages.tune", "--arms", "rl"],
        {**os.environ, "PYTHONPATH": str(root)},
    )
    killed = subprocess.Popen(command, env=environment)
    steps: list[Path] = []
    for _ in range(1200):
        trials = (folder / "work/tune").glob("rl-*/trial-01")
        steps = [file for trial in trials for file in trial.rglob("records/steps.jsonl")]
        if steps and steps[0].read_text().count("\n") >= 2:
            break
        time.sleep(0.1)
    killed.kill()
    killed.wait()
    for _ in range(300):  # the trial's own process finishes its step, saves and ends
        with contextlib.suppress(UserError), train.locked(steps[0].parents[1]):
            break
        time.sleep(0.1)
    subprocess.run(command, env=environment, check=True, timeout=300)
    log = next((folder / "work/tune").glob("rl-*/trial-01/train.log")).read_text()
    assert "resuming at step" in log
    columns = "trial, state, values_json, correct, n, updates, generated_tokens, fingerprint"
    resumed = stored(folder, columns)
    shutil.rmtree(folder / "work")
    subprocess.run(command, env=environment, check=True, timeout=300)
    assert stored(folder, columns) == resumed and [row[1] for row in resumed] == ["done", "done"]
