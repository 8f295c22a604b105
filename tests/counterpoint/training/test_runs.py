"""What a run writes down, SFT and GRPO alike, and that looking at it changes nothing."""

import dataclasses
import functools
from collections import Counter

import pytest
import torch

from counterpoint import problem
from counterpoint.generation import prompts
from counterpoint.tables import TABLES
from counterpoint.training import shared

RUN = "run-micro-16-0"
STEPS = {"sft": 6, "rl": 8}
PROBED = {"sft": [0, 3, 6], "rl": [0, 4, 8]}


@pytest.fixture(scope="module")
def settings(sft_settings, rl_settings):
    return {"sft": sft_settings, "rl": rl_settings}


@pytest.fixture(scope="module")
def whole(train, settings, tmp_path_factory):
    """An uninterrupted run of each method."""
    return {method: train(settings[method], tmp_path_factory.mktemp(method)) for method in settings}


def same(one, other) -> bool:
    return all(torch.equal(one.weights[key], other.weights[key]) for key in one.weights)


@pytest.mark.parametrize("method", ["sft", "rl"])
def test_every_step_is_recorded_once_and_in_full(whole, method):
    tables = whole[method].tables
    assert [row["step"] for row in tables["steps"]] == list(range(1, STEPS[method] + 1))
    for row in tables["steps"]:
        assert row["run_id"] == RUN
        wanted = set(TABLES["steps"].schema.names) - {"kl"}  # none without a reference model
        if method == "sft":
            wanted -= {"reward", "reward_std", "completion_length", "truncated_fraction", "zero_advantage_fraction"}
        assert {name for name, value in row.items() if value is not None} >= wanted
    assert tables["steps"][-1]["epoch"] == pytest.approx(1.5 if method == "sft" else 2)


@pytest.mark.parametrize("method", ["sft", "rl"])
def test_probes_are_taken_before_the_first_step_and_after_the_last(whole, method, probe_problems):
    tables = whole[method].tables
    assert sorted({row["step"] for row in tables["probes"]}) == PROBED[method]
    expected = len(PROBED[method]) * len(probe_problems) * 2
    assert len(tables["probes"]) == expected
    assert len(tables["probe_items"]) == expected * 4
    for probe in tables["probes"]:
        key = ("step", "suite", "condition", "decoding")
        items = [i for i in tables["probe_items"] if all(i[k] == probe[k] for k in key)]
        assert probe["n"] == len(items) == 4
        assert probe["correct"] == sum(i["correct"] for i in items)
        assert probe["accuracy"] == probe["correct"] / 4
        assert probe["parsed_fraction"] == sum(i["parsed"] for i in items) / 4
        assert (probe["reward"] is None) == (method == "sft")


@pytest.mark.parametrize("method", ["sft", "rl"])
def test_pictures_read_from_the_file_and_decoded_one_by_one_train_the_same(
    train, settings, whole, problems, tmp_path, monkeypatch, method
):
    for module in (prompts, shared):
        monkeypatch.setattr(module, "decoded", functools.partial(prompts.decoded, limit=1))
    problem.write(problems, tmp_path / "problems.parquet")
    data = problem.load(tmp_path / "problems.parquet", ids=[p.problem_id for p in problems])
    other = train(settings[method], tmp_path, data=data)
    assert same(other, whole[method])
    assert other.tables["steps"] == whole[method].tables["steps"]


@pytest.mark.parametrize("method", ["sft", "rl"])
@pytest.mark.parametrize("looking", [{"probed": False}, {"every": 1}])
def test_probing_changes_nothing_in_training(train, settings, whole, tmp_path, method, looking):
    other = train(settings[method], tmp_path, **looking)
    assert len(other.tables["probes"]) != len(whole[method].tables["probes"])
    assert same(other, whole[method])
    assert other.tables["steps"] == whole[method].tables["steps"]
    assert other.tables["completions"] == whole[method].tables["completions"]


@pytest.mark.parametrize("method", ["sft", "rl"])
def test_times_stand_in_the_timings_alone(whole, method):
    timings = whole[method].tables["timings"]
    phases = Counter(row["phase"] for row in timings)
    assert phases["step"] == STEPS[method]
    assert phases["probe"] == len(PROBED[method])
    assert phases["train"] == 1
    assert phases["generate"] == (STEPS["rl"] if method == "rl" else 0)
    assert all(row["seconds"] >= 0 and row["started_at"] and row["machine"] == "m" for row in timings)


def test_sft_learns_its_problems(whole):
    losses = [row["loss"] for row in whole["sft"].tables["steps"]]
    assert losses[-1] < losses[0] - 0.5
    assert (whole["sft"].tables["rewards"], whole["sft"].tables["completions"]) == ([], [])


def test_sft_imitates_reasoning_and_answer_and_nothing_of_the_prompt(train, settings, tmp_path, problems, whole):
    tokenizer = whole["sft"].processor.tokenizer
    one_epoch = dataclasses.replace(settings["sft"], epochs=1, batch_size=16)
    run = train(one_epoch, tmp_path, probed=False)
    gold = [f"<think>{p.reasoning}</think><answer>{p.answer}</answer><eos>" for p in problems]
    assert run.tables["steps"][0]["tokens"] == sum(len(tokenizer(text).input_ids) for text in gold)
    assert run.totals == {
        "prompts_seen": 16,
        "updates": 1,
        "generated_tokens": 0,
        "trained_tokens": run.tables["steps"][0]["tokens"],
        "engine": "shared",
        "checkpoint_step": 1,
        "best_step": None,
        "reward_step": None,
        "status": "completed",
        "stop_reason": None,
    }


def test_sft_totals(whole):
    assert whole["sft"].totals["updates"] == 6
    assert whole["sft"].totals["prompts_seen"] == 24
    assert whole["sft"].totals["trained_tokens"] == sum(row["tokens"] for row in whole["sft"].tables["steps"])


def test_rl_totals(whole):
    tables, totals = whole["rl"].tables, whole["rl"].totals
    assert (totals["updates"], totals["prompts_seen"]) == (8, 32)
    assert totals["generated_tokens"] == totals["trained_tokens"] == sum(c["tokens"] for c in tables["completions"])


def test_every_completion_of_every_step_is_kept(whole, problems):
    completions = whole["rl"].tables["completions"]
    assert Counter(c["step"] for c in completions) == dict.fromkeys(range(1, 9), 16)
    for step in range(1, 9):
        drawn = Counter(c["problem_id"] for c in completions if c["step"] == step)
        assert sorted(drawn.values()) == [4] * 4
    for epoch in (range(1, 5), range(5, 9)):
        assert {c["problem_id"] for c in completions if c["step"] in epoch} == {p.problem_id for p in problems}
    groups = Counter((c["step"], c["problem_id"], c["sample_index"]) for c in completions)
    assert max(groups.values()) == 1 and {key[2] for key in groups} == {0, 1, 2, 3}
    assert all(c["tokens"] == 6 if c["truncated"] else 0 < c["tokens"] <= 6 for c in completions)
    assert any(c["truncated"] for c in completions)


def test_the_second_epoch_has_another_order(whole):
    def order(steps):
        rows = [c for c in whole["rl"].tables["completions"] if c["step"] in steps and c["sample_index"] == 0]
        return [frozenset(c["problem_id"] for c in rows if c["step"] == step) for step in steps]

    assert order(range(1, 5)) != order(range(5, 9))


def test_reward_is_the_weighted_terms_and_the_records_agree(whole, settings):
    tables, weights = whole["rl"].tables, settings["rl"].rewards
    for completion in tables["completions"]:
        terms = dict(completion["terms"])
        assert list(terms) == list(weights)
        assert completion["reward"] == pytest.approx(sum(weights[t] * value for t, value in terms.items()), abs=1e-6)
        assert terms["spread"] == pytest.approx(len(completion["completion"]) % 7 / 6, abs=1e-6)
        assert terms["accuracy"] == float(completion["correct"])
    for step in tables["steps"]:
        drawn = [c for c in tables["completions"] if c["step"] == step["step"]]
        assert step["reward"] == pytest.approx(sum(c["reward"] for c in drawn) / 16, abs=1e-5)
        assert step["completion_length"] == pytest.approx(sum(c["tokens"] for c in drawn) / 16, abs=1e-5)
        assert step["truncated_fraction"] == pytest.approx(sum(c["truncated"] for c in drawn) / 16, abs=1e-5)
        assert step["tokens"] == sum(c["tokens"] for c in drawn)
    assert len(tables["rewards"]) == 8 * 3
    for row in tables["rewards"]:
        drawn = [dict(c["terms"])[row["term"]] for c in tables["completions"] if c["step"] == row["step"]]
        assert row["weight"] == weights[row["term"]]
        assert row["mean"] == pytest.approx(sum(drawn) / 16, abs=1e-5)


def test_advantages_sum_to_nothing_in_every_group_and_follow_the_reward(whole):
    groups: dict = {}
    for completion in whole["rl"].tables["completions"]:
        groups.setdefault((completion["step"], completion["problem_id"]), []).append(completion)
    for group in groups.values():
        assert sum(c["advantage"] for c in group) == pytest.approx(0, abs=1e-3)
        ranked = sorted(group, key=lambda c: c["reward"])
        assert [c["advantage"] for c in ranked] == sorted(c["advantage"] for c in group)
    assert any(abs(c["advantage"]) > 0.5 for group in groups.values() for c in group)


def test_rl_moves_the_weights(whole, micro_folder):
    from counterpoint.models import checkpoint

    before = checkpoint.load(str(micro_folder))[0].state_dict()
    assert any(not torch.equal(before[key], whole["rl"].weights[key]) for key in before)
