"""The sections of params.yaml about training: what an arm is, what it trains with, and the traces that it imitates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from counterpoint.params.typed import Above0, AtLeast0, Count, PartOf1, Seed, Share, section

Loss = Literal["grpo", "dapo", "dr_grpo", "bnpo"]
Way = Literal["oracle", "answer_only", "foreign", "noisy", "sampled"]  # of making traces (counterpoint/distill)
# the names of transformers' SchedulerType that run at any learning rate and warmup without arguments of their own
Schedule = Literal["linear", "cosine", "cosine_with_restarts", "constant", "constant_with_warmup", "inverse_sqrt"]
Scaling = Literal["group", "batch", "none"]  # what TRL's GRPOConfig takes
Engine = Literal["shared", "stock"]

STAGES = ("sft", "rl", "sft_then_rl", "mixed")  # of methods, by what goes into their training


@section
class Lora:
    rank: Count = Field(description="Rank of the adapters.")
    alpha: Count = Field(description="Scale of the adapters, which is alpha / rank.")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(description="Share of their inputs that is dropped.")
    targets: list[str] = Field(description="Names of the layers that are adapted.")
    vision_tower: bool = Field(description="Whether the vision tower is adapted too.")


LORA = {"rank": 8, "alpha": 16, "dropout": 0.0, "targets": ["q_proj", "v_proj"], "vision_tower": False}
Adapters = Annotated[Lora | None, Field(examples=[LORA])]
StopAt = Annotated[float, Field(gt=0, le=1, json_schema_extra={"allowed": "null, or above 0 and at most 1"})] | None
GroupSize = Annotated[int, Field(ge=2, json_schema_extra={"allowed": "at least 2, or no advantage can be computed"})]


@section
class Sft:
    learning_rate: AtLeast0 = Field(description="Peak learning rate.")
    epochs: Above0 = Field(description="Passes over the sample.")
    batch_size: Count = Field(description="Traces per optimizer step.")
    warmup_fraction: Share = Field(description="Share of the optimizer steps over which the learning rate rises.")
    schedule: Schedule = Field(description="How the learning rate goes on after that.")
    weight_decay: AtLeast0 = Field(description="Decoupled weight decay (AdamW).")
    max_grad_norm: AtLeast0 = Field(description="Norm to which larger gradients are cut; 0: none is.")
    lora: Adapters = Field(description="Low-rank adapters that are trained in place of the weights; null: the weights.")
    stop_at: StopAt = Field(
        description="Share of its updates after which a run ends, on the schedule of the whole; null: all."
    )
    checkpoint_every: Count = Field(description="Optimizer steps between checkpoints, from which a killed run goes on.")
    engine: Engine = Field(description="What trains: shared (counterpoint's engine) or stock (TRL's own path).")


@section
class Rl:
    learning_rate: AtLeast0 = Field(description="Peak learning rate.")
    epochs: Above0 = Field(description="Passes over the sample.")
    batch_size: Count = Field(description="Completions per optimizer step. A multiple of group_size.")
    gradient_accumulation: Count = Field(
        description="Micro batches per optimizer step, one in memory at a time. Divides batch_size."
    )
    steps_per_generation: Count = Field(
        description="Optimizer steps that share one generation. It has batch_size × this many completions."
    )
    num_iterations: Count = Field(description="Passes over each generation. Optimizer steps grow by as much.")
    group_size: GroupSize = Field(description="Completions of each prompt, compared with one another.")
    max_completion_tokens: Count = Field(description="Tokens after which a completion is cut off.")
    temperature: Above0 = Field(description="Temperature of the completions.")
    top_p: PartOf1 = Field(
        description="Nucleus sampling: the tokens that hold this much of the probability are drawn from."
    )
    beta: AtLeast0 = Field(description="Weight of the KL divergence from the model that the run starts from.")
    loss_type: Loss = Field(
        description="How TRL averages the loss over tokens and completions. grpo: over each completion, then over "
        "completions; bnpo and dapo: over all tokens, of a micro batch or of the whole; dr_grpo: by the token limit."
    )
    clip_low: PartOf1 = Field(description="How far below 1 a token's probability ratio may fall before it is clipped.")
    clip_high: Above0 = Field(description="How far above 1 it may rise.")
    scale_rewards: Scaling = Field(description="Whose standard deviation divides the advantages.")
    rewards: dict[str, float] = Field(description="Weights of the reward terms. They are in counterpoint/rewards.")
    warmup_fraction: Share = Field(description="Share of the optimizer steps over which the learning rate rises.")
    schedule: Schedule = Field(description="How the learning rate goes on after that.")
    weight_decay: AtLeast0 = Field(description="Decoupled weight decay (AdamW).")
    max_grad_norm: AtLeast0 = Field(description="Norm to which larger gradients are cut; 0: none is.")
    lora: Adapters = Field(description="Low-rank adapters that are trained in place of the weights; null: the weights.")
    checkpoint_every: Count = Field(description="Optimizer steps between checkpoints, from which a killed run goes on.")
    engine: Engine = Field(description="What trains: shared (counterpoint's engine) or stock (TRL's own path).")
    stop_when_deceptive: bool = Field(
        description="Whether a run ends once its probes call its reward deceptive twice in a row."
    )

    @property
    def prompts(self) -> int:
        """Distinct prompts of one generation."""
        return self.batch_size * self.steps_per_generation // self.group_size


@section
class Arm:
    method: str = Field(description="How it trains. Methods are in counterpoint/methods.")
    settings: dict[str, Any] = Field(description="What it changes of the section sft or rl, whichever its method has.")
    options: dict[str, Any] = Field(default_factory=dict, description="The method's own keys.")
    traces: str = Field("oracle", description="The kind of traces that it imitates. A key of kinds.")
    start: str | None = Field(
        None, description="The arm that it starts from, at the same sample and seed; null: the base."
    )
    part: list[float] | None = Field(
        None, description="The two shares of the sample, in its order, between which it learns; null: all of it."
    )


@section
class Kind:
    way: Way = Field(description="How its traces are made.")
    teacher: str | None = Field(
        description="Who samples them. self (the student's base), base-MODEL, an arm (its run on the student's model, "
        "sample and seed) or a run; null for every other way."
    )


@section
class Distill:
    samples: Count = Field(description="Traces that a teacher samples of a problem. Right ones are kept.")
    keep: Count = Field(description="Distinct right traces that are kept of a problem at most.")
    temperature: Above0 = Field(description="Temperature of the sampled traces.")
    top_p: PartOf1 = Field(
        description="Nucleus sampling: the tokens that hold this much of the probability are drawn from."
    )
    max_tokens: Count = Field(description="Tokens after which a trace is cut off.")
    batch_size: Count = Field(description="Traces that are decoded at once.")
    near_duplicate: PartOf1 = Field(
        description="Likeness from which on two traces of a problem count as one. In word 3-grams."
    )
    noise: Share = Field(description="Share of the steps that the kind noisy makes wrong.")


@section
class Block:
    arms: list[str] = Field(description="How its runs train. Keys of arms.")
    models: list[str] = Field(description="What they start from, or their arms' starts did. Keys of models.")
    samples: list[str] = Field(description="The problems that they learn from. Keys of sampling.sizes.")
    seeds: list[Seed] = Field(description="Of the order of problems, and of what is sampled.")


@section
class Line:
    arm: str = Field(description="How it trains. A key of arms.")
    model: str = Field(description="What it starts from, or its arm's start did. A key of models.")
    sample: str = Field(description="The problems that it learns from. A key of sampling.sizes.")
    seed: Seed = Field(description="Of the order of problems, and of what is sampled.")


BLOCK_KEYS = ("arms", "models", "samples", "seeds")
RUN_KEYS = ("arm", "model", "sample", "seed")  # in the order of a run's name


def _rule(value: Any) -> str:
    """Which model reads a rule of the grid: a line has the keys of a run, and none of a block."""
    return "Line" if isinstance(value, dict) and {*value} & {*RUN_KEYS} and not {*value} & {*BLOCK_KEYS} else "Block"


Rule = Annotated[Annotated[Block, Tag("Block")] | Annotated[Line, Tag("Line")], Discriminator(_rule)]


@section
class Rules:
    base: list[str] = Field(description="Bases that are evaluated as they are. Keys of models.")
    train: list[Rule] = Field(
        description="What is trained: blocks of lists, every combination of which is a run, or one run a line."
    )
