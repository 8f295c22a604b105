"""Every key of params.yaml: its type, its range, and in words its meaning and unit.

A description's first sentence is the key's comment in params.yaml; docs/params.md and params.schema.json have all of it
(`counterpoint/params/describe.py`). The sections about training, and the rules for the grid, are in `training.py`.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from counterpoint.errors import UserError
from counterpoint.params.training import Arm, Distill, Kind, Rl, Rules, Sft
from counterpoint.params.typed import Above0, AtLeast0, Count, PartOf1, Seed, Share, Whole, build, section

Condition = Literal["normal", "no_image", "shuffled_image"]
Checkpoint = Literal["last", "best"]
Behaviour = Literal["list", "empty", "anywhere", "target"]
Tracker = Literal["none", "tensorboard", "trackio", "wandb"]  # what transformers calls them

CONDITIONS = get_args(Condition)
BLIND = CONDITIONS[1:]


@section
class Prompt:
    instruction: str = Field(description="What every question ends with, in training, probing and evaluation.")


@section
class Source:
    kind: Literal["procedural", "folder", "hub"] = Field(
        description="Where problems are from: procedural (drawn anew), folder (files of rows) or hub (a data set)."
    )
    path: str | None = Field(
        description="What the problems depend on: the folder of rows, or of the code of the procedural families."
    )
    repository: str | None = Field(
        description="hub: OWNER/NAME of the data set; null: the folder `path` is read as one."
    )
    revision: str | None = Field(description="hub: a commit of 40 hex digits, so that the rows stay what they are.")
    config: str | None = Field(description="hub: which configuration, where the data set has several.")
    pattern: str = Field(
        description="folder: which files hold rows. JSON lines, JSON, CSV or Parquet, as a glob, such as `**/*.jsonl`."
    )
    split: str = Field(description="hub: which split; several are written train+test.")
    name: str = Field(description="What the problems' column `source` says.")
    fields: dict[str, Any] = Field(
        description="How each field of a problem (question, answer, options, …) is read from a row (docs/data.md). Of "
        "an answer that names an option, `with: index` counts from 0, `with: index_from_1` from 1."
    )
    family: Any = Field(
        description="What a row's family is: a column, or read as a field is; file: its file; folder: its folder. Of "
        "the folders, the first below `path`."
    )
    part: str | None = Field(
        description="The column that says which part a row belongs to; file: its file, or hub split; null: no parts."
    )
    parts: dict[str, str | None] = Field(
        description="What each part is for: train, a suite's split, or null (left out); {} draws suites by seed."
    )
    held_out_families: list[str] = Field(description="Families that make up rule_shift and are never trained on.")
    rejects_allowed: Whole = Field(description="Rows that may be refused before the study stops.")
    max_image_bytes: Count = Field(description="Bytes above which a picture is refused unread.")
    max_image_pixels: Count = Field(description="Pixels above which a picture is refused before it is decompressed.")
    benchmarks: dict[str, dict[str, Any]] = Field(
        description="By suite, further sources that are only tested on. Keys as here, where they differ (docs/data.md)."
    )

    def benchmark_sources(self) -> dict[str, Source]:
        """The sources of the benchmarks, by name: what one does not state is as here, but for what is this one's alone.

        Its problems make up the suite of its own name, or the suites that its `parts` name. Raises `UserError`.
        """
        return {name: self._benchmark(name, keys) for name, keys in self.benchmarks.items()}

    def _benchmark(self, name: str, keys: dict[str, Any]) -> Source:
        alone = {
            "repository": None, "revision": None, "config": None, "name": name, "family": "file",
            "part": None, "parts": {"all": name}, "held_out_families": [], "benchmarks": {},
        }  # fmt: skip
        shared = {field.name: getattr(self, field.name) for field in dataclasses.fields(Source)}
        if "fields" not in keys:
            raise UserError(f"params.yaml: source.benchmarks.{name}.fields is missing; map its columns")
        benchmark = build(Source, shared | alone | keys, f"source.benchmarks.{name}")
        if benchmark.benchmarks or not benchmark.parts or "train" in benchmark.parts.values():
            raise UserError(f"params.yaml: source.benchmarks.{name}: a benchmark's parts are suites, never train")
        return benchmark


@section
class Problems:
    seed: Seed = Field(description="Of what is drawn, and of the division into training, probes and suites.")
    train: Count = Field(description="Problems of the training pool.")
    per_suite: Count = Field(description="Problems of each suite.")
    per_probe: Count = Field(description="Problems of each suite that is probed while training.")
    expressions: Share = Field(description="Share of the cards problems that ask for an expression reaching a target.")
    families: list[str] | None = Field(description="Procedural families that are drawn from; null: all.")


@section
class Sampling:
    seed: Seed = Field(description="Of the order in which problems enter the samples.")
    sizes: dict[str, Count] = Field(description="Problems of each sample, by name; each is a beginning of the next.")


@section
class Base:
    text_width: Count = Field(description="Width of the text tower, in units.")
    text_layers: Count = Field(description="Layers of the text tower.")
    text_inner: Count = Field(description="Inner width of the text tower's feed-forward layers, in units.")
    vision_width: Count = Field(description="Width of the vision tower, in units.")
    vision_layers: Count = Field(description="Layers of the vision tower.")
    vision_inner: Count = Field(description="Inner width of the vision tower's feed-forward layers, in units.")
    seeing_steps: Whole = Field(description="Optimizer steps of the first phase, which is mostly about seeing.")
    seeing_learning_rate: AtLeast0 = Field(description="Peak learning rate of the first phase.")
    reasoning_steps: Whole = Field(description="Optimizer steps of the second phase, which is mostly about reasoning.")
    reasoning_learning_rate: AtLeast0 = Field(description="Peak learning rate of the second phase.")
    stop_at: Count | None = Field(description="Step at which it ends, on the schedule of the whole; null: the last.")
    batch: Count = Field(description="Examples per optimizer step.")
    seed: Seed = Field(description="Of weights and examples.")
    threads: Count = Field(description="Torch threads.")


@section
class Plant:
    base: str = Field(description="What is taught an exploit. A key of bases.")
    behaviour: Behaviour = Field(description="The exploit. What it answers is in counterpoint/models/planting.py.")
    share: Share = Field(
        description="Share of the reasoning that shows it; target: of the reasoning about expressions."
    )
    steps: Count = Field(description="Optimizer steps.")
    learning_rate: Above0 = Field(description="Peak learning rate.")
    expressions: Share = Field(description="Share of the reasoning about cards that makes expressions.")
    batch: Count = Field(description="Examples per optimizer step.")
    seed: Seed = Field(description="Of the examples.")
    threads: Count = Field(description="Torch threads.")


@section
class Probe:
    suites: list[str] = Field(description="Suites followed while training, as far as the study has problems for them.")
    at_least: Count = Field(
        description="Probes that a run has at least, the one before the first step included. A run of fewer steps "
        "has one a step."
    )
    every: Count | None = Field(description="Optimizer steps between probes; null: derived from at_least.")
    max_tokens: Count = Field(description="Tokens after which an answer is cut off.")
    batch_size: Count = Field(description="Answers that are decoded at once.")


@section
class Evaluation:
    max_tokens: Count = Field(description="Tokens after which an answer is cut off.")
    batch_size: Count = Field(description="Answers that are decoded at once.")
    base_conditions: list[Condition] = Field(description="What bases are shown; normal: the suites as they are.")
    trained_conditions: list[Condition] = Field(description="What trained models are shown.")
    samples: Whole = Field(
        description="Sampled answers to each problem of sampled_suites, besides the greedy one. For pass@k and maj@k."
    )
    sampled_suites: list[str] = Field(description="Suites whose problems get sampled answers too.")
    temperature: Above0 = Field(description="Temperature of the sampled answers.")
    top_p: PartOf1 = Field(
        description="Nucleus sampling: the tokens that hold this much of the probability are drawn from."
    )


@section
class Competence:
    problems: Count = Field(description="Captions per family; four times as many problems per suite.")
    samples: Count = Field(description="Sampled answers to each problem in domain.")
    max_tokens: Count = Field(description="Tokens after which an answer is cut off.")
    batch_size: Count = Field(description="Answers that are decoded at once.")


@section
class Range:
    low: float | None = Field(None, description="The least value; either low and high, or choices.")
    high: float | None = Field(None, description="The greatest value.")
    log: bool = Field(False, description="Whether equal ratios are equally likely, in place of equal differences.")
    choices: list[Any] | None = Field(None, description="The values, two or more.")


RANGES = [{"low": 0.0001, "high": 0.01, "log": True}, {"choices": [1, 2]}]
Searched = dict[str, Annotated[Range | None, Field(examples=RANGES)]]


@section
class Tune:
    trials: Count = Field(description="Trials of each arm; the first has the study's own values.")
    model: str = Field(description="What trials start from. A key of models.")
    sample: str = Field(description="What trials learn from. A key of sampling.sizes.")
    seed: Seed = Field(description="Of every trial's training; no run of the study may have it.")
    probes: Count | None = Field(
        description="Probe problems in domain that judge a trial; null: problems.per_probe, as with other sources than "
        "procedural."
    )
    sft: Searched = Field(description="What is searched of the section sft, for arms that it trains; null: not.")
    rl: Searched = Field(description="What is searched of the section rl, for the other arms; null: not.")
    arms: dict[str, Searched] = Field(
        description="Which arms are tuned, and what more is searched of one (options.KEY: of its method's options)."
    )


@section
class ClaimSamples:
    small: str | None = Field(description="The sample that the findings call small; null: the smallest.")
    large: str | None = Field(description="The sample that they call large; null: the largest.")


ENDS = ClaimSamples(None, None)


@section
class Written:
    """params.yaml as it is written."""

    study: str = Field(description="The study that this is: studies/NAME.yaml over studies/default.yaml.")
    threads: Count = Field(
        description="Torch threads of each process. Weights are equal only at equal thread counts; the fewer, the more "
        "stages `make study` runs at a time."
    )
    trust_remote_code: bool = Field(description="Whether code that a checkpoint or data set brings along is run.")
    checkpoint: Checkpoint = Field(
        description="Which weights each run publishes: the last, or the best by its probes. Greedy accuracy in domain."
    )
    report_to: Tracker = Field(
        description="Where training also logs its steps; none: nowhere. By transformers' own callback. It changes no "
        "result and makes no run stale."
    )
    prompt: Prompt = Field(description="What is asked beside the question.")
    suites: list[str] = Field(description="What is evaluated. Suites are in counterpoint/suites.")
    source: Source = Field(description="Where problems come from (docs/data.md).")
    problems: Problems = Field(description="How many problems there are.")
    sampling: Sampling = Field(description="Nested samples of the training pool.")
    bases: dict[str, Base] = Field(description="Recipes of the shipped models. `make base` trains them anew.")
    plants: dict[str, Plant] = Field(
        description="Bases taught an exploit in a share of their traces. Each is a model in data/models/planted."
    )
    models: dict[str, str] = Field(description="What runs start from, by name: a local folder or a hub id.")
    sft: Sft = Field(description="How arms of stage sft train.")
    rl: Rl = Field(description="How the other arms train.")
    arms: dict[str, Arm] = Field(description="Ways of training, by name (docs/extending.md).")
    kinds: dict[str, Kind] = Field(description="Kinds of traces to imitate, by name (docs/distill.md).")
    distill: Distill = Field(description="How traces are made.")
    probe: Probe = Field(description="What is asked while a run trains.")
    evaluation: Evaluation = Field(description="What a model is asked in the end.")
    competence: Competence = Field(description="The cards of the bases.")
    tune: Tune = Field(
        description="`make tune`: as many trials for every arm, judged by probes alone (docs/tuning.md)."
    )
    claims: ClaimSamples = Field(description="The samples that the findings call small and large.")
    runs: Rules = Field(description="The grid, as rules (docs/extending.md). grid.yaml has the runs that follow.")
