from counterpoint.suites.suite import Suite

SUITE = Suite(
    "held_out_prompts", split="held_out_prompts",
    purpose="the in_domain questions in other words, under the training's own rules", axis="rule", severity=1,
)  # fmt: skip
