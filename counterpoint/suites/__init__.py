"""What is evaluated. A suite names the split its problems come from and how they are shown; a new one is one file
and its line here."""

from types import ModuleType

from counterpoint.suites import (
    benchmarks,
    difficulty_shift,
    easier,
    held_out_prompts,
    in_domain,
    perception,
    rule_shift,
    text_and_image,
    text_reasoning,
    text_twin,
    vision_only,
    visual_noise,
    visual_shift,
)
from counterpoint.suites.suite import Suite

# those of the default study, whose problems the project generates
HERE = (
    in_domain,
    rule_shift,
    visual_shift,
    difficulty_shift,
    text_twin,
    text_and_image,
    vision_only,
    text_reasoning,
    perception,
    held_out_prompts,
    visual_noise,
    easier,
)


def _of(module: ModuleType) -> tuple[Suite, ...]:
    return getattr(module, "SUITES", None) or (module.SUITE,)


OWN = {suite.name: suite for module in HERE for suite in _of(module)}
SUITES = OWN | {suite.name: suite for suite in _of(benchmarks)}
FILES = {suite.name: module.__name__.rpartition(".")[2] for module in (*HERE, benchmarks) for suite in _of(module)}
