from counterpoint.suites.suite import Suite

SUITE = Suite(
    "text_and_image", split="in_domain", purpose="the in_domain problems with both the picture and its words",
    shows="words_and_image",
)  # fmt: skip
