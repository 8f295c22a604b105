"""What is evaluated. A suite names the split its problems come from and how they are shown; a new one is one file
and its line here."""

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

# those of the default study, whose problems the project generates
OWN = {
    suite.name: suite
    for suite in (
        in_domain.SUITE,
        rule_shift.SUITE,
        visual_shift.SUITE,
        difficulty_shift.SUITE,
        text_twin.SUITE,
        text_and_image.SUITE,
        vision_only.SUITE,
        text_reasoning.SUITE,
        perception.SUITE,
        held_out_prompts.SUITE,
        *visual_noise.SUITES,
        easier.SUITE,
    )
}
SUITES = OWN | {suite.name: suite for suite in benchmarks.SUITES}
