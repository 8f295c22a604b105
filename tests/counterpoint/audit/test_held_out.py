"""Held-out accuracy while stock TRL trains: what is asked and logged, and that training does not notice."""

import logging
import random

import live_runs as runs
import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image, Sequence, Value
from peft import LoraConfig
from PIL import Image as Picture
from transformers import GenerationConfig, TrainerCallback
from trl import GRPOTrainer

from counterpoint.audit import HeldOutAccuracy, held_out
from counterpoint.errors import UserError
from counterpoint.models import checkpoint
from counterpoint.training import SharedPrefixGRPOTrainer

ROWS = runs.problems(7, seed=9)
COLOURS = ("red", "green", "blue", "white")


def conversation(rows):
    """The same rows as messages."""
    return [{**row, "prompt": [{"role": "user", "content": row["prompt"]}]} for row in rows]


def of_length(completions, **_):
    """A judge with something to tell apart, that draws where a careless one might."""
    random.random(), np.random.rand(), torch.rand(())
    return [len(said) % 5 / 4 if isinstance(said, str) else len(said[0]["content"]) % 5 / 4 for said in completions]


def pictured(folder):
    """Rows with a picture, and a fresh model that sees with its processor."""
    turn = [{"role": Value("string"), "content": Value("string")}]
    columns = {
        "prompt": [[{"role": "user", "content": f"how many red ? {n}"}] for n in range(8)],
        "images": [[Picture.new("RGB", (48, 48), COLOURS[n % 4])] if n % 3 else [] for n in range(8)],
    }
    rows = Dataset.from_dict(columns, features=Features({"prompt": turn, "images": Sequence(Image())}))
    return rows, *checkpoint.load(str(folder))


def trained(folder, looking, asked=ROWS, **options):
    """A trainer that trained, with the callback or without."""
    trainer = runs.trainer(folder, **options)
    if looking:
        trainer.add_callback(HeldOutAccuracy(trainer, asked, judge=of_length, every=2, batch_size=3))
    trainer.train()
    return trainer


LORA = LoraConfig(r=2, lora_dropout=0.3, target_modules=["q_proj", "v_proj"])


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="whole"),
        pytest.param({"peft_config": LORA, "beta": 0.1}, id="lora", marks=pytest.mark.slow),
        pytest.param(
            {"steps_per_generation": 2, "logging_steps": 3, "log_completions": True},
            id="cycles",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_training_does_not_notice(tmp_path, options):
    stock, looked = (trained(tmp_path / str(looking), looking, **options) for looking in (False, True))
    before, after = runs.weights(runs.trainer(tmp_path, **options)), runs.weights(looked)
    assert any(not torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert all(torch.equal(*pair) for pair in zip(runs.weights(stock), after, strict=True))
    assert looked.model.training and looked.processing_class.padding_side == stock.processing_class.padding_side
    untimed = [
        [{name: value for name, value in entry.items() if "time" not in name and "second" not in name}
         for entry in run.state.log_history if not any(name.startswith("eval_") for name in entry)]
        for run in (stock, looked)
    ]  # fmt: skip
    assert untimed[0] == untimed[1] and "reward" in untimed[0][0]
    assert list(runs.logged(looked, "eval_accuracy")) == [0, 2, 4, 5]


@pytest.mark.parametrize("kind", [GRPOTrainer, pytest.param(SharedPrefixGRPOTrainer, marks=pytest.mark.slow)])
def test_training_on_pictures_does_not_notice_either(tmp_path, lively_folder, kind):
    after = []
    for looking in (False, True):
        rows, model, processor = pictured(lively_folder)
        seen = rows.filter(lambda row: row["images"])
        run = trained(tmp_path, looking, rows, kind=kind, made=model, processing_class=processor, rows=seen)
        after.append(runs.weights(run))
    assert all(torch.equal(*pair) for pair in zip(*after, strict=True))
    assert set(runs.logged(run, "eval_accuracy_n").values()) == {8}
    assert kind is GRPOTrainer or run.stock_reason is None


@pytest.mark.parametrize("shape", [list, conversation, Dataset.from_list], ids=["plain", "messages", "dataset"])
def test_the_greedy_answers_of_prompts_of_any_length_are_judged(tmp_path, shape):
    rows = [{**row, "prompt": f"{'hm ' * number}{row['prompt']}"} for number, row in enumerate(ROWS)]
    trainer, said = runs.trainer(tmp_path), {}

    def judge(prompts, completions, completion_ids, solution):
        for prompt, completion, ids, gold in zip(prompts, completions, completion_ids, solution, strict=True):
            text = completion if isinstance(completion, str) else completion[0]["content"]
            said[prompt if isinstance(prompt, str) else prompt[0]["content"]] = (text, ids, gold)
        return [gold in "012" for gold in solution]

    trainer.processing_class.padding_side = "right"
    metrics = HeldOutAccuracy(trainer, shape(rows), judge=judge, batch_size=4).measure()
    greedy = GenerationConfig(do_sample=False, max_new_tokens=6, eos_token_id=1, pad_token_id=0)
    trainer.model.eval()
    for row in rows:
        prompt = trainer.processing_class(row["prompt"], return_tensors="pt")
        ids = trainer.model.generate(**prompt, generation_config=greedy)[0, prompt["input_ids"].shape[1] :].tolist()
        text = trainer.processing_class.decode(ids, skip_special_tokens=True)
        assert said[row["prompt"]] == (text, ids, row["solution"])
    lengths = [len(ids) for _, ids, _ in said.values()]
    assert metrics["eval_accuracy"] == sum(row["solution"] in "012" for row in rows) / 7
    assert (metrics["eval_accuracy_n"], metrics["eval_accuracy_length"]) == (7, sum(lengths) / 7)
    assert metrics["eval_accuracy_cut"] == sum(ids[-1] != 1 for _, ids, _ in said.values()) / 7
    assert trainer.processing_class.padding_side == "right"


def test_a_checkpoints_own_way_of_generating_has_no_part_and_stays(tmp_path, caplog):
    trainer = runs.trainer(tmp_path, max_completion_length=12)
    plain = HeldOutAccuracy(trainer, ROWS, judge=of_length).measure()
    stored = trainer.model.generation_config
    stored.update(do_sample=True, temperature=3.0, top_k=3, repetition_penalty=50.0, use_cache=False)
    before = stored.to_dict()
    trainer.model.config.use_cache = False
    with caplog.at_level(logging.WARNING, "transformers"):
        again = HeldOutAccuracy(trainer, ROWS, judge=of_length).measure()
    del plain["eval_accuracy_seconds"], again["eval_accuracy_seconds"]
    assert (again, caplog.messages) == (plain, [])
    assert trainer.model.generation_config is stored and stored.to_dict() == before
    assert trainer.model.config.use_cache is False


def test_modes_of_parts_are_restored_even_after_an_error(tmp_path):
    trainer = runs.trainer(tmp_path)
    trainer.model.train()
    trainer.model.model.layers[0].eval()
    modes = [module.training for module in trainer.model.modules()]

    def fails(**_):
        raise KeyError("gone")

    states = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    with pytest.raises(UserError, match=r"HeldOutAccuracy: judge: fails failed: KeyError: 'gone'"):
        HeldOutAccuracy(trainer, ROWS, judge=fails).measure()
    assert [module.training for module in trainer.model.modules()] == modes and len(set(modes)) == 2
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_a_judge_that_fails_later_costs_a_probe_and_not_the_run(tmp_path, caplog):
    def useless(completions, **_):
        return completions

    def late(completions, trainer_state, **_):
        return [1 / (2 - trainer_state.global_step) ** 2] * len(completions)

    with pytest.raises(UserError, match=r"useless returned \[.*; it must return a list of one number from 0"):
        trainer = runs.trainer(tmp_path)
        trainer.add_callback(HeldOutAccuracy(trainer, ROWS, judge=useless, every=1))
        trainer.train()
    assert trainer.state.global_step == 0
    trainer = runs.trainer(tmp_path)
    trainer.add_callback(HeldOutAccuracy(trainer, ROWS, judge=late, every=1))
    with caplog.at_level(logging.WARNING):
        trainer.train()
    assert runs.logged(trainer, "eval_accuracy") == pytest.approx({0: 1 / 4, 1: 1, 3: 1, 4: 1 / 4, 5: 1 / 9})
    assert "step 2: eval_accuracy is left out: judge: late failed: ZeroDivisionError" in caplog.text


def test_the_last_step_of_a_run_that_is_stopped_is_probed(tmp_path):
    class Stops(TrainerCallback):
        def on_log(self, args, state, control, **_):
            control.should_training_stop = state.global_step >= 3

    trainer = runs.trainer(tmp_path)
    trainer.add_callback(HeldOutAccuracy(trainer, ROWS, judge=of_length, every=2))
    trainer.add_callback(Stops)
    trainer.train()
    assert list(runs.logged(trainer, "eval_accuracy")) == [0, 2, 3]


@pytest.mark.slow
def test_the_trainers_own_evaluation_can_choose_by_the_metric_and_is_told_apart(tmp_path, caplog):
    def judge(completions, trainer_state, **_):
        return [1 - trainer_state.global_step / 10] * len(completions)

    def reward(completions, log_metric, **_):
        log_metric("accuracy", 0.0)
        return runs.noise(completions)

    class Tracker(TrainerCallback):  # stands where trackers stand: before any callback that is added
        def __init__(self):
            self.seen = {}

        def on_log(self, args, state, control, logs, **_):
            self.seen.update(dict.fromkeys(logs, state.global_step))

    evaluated = {
        "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2, "max_steps": 4,
        "metric_for_best_model": "eval_digits_accuracy", "greater_is_better": True, "load_best_model_at_end": True,
        "per_device_eval_batch_size": 4, "num_generations_eval": 1, "save_only_model": True,
    }  # fmt: skip
    trainer = runs.trainer(tmp_path, reward, eval_dataset=Dataset.from_list(ROWS[:4]), **evaluated)
    tracker = Tracker()
    trainer.callback_handler.callbacks.insert(0, tracker)
    for suite in ("digits", ""):
        trainer.add_callback(HeldOutAccuracy(trainer, ROWS, judge=judge, every=2, suite=suite))
    with caplog.at_level(logging.WARNING):
        trainer.train()
    assert (trainer.state.best_global_step, trainer.state.best_metric) == (2, pytest.approx(0.8))
    assert tracker.seen["eval_digits_accuracy"] == tracker.seen["eval_accuracy_n"] == 4
    told = [line for line in caplog.messages if line.startswith("eval_accuracy")]
    assert told == ["eval_accuracy is logged by the trainer's own evaluation too; give HeldOutAccuracy a suite"]


def test_a_probe_stands_behind_its_step_and_the_run_is_divided_by_default(tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "PROBES", 3)
    trainer = runs.trainer(tmp_path, max_steps=7, logging_steps=2)
    trainer.add_callback(HeldOutAccuracy(trainer, ROWS[:1], judge=of_length, max_tokens=1))
    trainer.train()
    assert list(runs.logged(trainer, "eval_accuracy")) == [0, 2, 4, 6, 7]
    steps = [(e["step"], "reward" in e) for e in trainer.state.log_history if "reward" in e or "eval_accuracy" in e]
    assert steps == [(0, False), (2, True), (2, False), (4, True), (4, False), (6, True), (6, False), (7, False),
                     (7, True)]  # fmt: skip  # the last is the summary of the run


@pytest.mark.slow
def test_one_metric_is_not_measured_twice_nor_for_another_trainer(tmp_path):
    first, second = runs.trainer(tmp_path), runs.trainer(tmp_path)
    for _ in range(2):
        first.add_callback(HeldOutAccuracy(first, ROWS, judge=of_length))
    second.add_callback(HeldOutAccuracy(runs.trainer(tmp_path), ROWS, judge=of_length))
    for trainer in (first, second):
        with pytest.raises(UserError, match="eval_accuracy: add it once, to the trainer it was made for"):
            trainer.train()


STREAM = Dataset.from_list(ROWS).to_iterable_dataset()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"problems": []}, "there is no problem; give the rows of a held-out set"),
        ({"problems": STREAM}, r"not IterableDataset; take some rows of a stream by list\(stream.take"),
        ({"problems": [{"question": "?", "solution": "1"}]}, "no column `prompt`, only question, solution"),
        ({"problems": [*ROWS, {"prompt": "?"}]}, "row 7 has not the columns of row 0"),
        ({"problems": [("?", "1")]}, "row 0 is no mapping of columns but of type tuple"),
        ({"problems": [*ROWS, {"prompt": None, "solution": "1"}]}, "row 7: prompt is 'None'; give each row a text"),
        ({"problems": [*ROWS, *conversation(ROWS)]}, "row 7: prompt is .*; give each row a text, or each a list of"),
        ({"problems": [{"prompt": "?"}]}, "'strict' needs the right answers, and none of the columns prompt holds"),
        (
            {"problems": [{"prompt": "?", "solution": "so\n#### 3"}]},
            "row 0: solution is .* give the final answer alone",
        ),
        ({"judge": "strickt"}, "no judge is called 'strickt'; did you mean 'strict'"),
        ({"judge": 3}, "give 'strict', 'lenient' or a function, not int"),
        ({"judge": torch.nn.Linear(1, 1)}, "or a function, not Linear"),
        (
            {"judge": lambda completions, gold: []},
            r"asks for gold, which the held-out rows do not have \(given by name",
        ),
        ({"every": 0}, "every must be a whole number from 1, not 0"),
        ({"batch_size": "all"}, "batch_size must be a whole number from 1, not 'all'"),
        ({"trainer": None}, "the trainer comes first, not NoneType"),
    ],
)
def test_what_cannot_be_asked_is_said_before_training(tmp_path_factory, given, message):
    options = {"trainer": runs.trainer(tmp_path_factory.mktemp("run")), "problems": ROWS, "judge": "strict"} | given
    with pytest.raises(UserError, match=message):
        HeldOutAccuracy(options.pop("trainer"), options.pop("problems"), **options)
