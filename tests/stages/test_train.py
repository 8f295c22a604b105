"""The training stage: bad input told before anything is computed, work folders that never mix, one whole run."""

import dataclasses
import json
import shutil
import sys

import pyarrow.parquet as pq
import pytest

from counterpoint import params, problem, tables
from counterpoint.errors import UserError
from counterpoint.training.records import Recorder
from stages import common, train
from stages.pool import sample_problems


def refused(*arguments):
    with pytest.raises(UserError) as caught:
        train.program(list(arguments))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_an_unknown_run_names_its_neighbour(mini):
    assert "did you mean 'rl-mini-32-0'" in refused("rl-mini-23-0")
    assert "runs.train" in refused("rl-mini-32-7")
    assert "no run ''" in refused()


def test_an_unknown_or_mistyped_parameter_names_its_key(mini):
    file = mini() / "params.yaml"
    text = file.read_text()
    file.write_text(text.replace("group_size: 4", "group_sise: 4"))
    message = refused("rl-mini-32-0")
    assert "rl.group_sise" in message and "did you mean 'group_size'" in message
    file.write_text(text.replace("group_size: 4", "group_size: four"))
    assert "rl.group_size must be of type int, not 'four'" in refused("rl-mini-32-0")


def test_a_batch_that_the_group_does_not_divide_is_refused(mini):
    file = mini() / "params.yaml"
    file.write_text(file.read_text().replace("group_size: 4", "group_size: 5"))
    message = refused("rl-mini-32-0")
    assert "batch_size 16" in message and "group_size 5" in message and "use 15" in message


def test_more_prompts_a_step_than_the_sample_has_are_refused(mini):
    mini("rl.batch_size=256")
    message = refused("rl-mini-32-0")
    assert "64 prompts a generation" in message and "32 of sample 32" in message and "rl.batch_size" in message


def test_missing_data_names_the_stage_that_makes_it(mini):
    folder = mini()
    shutil.rmtree(folder / "data/samples")
    assert "dvc repro sample" in refused("sft-mini-16-0")
    tables.write("samples", [], folder / "data/samples/samples.parquet")
    assert "no sample '16'" in refused("sft-mini-16-0")


def test_a_checkpoint_that_is_not_a_model_is_refused(mini):
    folder = mini()
    (folder / "data/models/base/mini").mkdir(parents=True)
    assert "data/models/base/mini: not a model" in refused("sft-mini-16-0")


def rewritten(folder, split, **changes):
    """Change the first problem of a split, of the samples where it trains; returns its id."""
    file = folder / "data/problems/problems.parquet"
    known = problem.load(file)
    sampled = {p.problem_id for p in sample_problems("16")}
    first = next(p for p in known if p.split == split and (split != "train" or p.problem_id in sampled))
    problem.write([dataclasses.replace(p, **changes) if p is first else p for p in known], file)
    return first.problem_id


@pytest.mark.parametrize("run", ["sft-mini-16-0", "rl-mini-32-0", "chord_mu-mini-16-0"])
def test_a_problem_that_the_model_cannot_be_asked_or_answer_stops_a_run_at_once(mini, micro_folder, run):
    folder = mini()
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    wrong = rewritten(folder, "train", question="what is <image> ?")
    assert f"problem {wrong} (procedural): its question holds '<image>'" in refused(run)
    rewritten(folder, "train", question="what ?")
    wrong = rewritten(folder, "probe", answer="<eos>", answer_type="text")
    assert f"problem {wrong} (procedural): its answer holds '<eos>'" in refused(run)
    rewritten(folder, "probe", question="and " * 5000, answer="3")
    assert "do not fit into the 1,024 positions" in refused(run)
    assert not (folder / f"data/runs/{run}").exists()


def test_suites_are_probed_by_held_out_problems_of_the_split_that_they_show(mini):
    suites = ["in_domain", "rule_shift", "text_twin", "held_out_prompts", "text_reasoning"]
    assert {len(members) for members in train.probe_problems(suites, 3).values()} == {3}
    probes = train.probe_problems(suites, 4)
    assert {suite: len(members) for suite, members in probes.items()} == dict.fromkeys(suites, 4)
    assert probes["text_twin"] == probes["in_domain"] != probes["rule_shift"]
    assert all(p.split == "probe" for members in probes.values() for p in members)
    assert {p.state_id for p in probes["held_out_prompts"]} == {p.state_id for p in probes["in_domain"]}
    assert all(not p.images for p in probes["text_reasoning"])


def test_a_suite_without_probes_is_not_followed_and_none_at_all_is_refused(mini):
    file = mini() / "data/problems/problems.parquet"
    kept = [p for p in problem.load(file) if p.split != "probe" or "suite:rule_shift" not in p.tags]
    problem.write([dataclasses.replace(p, text_twin=None) for p in kept], file)
    assert list(train.probe_problems(["in_domain", "rule_shift", "text_twin"], 3)) == ["in_domain"]
    for suites in (["rule_shift"], ["text_twin", "rule_shift"]):
        with pytest.raises(UserError, match=r"no probe problems for any of .*; change probe\.suites"):
            train.probe_problems(suites, 3)


def test_the_sample_is_read_in_its_order(mini):
    rows = pq.read_table("data/samples/samples.parquet").to_pylist()
    for sample, size in (("16", 16), ("32", 32)):
        wanted = {row["position"]: row["problem_id"] for row in rows if row["sample"] == sample}
        assert [p.problem_id for p in train.sample_problems(sample)] == [wanted[i] for i in range(size)]
    assert sample_problems("32")[:16] == train.sample_problems("16")


def test_the_work_folder_changes_with_what_a_run_depends_on(mini, micro_folder, tmp_path):
    settings = params.load()
    weights = tmp_path / "weights"
    shutil.copytree(micro_folder, weights)
    settings = dataclasses.replace(settings, models={**settings.models, "mini": str(weights)})
    inputs = train.read_inputs(settings.runs.trained["rl-mini-32-0"], settings)
    problems, probes = inputs.problems, inputs.probes

    def named(**changes):
        changed = dataclasses.replace(inputs, **changes)
        section = params.settings(changed.settings, changed.run.arm)
        return train.fingerprint(dataclasses.replace(changed, section=section))

    first = named()
    assert first == named()
    changed = [
        dataclasses.replace(settings, threads=2),
        dataclasses.replace(settings, checkpoint="best"),
        dataclasses.replace(settings, prompt=params.Prompt("think .")),
        dataclasses.replace(settings, probe=dataclasses.replace(settings.probe, every=1)),
        dataclasses.replace(settings, rl=dataclasses.replace(settings.rl, learning_rate=1e-9)),
    ]
    names = [named(settings=other) for other in changed] + [named(problems=problems[:-1])]
    # the same id with other content is other data
    names.append(named(problems=[dataclasses.replace(problems[0], reasoning="another trace"), *problems[1:]]))
    names.append(named(probes={**probes, "in_domain": probes["in_domain"][:-1]}))
    names += [named(demonstrations={problems[0].problem_id: [text]}) for text in ("one trace", "another")]
    arm = dataclasses.replace(settings.arms["rl"], options={"own": 1})
    names.append(named(settings=dataclasses.replace(settings, arms={**settings.arms, "rl": arm})))
    (weights / "chat_template.jinja").write_text("another template")
    names.append(named())
    first_again = named()
    # what another method, the study's name or a tracker says has no part in this run
    others = {"study": "x", "sft": dataclasses.replace(settings.sft, epochs=9), "report_to": "wandb"}
    assert named(settings=dataclasses.replace(settings, **others)) == first_again
    data = (weights / "model.safetensors").read_bytes()
    (weights / "model.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    names.append(named())
    assert len({first, *names}) == 1 + len(names)


def test_a_run_is_not_trained_twice_at_once(tmp_path):
    with (
        train.locked(tmp_path / "w"),
        pytest.raises(UserError, match="another process"),
        train.locked(tmp_path / "w"),
    ):
        pass
    with train.locked(tmp_path / "w"):
        pass


def test_a_run_is_published_and_a_second_one_changes_nothing(mini, micro_folder):
    folder = mini()
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    train.program(["rl-mini-32-0"])
    out, model = folder / "data/runs/rl-mini-32-0/train", folder / "data/models/rl-mini-32-0"
    record = json.loads((out / "run.json").read_text())
    assert set(record) == set(tables.TABLES["runs"].schema.names)
    assert (record["method"], record["arm"], record["sample"], record["init_run"]) == ("rl", "rl", "32", "base-mini")
    assert (record["status"], record["updates"], record["prompts_seen"]) == ("completed", 8, 32)
    assert (record["checkpoint_rule"], record["checkpoint_step"], record["stop_reason"]) == ("last", 8, None)
    assert {path.stem for path in out.glob("*.parquet")} == {
        "steps", "rewards", "probes", "probe_items", "completions", "timings"
    }  # fmt: skip
    files = {path: path.read_bytes() for path in (*out.iterdir(), *model.iterdir()) if path.stem != "timings"}
    train.program(["rl-mini-32-0"])
    assert {path: path.read_bytes() for path in files} == files
    for table in ("steps", "probes", "completions"):
        rows = pq.read_table(out / f"{table}.parquet").to_pylist()
        keys = [tuple(row[k] for k in tables.TABLES[table].key) for row in rows]
        assert keys and len(set(keys)) == len(keys)


def test_the_best_weights_of_a_run_stopped_for_its_reward_are_published(mini, micro_folder, monkeypatch):
    """The records are planted: untaught models are right about nothing. A second start ends at the same step."""
    folder, real = mini("checkpoint=best", "rl.stop_when_deceptive=true", "rl.epochs=2", "probe.every=1"), Recorder.add

    def add(self, table, *rows):
        falling = [{**row, "accuracy": 0.5 - 0.03 * (row["step"] - row["step"] % 2 / 4), "n": 512} for row in rows
                   if table == "probes"]  # fmt: skip
        rising = [{**row, "reward": 0.05 * row["step"]} for row in rows if table == "steps"]
        real(self, table, *(falling or rising or rows))

    monkeypatch.setattr(Recorder, "add", add)
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    out, model = folder / "data/runs/rl-mini-32-0/train", folder / "data/models/rl-mini-32-0"
    found = []
    for _ in range(2):
        train.program(["rl-mini-32-0"])
        found.append((json.loads((out / "run.json").read_text()), (model / "model.safetensors").read_bytes()))
        shutil.rmtree(folder / "work")
    record = found[0][0]
    assert found[0] == found[1]
    assert record["status"] == f"stopped: deceptive reward at step {record['updates']}" and record["updates"] < 16
    assert (record["checkpoint_rule"], record["checkpoint_step"], record["best_step"]) == ("best", 0, 0)
    assert "accuracy changed by" in record["stop_reason"]


@pytest.mark.parametrize(
    ("asked", "ran", "recorded"),
    [("stock", {}, "stock"), ("shared", {}, "shared"), ("shared", {"engine": "stock"}, "stock")],
)
def test_the_record_names_the_engine_that_ran(mini, micro_folder, monkeypatch, asked, ran, recorded):
    folder = mini(f"sft.engine={asked}")
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    totals = dict.fromkeys(("prompts_seen", "updates", "generated_tokens", "trained_tokens", "checkpoint_step"), 0)
    totals |= dict.fromkeys(("best_step", "reward_step", "status", "stop_reason"))
    monkeypatch.setattr("counterpoint.training.sft.train", lambda *_: totals | ran)
    train.program(["sft-mini-16-0"])
    record = json.loads((folder / "data/runs/sft-mini-16-0/train/run.json").read_text())
    assert record["engine"] == recorded and set(record) == set(tables.TABLES["runs"].schema.names)
    assert json.loads(record["params_json"])["sft"]["engine"] == asked


@pytest.mark.parametrize("share", [0.5, 1.5])
def test_a_disk_that_fills_while_a_checkpoint_is_written_costs_one_line_and_nothing_else(
    mini, micro_folder, disk, monkeypatch, capsys, share
):
    folder = mini()
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    monkeypatch.setattr(sys, "argv", ["stages.train", "sft-mini-16-0"])

    def made() -> dict[str, bytes]:
        files = [f for part in ("models", "runs") for f in (folder / "data" / part / "sft-mini-16-0").rglob("*.*")]
        return {str(file): file.read_bytes() for file in files if file.name != "timings.parquet"}

    common.main(lambda arguments: train.program(arguments))
    whole = made()
    (saved,) = folder.glob("work/train/*/checkpoint-1")
    size = sum(file.stat().st_size for file in saved.iterdir()) // 1024
    for part in ("models", "runs"):
        shutil.rmtree(folder / "data" / part / "sft-mini-16-0")
    place = disk(64 + int(share * size))  # full in the middle of the first checkpoint, or of the second
    monkeypatch.setenv("COUNTERPOINT_WORK", str(place))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        common.main(lambda arguments: train.program(arguments))
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert ended.value.code == 2 and len(told) == 1 and "no space left on its disk" in told[0]
    assert not made() and len(list(place.glob("train/*/checkpoint-*"))) == 0.5 + share
    disk(64 + 4 * size)
    common.main(lambda arguments: train.program(arguments))
    assert made() == whole
