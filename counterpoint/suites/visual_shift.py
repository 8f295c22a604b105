from counterpoint.suites.suite import Suite

SUITE = Suite(
    "visual_shift", split="visual_shift", purpose="the same questions in another palette, on dark and speckled paper",
    axis="style", severity=1,
)  # fmt: skip
