"""Published benchmarks as suites of their own: a study's `source.benchmarks` or `source.parts` says where they lie."""

from counterpoint.suites.suite import Suite

VERSIONS = ("Text Dominant", "Text Lite", "Vision Intensive", "Vision Dominant", "Vision Only", "Text Only")


def _mathverse(version: str) -> Suite:
    """One version of the same problems (MathVerse, arXiv 2403.14624): how much of each is said, how much drawn."""
    name = f"mathverse_{version.lower().replace(' ', '_')}"
    return Suite(name, split=name, purpose=f"MathVerse testmini, version {version}")


SUITES = (
    Suite("mathvista", split="mathvista", purpose="MathVista testmini (arXiv 2310.02255)"),
    Suite("mathvision", split="mathvision", purpose="MATH-Vision (arXiv 2402.14804)"),
    *map(_mathverse, VERSIONS),
    Suite("gsm8k", split="gsm8k", purpose="GSM8K test (arXiv 2110.14168), words alone"),
    Suite("math500", split="math500", purpose="MATH-500, words alone"),
)
