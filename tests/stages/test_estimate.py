"""The estimate grows with the work and promises nothing for models that were never timed."""

import dataclasses
import json
from pathlib import Path

import pytest

from counterpoint import params, tables
from counterpoint.errors import UserError
from counterpoint.params import compose
from counterpoint.params.training import BLOCK_KEYS
from flows import graph
from stages import estimate

ROOT = Path(__file__).parents[2]


@pytest.fixture
def default():
    return params.parse(compose.study("default", ROOT / "studies"))


def total(settings):
    return sum(estimate.by_stage(settings).values())


def test_every_stage_of_the_graph_is_named(default):
    assert set(estimate.by_stage(default)) == set(graph.needs(ROOT))


def test_learning_from_completions_again_costs_less_than_new_ones(default):
    again = dataclasses.replace(default, rl=dataclasses.replace(default.rl, num_iterations=2))
    twice = dataclasses.replace(default, rl=dataclasses.replace(default.rl, group_size=2 * default.rl.group_size))
    assert total(default) < total(again) < total(twice)


def test_a_larger_group_takes_longer(default):
    larger = dataclasses.replace(default, rl=dataclasses.replace(default.rl, group_size=16))
    assert total(larger) > total(default)


def test_the_quick_study_is_much_shorter(default):
    quick = params.parse(compose.study("quick", ROOT / "studies"))
    assert total(quick) < total(default) / 5


def test_no_time_is_promised_for_an_unknown_model(default, monkeypatch, capsys):
    unknown = {**default.runs.base, "base-other": params.BaseRun("other")}
    runs = dataclasses.replace(default.runs, base=unknown)
    monkeypatch.setattr(params, "load", lambda: dataclasses.replace(default, runs=runs))
    estimate.program([])
    assert "no time is promised" in capsys.readouterr().out
    lines = estimate.plan(dataclasses.replace(default, runs=runs), {}, ())
    assert "no time is promised" in lines[-1] and "other" in lines[-1] and "hours" not in "".join(lines)


def study(*blocks):
    """A study of these blocks of runs: (arms, models, samples, seeds)."""
    rules = [dict(zip(BLOCK_KEYS, block, strict=True)) for block in blocks]
    return compose.study("default", ROOT / "studies") | {"runs": {"base": ["tiny", "small"], "train": rules}}


def work(data, rates=None, **changes):
    """The seconds of each stage beyond those that every stage takes, without probes."""
    settings = params.parse({**data, **changes})
    settings = dataclasses.replace(settings, probe=dataclasses.replace(settings.probe, suites=[]))
    return {name: seconds - estimate.PER_STAGE for name, seconds in estimate.by_stage(settings, rates or {}).items()}


def test_a_part_of_the_sample_or_of_the_updates_takes_its_part_of_the_time():
    sft = (["sft", "sft_long", "sft_stop_25", "sft_part_25", "sft_part_75"], ["tiny"], ["2k"], [0])
    data = study(sft, (["split_75"], ["tiny"], ["2k"], [0]), (["rl"], ["tiny"], ["2k"], [0]))
    found = work(data)
    whole = 2000 * estimate.PER_EXAMPLE(131072)
    for arm, share in {"sft": 1, "sft_long": 3, "sft_stop_25": 0.25, "sft_part_25": 0.25, "sft_part_75": 0.75}.items():
        assert found[f"train@{arm}-tiny-2k-0"] == pytest.approx(share * whole), arm
    assert found["train@split_75-tiny-2k-0"] == pytest.approx(found["train@rl-tiny-2k-0"] / 4)


def test_a_teacher_is_paid_for_what_it_samples_and_a_mixture_for_both_its_losses():
    mixed = (["chord_mu"], ["tiny"], ["2k"], [0])
    sft = (["sft", "sft_noisy", "sft_self", "sft_self_again"], ["tiny"], ["2k"], [0])
    data = study(sft, mixed, (["rl"], ["tiny"], ["2k"], [0]))
    found = work(data)
    sampled = 2000 * 8 * estimate.PER_COMPLETION(131072) / 3
    assert found["distill@self-tiny-2k"] == pytest.approx(sampled)
    assert found["distill@self_again-tiny-2k-0"] == pytest.approx(sampled)
    assert found["distill@oracle-2k"] == found["distill@noisy-2k"] == 0
    fewer = work(data, distill={**data["distill"], "samples": 4})
    assert fewer["distill@self-tiny-2k"] == pytest.approx(sampled / 2)
    both = found["train@rl-tiny-2k-0"] + 2000 * estimate.PER_EXAMPLE(131072)
    assert found["train@chord_mu-tiny-2k-0"] == pytest.approx(both)


def test_a_larger_base_is_slower_and_a_planted_one_as_slow_as_its_own(default):
    wide = dataclasses.replace(default.bases["small"], text_width=192)
    seen = dataclasses.replace(default.bases["small"], vision_layers=4)
    for base in (wide, seen):
        larger = dataclasses.replace(default, bases={**default.bases, "small": base})
        stages, before = estimate.by_stage(larger), estimate.by_stage(default)
        assert stages["train@rl-small-2k-0"] > before["train@rl-small-2k-0"]
        assert stages["train@rl-tiny-2k-0"] == before["train@rl-tiny-2k-0"]
        assert stages["competence@small"] > before["competence@small"]
    planted = params.parse(compose.study("planted", ROOT / "studies"))
    assert estimate.base_of(planted, "tiny_list") == planted.bases["tiny"]
    assert estimate.unknown(planted) == []


def timed(folder, factor):
    """The tables of one RL run of `tiny` and one SFT run of `small`, some seconds in each phase."""
    section = {"rl": {"group_size": 8, "num_iterations": 2}}
    about = {"rl-a": ("rl", "tiny", 100, json.dumps(section)), "sft-b": ("sft", "small", 50, "{}")}
    names = ("method", "model", "prompts_seen", "params_json")
    tables.write(
        "runs",
        [{"run_id": run_id, **dict(zip(names, row, strict=True))} for run_id, row in about.items()],
        folder / "runs.parquet",
    )
    spent = [("rl-a", "step", 30.0), ("rl-a", "generate", 8.0), ("rl-a", "probe", 5.0), ("sft-b", "step", 2.0)]
    rows = [
        {"run_id": run_id, "step": step, "phase": phase, "seconds": factor * seconds / 2, "started_at": str(step)}
        for run_id, phase, seconds in spent
        for step in (1, 2)
    ]
    tables.write("timings", [*rows, {**rows[0], "step": None, "phase": "train"}], folder / "timings.parquet")
    key = {"suite": "in_domain", "condition": "normal", "decoding": "greedy"}
    tables.write("probes", [{"run_id": run, **key, "step": 0, "n": 250} for run in about], folder / "probes.parquet")


def test_measured_times_count_for_the_stage_and_the_model_that_were_measured(tmp_path):
    timed(tmp_path / "published", 1.0)
    known = estimate.measured([tmp_path / "published", tmp_path / "none"])
    assert known == pytest.approx(
        {
            ("learn", "rl", "tiny"): 30 / (100 * 8 * 5 / 3),
            ("learn", "sft", "small"): 2 / 50,
            ("sample", "tiny"): 8 / 800,
            ("answer", "tiny"): 5 / 250,
        }
    )
    data = study((["rl"], ["tiny", "small"], ["2k"], [0]), (["sft", "sft_self"], ["tiny", "small"], ["2k"], [0]))
    before, found = work(data), work(data, known)
    assert found["train@rl-tiny-2k-0"] == pytest.approx(2000 * 8 * known["learn", "rl", "tiny"])
    assert found["train@rl-small-2k-0"] == before["train@rl-small-2k-0"]
    assert found["train@sft-small-2k-0"] == pytest.approx(2000 * 0.04)
    assert found["train@sft-tiny-2k-0"] == before["train@sft-tiny-2k-0"]
    assert found["distill@self-tiny-2k"] == pytest.approx(2000 * 8 * 0.01)
    assert found["distill@self-small-2k"] == before["distill@self-small-2k"]
    assert found["evaluate@sft-tiny-2k-0"] > 5 * before["evaluate@sft-tiny-2k-0"]
    timed(tmp_path / "tables", 3.0)
    own = estimate.measured([tmp_path / "published", tmp_path / "tables"])
    assert own["learn", "sft", "small"] == pytest.approx(3 * 0.04)  # this machine's own
    (tmp_path / "tables" / "probes.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(UserError, match=r"tables: not readable .*`dvc repro warehouse`"):
        estimate.measured([tmp_path / "tables"])


def test_the_plan_adds_up_by_stage_and_arm_and_tells_what_is_done():
    sft = (["sft", "sft_self"], ["tiny", "small"], ["500", "2k"], [1, 2])
    settings = params.parse(study(sft, (["rl"], ["tiny"], ["2k"], [1])))
    expected = estimate.by_stage(settings)
    shipped = {name for name in expected if name.startswith("competence@")}
    done = {name for name in expected if name.startswith("train@sft-tiny")} | shipped
    expected = {name: seconds for name, seconds in expected.items() if name not in shipped}
    head, *lines = estimate.plan(settings, {}, done)
    assert head == "study default: 2 bases, 17 training runs, 6 trace sets"
    rows = {tuple(line.split()[:2]): line.split() for line in lines if line}
    assert rows["train", "sft"][2:-4] == ["tiny", "small", "500", "2k", "1", "2"]
    assert rows["train", "sft"][-4:-2] == ["8", "4"] and rows["distill", "self"][-4:-2] == ["4", "0"]
    left = sum(seconds for name, seconds in expected.items() if name not in done)
    assert rows["left", f"{left / 3600:.2f}"][-3:] == [f"{left / 7200:.2f}", "of", "two"]
    assert rows["all", str(len(expected))][-3:] == [
        str(len(done - shipped)),
        *(f"{s / 3600:.2f}" for s in (sum(expected.values()), left)),
    ]
    assert "step times measured: none" in lines[-1]
    own = estimate.by_stage(settings, estimate.measured())
    minutes = sum(seconds for name, seconds in own.items() if name not in shipped) / 60
    assert f"about {minutes:.0f} minutes" in estimate.line(settings)  # what `make study PLAN=1` adds up
    assert not any(line.startswith("competence ") for line in lines)
    anew = estimate.plan(settings, {}, done - {"competence@small"})
    assert any(line.startswith("competence ") for line in anew)
    known = {("learn", "rl", "tiny"): 1.0}
    assert "step times measured: rl of tiny; others" in estimate.plan(settings, known, done)[-1]


def test_models_from_elsewhere_have_an_order_and_no_hours():
    settings = params.parse(compose.study("geometry3k", ROOT / "studies"))
    assert not settings.bases
    stages = estimate.by_stage(settings)
    assert stages["train@rl-qwen25_3b-2k-0"] > stages["evaluate@base-qwen25_3b"] > 0
    assert "no time is promised" in "\n".join(estimate.plan(settings, {}, set()))
