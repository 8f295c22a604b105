"""Extraction and judgement: the only place that decides "correct".

`judge` is strict and decides everything: rewards, probes, evaluation. `judge_leniently` is a second opinion; how often
the two disagree is recorded per run, so that a score that hangs on the format shows.

The two share the algebra of `expression` answers (`expression.equal`, `arithmetic.reaches`: a fault there is one of
both, and their disagreement does not show it) and the check for empty, too long and unreadable answers
(`verdict.unreadable`). They share nothing else: each has its own code to find the answer, to strip it, and to compare
numbers, options and words.

Completions are hostile input: both are linear in their length, never evaluate them, never raise on them, and answer
within half a second (of a machine that has a processor free; the first expression of a process waits for math-verify
to load).
"""

from counterpoint.verify.lenient import judge_leniently
from counterpoint.verify.strict import extract, judge, matches, well_formed
from counterpoint.verify.verdict import LONGEST_ANSWER, Verdict, answer_type

__all__ = ["LONGEST_ANSWER", "Verdict", "answer_type", "extract", "judge", "judge_leniently", "matches", "well_formed"]
