"""`PackedSFTTrainer`: TRL's SFTTrainer on flat rows without padding, the head on labelled positions, prompts made once.

It takes the place of `SFTTrainer` for conversations of prompt and completion with pictures. Loss, logs and
configuration are TRL's own. Whatever is not proved equal to stock TRL by the tests runs TRL's own path, and says so
once, with the reason.
"""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl import SFTTrainer
from trl.data_utils import apply_chat_template, is_conversational, prepare_multimodal_messages

from counterpoint.generation import architecture
from counterpoint.generation.prompts import Preparer
from counterpoint.training.data import encoded
from counterpoint.training.packed import log_probs

log = logging.getLogger(__name__)
LOSSES = ("nll", "dft")
COLUMNS = {"prompt", "completion", "images"}
OTHERS = {"messages", "text", "image", "tools", "chat_template_kwargs"}  # what TRL reads in another way


class PackedSFTTrainer(SFTTrainer):
    """SFTTrainer that computes no padding and no score that has no label.

    `stock_reason` is None, or why this run uses TRL's own code.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        given = inspect.signature(SFTTrainer).bind(*args, **kwargs).arguments
        self.stock_reason = self._unsupported(given.get("data_collator") is not None)
        if self.stock_reason:
            log.warning("the packed engine is off and TRL's own path is taken: %s", self.stock_reason)
            return
        stored, self._stock_collator = self.train_dataset, self.data_collator
        self.train_dataset = torch.utils.data.StackDataset(row=range(len(stored)))
        # a copy: the next batch is tokenised while a probe may use the processor
        processor = copy.deepcopy(self.processing_class)
        collator = Collator(stored, self.accelerator.unwrap_model(self.model), processor)
        self.data_collator = collator if self.args.dataloader_num_workers else PrefetchingCollator(collator)

    def _set_signature_columns_if_needed(self):
        super()._set_signature_columns_if_needed()
        if self.stock_reason is None:
            self._signature_columns = ["row"]  # or `remove_unused_columns` would take it away

    def evaluate(self, *args, **kwargs):
        """TRL's own evaluation, of rows given by hand."""
        with self._stock():
            return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        """TRL's own prediction, of rows given by hand."""
        with self._stock():
            return super().predict(*args, **kwargs)

    @contextmanager
    def _stock(self) -> Iterator[None]:
        packed = self.stock_reason, self.data_collator
        if self.stock_reason is None:
            self.stock_reason, self.data_collator, self._signature_columns = "evaluation", self._stock_collator, None
        try:
            yield
        finally:
            self.stock_reason, self.data_collator = packed
            self._signature_columns = None

    def _unsupported(self, collated: bool) -> str | None:
        args, rows, model = self.args, self.train_dataset, self.accelerator.unwrap_model(self.model)
        columns = set(rows.column_names) if isinstance(rows, Dataset) else set()
        for holds, reason in (
            (not columns >= COLUMNS, f"a dataset without the columns {', '.join(sorted(COLUMNS))}"),
            (bool(columns & OTHERS), f"a dataset with the column {', '.join(sorted(columns & OTHERS))}"),
            (collated, "a data_collator"),
            (args.loss_type not in LOSSES, f"the loss type {args.loss_type}"),
            (args.max_length is not None, "truncation to max_length"),
            (args.completion_only_loss is False or args.assistant_only_loss, "a loss on other tokens"),
            (self.label_smoother is not None or self.compute_loss_func is not None, "another loss"),
            (args.packing or args.padding_free or args.pad_to_multiple_of is not None, "TRL's packing or padding"),
            (args.eval_strategy != "no" or self.eval_dataset is not None, "TRL's own evaluation"),
            (args.train_sampling_strategy != "random", f"the order {args.train_sampling_strategy}"),
            (bool(args.neftune_noise_alpha), "noise on embeddings"),
            (self.accelerator.num_processes > 1, "more than one process"),
            (self.aux_loss_enabled, "an auxiliary loss"),
        ):
            if holds:
                return f"{reason} is not packed"
        if not is_conversational(rows[0]):
            return "plain text is not packed"
        reason = architecture.unsupported(model)
        if reason is None and any(
            getattr(m, "attention_dropout", 0.0) for m in architecture.parts(model).decoder.modules()
        ):
            return "dropout in attention is not packed"
        return reason

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if self.stock_reason:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        prompts, labels = inputs["prompts"], inputs["labels"]
        lengths = (labels != -100).sum(1).tolist()
        with self.accelerator.autocast():
            values, entropies, best = log_probs(
                self.accelerator.unwrap_model(model), prompts, inputs["input_ids"], lengths, list(range(len(labels)))
            )
        losses = -values
        if self.args.loss_type == "dft":  # arXiv 2508.05629
            losses = losses * values.detach().exp()
        number = sum(lengths)
        loss = losses.sum() / torch.as_tensor(number if num_items_in_batch is None else num_items_in_batch).clamp(min=1)
        self._total_train_tokens += sum(prompts.lengths) + number
        metrics = self._metrics["train"]
        metrics["entropy"].append(entropies.detach().sum().item() / max(number, 1))
        metrics["mean_token_accuracy"].append(best.sum().item() / max(number, 1))
        metrics["num_tokens"] = [self._total_train_tokens]
        return loss


class Collator:
    """Batches of row numbers as prompts and completions; a row is tokenised, and its pictures preprocessed, once."""

    def __init__(self, stored: Dataset, model, processor):
        self.stored, self.processor = encoded(stored), processor
        self.prepared = Preparer(model, processor)
        self.completions: dict[int, torch.Tensor] = {}

    def __call__(self, examples: list[dict[str, int]]) -> dict[str, Any]:
        rows = [example["row"] for example in examples]
        prompts = self.prepared.get(rows, self._show)
        ids = [self.completions[row] for row in rows]
        if len(self.completions) > len(self.prepared.made):  # the prompts of others have been given up
            self.completions = {row: self.completions[row] for row in self.prepared.made}
        device = prompts.ids[0].device
        labels = pad_sequence(ids, batch_first=True, padding_value=-100).to(device)
        # `Trainer` counts labels from the second column on, for it takes the first to be a prompt's
        before = labels.new_full((len(rows), 1), -100)
        return {"prompts": prompts, "input_ids": labels.clamp(min=0), "labels": torch.cat([before, labels], 1)}

    def _show(self, rows: list[int]) -> list[tuple[str, list[Any]]]:
        examples = self.stored.__getitems__(rows)
        texts = [
            apply_chat_template(
                {
                    "prompt": prepare_multimodal_messages(example["prompt"], images=example["images"] or []),
                    "completion": prepare_multimodal_messages(example["completion"]),
                },
                self.processor,
            )
            for example in examples
        ]
        ids = self.processor.tokenizer([text["completion"] for text in texts], add_special_tokens=False)["input_ids"]
        self.completions.update(zip(rows, map(torch.tensor, ids), strict=True))
        return [(text["prompt"], example["images"] or []) for text, example in zip(texts, examples, strict=True)]


class PrefetchingCollator:
    """A collator whose batches are made in another thread: accelerate asks for each while the one before is learnt."""

    def __init__(self, collator: Collator):
        self.collator, self.thread = collator, ThreadPoolExecutor(1)

    def __call__(self, examples: list[dict[str, int]]) -> PendingBatch:
        return PendingBatch(self.thread.submit(self.collator, examples))


class PendingBatch:
    """A batch under way, read like a dict. (No `Mapping`: accelerate would walk one, and wait for it, at once.)"""

    def __init__(self, promise: Future):
        self.promise = promise

    def __getitem__(self, key: str) -> Any:
        return self.promise.result()[key]

    def __contains__(self, key: str) -> bool:
        return key in self.promise.result()

    def __len__(self) -> int:
        return len(self.promise.result())
