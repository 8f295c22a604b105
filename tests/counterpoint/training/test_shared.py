"""The shared-prefix trainer against stock TRL: log-probabilities, losses, gradients, ten steps, stepping aside."""

import logging

import architectures
import pytest
import shared_cases as cases
import torch
from trl import GRPOTrainer

from counterpoint.training.shared import LOSSES, SharedPrefixGRPOTrainer


@pytest.fixture(scope="module")
def built(shape, tmp_path_factory):
    """`built(name)`: the sharpened model of an architecture, loaded from a folder, and its processor, made once."""
    made = {}

    def get(name: str):
        torch.set_num_threads(1)
        if name not in made:
            model, processor = architectures.build(name, shape)
            folder = tmp_path_factory.mktemp(name)
            cases.sharpen(model).save_pretrained(folder)  # TRL loads its reference model from there
            made[name] = type(model).from_pretrained(folder), processor
        return made[name]

    return get


def compare(model, processor, **changes) -> tuple[dict, dict]:
    stock = cases.measure(cases.trainer(GRPOTrainer, model, processor, **changes))
    ours = cases.trainer(SharedPrefixGRPOTrainer, model, processor, **changes)
    assert ours.stock_reason is None
    shared = cases.measure(ours)
    assert (stock["log_probs"] - shared["log_probs"]).abs().max() <= 1e-5
    assert (stock["entropies"] - shared["entropies"]).abs().max() <= 1e-4
    for key in ("old", "reference"):
        assert (stock[key] is None) == (shared[key] is None)
        if stock[key] is not None:
            assert (stock[key] - shared[key]).abs().max() <= 1e-5
    assert abs(stock["loss"] - shared["loss"]) <= 1e-6
    assert stock["gradients"].keys() == shared["gradients"].keys()
    total = torch.stack([g.norm() for g in stock["gradients"].values()]).norm()
    assert total > 1e-3
    for name, gradient in stock["gradients"].items():
        assert (gradient - shared["gradients"][name]).norm() <= 1e-4 * total, name
    assert shared["metrics"].keys() == stock["metrics"].keys()
    for key, value in stock["metrics"].items():
        assert shared["metrics"][key] == pytest.approx(value, abs=1e-4), key
    return stock, shared


@pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])
@pytest.mark.parametrize("name", architectures.NAMES)
def test_gradients_are_those_of_stock(built, name, lora):
    compare(*built(name), lora=lora)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_type(built, loss):
    compare(*built("llava-qwen3"), loss_type=loss, num_iterations=2)


@pytest.mark.parametrize("name", ["llava-qwen2", "qwen2_vl"])
@pytest.mark.parametrize(
    "changes",
    [
        {"beta": 0.1, "num_iterations": 2},
        {"beta": 0.1, "lora": True},
        {"gradient_checkpointing": True},
        {"gradient_checkpointing": True, "lora": True},
        {"mask_truncated_completions": True},
        {"importance_sampling_level": "sequence", "num_iterations": 2},
        {"entropy_coef": 0.01},
        {"top_entropy_quantile": 0.5},
    ],
    ids=lambda changes: " ".join(f"{k}={v}" for k, v in changes.items()),
)
def test_variants(built, name, changes):
    compare(*built(name), **changes)


def test_a_trained_vision_tower_gets_its_gradients(built):
    stock, _ = compare(*built("llava-qwen3"))
    assert sum(g.norm() > 0 for name, g in stock["gradients"].items() if "vision_tower" in name) > 5


def test_a_frozen_vision_tower_is_run_once_a_picture(built, monkeypatch):
    model, processor = built("llava-qwen3")
    model.model.vision_tower.requires_grad_(False)
    model.model.multi_modal_projector.requires_grad_(False)
    try:
        ours = cases.trainer(SharedPrefixGRPOTrainer, model, processor)
        pictures = []
        inner = ours.model.get_image_features
        monkeypatch.setattr(
            ours.model, "get_image_features", lambda **k: (pictures.append(len(k["pixel_values"])), inner(**k))[1]
        )
        cases.measure(ours)
        cases.measure(ours)
        assert sum(pictures) == 4
        compare(model, processor)
    finally:
        model.requires_grad_(True)


def test_the_vision_tower_sees_each_distinct_prompt_once_a_pass(built, monkeypatch):
    ours = cases.trainer(SharedPrefixGRPOTrainer, *built("llava-qwen3"))
    pictures = []
    inner = ours.model.get_image_features
    monkeypatch.setattr(
        ours.model, "get_image_features", lambda **k: (pictures.append(len(k["pixel_values"])), inner(**k))[1]
    )
    cases.measure(ours)
    assert pictures == [4]  # the loss alone, the completions were given


@pytest.mark.parametrize("changes", [{}, pytest.param({"lora": True}, marks=pytest.mark.slow)], ids=["whole", "lora"])
def test_ten_steps_end_in_the_same_weights(built, changes):
    """Across accumulated micro batches, shared generations and repeated iterations.

    Some gradients are zero but for rounding (a key's bias moves no softmax): Adam's epsilon keeps them from becoming
    steps of random sign.
    """
    settings = {
        "per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "steps_per_generation": 2,
        "num_iterations": 2, "beta": 0.05, "lr_scheduler_type": "constant", "adam_epsilon": 1e-6,
        **changes,
    }  # fmt: skip
    weights = []
    for cls in (GRPOTrainer, SharedPrefixGRPOTrainer):
        made = cases.trainer(cls, *built("llava-qwen3"), **settings)
        before = {n: p.detach().clone() for n, p in made.model.named_parameters() if p.requires_grad}
        made.train()
        assert made.state.global_step == 10 and made.calls > 1
        weights.append({n: p.detach() for n, p in made.model.named_parameters() if n in before})
    assert max((weights[0][n] - w).abs().max() for n, w in before.items()) > 3e-3
    for name, weight in weights[0].items():
        assert (weight - weights[1][name]).abs().max() <= 1e-4, name


def test_stock_is_taken_with_its_reason_once(built, caplog):
    model, processor = built("llava-qwen3")
    with caplog.at_level(logging.WARNING, logger="counterpoint.training.shared"):
        ours = cases.trainer(SharedPrefixGRPOTrainer, model, processor, generation_kwargs={"num_beams": 2})
        cases.measure(ours)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1 and "num_beams" in told[0]
    stock = cases.measure(cases.trainer(GRPOTrainer, model, processor))
    again = cases.trainer(SharedPrefixGRPOTrainer, model, processor, generation_kwargs={"num_beams": 2})
    assert torch.equal(cases.measure(again)["log_probs"], stock["log_probs"])


@pytest.mark.parametrize("rate", ["attention_dropout", "dropout"])
def test_dropout_goes_the_stock_way(built, monkeypatch, rate):
    model, processor = built("llava-qwen2")
    tower = model.model.vision_tower.encoder.layers[0].self_attn
    monkeypatch.setattr(tower if rate == "dropout" else model.model.language_model.layers[0].self_attn, rate, 0.1)
    assert "dropout" in cases.trainer(SharedPrefixGRPOTrainer, model, processor).stock_reason


@pytest.mark.parametrize("kwargs", [{"eos_token_id": [7]}, {"num_beams": 2}], ids=str)
def test_settings_of_generation_that_would_differ_go_the_stock_way(built, kwargs):
    ours = cases.trainer(SharedPrefixGRPOTrainer, *built("llava-qwen2"), generation_kwargs=kwargs)
    assert next(iter(kwargs)) in ours.stock_reason


@pytest.mark.parametrize(("setting", "value", "told"), [("num_beams", 4, "beam"), ("max_time", 2.0, "max_time")])
def test_a_checkpoints_own_way_of_generating_goes_the_stock_way(built, monkeypatch, setting, value, told):
    model, processor = built("llava-qwen2")
    monkeypatch.setattr(model.generation_config, setting, value)
    assert told in cases.trainer(SharedPrefixGRPOTrainer, model, processor).stock_reason


@pytest.mark.parametrize("pictured", [True, False])
def test_rewards_are_shown_the_prompts_that_stock_shows(built, pictured):
    shown = []
    for cls in (GRPOTrainer, SharedPrefixGRPOTrainer):
        made = cases.trainer(cls, *built("llava-qwen3"))
        inner = made.reward_funcs[0]
        made.reward_funcs[0] = lambda prompts, inner=inner, **rest: (shown.append(prompts), inner(**rest))[1]
        batch = [row for row in made.train_dataset if pictured or not row["images"] for _ in range(cases.GROUP)]
        made._generate_and_score_completions(batch)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("name", ["llava-qwen3", "qwen2_vl"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_bfloat16_is_no_further_from_float32_than_stock_is(built, name, checkpointing):
    exact = cases.measure(cases.trainer(GRPOTrainer, *built(name)))
    rounded = {"bf16": True, "gradient_checkpointing": checkpointing}
    errors = []
    for cls in (GRPOTrainer, SharedPrefixGRPOTrainer):
        found = cases.measure(cases.trainer(cls, *built(name), **rounded))
        apart = [found["gradients"][n].float() - g for n, g in exact["gradients"].items()]
        norm = torch.stack([gradient.norm() for gradient in apart]).norm().item()
        errors.append(((found["log_probs"] - exact["log_probs"]).abs().mean().item(), norm))
    for stock, ours in zip(*errors, strict=True):
        assert 0 < ours <= 1.5 * stock
