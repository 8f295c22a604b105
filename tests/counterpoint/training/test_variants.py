"""Losses, LoRA, the sampler, and what is refused; CUDA where there is any."""

import dataclasses
from collections import Counter
from typing import get_args

import pytest
import torch

from counterpoint.errors import UserError
from counterpoint.methods import METHODS, ConfiguredMethod
from counterpoint.models import checkpoint
from counterpoint.params import Lora
from counterpoint.params.training import Loss
from counterpoint.training.data import dataset, gold
from counterpoint.training.probe import ProbeSpec

LORA = Lora(rank=4, alpha=8, dropout=0.0, targets=["q_proj", "v_proj"], vision_tower=False)


@pytest.fixture(scope="module")
def short(rl_settings):
    """Two optimizer steps of GRPO."""
    return dataclasses.replace(rl_settings, epochs=0.5)


def finite(run) -> bool:
    return all(torch.isfinite(value).all() for value in run.weights.values())


@pytest.mark.parametrize("loss_type", get_args(Loss))
def test_every_loss_trains(train, short, tmp_path, micro_folder, loss_type):
    run = train(dataclasses.replace(short, loss_type=loss_type), tmp_path, probed=False)
    before = checkpoint.load(str(micro_folder))[0].state_dict()
    assert run.totals["updates"] == len(run.tables["steps"]) == 2
    assert finite(run)
    assert any(not torch.equal(before[key], run.weights[key]) for key in before)


def test_a_penalty_on_divergence_is_recorded(train, short, tmp_path):
    run = train(dataclasses.replace(short, beta=0.1), tmp_path, probed=False)
    divergence = [row["kl"] for row in run.tables["steps"]]
    assert divergence[0] == pytest.approx(0, abs=1e-6)
    assert divergence[1] > 0


def test_steps_share_a_generation_and_pass_over_it_again(train, rl_settings, tmp_path, problems):
    shared = dataclasses.replace(
        rl_settings, batch_size=8, epochs=2, steps_per_generation=2, num_iterations=3, beta=0.1
    )
    run = train(shared, tmp_path, data=problems[:9])
    steps, completions = run.tables["steps"], run.tables["completions"]
    assert [row["step"] for row in steps] == list(range(1, 25))  # 9 problems: two generations of 4 in each epoch
    assert steps[-1]["epoch"] == 2
    generated = [1, 7, 13, 19]
    assert Counter(c["step"] for c in completions) == dict.fromkeys(generated, 16)
    assert Counter(row["step"] for row in run.tables["rewards"]) == dict.fromkeys(generated, 3)
    assert Counter(row["step"] for row in run.tables["timings"] if row["phase"] == "generate") == Counter(generated)
    earned = ("reward", "reward_std", "completion_length", "truncated_fraction", "zero_advantage_fraction")
    for row in steps:
        assert {row[name] is None for name in earned} == {row["step"] not in generated}
        assert None not in (row["loss"], row["kl"], row["entropy"], row["grad_norm"], row["tokens"])
    for first in generated:
        tokens = sum(c["tokens"] for c in completions if c["step"] == first)
        learned = [row["tokens"] for row in steps if first <= row["step"] < first + 6]
        assert [sum(learned[i : i + 2]) for i in (0, 2, 4)] == [tokens] * 3  # every pass learns from all of it
    answered = [{c["problem_id"] for c in completions if c["step"] == step} for step in generated]
    assert all(len(ids) == 4 for ids in answered) and not answered[0] & answered[1] and not answered[2] & answered[3]
    tokens = sum(c["tokens"] for c in completions)
    spent = {
        "prompts_seen": 16, "updates": 24, "generated_tokens": tokens, "trained_tokens": 3 * tokens, "engine": "shared",
    }  # fmt: skip
    assert {key: run.totals[key] for key in spent} == spent


@pytest.mark.parametrize("loss_type", ["grpo", "dapo"])
def test_a_batch_in_parts_teaches_the_same(train, short, tmp_path, loss_type):
    """Adam would blow a gradient of rounding errors up to a whole step, so the gradient's norm is what is compared."""
    short = dataclasses.replace(short, epochs=0.25, loss_type=loss_type)
    one, four = (
        train(dataclasses.replace(short, gradient_accumulation=parts), tmp_path / str(parts), probed=False)
        for parts in (1, 4)
    )
    assert four.tables["completions"] == one.tables["completions"]
    (whole,), (parts,) = one.tables["steps"], four.tables["steps"]
    assert whole["grad_norm"] > 0
    assert parts["grad_norm"] == pytest.approx(whole["grad_norm"], rel=1e-4)
    assert parts["loss"] == pytest.approx(whole["loss"], abs=1e-5)
    assert (parts["tokens"], parts["reward"]) == (whole["tokens"], whole["reward"])


def test_more_prompts_a_generation_than_problems_are_refused(train, short, tmp_path):
    with pytest.raises(UserError, match=r"20 prompts a generation.*16 problems; lower rl.batch_size or"):
        train(dataclasses.replace(short, steps_per_generation=5), tmp_path)


def test_equal_rewards_teach_nothing(train, short, tmp_path, micro_folder):
    run = train(dataclasses.replace(short, rewards={"format": 1.0}), tmp_path, probed=False)
    before = checkpoint.load(str(micro_folder))[0].state_dict()
    assert [row["zero_advantage_fraction"] for row in run.tables["steps"]] == [1.0, 1.0]
    assert all(torch.equal(before[key], run.weights[key]) for key in before)


@pytest.mark.parametrize("method", ["sft", "rl"])
def test_a_lora_run_publishes_an_adapter_that_merges(train, sft_settings, short, tmp_path, micro_folder, method):
    settings = {"sft": dataclasses.replace(sft_settings, epochs=0.5), "rl": short}[method]
    run = train(settings, tmp_path, probed=False, lora=dataclasses.asdict(LORA))
    checkpoint.save(run.model, run.processor, tmp_path / "adapter")
    files = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= files
    assert not {"training_args.bin", "model.safetensors"} & files
    merged = checkpoint.load(str(tmp_path / "adapter"))[0].state_dict()
    before = checkpoint.load(str(micro_folder))[0].state_dict()
    changed = {key for key in before if not torch.equal(before[key], merged[key])}
    assert merged.keys() == before.keys()
    assert changed and all("q_proj" in key or "v_proj" in key for key in changed)
    assert not any("vision" in key for key in changed)
    wanted = run.model.merge_and_unload().state_dict()
    assert all(torch.allclose(wanted[key], merged[key], atol=1e-6) for key in merged)


def test_fewer_problems_than_a_batch_still_train(train, sft_settings, tmp_path, problems):
    run = train(dataclasses.replace(sft_settings, epochs=1, batch_size=64), tmp_path, probed=False, data=problems[:3])
    assert (run.totals["updates"], run.totals["prompts_seen"]) == (1, 3)


def test_parts_of_an_epoch_are_counted_batch_by_batch(train, sft_settings, tmp_path, problems):
    settings = dataclasses.replace(sft_settings, epochs=2.5, batch_size=2)
    run = train(settings, tmp_path, probed=False, data=problems[:9])
    assert (run.totals["updates"], run.totals["prompts_seen"]) == (13, 9 + 9 + 3 * 2)


def test_the_sampler_is_reseeded_by_the_epoch_and_not_by_how_it_got_there():
    from counterpoint.training.resume import EpochSampler

    def sampler():
        return EpochSampler(data_source=list(range(12)), mini_repeat_count=2, batch_size=3, shuffle=True, seed=5)

    walked, jumped = sampler(), sampler()
    orders = []
    for epoch in range(3):
        walked.set_epoch(epoch)
        orders.append(list(walked))
    jumped.set_epoch(2)
    assert list(jumped) == orders[2]
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == sorted([*range(12)] * 2) for order in orders)


def test_sft_and_rl_read_the_same_prompt(problems):
    shown, bare = (dataset(problems, "think first .", texts) for texts in (gold(problems), None))
    for left, right, problem in zip(shown, bare, problems, strict=True):
        assert left["prompt"] == right["prompt"]
        assert left["problem_id"] == right["problem_id"] == problem.problem_id
        assert "completion" not in right
        assert left["completion"][0]["content"].endswith(f"</think><answer>{problem.answer}</answer>")
        assert problem.reasoning not in right["prompt"][0]["content"]


def test_sft_without_gold_reasoning_names_the_problem(problems):
    bare = dataclasses.replace(problems[3], reasoning=None)
    with pytest.raises(UserError, match=rf"{bare.problem_id}.*no gold reasoning"):
        gold([*problems[:3], bare])
    assert len(dataset([bare], "")) == 1


@pytest.mark.parametrize("total", [1, 2, 5, 11, 12, 13, 14, 24, 25, 62, 100, 1250])
@pytest.mark.parametrize("at_least", [1, 2, 12, 13])
def test_probes_are_as_many_as_asked_for(total, at_least):
    probe = ProbeSpec({}, "", 4, 8, at_least=at_least)
    every = probe.interval(total)
    taken = {0, total} | set(range(0, total + 1, every))
    assert len(taken) >= min(at_least, total + 1)
    assert dataclasses.replace(probe, every=7).interval(total) == 7


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["sft", "rl"])
def test_two_steps_on_a_gpu(train, sft_settings, short, tmp_path, method):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    run = train({"sft": dataclasses.replace(sft_settings, epochs=0.5), "rl": short}[method], tmp_path)
    assert run.model.device.type == "cuda"
    assert [row["step"] for row in run.tables["steps"]] == [1, 2]
    assert {row["step"] for row in run.tables["probes"]} == {0, 1, 2}
    assert finite(run)


def test_a_run_that_ends_early_is_the_beginning_of_the_whole(train, sft_settings, tmp_path):
    """Half of its six updates, with the learning rates and the losses that the whole has there."""
    whole = train(dataclasses.replace(sft_settings, epochs=1.5), tmp_path / "whole", probed=False)
    half = train(dataclasses.replace(sft_settings, epochs=1.5, stop_at=0.5), tmp_path / "half", probed=False)
    assert (whole.totals["updates"], half.totals["updates"]) == (6, 3)
    columns = ("step", "loss", "learning_rate", "tokens")
    assert [[row[c] for c in columns] for row in half.tables["steps"]] == [
        [row[c] for c in columns] for row in whole.tables["steps"][:3]
    ]
    assert half.tables["steps"][-1]["learning_rate"] > 0


def test_a_trace_set_is_imitated_over_as_many_updates_as_the_sample(train, sft_settings, problems, tmp_path):
    """Five of 16 problems have traces, one of them two: six examples, seen as often as 24 of the whole sample."""
    shown = {p.problem_id: ["<think>a</think><answer>1</answer>"] for p in problems[:5]}
    shown[problems[0].problem_id] = ["<think>b</think><answer>2</answer>", "<think>c</think><answer>3</answer>"]
    method = ConfiguredMethod(METHODS["sft"], demonstrations=shown)
    run = train(sft_settings, tmp_path, probed=False, method=method)
    assert run.totals["updates"] == 6 and run.totals["prompts_seen"] == 18  # of 4, 2, 4, 2, 4 and 2
    own = train(sft_settings, tmp_path / "own", probed=False)
    method = ConfiguredMethod(METHODS["sft"], demonstrations={p.problem_id: gold([p]) for p in problems})
    same = train(sft_settings, tmp_path / "same", probed=False, method=method)
    assert [row["loss"] for row in own.tables["steps"]] == [row["loss"] for row in same.tables["steps"]]
    assert own.totals["prompts_seen"] == 24
