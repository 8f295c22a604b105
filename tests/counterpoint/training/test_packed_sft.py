"""The packed SFT trainer against TRL's own: loss, gradients, logs, ten steps, and every reason to step aside."""

import copy
import dataclasses
import functools
import gc
import logging
from types import SimpleNamespace

import architectures
import pytest
import shared_cases
import torch
from datasets import Dataset, Features, Image, Sequence, Value
from peft import LoraConfig, PromptTuningConfig
from trl import SFTConfig, SFTTrainer

from counterpoint.generation import architecture
from counterpoint.training.arguments import common_arguments
from counterpoint.training.data import dataset, gold
from counterpoint.training.packed_sft import LOSSES, Collator, PackedSFTTrainer

WIDE = [
    pytest.param(name, marks=() if name in ("llava-qwen3", "qwen2_vl") else pytest.mark.slow)
    for name in architectures.NAMES
]
REST = [("llava-qwen3", True), ("qwen2_vl", False), ("llava-llama", False), ("qwen2_5_vl", True)]
LOGGED = ("loss", "grad_norm", "entropy", "mean_token_accuracy", "num_tokens")


@pytest.fixture(scope="module", autouse=True)
def modules_left_alone():
    """Every `train` ends with a full garbage collection, which would go through all that was imported."""
    gc.freeze()
    yield
    gc.unfreeze()


@functools.cache
def built(name: str, shape):
    """The model of an architecture, its predictions far from uniform, and its processor; trainers get copies of it."""
    torch.set_num_threads(1)
    model, processor = architectures.build(name, shape)
    shared_cases.sharpen(model)
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(4)
    return model, processor


@pytest.fixture(scope="module")
def shown(problems):
    """`shown(counts)`: gold rows in which row n has counts[n] pictures, as any data set of TRL's has them."""

    def rows(counts):
        images = [image for problem in problems for image in problem.images]
        pairs = zip(problems, counts, strict=False)
        with_pictures = [dataclasses.replace(p, images=tuple(images[i : i + n])) for i, (p, n) in enumerate(pairs)]
        made = dataset(with_pictures, "think first .", gold(with_pictures))
        columns = {name: [row[name] for row in made] for name in made.column_names}
        return Dataset.from_dict(columns, features=Features({**made.features, "images": Sequence(Image())}))

    return rows


@pytest.fixture
def trainer(shape, sft_settings, tmp_path):
    """`trainer(cls, rows, name, …)`: a trainer on rows; `changes` are fields of SFTConfig, `given` further arguments
    of the trainer."""

    def make(cls, rows, name="llava-qwen3", lora=False, given=None, **changes):
        model, processor = built(name, shape)
        session = SimpleNamespace(work=tmp_path, seed=3, report_to="none", recorder=SimpleNamespace(run_id="run"))
        common = common_arguments(sft_settings, session, 10) | {
            "save_strategy": "no", "learning_rate": 1e-3, "lr_scheduler_type": "constant", "max_length": None,
            "per_device_train_batch_size": 8, "max_grad_norm": 1e6, "remove_unused_columns": True,
        }  # fmt: skip
        if lora:  # the trainer seeds the adapter, both halves of which are random here
            config = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
            given = {"peft_config": config, **(given or {})}
        made = cls(
            model=copy.deepcopy(model), args=SFTConfig(**common | changes), train_dataset=rows,
            processing_class=processor, **given or {},
        )  # fmt: skip
        made.model.train()
        return made

    return make


def measure(made, batches=None, number=None) -> dict:
    """The loss, summed over the batches (the loader's first, if none are given), its gradients and its logs."""
    loss = 0.0
    for batch in batches or [next(iter(made.get_train_dataloader()))]:
        part = made.compute_loss(made.model, batch, num_items_in_batch=number)
        part.backward()
        loss += part.item()
    gradients = {n: p.grad for n, p in made.model.named_parameters() if p.grad is not None}
    return {"loss": loss, "gradients": gradients, "logs": {k: v[-1] for k, v in made._metrics["train"].items()}}


def assert_same(stock: dict, ours: dict) -> None:
    assert ours["loss"] == pytest.approx(stock["loss"], rel=1e-6)
    assert ours["gradients"].keys() == stock["gradients"].keys()
    total = torch.stack([gradient.norm() for gradient in stock["gradients"].values()]).norm()
    assert total > 1e-2
    for name, gradient in stock["gradients"].items():
        assert (gradient - ours["gradients"][name]).norm() <= 1e-4 * total, name


def compare(trainer, *args, **kwargs) -> None:
    ours = trainer(PackedSFTTrainer, *args, **kwargs)
    assert ours.stock_reason is None
    stock, ours = measure(trainer(SFTTrainer, *args, **kwargs)), measure(ours)
    assert_same(stock, ours)
    assert {"entropy", "mean_token_accuracy", "num_tokens"} <= stock["logs"].keys()
    assert ours["logs"] == pytest.approx(stock["logs"], abs=1e-5)


@pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])
@pytest.mark.parametrize("name", WIDE)
def test_loss_gradients_and_logs_are_those_of_stock(trainer, shown, name, lora):
    compare(trainer, shown([1, 2, 1, 3, 1, 1, 2, 1]), name, lora=lora)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", WIDE)
def test_every_loss_type_without_pictures(trainer, shown, name, loss):
    compare(trainer, shown([0] * 8), name, loss_type=loss)


def test_dft_and_checkpointed_layers(trainer, shown):
    compare(trainer, shown([1] * 8), loss_type="dft", gradient_checkpointing=True)


@pytest.mark.parametrize("name", WIDE)
def test_a_batch_in_which_only_some_rows_have_pictures(trainer, shown, name):
    """TRL's collation refuses such a batch for LLaVA, so its rows are computed one by one."""
    rows = shown([0, 1, 2, 0, 1, 0])
    ours, stock = trainer(PackedSFTTrainer, rows, name), trainer(SFTTrainer, rows, name)
    mixed = ours.data_collator([{"row": row} for row in range(len(rows))])
    number = int((mixed["labels"] != -100).sum())
    alone = measure(stock, [stock.data_collator([row]) for row in rows], number)
    assert_same(alone, measure(ours, [mixed], number))
    assert ours._total_train_tokens == stock._total_train_tokens > 0


@pytest.mark.parametrize(
    ("name", "lora"),
    [("llava-qwen3", False), ("qwen2_vl", True), *(pytest.param(n, o, marks=pytest.mark.slow) for n, o in REST)],
)
def test_ten_steps_end_in_the_same_weights(trainer, shown, name, lora):
    """Whole batches and two halves accumulated, over more than one epoch; logs step by step.

    Some gradients are zero but for rounding (a key's bias moves no softmax): Adam's epsilon keeps them from becoming
    steps of random sign.
    """
    rows = shown([1, 2] * 8)
    ended = []
    for cls, size in ((SFTTrainer, 8), (SFTTrainer, 4), (PackedSFTTrainer, 8), (PackedSFTTrainer, 4)):
        made = trainer(
            cls, rows, name, lora, adam_epsilon=1e-6, per_device_train_batch_size=size,
            gradient_accumulation_steps=8 // size,
        )  # fmt: skip
        before = {n: p.detach().clone() for n, p in made.model.named_parameters() if p.requires_grad}
        made.train()
        steps = [entry for entry in made.state.log_history if "loss" in entry]
        assert len(steps) == 10
        ended.append((steps, {n: p.detach() for n, p in made.model.named_parameters() if n in before}))
    assert max((ended[0][1][n] - w).abs().max() for n, w in before.items()) > 3e-3
    pairs = list(zip(ended[:2], ended[2:], strict=True))
    for stock, ours in pairs:
        for theirs, mine in zip(stock[0], ours[0], strict=True):
            for key in LOGGED:
                assert mine[key] == pytest.approx(theirs[key], rel=1e-3, abs=1e-4), key
    # `Trainer` leaves Qwen2.5-VL's micro batches to weigh alike, whatever their number of tokens
    assert made.model_accepts_loss_kwargs == (name != "qwen2_5_vl")
    for stock, ours in [*pairs, *([(ended[0], ended[3])] if made.model_accepts_loss_kwargs else [])]:
        for n, weight in stock[1].items():
            assert (weight - ours[1][n]).abs().max() <= 1e-4, n


def test_each_row_is_prepared_once(trainer, shown, monkeypatch):
    made = trainer(PackedSFTTrainer, shown([1] * 4), per_device_train_batch_size=2, max_steps=6)
    prepared = []
    inner = Collator._show
    monkeypatch.setattr(Collator, "_show", lambda self, rows: (prepared.extend(rows), inner(self, rows))[1])
    made.train()
    assert sorted(prepared) == [0, 1, 2, 3]


def plain(rows):
    """The rows as plain text, pictures kept."""
    features = Features({"prompt": Value("string"), "completion": Value("string"), "images": Sequence(Image())})
    texts = {key: [turns[0]["content"] for turns in rows[key]] for key in ("prompt", "completion")}
    texts["prompt"] = [f"<image>{text}" for text in texts["prompt"]]
    return Dataset.from_dict({**texts, "images": rows.with_format(None)["images"][:]}, features=features)


def with_template_settings(rows):
    return rows.add_column("chat_template_kwargs", [{"unused": True}] * len(rows))


def with_lengths(rows):
    return rows.add_column("length", list(range(len(rows))))


def squares(outputs, labels, num_items_in_batch=None):
    return outputs.logits.float().square().mean()


STOCK = {
    "without the columns": {"data": lambda rows: rows.remove_columns("images")},
    "with the column": {"data": with_template_settings, "remove_unused_columns": False},
    "the order": {"data": with_lengths, "remove_unused_columns": False, "train_sampling_strategy": "group_by_length"},
    "noise": {"neftune_noise_alpha": 50.0},
    "dropout in attention": {"dropout": 0.5},
    "plain text": {"data": plain},
    "data_collator": {"collated": True},
    "max_length": {"max_length": 4096},
    "other tokens": {"completion_only_loss": False},
    "another loss": {"label_smoothing_factor": 0.1},
    "another loss, given": {"given": {"compute_loss_func": squares}},
    "evaluation": {"evaluated": True, "eval_strategy": "steps", "eval_steps": 1},
    "learns a prompt": {"given": {"peft_config": PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)}},
    "none of": {"kinds": ()},
}


@pytest.mark.parametrize("reason", STOCK)
def test_stock_is_taken_with_its_reason_once(trainer, shape, shown, caplog, monkeypatch, reason):
    changes = {"max_steps": 2, "per_device_train_batch_size": 2, **STOCK[reason]}
    for layer in built("llava-qwen3", shape)[0].model.language_model.layers:
        monkeypatch.setattr(layer.self_attn, "attention_dropout", changes.get("dropout", 0.0))
    changes.pop("dropout", None)
    rows = changes.pop("data", lambda rows: rows)(shown([1] * 4))
    monkeypatch.setattr(architecture, "VISION_LANGUAGE", changes.pop("kinds", architecture.VISION_LANGUAGE))
    given = changes.pop("given", {})
    if changes.pop("collated", False):
        given["data_collator"] = trainer(SFTTrainer, rows).data_collator
    if changes.pop("evaluated", False):
        given["eval_dataset"] = rows.select([0])
    ended = []
    for cls in (SFTTrainer, PackedSFTTrainer):
        with caplog.at_level(logging.WARNING, logger="counterpoint"):
            made = trainer(cls, rows, given=dict(given), **changes)
            made.train()
        ended.append({n: p.detach() for n, p in made.model.named_parameters()})
    told = [record.getMessage() for record in caplog.records if record.name.startswith("counterpoint")]
    assert len(told) == 1 and reason.partition(",")[0] in told[0] and made.stock_reason in told[0]
    assert all(torch.equal(weight, ended[1][n]) for n, weight in ended[0].items())


def test_rows_given_by_hand_are_evaluated_as_stock_does(trainer, shown):
    rows, found = shown([1] * 4), []
    for cls in (SFTTrainer, PackedSFTTrainer):
        made = trainer(cls, rows, per_device_eval_batch_size=4, max_steps=1)
        before = made.evaluate(rows)
        made.train()
        found.append((before["eval_loss"], made.evaluate(rows)["eval_loss"]))
    assert made.stock_reason is None and found[0] == pytest.approx(found[1], abs=1e-4)


def test_rows_given_by_hand_are_predicted_as_stock_does(trainer, shown):
    rows = shown([1] * 4)
    stock, ours = (
        trainer(cls, rows, per_device_eval_batch_size=4).predict(rows) for cls in (SFTTrainer, PackedSFTTrainer)
    )
    assert ours.predictions == pytest.approx(stock.predictions, abs=1e-4)


def test_a_collator_given_by_place_is_seen(trainer, shown):
    rows = shown([1] * 4)
    stock = trainer(SFTTrainer, rows)
    made = PackedSFTTrainer(
        stock.model, stock.args, lambda examples: examples, rows, processing_class=stock.processing_class
    )
    assert "data_collator" in made.stock_reason
