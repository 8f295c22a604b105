"""`SharedPrefixGRPOTrainer`: TRL's GRPOTrainer with each prompt computed once for its group.

It takes the place of `GRPOTrainer`, arguments and all. Its losses, advantages, logs and configuration are TRL's own;
two things are replaced: how completions are generated and how their log-probabilities are computed. Whatever is not
proved equal to stock TRL by the tests runs TRL's own path, and says so once, with the reason.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from typing import Any

import torch
from datasets import Dataset
from transformers.generation.configuration_utils import GenerationMode
from trl import GRPOTrainer
from trl.data_utils import is_conversational, prepare_multimodal_messages
from trl.models.utils import unwrap_model_for_generation

from counterpoint.generation import architecture
from counterpoint.generation import prompts as prompting
from counterpoint.generation.prompts import decoded
from counterpoint.generation.rollout import SETTINGS, rollout
from counterpoint.training.data import encoded
from counterpoint.training.packed import log_probs

log = logging.getLogger(__name__)
# generation_kwargs that act alike; with other end tokens TRL and `generate` would disagree about what is cut off
KWARGS = set(SETTINGS) - {"bos_token_id", "eos_token_id", "pad_token_id"}
# settings of a checkpoint that TRL leaves in force and a rollout does not know
FOREIGN = (
    "stop_strings", "max_time", "min_length", "guidance_scale", "watermarking_config", "forced_bos_token_id",
    "forced_eos_token_id",
)  # fmt: skip
MODES = (GenerationMode.GREEDY_SEARCH, GenerationMode.SAMPLE)
LOSSES = ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo")


class SharedPrefixGRPOTrainer(GRPOTrainer):
    """GRPOTrainer that encodes pictures, prefills and trains on each prompt once a group.

    `stock_reason` is None, or why this run uses TRL's own code.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.stock_reason = self._unsupported()
        if self.stock_reason:
            log.warning("the shared-prefix engine is off and TRL's own path is taken: %s", self.stock_reason)
        self._distinct: dict[str, prompting.Prompts] = {}  # the prompts of the latest rollout, by mode
        self._features = FeatureCache(self.accelerator.unwrap_model(self.model))
        self._rows: list[dict[str, Any]] = []
        self._groups: list[int] = []
        self._loss_groups: list[int] | None = None

    @property
    def rollout_prompts(self) -> dict[str, list] | None:
        """The prompts of the latest training rollout, as lists of tensors and None: what a checkpoint in the middle of
        a generation cycle must hold."""
        prompts = self._distinct.get("train")
        return None if prompts is None or self._buffered_inputs is None else dict(vars(prompts))

    @rollout_prompts.setter
    def rollout_prompts(self, state: dict[str, list] | None) -> None:
        if state is not None:
            self._distinct["train"] = prompting.Prompts(**state)

    @property
    def _mode(self) -> str:
        return "train" if self.model.training else "eval"

    def _unsupported(self) -> str | None:
        args = self.args
        model = self.accelerator.unwrap_model(self.model)
        settings = sorted(set(args.generation_kwargs or ()) - KWARGS)
        stored = model.generation_config
        mode = stored.get_generation_mode()
        foreign = [name for name in FOREIGN if getattr(stored, name, None)]
        for holds, reason in (
            (self.use_vllm, "use_vllm"),
            (getattr(self, "use_transformers_continuous_batching", False), "continuous batching"),
            (self.rollout_func is not None, "a rollout_func"),
            (bool(self.tools) or self.environment_factories is not None, "tools or environments"),
            (self.accelerator.num_processes > 1, "more than one process"),
            (self.aux_loss_enabled, "an auxiliary loss"),
            (self.loss_type not in LOSSES, f"the loss type {self.loss_type}"),
            (bool(settings), f"generation_kwargs {', '.join(settings)}"),
            (bool(foreign), f"the model's generation setting {', '.join(foreign)}"),
            (mode not in MODES, f"generation by {mode.value}"),
            (self.pad_to_multiple_of is not None, "pad_to_multiple_of"),
            (args.cast_lm_head_to_fp32, "cast_lm_head_to_fp32"),
            (not self._is_vlm, "a model without a processor for pictures"),
        ):
            if holds:
                return f"{reason} is not shared"
        reason = architecture.unsupported(model)
        if reason is None and architecture.dropout(model):
            reason = "dropout would differ between a prompt's completions"
        return reason

    def get_train_dataloader(self):
        stored = self.train_dataset
        if self.stock_reason is None and isinstance(stored, Dataset):
            self.train_dataset = DistinctRows(encoded(stored))
        try:
            return super().get_train_dataloader()
        finally:
            self.train_dataset = stored

    def _generate_and_score_completions(self, inputs):
        if self.stock_reason:
            return super()._generate_and_score_completions(inputs)
        # Pictures stay out of TRL's hands, or it would copy and preprocess them once a completion, twice.
        self._rows, self._groups = inputs, _groups(inputs)
        bare = [{key: value for key, value in row.items() if key not in PICTURES} for row in inputs]
        output = super()._generate_and_score_completions(bare)
        pictures = [_pictures(row) for row in inputs]
        if self.log_multimodal and any(pictures):
            self._logs["images"].extend(pictures)
        return {**output, "group": torch.tensor(self._groups, device=self.accelerator.device)}

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        if self.stock_reason is None:
            inputs, prompts = self._rows, _shown(self._rows)
        return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)

    def _tokenize_prompts(self, prompts):
        if self.stock_reason:
            return super()._tokenize_prompts(prompts)
        first = [i for i, group in enumerate(self._groups) if i == 0 or group != self._groups[i - 1]]
        rows = [self._rows[i] for i in first]
        parts = architecture.parts(self.accelerator.unwrap_model(self.model))
        pictured = any(map(_pictures, rows))
        ids, built = [], []
        for part in decoded((row, _pictures(row) or ()) for row in rows):
            messages = [_message(row, images) if pictured else row["prompt"] for row, images in part]
            ids_of_part, pictures, fields = super()._tokenize_prompts(messages)
            counts = [len(images or ()) for images in pictures or [None] * len(part)]
            built.append(prompting.build(parts, ids_of_part, counts, fields))
            ids += ids_of_part
        self._distinct[self._mode] = prompting.joined(built)
        return [ids[group] for group in self._groups], None, {}

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, *args, **kwargs):
        if self.stock_reason:
            return super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, *args, **kwargs
            )
        prompts = self._distinct[self._mode]
        repeats = torch.bincount(torch.tensor(self._groups)).tolist()
        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                generation_kwargs=self.generation_kwargs,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
            ) as model,
            torch.no_grad(),
            self.accelerator.autocast(),
        ):
            return rollout(model, prompts, repeats, self.generation_config, self._features.get(model, prompts)), None

    def _compute_loss(self, model, inputs):
        if self.stock_reason is None:
            self._loss_groups = inputs["group"].tolist()
        try:
            return super()._compute_loss(model, inputs)
        finally:
            self._loss_groups = None

    def _get_per_token_logps_and_entropies(
        self, model, input_ids, attention_mask, logits_to_keep, batch_size=None, compute_entropy=False, **kwargs
    ):
        if self.stock_reason:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size, compute_entropy, **kwargs
            )
        bare = self.accelerator.unwrap_model(model)
        groups = self._groups if self._loss_groups is None else self._loss_groups
        completions = input_ids[:, -logits_to_keep:]
        lengths = attention_mask[:, -logits_to_keep:].sum(1).tolist()
        step = batch_size or len(groups)
        values, entropies = [], []
        for start in range(0, len(groups), step):
            here = groups[start : start + step]
            used = sorted(set(here))
            prompts = self._distinct[self._mode].select(used)
            with self.accelerator.autocast():
                part, spread, _ = log_probs(
                    bare, prompts, completions[start : start + step], lengths[start : start + step],
                    [used.index(group) for group in here], self.temperature, self._features.get(bare, prompts),
                )  # fmt: skip
            values.append(part)
            entropies.append(spread)
        return torch.cat(values), torch.cat(entropies) if compute_entropy else None, None


PICTURES = ("images", "image")


def _pictures(row: dict[str, Any]) -> list | None:
    """The pictures of a dataset row, as TRL reads them."""
    if "images" in row:
        return row["images"] or None
    return None if row.get("image") is None else [row["image"]]


def _message(row: dict[str, Any], pictures: list | None) -> Any:
    """The prompt of a row with pictures in their place; a prompt that is plain text as it is."""
    if not is_conversational(row):
        return row["prompt"]
    return prepare_multimodal_messages(row["prompt"], images=pictures)


def _shown(rows: list[dict[str, Any]]) -> list[Any]:
    """The prompts of a batch as TRL shows them to rewards: as they are where none has pictures."""
    pictured = any(map(_pictures, rows))
    return [_message(row, _pictures(row)) if pictured else row["prompt"] for row in rows]


def _groups(rows: list[dict[str, Any]]) -> list[int]:
    """The number of the distinct prompt of each row; rows of one prompt follow each other."""
    groups: list[int] = []
    for i, row in enumerate(rows):
        same = i > 0 and (row is rows[i - 1] or _alike(row, rows[i - 1]))
        groups.append(0 if i == 0 else groups[-1] + (not same))
    return groups


def _alike(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rows have one prompt; pictures, which may have to be read, are compared last."""
    return row["prompt"] == other["prompt"] and _pictures(row) == _pictures(other)


class DistinctRows(torch.utils.data.Dataset):
    """A dataset whose batches read (and decode the pictures of) each row once, however often its index occurs."""

    def __init__(self, stored: Dataset):
        self.stored = stored
        self._read: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.stored[index]

    def __getitems__(self, indices: list[int]) -> list[dict[str, Any]]:
        wanted = [index for index in dict.fromkeys(indices) if index not in self._read]
        if wanted or len(self._read) > len(set(indices)):
            still_wanted = {index: self._read[index] for index in set(indices) if index in self._read}
            self._read = still_wanted | dict(zip(wanted, self.stored.__getitems__(wanted), strict=True))
        return [self._read[index] for index in indices]


class FeatureCache:
    """Picture features of a model whose vision tower and projector are frozen, by the digest of the pixels.

    Holds at most `limit` bytes, the least recently used leave first.
    """

    def __init__(self, model, limit: int = 1 << 28):
        self.model, self.limit, self.size = model, limit, 0
        self.features: OrderedDict[bytes, torch.Tensor] = OrderedDict()
        inner = None if architecture.unsupported(model) else architecture.parts(model).inner
        names = [] if inner is None else [n for n, p in inner.named_parameters() if p.requires_grad]
        self.frozen = inner is not None and all(name.startswith("language_model.") for name in names)

    def get(self, model, prompts: prompting.Prompts) -> list[torch.Tensor | None] | None:
        """The features of each prompt's pictures, or None where they must be computed with this step's weights."""
        if not self.frozen or model is not self.model:
            return None
        keys = [None if p is None else _digest(p, g) for p, g in zip(prompts.pixels, prompts.grids, strict=True)]
        for i, key in enumerate(keys):
            if key is None:
                continue
            if key not in self.features:
                # one prompt at a time: the last bit of a feature must not depend on what else was missing
                with torch.no_grad():
                    (self.features[key],) = prompting.features(architecture.parts(model), prompts.select([i]))
                self.size += self.features[key].nbytes
            self.features.move_to_end(key)
        result = [None if key is None else self.features[key] for key in keys]
        while self.size > self.limit:
            self.size -= self.features.popitem(last=False)[1].nbytes
        return result


def _digest(pixels: torch.Tensor, grid: torch.Tensor | None) -> bytes:
    data = pixels.detach().cpu().float().contiguous()
    shape = [list(data.shape), None if grid is None else grid.tolist()]
    return hashlib.blake2b(repr(shape).encode() + data.numpy().tobytes(), digest_size=16).digest()
