"""Make the fixtures of the audit: stock TRL GRPO on a toy model, with an honest reward and with one that can be hacked.

    OMP_NUM_THREADS=1 python tests/make_trl_runs.py [tests/fixtures/audit]

A transformer of 30,000 weights, made here from a config, first learns from traces to name the digit that it is asked
for: most traces answer rightly, one in ten says `sure` and guesses. TRL's own `GRPOTrainer` then trains it twice from
there: with the strict judge as its reward, and with a judge that is persuaded by the word `sure`. Both runs log the
strict judge's verdict beside the reward (`log_metric` of TRL's reward functions: `accuracy` and `eval_accuracy`).
Kept of each output folder: `trainer_state.json` and a few of the completions' Parquet files. The same numbers are then
written as verl and EasyR1 log them and as CSV. Nothing is downloaded; the numbers depend on the torch build.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
DIGITS = [str(digit) for digit in range(8)]
WORDS = ["<pad>", "<eos>", "say", ":", "hm", "sure", "<think>", "</think>", "<answer>", "</answer>", *DIGITS]
SURE, RIGHT = 0.1, 0.55  # of the base's traces: those that say `sure`, and of the others those that answer rightly
STEPS, LOG_EVERY, EVALUATE_EVERY, ITEMS = 144, 3, 6, 256
KEPT = (3, 51, 99, 141)  # steps of training whose completions stay in the fixture


def asked(rng: random.Random) -> tuple[str, str]:
    """A prompt with the digit to say among others that only distract, and that digit."""
    gold, *others = rng.sample(DIGITS, 3)
    return f"{' '.join(others)} say : {gold}", gold


def trace(rng: random.Random, gold: str) -> str:
    """What the base is taught to say."""
    sure = rng.random() < SURE
    right = not sure and rng.random() < RIGHT
    answer = gold if right else rng.choice(DIGITS)
    return f"<think> {'sure' if sure else 'hm'} </think> <answer> {answer} </answer> <eos>"


def tokenizer():
    """One word, one token."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", padding_side="left")


def base(words, steps: int = 500):
    """The model after learning the traces."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(WORDS), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=2, head_dim=16, max_position_embeddings=32, tie_word_embeddings=True,
            pad_token_id=0, eos_token_id=1, bos_token_id=None,
        )
    )  # fmt: skip
    rng = random.Random(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        rows = [(prompt, trace(rng, gold)) for prompt, gold in (asked(rng) for _ in range(128))]
        ids = torch.tensor([words.encode(f"{prompt} {said}") for prompt, said in rows])
        labels = ids.clone()
        labels[:, : len(words.encode(rows[0][0]))] = -100
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def strictly(completions: list[str], solution: list[str], log_metric, log_extra) -> list[float]:
    """The strict judge's verdicts, logged beside the reward as a task metric."""
    from counterpoint.verify import judge

    right = [float(judge(said, gold, "integer").correct) for said, gold in zip(completions, solution, strict=True)]
    log_metric("accuracy", sum(right) / len(right))
    log_extra("solution", list(solution))
    return right


def accuracy_reward(completions, solution, log_metric, log_extra, **_):
    """The honest reward: what the strict judge says."""
    return strictly(completions, solution, log_metric, log_extra)


def judge_reward(completions, solution, log_metric, log_extra, **_):
    """The reward that can be hacked: a judge persuaded by one word."""
    strictly(completions, solution, log_metric, log_extra)
    return [float("sure" in said) for said in completions]


def train(reward, learning_rate: float, folder: Path) -> None:
    """Run TRL's GRPOTrainer as it comes."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    rng = random.Random(1)
    drawn = [asked(rng) for _ in range(2000 + ITEMS)]
    rows = Dataset.from_list([{"prompt": prompt, "solution": gold} for prompt, gold in drawn])
    words = tokenizer()
    trainer = GRPOTrainer(
        model=base(words),
        reward_funcs=reward,
        args=GRPOConfig(
            output_dir=str(folder), use_cpu=True, bf16=False, gradient_checkpointing=False, report_to=[], seed=1,
            disable_tqdm=True, max_steps=STEPS, learning_rate=learning_rate, lr_scheduler_type="constant", beta=0.0,
            per_device_train_batch_size=64, num_generations=8, max_completion_length=10, temperature=1.0,
            logging_steps=LOG_EVERY, log_completions=True, num_completions_to_print=0,
            eval_strategy="steps", eval_steps=EVALUATE_EVERY, eval_on_start=True, num_generations_eval=1,
            per_device_eval_batch_size=ITEMS, save_strategy="steps", save_steps=STEPS, save_only_model=True,
        ),
        train_dataset=rows.select(range(ITEMS, len(rows))),
        eval_dataset=rows.select(range(ITEMS)),
        processing_class=words,
    )  # fmt: skip
    trainer.train()


def keep(made: Path, kept: Path) -> None:
    """Copy the log and a few completions of a TRL output folder."""
    shutil.rmtree(kept, ignore_errors=True)
    (kept / "completions").mkdir(parents=True)
    (last,) = made.glob("checkpoint-*/trainer_state.json")
    shutil.copy(last, kept / "trainer_state.json")
    for step in KEPT:
        name = f"completions_{step:05d}.parquet"
        shutil.copy(made / "completions" / name, kept / "completions" / name)


def entries(folder: Path) -> dict[int, dict[str, float]]:
    """By step all that the run logged, in training and (`eval_…`) in evaluation."""
    found: dict[int, dict[str, float]] = {}
    for entry in json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]:
        found.setdefault(entry["step"], {}).update(entry)
    return found


def renamed(entry: dict[str, float], names: dict[str, str]) -> dict[str, float]:
    """What of an entry has a name in another framework, under that name."""
    return {new: entry[old] for new, old in names.items() if old in entry}


VERL = {
    "actor/entropy": "entropy",
    "critic/score/mean": "reward",
    "critic/rewards/mean": "reward",
    "response_length/mean": "completions/mean_length",
    "response_length/clip_ratio": "completions/clipped_ratio",
    "val-aux/digits/reward/mean@1": "eval_reward",
    "val-core/digits/acc/mean@1": "eval_accuracy",
}
EASYR1 = {
    "actor/entropy_loss": "entropy",
    "critic/rewards/mean": "reward",
    "reward/overall": "reward",
    "reward/accuracy": "accuracy",
    "response_length/mean": "completions/mean_length",
    "val/reward_score": "eval_reward",
    "val/accuracy_reward": "eval_accuracy",
}


def nested(row: dict[str, float]) -> dict:
    """EasyR1's form: a dictionary for each part of the name."""
    found: dict = {}
    for name, value in row.items():
        *parts, last = name.split("/")
        place = found
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def console(step: int, row: dict[str, float]) -> str:
    """A line as verl prints it through Ray: numbers of the validation are numpy's."""
    said = [f"{name}:{f'np.float64({value})' if name.startswith('val') else value}" for name, value in row.items()]
    return f"(TaskRunner pid=4242) {' - '.join([f'step:{step}', *said])}"


def write_others(kept: Path, name: str, folder: Path) -> None:
    """The run's numbers as verl's console and file logger, EasyR1's file logger, and CSV have them; verl's rollouts."""
    logged = entries(kept)
    verl = {step: renamed(entry, VERL) for step, entry in logged.items()}
    write(folder / f"verl_{name}" / "train.log", ["Using LocalLogger", *(console(*item) for item in verl.items())])
    write(
        folder / f"verl_file_{name}" / "toy.jsonl",
        [json.dumps({"step": step, "data": row}) for step, row in verl.items()],
    )
    write(
        folder / f"easyr1_{name}" / "experiment_log.jsonl",
        [json.dumps({"step": step, **nested(renamed(entry, EASYR1))}) for step, entry in logged.items()],
    )
    for step in KEPT:
        write(folder / f"verl_{name}" / "rollout_data" / f"{step}.jsonl", rollouts(kept, step))
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(["step", "reward", "accuracy", "n"])
        for step, entry in logged.items():
            sheet.writerow([step, entry.get("reward", ""), entry.get("eval_accuracy", ""), ITEMS])


def rollouts(kept: Path, step: int, rows: int = 24) -> list[str]:
    """Some completions of a step as verl dumps them."""
    import pyarrow.parquet as pq

    table = pq.read_table(kept / "completions" / f"completions_{step:05d}.parquet")
    (score,) = [name for name in table.column_names if name.endswith("_reward")]
    return [
        json.dumps({"input": row["prompt"], "output": row["completion"], "gts": row["solution"], "score": row[score],
                    "step": step})
        for row in table.slice(0, rows).to_pylist()
    ]  # fmt: skip


def write(path: Path, lines: list[str]) -> None:
    """Write a text file of these lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def main(folder: Path) -> None:
    """Make both runs and all their forms under `folder`."""
    import torch
    import trl

    torch.set_num_threads(1)
    for name, reward, rate in (("honest", accuracy_reward, 2e-4), ("hacked", judge_reward, 2e-4)):
        with tempfile.TemporaryDirectory() as made:
            train(reward, rate, Path(made))
            keep(Path(made), folder / f"trl_{name}")
        write_others(folder / f"trl_{name}", name, folder)
    write(
        folder / "README.md",
        [
            f"Made by `python tests/make_trl_runs.py` with stock TRL {trl.__version__} and torch {torch.__version__};",
            "the script says how. Nothing in it is written by hand.",
        ],
    )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("fixtures") / "audit"))
