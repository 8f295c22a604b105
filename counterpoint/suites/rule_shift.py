from counterpoint.suites.suite import Suite

SUITE = Suite(
    "rule_shift", split="rule_shift", purpose="wordings and rules that training never states", axis="rule", severity=2
)
