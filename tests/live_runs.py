"""Stock TRL GRPO on the toy model of make_trl_runs.py, untaught, for tests of what looks on while it trains."""

import random

import make_trl_runs as toy
import numpy as np
import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

TEMPLATE = "{% for turn in messages %}{{ turn['content'] }}{% endfor %}"


def noise(completions, **_):
    """A reward that draws from every generator: whoever draws beside it changes the training."""
    return [random.random() + np.random.rand() + torch.rand(()).item() for _ in completions]


def problems(number: int, seed: int = 0) -> list[dict]:
    """Rows of plain prompts with the right answer."""
    rng = random.Random(seed)
    return [dict(zip(("prompt", "solution"), toy.asked(rng), strict=True)) for _ in range(number)]


def words():
    """The toy's tokenizer, with a chat template."""
    tokenizer = toy.tokenizer()
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def model():
    """The toy model, with dropout of attention; it says what its random weights do."""
    torch.set_num_threads(1)
    made = toy.base(toy.tokenizer(), steps=0)
    made.config.attention_dropout = 0.2
    for layer in made.model.layers:
        layer.self_attn.attention_dropout = 0.2
    return made


def arguments(folder, **changes) -> GRPOConfig:
    """Five steps that log every step and save nothing."""
    defaults = {
        "output_dir": str(folder), "use_cpu": True, "bf16": False, "report_to": [], "seed": 1, "disable_tqdm": True,
        "max_steps": 5, "learning_rate": 1e-2, "per_device_train_batch_size": 8, "num_generations": 4,
        "max_completion_length": 6, "logging_steps": 1, "save_strategy": "no",
    }  # fmt: skip
    return GRPOConfig(**defaults | changes)


def trainer(folder, reward=noise, kind=GRPOTrainer, rows=None, processing_class=None, peft_config=None, made=None,
            eval_dataset=None, **changes):  # fmt: skip
    """A trainer about to train."""
    torch.manual_seed(0)
    return kind(
        model=made or model(),
        reward_funcs=reward,
        args=arguments(folder, **changes),
        train_dataset=Dataset.from_list(rows or problems(40)),
        eval_dataset=eval_dataset,
        processing_class=processing_class or words(),
        peft_config=peft_config,
    )


def weights(trained) -> list[torch.Tensor]:
    """A copy of all weights."""
    return [parameter.detach().clone() for parameter in trained.model.parameters()]


def logged(trained, name: str) -> dict[int, float]:
    """By step what was logged under a name."""
    return {entry["step"]: entry[name] for entry in trained.state.log_history if name in entry}
