"""GRPO from the weights that a run of SFT published; `arms.NAME.start` names its arm. Nothing else is changed."""

from counterpoint.methods.method import Method

METHOD = Method(name="sft_then_rl", stage="sft_then_rl", paper="arXiv 2512.12690")
