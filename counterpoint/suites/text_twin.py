from counterpoint.suites.suite import Suite

SUITE = Suite(
    "text_twin", split="in_domain", purpose="the in_domain problems in words, without the picture", shows="words"
)
