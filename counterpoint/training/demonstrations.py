"""Demonstrations of problems: their log-probabilities under the model in training, and an update on them beside RL's.

They use the packed engine if the run does, else a plain forward pass of the model. Prompt, chat template and pictures
are those of supervised fine-tuning.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from transformers import TrainerCallback
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from counterpoint.errors import UserError
from counterpoint.generation import architecture
from counterpoint.problem import Problem
from counterpoint.training import packed
from counterpoint.training.data import dataset
from counterpoint.training.packed_sft import Collator
from counterpoint.training.records import now

PHASE = "imitate"  # in the table `timings`: an update on demonstrations beside RL's own
SCORED_AT_ONCE = 32  # demonstrations at most


def collator(model, processor, problems: Sequence[Problem], texts: Sequence[str], instruction: str, is_packed: bool):
    """A function from numbers of demonstrations, the texts in their order, to a batch that `log_probs` reads."""
    stored = dataset(problems, instruction, texts)
    if is_packed:
        pack = Collator(stored, model, processor)
        return lambda rows: pack([{"row": row} for row in rows])
    stock = DataCollatorForVisionLanguageModeling(processor=processor, completion_only_loss=True)
    return lambda rows: stock(stored.__getitems__(list(rows)))


def log_probs(model, batch: dict[str, Any]) -> torch.Tensor:
    """Log-probability of every imitated token of a batch, flat (tokens,), row after row, at temperature 1."""
    labels = batch["labels"]
    if "prompts" in batch:
        lengths = (labels != -100).sum(1).tolist()
        values, _, _ = packed.log_probs(model, batch["prompts"], batch["input_ids"], lengths, range(len(lengths)))
        return values[labels[:, 1:] != -100]
    device = next(model.parameters()).device
    fields = {key: value.to(device) for key, value in batch.items() if key != "labels"}
    targets = labels[:, 1:].to(device)
    counted = targets != -100
    scores = model(**fields, use_cache=False).logits[:, :-1][counted].float()
    return scores.log_softmax(-1).gather(1, targets[counted].unsqueeze(1)).squeeze(1)


@torch.no_grad()
def nats_per_token(
    model, processor, problems: Sequence[Problem], texts: Sequence[str], instruction: str, at_once: int = SCORED_AT_ONCE
) -> float:
    """Mean negative log-likelihood, in nats, of the tokens of `texts`, each after its problem's prompt; at most
    `at_once` are scored at a time.

    Raises `ValueError` where there is no text.
    """
    if not texts:
        raise ValueError("the likelihood of no text is asked for")
    collate = collator(model, processor, problems, texts, instruction, architecture.unsupported(model) is None)
    was_training, total, count = model.training, 0.0, 0
    model.eval()
    at_once = min(at_once, SCORED_AT_ONCE)
    for start in range(0, len(texts), at_once):
        values = log_probs(model, collate(range(start, min(start + at_once, len(texts)))))
        total, count = total - values.double().sum().item(), count + len(values)
    model.train(was_training)
    return total / count


class Demonstrations:
    """The demonstrations of a GRPO run: `problems` and `texts`, side by side, scored on the engine that it runs.

    rows: by problem_id the numbers of its demonstrations, for the problems that have any.
    Raises `UserError` where there are none, or in more than one process, which would each imitate another share.
    """

    def __init__(self, trainer, problems: Sequence[Problem], texts: Sequence[str], instruction: str):
        if trainer.accelerator.num_processes > 1:
            raise UserError(
                "a method that mixes RL with demonstrations trains in one process; start it without a launcher"
            )
        if not texts:
            raise UserError(
                f"none of the {len(trainer.train_dataset)} problems has a demonstration to imitate; "
                "give the arm other traces, or train it with the method rl"
            )
        self.trainer = trainer
        self.rows: dict[str, list[int]] = {}
        for number, problem in enumerate(problems):
            self.rows.setdefault(problem.problem_id, []).append(number)
        is_packed = trainer.stock_reason is None
        self._collate = collator(self._model, trainer.processing_class, problems, texts, instruction, is_packed)
        trainer.add_callback(_AfterUpdate(trainer))

    @property
    def _model(self):
        return self.trainer.accelerator.unwrap_model(self.trainer.model)

    def batch(self, problem_ids: Iterable[str]) -> dict[str, Any] | None:
        """Every demonstration of these problems; None where they have none."""
        rows = [row for key in problem_ids for row in self.rows.get(key, ())]
        return self._collate(rows) if rows else None

    @staticmethod
    def tokens(batch: dict[str, Any] | None) -> int:
        """How many tokens of a batch are imitated, the one that ends a completion included."""
        return 0 if batch is None else int((batch["labels"] != -100).sum())

    def log_probs(self, batch: dict[str, Any]) -> torch.Tensor:
        """Log-probability of every imitated token of a batch, flat (tokens,), in the precision of RL's own loss."""
        with self.trainer.accelerator.autocast():
            return log_probs(self._model, batch)

    def update(self, problem_ids: Sequence[str], learning_rate: float | None) -> None:
        """One optimizer step on the mean negative log-likelihood of these problems' demonstrations.

        It shares the optimizer and its moments with RL, and so its learning rate; another `learning_rate` follows the
        same schedule. Its tokens count for the RL step that it follows, and a row of the phase `PHASE` records it.
        """
        trainer = self.trainer
        began, started, args = time.monotonic(), now(), trainer.args
        at_once = max(1, args.per_device_train_batch_size // args.num_generations)  # no more prompts than RL has
        batches = [self.batch(problem_ids[start : start + at_once]) for start in range(0, len(problem_ids), at_once)]
        number, total = sum(map(self.tokens, batches)), 0.0
        trainer.optimizer.zero_grad()
        for batch in batches:
            with trainer.accelerator.autocast():
                loss = -self.log_probs(batch).sum() / number
            loss.backward()
            total += loss.item()
        if args.max_grad_norm > 0:
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), args.max_grad_norm)
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
        trainer.session.record_time(PHASE, trainer.state.global_step + 1, began, started)


class _AfterUpdate(TrainerCallback):
    def __init__(self, trainer):
        self.trainer = trainer

    def on_optimizer_step(self, args, state, control, **_):
        self.trainer.after_update()
