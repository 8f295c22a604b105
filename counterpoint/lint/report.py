"""What `counterpoint lint-reward` prints of a result."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from counterpoint.lint.battery import Case
from counterpoint.lint.lint import AS_IS, LEAST, Result

SHOWN = 100  # characters of an example


def text(result: Result, limit: int) -> str:
    """The result for a reader. limit: how many wrong answers may be accepted."""
    lines = [f"{result.reward}: {_verdict(result, limit)}", *_head(result), *_false_positives(result)]
    lines += [*_false_negatives(result), *_generous(result), *_faults(result), *_formats(result)]
    return "\n".join(lines)


def as_json(result: Result, limit: int) -> str:
    """The result as one line of JSON."""
    wrong, right = result.cases(False), result.cases(True)
    return json.dumps(
        {
            "reward": result.reward, "passed": not result.fails(limit), "signature": result.signature,
            "format": result.form.name, "formats": result.formats, "threshold": result.threshold,
            "golds": result.golds, "tpr": result.tpr, "fpr": result.fpr, "youden_j": result.youden,
            "right": len(right), "wrong": len(wrong), "limit": limit, "seconds": round(result.seconds, 2),
            "false_positives": [_case(case) for case in result.false_positives],
            "false_negatives": [_case(case) for case in result.false_negatives],
            "faults": [_case(case) | {"fault": fault} for case, fault in result.faults],
            "left_out": result.left, "given_up": result.given_up,
        },
        ensure_ascii=False,
    )  # fmt: skip


def _case(case: Case) -> dict:
    return {
        "why": case.why, "answer_type": case.gold.answer_type, "gold": case.gold.answer, "completion": case.completion,
    }  # fmt: skip


def _verdict(result: Result, limit: int) -> str:
    if not any(result.accepted(outcome) for _, outcome in result.cases(True)):
        return "FAILED, no right answer is accepted; name the format that it expects with --style"
    reasons = []
    if len(result.false_positives) > limit:
        reasons.append(f"{len(result.false_positives)} wrong answers are accepted")
    if result.faults:
        reasons.append(f"{len(result.faults)} calls fail")
    if result.as_they_are < LEAST:
        reasons.append(f"only {result.as_they_are:.0%} of the gold answers are accepted as they are")
    return f"FAILED, {', '.join(reasons)}" if reasons else "passed"


def _head(result: Result) -> list[str]:
    right, wrong = len(result.cases(True)), len(result.cases(False))
    types = Counter(case.gold.answer_type for case, _ in result.tried if case.why == AS_IS)
    rows = [
        (
            "gold answers",
            f"{result.golds} of {result.wanted_golds} tried ({_counted(types)}) in {result.seconds:.1f} s",
        ),
        ("format", f"{result.form.name}, {'as you say' if result.given else 'found'}: {result.form.write('…')!r}"),
        ("signature", f"{result.signature}; a reward of {result.threshold:.4g} or more counts as accepted"),
        ("right answers", f"{right - len(result.false_negatives):,} of {right:,} accepted: TPR {result.tpr:.1%}"),
        ("wrong answers", f"{len(result.false_positives):,} of {wrong:,} accepted: FPR {result.fpr:.1%}"),
        ("Youden's J", f"{result.youden:.3f} (TPR − FPR; 1 is perfect, 0 tells nothing)"),
    ]
    if result.left:
        rows.append(("left out", f"{result.left:,} cases, for the time was over; --within gives more"))
    return [f"  {name:<14} {value}" for name, value in rows]


def _counted(numbers: Counter) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items())


def _table(title: str, cases: Sequence[Case], tried: Iterable[Case]) -> list[str]:
    """How many cases of each kind, of how many tried, with an example of each; then the same by answer type."""
    totals = Counter(case.why for case in tried)
    lines = ["", f"  {title}"]
    for why, number in Counter(case.why for case in cases).most_common():
        example = next(case for case in cases if case.why == why)
        lines.append(f"    {number:>5} of {totals[why]:>5}  {why}")
        lines.append(f"                    gold {example.gold.answer!r}: {_short(example.completion)}")
    types = Counter(case.gold.answer_type for case in tried)
    by_type = Counter(case.gold.answer_type for case in cases)
    lines.append("    by answer type: " + ", ".join(f"{by_type[t]} of {n} {t}" for t, n in types.items()))
    return lines


def _false_positives(result: Result) -> list[str]:
    cases = result.false_positives
    tried = [case for case, _ in result.cases(False)]
    return _table("WRONG ANSWERS THAT ARE ACCEPTED, by attack", cases, tried) if cases else []


def _false_negatives(result: Result) -> list[str]:
    cases = result.false_negatives
    tried = [case for case, _ in result.cases(True)]
    return _table("right answers that are refused, by how they are written", cases, tried) if cases else []


def _generous(result: Result) -> list[str]:
    """What a generous judge takes for right, apart: to refuse it is no fault."""
    totals, taken = Counter(), Counter()
    for case, outcome in result.cases(None):
        totals[case.why] += 1
        taken[case.why] += result.accepted(outcome)
    if not totals:
        return []
    parts = (f"{why} {taken[why]} of {number}" for why, number in totals.items())
    return ["", f"  not counted, accepted as you like: {', '.join(parts)}"]


def _faults(result: Result) -> list[str]:
    lines = []
    for fault, number in Counter(fault for _, fault in result.faults).most_common(5):
        example = next(case for case, other in result.faults if other == fault)
        lines.append(f"    {number:>5} times it {fault}")
        lines.append(f"                    gold {example.gold.answer!r}: {_short(example.completion)}")
    if result.given_up:
        lines.append("    it hung or died so often that the rest was not tried")
    return ["", "  CALLS THAT FAIL", *lines] if lines else []


def _formats(result: Result) -> list[str]:
    if result.given:
        return []
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result.formats.items())
    return ["", f"  gold answers accepted as they are, by format: {shares}"]


def _short(completion: str) -> str:
    shown = repr(completion)
    return shown if len(shown) <= SHOWN else f"{shown[: SHOWN // 2]} … {shown[-SHOWN // 2 + 3 :]}"
