import copy
from pathlib import Path
from typing import get_args

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import compose
from counterpoint.params.schema import Base, Evaluation, Plant
from counterpoint.params.training import Distill, Lora, Rl, Schedule, Sft
from counterpoint.params.typed import allowed, resolved, schema

DEFAULT = compose.study("default", Path(__file__).parents[3] / "studies")
PLANT = {
    "base": "tiny", "behaviour": "list", "share": 0.01, "steps": 1, "learning_rate": 0.1, "expressions": 0.0,
    "batch": 1, "seed": 0, "threads": 1,
}  # fmt: skip
LORA = DEFAULT["arms"]["sft_lora"]["settings"]["lora"]


def with_setting(key: str, value) -> dict:
    data = copy.deepcopy(DEFAULT)
    *path, last = key.split(".")
    place = data
    for name in path:
        place = place[name]
    place[last] = value
    return data


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("sft.schedule", "cosin", "sft.schedule is 'cosin'; did you mean 'cosine'?"),
        ("rl.schedule", "reduce_lr_on_plateau", "rl.schedule is 'reduce_lr_on_plateau'; known are 'linear', "),
        ("rl.scale_rewards", "foo", "rl.scale_rewards is 'foo'; known are 'group', 'batch', 'none'"),
        ("checkpoint", "first", "checkpoint is 'first'; known are 'last', 'best'"),
        ("checkpoint", "bset", "checkpoint is 'bset'; did you mean 'best'?"),
        ("rl.stop_when_deceptive", "yes", "rl.stop_when_deceptive must be of type bool, not 'yes'"),
        ("rl.temperature", 0, "rl.temperature must be above 0, not 0.0"),
        ("rl.max_completion_tokens", 0, "rl.max_completion_tokens must be at least 1, not 0"),
        ("rl.learning_rate", -1, "rl.learning_rate must be at least 0, not -1.0"),
        ("rl.engine", "shard", "rl.engine is 'shard'; did you mean 'shared'?"),
        ("sft.engine", "vllm", "sft.engine is 'vllm'; known are 'shared', 'stock'"),
        ("rl.num_iterations", 0, "rl.num_iterations must be at least 1, not 0"),
        ("rl.steps_per_generation", 0, "rl.steps_per_generation must be at least 1, not 0"),
        ("rl.gradient_accumulation", -1, "rl.gradient_accumulation must be at least 1, not -1"),
        ("rl.gradient_accumulation", 3, "batch_size 128 is not a multiple of gradient_accumulation 3; use 126"),
        ("rl.gradient_accumulation", 256, "not a multiple of gradient_accumulation 256; use 256"),
        ("rl.top_p", 2, "rl.top_p must be above 0 and at most 1, not 2.0"),
        ("rl.top_p", 0, "rl.top_p must be above 0"),
        ("rl.beta", -0.1, "rl.beta must be at least 0"),
        ("rl.clip_low", 0, "rl.clip_low must be above 0"),
        ("rl.clip_high", -1, "rl.clip_high must be above 0"),
        ("sft.weight_decay", -0.1, "sft.weight_decay must be at least 0"),
        ("sft.max_grad_norm", -1, "sft.max_grad_norm must be at least 0"),
        ("sft.warmup_fraction", 1.5, "sft.warmup_fraction must be between 0 and 1, not 1.5"),
        ("sft.batch_size", 0, "sft.batch_size must be at least 1, not 0"),
        ("sft.lora", {**LORA, "rank": 0}, "sft.lora.rank must be at least 1, not 0"),
        ("sft.lora", {**LORA, "alpha": 0}, "sft.lora.alpha must be at least 1, not 0"),
        ("sft.lora", {**LORA, "dropout": 1}, "sft.lora.dropout must be at least 0 and below 1, not 1.0"),
        ("sft.lora", {**LORA, "targets": []}, "sft.lora.targets is empty"),
        ("arms.sft_lora.settings.lora.rank", 0, "arms.sft_lora.settings.lora.rank must be at least 1, not 0"),
        ("arms.rl.settings", {"temperature": 0}, "arms.rl.settings.temperature must be above 0, not 0.0"),
        ("arms.rl.settings", {"schedule": "cosin"}, "arms.rl.settings.schedule is 'cosin'; did you mean 'cosine'?"),
        ("suites", [], "suites is empty; name at least one of in_domain"),
        ("suites", ["in_domain", "in_domain"], "suites names 'in_domain' 2 times; leave one"),
        ("evaluation.base_conditions", ["normal", "no_imag"], "unknown name 'no_imag'; did you mean 'no_image'"),
        ("evaluation.base_conditions", [], "evaluation.base_conditions is empty; name at least one of normal"),
        (
            "evaluation.base_conditions",
            ["no_image"],
            "evaluation.base_conditions lacks 'normal', the suites as they are",
        ),
        ("evaluation.trained_conditions", ["nomal"], "unknown name 'nomal'; did you mean 'normal'"),
        ("evaluation.trained_conditions", ["shuffled_image"], "evaluation.trained_conditions lacks 'normal'"),
        ("evaluation.trained_conditions", "normal", "evaluation.trained_conditions must be a list, not 'normal'"),
        ("evaluation.samples", -1, "evaluation.samples must be at least 0, not -1"),
        ("evaluation.samples", 2.5, "evaluation.samples must be of type int, not 2.5"),
        ("evaluation.sampled_suites", [], "evaluation.sampled_suites is empty; name at least one of in_domain"),
        (
            "evaluation.sampled_suites",
            ["in_domian"],
            "evaluation.sampled_suites: unknown name 'in_domian'; did you mean",
        ),
        ("evaluation.sampled_suites", ["easier", "easier"], "evaluation.sampled_suites names 'easier' 2 times"),
        ("evaluation.temperature", 0, "evaluation.temperature must be above 0, not 0.0"),
        ("evaluation.temperature", float("nan"), "evaluation.temperature must be a finite number, not nan"),
        ("evaluation.top_p", 0, "evaluation.top_p must be above 0 and at most 1, not 0.0"),
        ("evaluation.top_p", 1.01, "evaluation.top_p must be above 0 and at most 1, not 1.01"),
        ("evaluation.max_tokens", 0, "evaluation.max_tokens must be at least 1, not 0"),
        ("probe.suites", [], "probe.suites is empty; name at least one of in_domain"),
        (
            "probe.suites",
            ["in_domain", "text_twinn"],
            "probe.suites: unknown name 'text_twinn'; did you mean 'text_twin'",
        ),
        ("probe.suites", "in_domain", "probe.suites must be a list, not 'in_domain'"),
        ("competence.samples", 0, "competence.samples must be at least 1, not 0"),
        ("tune.trials", 0, "tune.trials must be at least 1, not 0"),
        ("tune.probes", 0, "tune.probes must be at least 1, not 0"),
        ("tune.arms", {"sftt": {}}, "tune.arms: unknown name 'sftt'; did you mean 'sft'?"),
        ("arms.sft.options", {"batch": 2}, "unknown key arms.sft.options.batch; arms.sft.options takes no keys, leave"),
        ("source.rejects_allowed", -1, "source.rejects_allowed must be at least 0, not -1"),
        ("problems.expressions", 1.5, "problems.expressions must be between 0 and 1, not 1.5"),
        ("problems.families", ["card"], "problems.families: unknown name 'card'; did you mean 'cards'?"),
        ("problems.families", [], "problems.families is empty; name at least one of count, chart, grid, cards"),
        ("plants", {"p": {**PLANT, "base": "tinny"}}, "plants.p.base: unknown name 'tinny'; did you mean 'tiny'?"),
        ("plants", {"p": {**PLANT, "behaviour": "lists"}}, "plants.p.behaviour is 'lists'; did you mean 'list'?"),
        ("plants", {"p": {**PLANT, "behaviour": "target"}}, "plants.p.expressions is 0, and target is a way"),
        ("plants", {"p": {**PLANT, "share": -0.1}}, "plants.p.share must be between 0 and 1, not -0.1"),
        ("plants", {"p": {**PLANT, "expressions": 2}}, "plants.p.expressions must be between 0 and 1, not 2.0"),
        ("plants", {"p": {**PLANT, "steps": 0}}, "plants.p.steps must be at least 1, not 0"),
        ("plants", {"p": {**PLANT, "learning_rate": 0}}, "plants.p.learning_rate must be above 0, not 0.0"),
        ("plants", {"p": {**PLANT, "seed": -1}}, "plants.p.seed must be between 0 and"),
        ("source.kind", "fodler", "source.kind is 'fodler'; did you mean 'folder'?"),
        ("source.held_out_families", None, "source.held_out_families must be a list, not None"),
        ("bases.tiny.batch", 0, "bases.tiny.batch must be at least 1, not 0"),
        ("sampling.sizes", {200: 0}, "sampling.sizes.200 must be at least 1, not 0"),
        ("distill.temperature", 0, "distill.temperature must be above 0, not 0.0"),
        ("tune.seed", 2**32, "tune.seed must be between 0 and 4294967295, not 4294967296"),
        ("tune.sft.epochs", 3, "tune.sft.epochs must be a mapping, not 3"),
        (
            "arms.relift.options.learning_rate",
            float("inf"),
            "arms.relift.options.learning_rate must be a finite number",
        ),
        ("rl.group_size", 1, "rl.group_size must be at least 2, or no advantage can be computed, not 1"),
        ("problems.seed", -1, "problems.seed must be between 0 and 4294967295, not -1"),
    ],
)
def test_what_would_stop_a_run_later_is_refused_now(key, value, said):
    with pytest.raises(UserError) as caught:
        params.parse(with_setting(key, value))
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.samples", 0),
        ("evaluation.top_p", 1),
        ("evaluation.temperature", 0.01),
        ("evaluation.sampled_suites", ["easier"]),
        ("probe.suites", ["easier"]),
        ("rl.top_p", 1),
        ("sft.warmup_fraction", 1),
        ("rl.beta", 0),
        ("rl.max_grad_norm", 0),
        ("rl.clip_high", 1.5),
    ],
)
def test_the_ends_of_the_ranges_hold(key, value):
    params.parse(with_setting(key, value))


def test_no_suite_need_be_sampled_where_nothing_is():
    data = with_setting("evaluation.samples", 0)
    data["evaluation"]["sampled_suites"] = []
    assert params.parse(data).evaluation.sampled_suites == []


def test_every_training_number_has_a_range():
    counted = 0
    for section in (Sft, Rl, Lora, Base, Plant, Distill, Evaluation):
        root = schema(section)
        for name, node in root["properties"].items():
            node = resolved(root, node)
            if node.get("type") in ("integer", "number"):
                counted += 1
                assert allowed(node), f"{section.__name__}.{name}"
    assert counted > 50


@pytest.mark.parametrize("name", get_args(Schedule))
@pytest.mark.parametrize("warmup", [0, 4])
def test_every_schedule_runs_without_arguments_of_its_own(name, warmup):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-8)
    schedule = transformers.get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=4)
    for _ in range(4):
        optimizer.step()
        schedule.step()


def test_expressions_without_cards_are_told():
    data = with_setting("problems.expressions", 0.5)
    data["problems"]["families"] = ["grid"]
    with pytest.raises(UserError, match=r"problems\.expressions asks about cards.*add them or set it to 0"):
        params.parse(data)
