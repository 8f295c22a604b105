from counterpoint.suites.suite import Suite

SUITE = Suite(
    "perception", split="perception", purpose="the in_domain pictures, to be described and not reasoned about",
    instruction="", bare=True,
)  # fmt: skip
