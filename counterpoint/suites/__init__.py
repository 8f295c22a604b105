"""What is evaluated. A suite names the split its problems come from and how they are shown; a new one is one file
and its line here."""

from counterpoint.suites import difficulty_shift, in_domain, rule_shift, text_twin, visual_shift

SUITES = {suite.SUITE.name: suite.SUITE for suite in (in_domain, rule_shift, visual_shift, difficulty_shift, text_twin)}
