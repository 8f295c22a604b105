"""What is evaluated. A suite names the split its problems come from and how they are shown; a new one is one file
and its line here."""

from importlib import import_module

from counterpoint.suites.suite import Suite

HERE = (  # the files of the suites whose problems the project generates
    "in_domain",
    "rule_shift",
    "visual_shift",
    "difficulty_shift",
    "text_twin",
    "text_and_image",
    "vision_only",
    "text_reasoning",
    "perception",
    "held_out_prompts",
    "visual_noise",
    "easier",
)


def _of(file: str) -> tuple[Suite, ...]:
    module = import_module(f"counterpoint.suites.{file}")
    return getattr(module, "SUITES", None) or (module.SUITE,)


OWN = {suite.name: suite for file in HERE for suite in _of(file)}
SUITES = OWN | {suite.name: suite for suite in _of("benchmarks")}
FILES = {suite.name: file for file in (*HERE, "benchmarks") for suite in _of(file)}
