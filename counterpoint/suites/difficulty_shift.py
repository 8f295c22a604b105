from counterpoint.suites.suite import Suite

SUITE = Suite(
    "difficulty_shift", split="difficulty_shift", purpose="more objects, bars, moves and cards than training shows",
    axis="difficulty", severity=1,
)  # fmt: skip
