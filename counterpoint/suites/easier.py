from counterpoint.suites.suite import Suite

SUITE = Suite(
    "easier", split="easier", purpose="what the base was taught to reason about; forgetting shows here",
    axis="difficulty", severity=-1,
)  # fmt: skip
