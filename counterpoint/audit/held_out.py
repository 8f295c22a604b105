"""Greedy accuracy on held-out problems while a TRL trainer trains: a callback for any trainer with prompts.

What is measured is logged as the trainer logs, so it is in `log_history`, on the console and in every tracker. Training
goes on as if nobody had looked: same random state, modes and settings, same weights.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from accelerate.utils import gather_object
from transformers import ProcessorMixin, Trainer, TrainerCallback
from trl.data_utils import prepare_multimodal_messages

from counterpoint.audit import asked, judges
from counterpoint.errors import UserError
from counterpoint.generation import decode
from counterpoint.generation.completion import Completion, Decoding

log = logging.getLogger(__name__)
PROBES = 20  # in a run, where `every` is not given; a verdict needs ten
NOT_SHOWN = {"temperature": 1.0, "top_p": 1.0, "top_k": 50}  # of a checkpoint's settings: greedily they mean nothing


def log_beside(trainer: Trainer, metrics: dict[str, float]) -> None:
    """Log as `Trainer` does, and past TRL's own `log`: that adds the training metrics that it gathers for its next
    entry. A log of this step that is due stays so."""
    due = trainer.control.should_log
    Trainer.log(trainer, metrics)
    trainer.control.should_log = due


@dataclass(frozen=True)
class Answer:
    """One completion, the judge's mark, and whether it could be read; None where the judge does not say."""

    completion: Completion
    mark: float | None
    parsed: bool | None


class HeldOutAccuracy(TrainerCallback):
    """Asks the model held-out problems greedily at step 0, every `every` optimizer steps and at the end, and logs

        eval_accuracy          mean mark of the judge
        eval_accuracy_n        problems with a mark
        eval_accuracy_parsed   share of answers that could be read, where the judge is this package's
        eval_accuracy_length   mean tokens of a completion
        eval_accuracy_cut      share of completions that the limit cut off
        eval_accuracy_seconds  what it took

    trainer: the one that trains; `trainer.add_callback` takes this callback. problems: rows as TRL's datasets have them
    (a `datasets.Dataset` or a list of mappings): `prompt` (a text, or messages), perhaps `image` or `images`, and the
    columns that the judge reads. judge: "strict" or "lenient" (`counterpoint.verify`; they read a column such as
    `solution`, and `answer_type` and `options` where there are any), or a function as TRL's reward functions are
    (`counterpoint.audit.judges`). every: None for a twentieth of the run. max_tokens: of a completion, None for the
    trainer's own limit. batch_size: prompts at a time, None for the larger of the trainer's. suite: the name of these
    problems where several sets are asked; it makes the metric `eval_SUITE_accuracy`.

    Prompts are made as TRL makes them in training, with the trainer's chat template. Completions come from the
    `generate` of transformers, also where training generates by vLLM. With several processes each asks its share of the
    problems. Where the weights themselves are shared out (FSDP, DeepSpeed ZeRO 3) the callback is refused, as with
    tools.

    Raises `UserError` for rows or a judge that cannot be used. A judge that fails when it is first asked ends the
    training with one; if it fails later, that evaluation is left out, with a warning.
    """

    def __init__(
        self,
        trainer: Trainer,
        problems: Sequence[Mapping[str, Any]],
        *,
        judge: str | Callable,
        every: int | None = None,
        max_tokens: int | None = None,
        batch_size: int | None = None,
        suite: str = "",
    ):
        if not isinstance(trainer, Trainer):
            raise UserError(f"HeldOutAccuracy: the trainer comes first, not {type(trainer).__name__}")
        self.trainer, self.rows, self.columns = trainer, problems, asked.columns(problems)
        self.name = f"eval_{suite}_accuracy" if suite else "eval_accuracy"
        self.judge = judges.ready(judge, self.columns, problems)
        self.every = _positive("every", every)
        args = trainer.args
        largest = max(args.per_device_eval_batch_size, args.per_device_train_batch_size)
        self.batch_size = _positive("batch_size", batch_size) or largest
        self.max_tokens = _positive("max_tokens", max_tokens) or getattr(args, "max_completion_length", None)
        if self.max_tokens is None:
            raise UserError("HeldOutAccuracy: give max_tokens, the longest completion; this trainer has no limit")
        _refuse_what_is_not_asked_here(trainer)
        self._judged_before = self._warned = False
        self._pending: dict[str, float] | None = None  # metrics of this step, until the step itself is logged

    def on_train_begin(self, args, state, control, **_):
        alike = [each for each in self.trainer.callback_handler.callbacks if isinstance(each, HeldOutAccuracy)]
        if [each.name for each in alike].count(self.name) != 1:
            raise UserError(f"HeldOutAccuracy: {self.name}: add it once, to the trainer it was made for; a second set "
                            "of problems needs a suite of its own")  # fmt: skip
        self._steps = self.every or max(1, state.max_steps // PROBES)
        if state.global_step == 0:
            self._probe(log_now=True)

    def on_step_end(self, args, state, control, **_):
        if state.global_step % self._steps == 0 or state.global_step == state.max_steps:
            self._probe(log_now=not control.should_log)

    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in (logs or {}):
            self._log()
        evaluated = self.name in (logs or {}) and f"{self.name}_n" not in logs
        if evaluated and not self._warned:
            self._warned = True
            log.warning("%s is logged by the trainer's own evaluation too; give HeldOutAccuracy a suite", self.name)

    def on_evaluate(self, args, state, control, metrics, **_):
        """For `metric_for_best_model`: it looks at the metrics of the trainer's own evaluation alone."""
        for entry in self._at(state):
            metrics.setdefault(self.name, entry[self.name])

    def on_epoch_end(self, args, state, control, **_):
        """Where training stops early, its last step counts as well."""
        if control.should_training_stop and not self._at(state):
            self._probe(log_now=True)

    def _at(self, state) -> list[dict]:
        """What is logged of this step's probe."""
        return [entry for entry in state.log_history if entry["step"] == state.global_step and self.name in entry]

    def _probe(self, log_now: bool) -> None:
        """Measure, and log it behind the step's own entry, as an evaluation of the trainer's is."""
        self._pending = self.measure()
        if log_now:
            self._log()

    def _log(self) -> None:
        metrics, self._pending = self._pending, None
        if metrics:
            log_beside(self.trainer, metrics)

    def measure(self) -> dict[str, float]:
        """Ask all the problems now; what is logged of it, empty where the judge failed."""
        began, answers, error = time.monotonic(), [], None
        with decode.undisturbed(self.trainer.model), _left_padding(self.trainer.processing_class):
            try:
                for rows in self._batches():
                    answers += self._answers(rows)
            except UserError as failed:
                error = failed
        answers = gather_object(answers)
        errors = [message for message in gather_object([str(error) if error else ""]) if message]
        if not errors and all(answer.mark is None for answer in answers):
            errors = ["judge: it gave no problem a mark, only None"]
        if errors and not self._judged_before:
            raise UserError(f"HeldOutAccuracy: {errors[0]}") from error
        if errors:
            log.warning("step %d: %s is left out: %s", self.trainer.state.global_step, self.name, errors[0])
            return {}
        self._judged_before = True
        return self._metrics(answers, time.monotonic() - began)

    def _metrics(self, answers: Sequence[Answer], seconds: float) -> dict[str, float]:
        marks = [answer.mark for answer in answers if answer.mark is not None]
        parsed = [answer.parsed for answer in answers if answer.parsed is not None]
        parts = {"": sum(marks) / len(marks), "_n": len(marks)}
        if parsed:
            parts["_parsed"] = sum(parsed) / len(parsed)
        parts["_length"] = sum(answer.completion.tokens for answer in answers) / len(answers)
        parts["_cut"] = sum(answer.completion.truncated for answer in answers) / len(answers)
        return {f"{self.name}{part}": value for part, value in {**parts, "_seconds": seconds}.items()}

    def _batches(self) -> Iterator[list[Mapping[str, Any]]]:
        """The rows of this process by the length of their prompts, those with pictures apart from those without."""
        args, lengths = self.trainer.args, [len(str(prompt)) for prompt in asked.column(self.rows, "prompt")]
        share = sorted(range(args.process_index, len(lengths), args.world_size), key=lengths.__getitem__)
        for first in range(0, len(share), self.batch_size):
            rows = [self.rows[number] for number in share[first : first + self.batch_size]]
            for pictured in (False, True):
                if alike := [row for row in rows if bool(asked.pictures(row)) == pictured]:
                    yield alike

    def _answers(self, rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Ask one batch and judge it."""
        model, processor = self.trainer.model, self.trainer.processing_class
        tokenizer = getattr(processor, "tokenizer", processor)
        config = decode.settings(model, tokenizer, Decoding(self.max_tokens))
        config.update(use_cache=True, **NOT_SHOWN)
        config.eos_token_id = getattr(self.trainer, "eos_token_ids", config.eos_token_id)
        inputs = {name: values.to(model.device) for name, values in self._encoded(rows).items()}
        ids = model.generate(**inputs, generation_config=config)[:, inputs["input_ids"].shape[1] :].tolist()
        completions = [decode.read(tokenizer, row, config) for row in ids]
        texts = [completion.text for completion in completions]
        if asked.messages(rows[0]["prompt"]):
            texts = [[{"role": "assistant", "content": text}] for text in texts]
        ended = [row[: completion.tokens] for row, completion in zip(ids, completions, strict=True)]
        marks = self.judge(list(zip(rows, texts, ended, strict=True)), self.trainer.state)
        return [Answer(completion, *mark) for completion, mark in zip(completions, marks, strict=True)]

    def _encoded(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """What the model is given, tensors (rows, tokens) and those of the pictures: as TRL makes them in training."""
        processor, prompts = self.trainer.processing_class, [row["prompt"] for row in rows]
        if not asked.messages(prompts[0]):
            encoded = processor(text=prompts, padding=True, return_tensors="pt")
            return {name: encoded[name] for name in ("input_ids", "attention_mask")}
        padding = {"padding": True}
        if isinstance(processor, ProcessorMixin):
            prompts = [prepare_multimodal_messages(row["prompt"], asked.pictures(row)) for row in rows]
            padding = {"processor_kwargs": padding}
        return processor.apply_chat_template(
            prompts,
            chat_template=getattr(self.trainer, "chat_template", None),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            **padding,
            **getattr(self.trainer, "chat_template_kwargs", {}),
        )


@contextmanager
def _left_padding(processor) -> Iterator[None]:
    """Prompts that end together, as `generate` needs them; then the tokenizer's own side again."""
    tokenizer = getattr(processor, "tokenizer", processor)
    side, tokenizer.padding_side = tokenizer.padding_side, "left"
    try:
        yield
    finally:
        tokenizer.padding_side = side


def _positive(name: str, number: int | None) -> int | None:
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
        raise UserError(f"HeldOutAccuracy: {name} must be a whole number from 1, not {number!r}")
    return number


def _refuse_what_is_not_asked_here(trainer: Trainer) -> None:
    deepspeed = getattr(trainer.accelerator.state, "deepspeed_plugin", None)
    sharded = trainer.is_fsdp_enabled or (deepspeed is not None and deepspeed.zero_stage == 3)
    for holds, what in (
        (sharded, "weights that are shared out between processes (FSDP, ZeRO 3)"),
        (bool(getattr(trainer, "tools", None)), "tools"),
        (getattr(trainer, "environment_factories", None) is not None, "environments"),
        (getattr(trainer, "rollout_func", None) is not None, "a rollout_func"),
        (trainer.processing_class is None, "no processing_class"),
    ):
        if holds:
            raise UserError(
                f"HeldOutAccuracy: {what}: its problems are not asked that way; give the trainer an eval_dataset, log "
                "accuracy from a reward function (log_metric), and use TruthCallback alone"
            )
