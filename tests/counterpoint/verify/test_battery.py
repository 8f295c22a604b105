"""The battery: what each judge says of answers that are right, nearly right, hostile or absent (fixed_golds.yaml)."""

import time
from collections.abc import Iterator

import pytest

from counterpoint.lint import battery
from counterpoint.verify import judge, judge_leniently

GROUPS = battery.fixed_golds()
RIGHT_FOR = {"both": (True, True), "lenient": (False, True), "neither": (False, False), "wrong": (False, False)}


def cases(group: dict) -> Iterator[tuple[str, str, str]]:
    """Each completion of a group with its answer type and the list it stands in."""
    for kind in group["types"]:
        for wanted in RIGHT_FOR:
            for text in group.get(wanted, []):
                yield text if group.get("whole") else f"<think>r</think><answer>{text}</answer>", kind, wanted


def slowness() -> float:
    """How many times longer than its processor time a computation takes at present."""
    began, busy = time.monotonic(), time.process_time()
    while time.process_time() - busy < 0.02:
        pass
    return (time.monotonic() - began) / 0.02


@pytest.fixture(scope="module", autouse=True)
def started():
    """Starting the process that compares expressions is no part of a judgement; test_expression.py times that one."""
    assert judge("</think><answer>x+1</answer>", "1+x", "expression").correct


def test_the_battery_is_large():
    assert sum(len(list(cases(group))) for group in GROUPS) >= 1000
    assert all(group.keys() <= {"why", "types", "gold", "options", "whole", "unparsed", *RIGHT_FOR} for group in GROUPS)


@pytest.mark.parametrize("group", GROUPS, ids=[group["why"] for group in GROUPS])
def test_each_judge_says_what_the_battery_says(group):
    wrong, times, before = [], {}, slowness()
    for completion, kind, wanted in cases(group):
        verdicts, clock = [], time.monotonic if kind == "expression" else time.process_time
        for judged in (judge, judge_leniently):
            began = clock()
            verdict = judged(completion, group["gold"], kind, group.get("options"))
            verdicts.append(verdict)
            times.setdefault(kind, []).append(clock() - began)
            if kind != "expression" and times[kind][-1] > 0.2:
                wrong.append((kind, completion, "too slow", verdict))
            if (verdict.correct and not verdict.parsed) or (verdict.extracted is None) == verdict.parsed:
                wrong.append((kind, completion, "a verdict against itself", verdict))
            if not verdict.reason:
                wrong.append((kind, completion, "no reason", verdict))
        if tuple(verdict.correct for verdict in verdicts) != RIGHT_FOR[wanted]:
            wrong.append((kind, completion, wanted, verdicts))
        if wanted != "both" and group.get("unparsed") and verdicts[0].parsed:
            wrong.append((kind, completion, "parsed", verdicts[0]))
    assert wrong == []
    # expressions are compared in another process, whose processor time this one does not see; a loaded machine may
    # keep a few of them waiting, not many
    waited = sorted(times.get("expression", [0.0]))
    assert waited[-1 - len(waited) // 20] < 0.5 * max(1.0, 2 * before, 2 * slowness())
    assert waited[-1] < 10
