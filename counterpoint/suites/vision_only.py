from counterpoint.suites.suite import Suite

SUITE = Suite(
    "vision_only", split="in_domain", purpose="the in_domain problems with the question drawn into the picture",
    shows="drawn",
)  # fmt: skip
