from counterpoint.suites.suite import Suite

SUITE = Suite("in_domain", split="in_domain", purpose="new states, the training's own rules, style and difficulty")
