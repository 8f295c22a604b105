"""params.yaml as typed objects: each value of its type and within its range, told in one line that names the key."""

from typing import get_args

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.files import read_yaml
from counterpoint.params.schema import Base, Evaluation, Plant
from counterpoint.params.training import LORA, Distill, Lora, Rl, Schedule, Sft
from counterpoint.params.typed import allowed, resolved, schema


def test_the_default_holds(composed):
    settings = params.parse(composed("default"))
    assert settings.study == "default" and settings.runs.trained
    assert all(run_id == run.run_id for run_id, run in settings.runs.trained.items())


@pytest.mark.parametrize(
    ("key", "value", "message"),
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
        ("arms.sft_lora.settings.lora.rank", 0, "arms.sft_lora.settings.lora.rank must be at least 1, not 0"),
        ("arms.rl.settings", {"temperature": 0}, "arms.rl.settings.temperature must be above 0, not 0.0"),
        ("arms.rl.settings", {"schedule": "cosin"}, "arms.rl.settings.schedule is 'cosin'; did you mean 'cosine'?"),
        ("evaluation.trained_conditions", "normal", "evaluation.trained_conditions must be a list, not 'normal'"),
        ("evaluation.samples", -1, "evaluation.samples must be at least 0, not -1"),
        ("evaluation.samples", 2.5, "evaluation.samples must be of type int, not 2.5"),
        ("evaluation.temperature", 0, "evaluation.temperature must be above 0, not 0.0"),
        ("evaluation.temperature", float("nan"), "evaluation.temperature must be a finite number, not nan"),
        ("evaluation.top_p", 0, "evaluation.top_p must be above 0 and at most 1, not 0.0"),
        ("evaluation.top_p", 1.01, "evaluation.top_p must be above 0 and at most 1, not 1.01"),
        ("evaluation.max_tokens", 0, "evaluation.max_tokens must be at least 1, not 0"),
        ("probe.suites", "in_domain", "probe.suites must be a list, not 'in_domain'"),
        ("competence.samples", 0, "competence.samples must be at least 1, not 0"),
        ("tune.trials", 0, "tune.trials must be at least 1, not 0"),
        ("tune.probes", 0, "tune.probes must be at least 1, not 0"),
        ("arms.sft.options", {"batch": 2}, "unknown key arms.sft.options.batch; arms.sft.options takes no keys, leave"),
        ("source.rejects_allowed", -1, "source.rejects_allowed must be at least 0, not -1"),
        ("problems.expressions", 1.5, "problems.expressions must be between 0 and 1, not 1.5"),
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
        ("rl.learning_rat", 1.0, "unknown key rl.learning_rat; did you mean 'learning_rate'"),
        ("rl.learning_rate", "fast", "rl.learning_rate must be of type float, not 'fast'"),
        ("sft.learning_rate", float("nan"), "sft.learning_rate must be a finite number, not nan"),
        ("sft.epochs", float("inf"), "sft.epochs must be a finite number, not inf"),
        ("sft.epochs", 10**400, "sft.epochs must be a finite number"),
        ("arms.rl.settings", {"beta": -float("inf")}, "arms.rl.settings.beta must be a finite number"),
        ("rl.learning_rate", ..., "rl.learning_rate is missing"),
        ("problems.train", 2.5, "problems.train must be of type int"),
        ("problems.train", True, "problems.train must be of type int"),
        ("problems", 3, "problems must be a mapping"),
        ("suites", "in_domain", "suites must be a list"),
        ("threads", 0, "threads must be at least 1"),
        ("sampling.sizes.2k", 0, "sampling.sizes.2k must be at least 1"),
        ("rl.epochs", 0, "epochs must be above 0"),
        ("source.kind", "web", "source.kind is 'web'"),
        ("rl.loss_type", "gpro", "did you mean 'grpo'"),
        ("arms.rl.settings", {"learningrate": 1.0}, "arms.rl.settings.learningrate; did you mean 'learning_rate'"),
    ],
)
def test_a_value_of_another_type_or_out_of_range_is_refused(changed, refused, key, value, message):
    assert message in refused(changed(key, value))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("arms.relift.options.batsh", 3, "unknown key arms.relift.options.batsh; did you mean 'batch'?"),
        ("arms.sft.options", {"mu": 1}, "unknown key arms.sft.options.mu"),
        ("arms.sft_stop_25.settings.stop_at", 0, "arms.sft_stop_25.settings.stop_at must be null, or above 0 and at"),
        ("kinds.noisy.way", "nosy", "kinds.noisy.way is 'nosy'; did you mean 'noisy'?"),
        ("distill.near_duplicate", 0, "distill.near_duplicate must be above 0 and at most 1, not 0"),
        ("distill.keep", 0, "distill.keep must be at least 1, not 0"),
    ],
)
def test_so_is_one_of_what_only_some_studies_have(changed, refused, key, value, message):
    assert message in refused(changed(key, value, "complements"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("behaviour", "lists", "plants.tiny_list.behaviour is 'lists'; did you mean 'list'?"),
        ("share", -0.1, "plants.tiny_list.share must be between 0 and 1, not -0.1"),
        ("expressions", 2, "plants.tiny_list.expressions must be between 0 and 1, not 2.0"),
        ("steps", 0, "plants.tiny_list.steps must be at least 1, not 0"),
        ("learning_rate", 0, "plants.tiny_list.learning_rate must be above 0, not 0.0"),
        ("seed", -1, "plants.tiny_list.seed must be between 0 and"),
    ],
)
def test_so_is_a_value_of_a_plant(changed, refused, key, value, message):
    assert message in refused(changed(f"plants.tiny_list.{key}", value, "planted"))


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
def test_the_ends_of_the_ranges_hold(changed, key, value):
    params.parse(changed(key, value))


def test_no_suite_need_be_sampled_where_nothing_is(changed):
    data = changed("evaluation.samples", 0)
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


def test_an_arm_changes_the_section_of_its_method(changed):
    settings = params.parse(changed("arms.rl.settings", {"learning_rate": 1, "rewards": {"accuracy": 1.0}}))
    arm = params.settings(settings, "rl")
    assert isinstance(arm, params.Rl) and arm.learning_rate == 1.0 and arm.rewards == {"accuracy": 1.0}
    assert arm.epochs == settings.rl.epochs and params.settings(settings, "sft_lora").lora.rank > 0


def test_numbers_are_read_as_yaml_1_2_has_them(tmp_path):
    (tmp_path / "p.yaml").write_text("a: 1e-5\nb: 2\nc: 1.5\nd: on the road\n")
    assert read_yaml(tmp_path / "p.yaml") == {"a": 1e-5, "b": 2, "c": 1.5, "d": "on the road"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1", "not valid YAML"), ("a: 2020-13-45", "not valid YAML"), ("- 1", "must be a mapping"), (None, "no such")],
)
def test_a_file_that_cannot_be_read(tmp_path, text, message):
    if text is not None:
        (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        params.load(tmp_path / "p.yaml")
