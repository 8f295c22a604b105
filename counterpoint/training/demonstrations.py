"""Demonstrations of problems: their log-probabilities under the model in training, and an update on them beside RL's.

They run on the packed engine wherever the run does, and through a plain forward pass of the model where it goes TRL's
own way. Prompt, chat template and pictures are those of supervised fine-tuning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import TrainerCallback
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from counterpoint.errors import UserError
from counterpoint.generation import architecture
from counterpoint.methods import Context
from counterpoint.problem import Problem
from counterpoint.training import packed
from counterpoint.training.data import dataset
from counterpoint.training.packed_sft import Collator
from counterpoint.training.records import now

PHASE = "imitate"  # in the table `timings`: an update on demonstrations beside RL's own
MANY = 32  # demonstrations scored at a time at most


@dataclass(frozen=True)
class Demonstrations:
    """`rows`: by problem_id the numbers of its demonstrations, where it has any; `collate`: a batch of such numbers."""

    rows: Mapping[str, list[int]]
    collate: Callable[[Sequence[int]], dict[str, Any]]

    def batch(self, problem_ids: Iterable[str]) -> dict[str, Any] | None:
        """Every demonstration of these problems; None where they have none."""
        rows = [row for key in problem_ids for row in self.rows.get(key, ())]
        return self.collate(rows) if rows else None


def collator(model, processor, problems: Sequence[Problem], texts: Sequence[str], instruction: str, is_packed: bool):
    """A function from numbers of demonstrations, the texts in their order, to a batch that `log_probs` reads."""
    stored = dataset(problems, instruction, texts)
    if is_packed:
        pack = Collator(stored, model, processor)
        return lambda rows: pack([{"row": row} for row in rows])
    stock = DataCollatorForVisionLanguageModeling(processor=processor, completion_only_loss=True)
    return lambda rows: stock(stored.__getitems__(list(rows)))


def of_run(trainer, context: Context) -> Demonstrations:
    """The demonstrations of a GRPO trainer's problems, on the engine that it runs.

    Raises `UserError` where there are none, or in more than one process, which would each imitate another share.
    """
    if trainer.accelerator.num_processes > 1:
        raise UserError("a method that mixes RL with demonstrations trains in one process; start it without a launcher")
    pairs = [(context.by_id[key], text) for key in context.by_id for text in context.demonstrations.get(key, ())]
    if not pairs:
        raise UserError(
            f"none of the {len(context.by_id)} problems has a demonstration to imitate; "
            "give the arm other traces, or train it with the method rl"
        )
    problems, texts = zip(*pairs, strict=True)
    rows: dict[str, list[int]] = {}
    for number, problem in enumerate(problems):
        rows.setdefault(problem.problem_id, []).append(number)
    model = trainer.accelerator.unwrap_model(trainer.model)
    is_packed = trainer.stock_reason is None
    return Demonstrations(rows, collator(model, context.processor, problems, texts, context.instruction, is_packed))


def tokens(batch: dict[str, Any] | None) -> int:
    """How many tokens of a batch are imitated, the one that ends a completion included."""
    return 0 if batch is None else int((batch["labels"] != -100).sum())


def log_probs(model, batch: dict[str, Any]) -> torch.Tensor:
    """Log-probability of every imitated token of a batch, flat (tokens,), row after row, at temperature 1."""
    labels = batch["labels"]
    if "prompts" in batch:
        lengths = (labels != -100).sum(1).tolist()
        values, _, _ = packed.log_probs(model, batch["prompts"], batch["input_ids"], lengths, list(range(len(lengths))))
        return values[labels[:, 1:] != -100]
    device = next(model.parameters()).device
    fields = {key: value.to(device) for key, value in batch.items() if key != "labels"}
    targets = labels[:, 1:].to(device)
    counted = targets != -100
    scores = model(**fields, use_cache=False).logits[:, :-1][counted].float()
    return scores.log_softmax(-1).gather(1, targets[counted].unsqueeze(1)).squeeze(1)


@torch.no_grad()
def nats_per_token(
    model, processor, problems: Sequence[Problem], texts: Sequence[str], instruction: str, many: int = MANY
) -> float:
    """Mean negative log-likelihood, in nats, of the tokens of `texts`, each after its problem's prompt; at most `many`
    are scored at a time.

    Raises `ValueError` where there is no text.
    """
    if not texts:
        raise ValueError("the likelihood of no text is asked for")
    collate = collator(model, processor, problems, texts, instruction, architecture.unsupported(model) is None)
    was_training, total, count = model.training, 0.0, 0
    model.eval()
    many = min(many, MANY)
    for start in range(0, len(texts), many):
        values = log_probs(model, collate(range(start, min(start + many, len(texts)))))
        total, count = total - values.double().sum().item(), count + len(values)
    model.train(was_training)
    return total / count


class AfterUpdate(TrainerCallback):
    """Calls `act` once RL's update is made, before the schedule moves on and before the step is probed or saved."""

    def __init__(self, act: Callable[[], None]):
        self.act = act

    def on_optimizer_step(self, args, state, control, **_):
        self.act()


def update(trainer, shown: Demonstrations, problem_ids: Sequence[str], learning_rate: float | None) -> None:
    """One optimizer step on the mean negative log-likelihood of these problems' demonstrations.

    It shares the optimizer and its moments with RL, and so its learning rate; another `learning_rate` follows the same
    schedule. Its tokens count for the RL step that it follows, and a row of the phase `PHASE` records it.
    """
    began, started, args = time.monotonic(), now(), trainer.args
    model = trainer.accelerator.unwrap_model(trainer.model)
    many = max(1, args.per_device_train_batch_size // args.num_generations)  # no more prompts at a time than RL has
    batches = [shown.batch(problem_ids[start : start + many]) for start in range(0, len(problem_ids), many)]
    number, total = sum(map(tokens, batches)), 0.0
    trainer.optimizer.zero_grad()
    for batch in batches:
        with trainer.accelerator.autocast():  # as the engine does: RL's loss and this one in the same precision
            loss = -log_probs(model, batch).sum() / number
        loss.backward()
        total += loss.item()
    if args.max_grad_norm > 0:
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
    groups = trainer.optimizer.param_groups
    rates = [group["lr"] for group in groups]
    if learning_rate is not None:
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = learning_rate * (rate / args.learning_rate if args.learning_rate else 1.0)
    trainer.optimizer.step()
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = rate
    trainer.optimizer.zero_grad()
    trainer.tokens += number
    trainer._metrics["train"]["sft_loss"].append(total)
    row = {"step": trainer.state.global_step + 1, "phase": PHASE, "started_at": started, **trainer.machine}
    trainer.recorder.add("timings", {**row, "seconds": time.monotonic() - began})
