from counterpoint.suites.suite import Suite

SUITE = Suite("text_reasoning", split="text_reasoning", purpose="problems that never had a picture (reasoning-gym)")
