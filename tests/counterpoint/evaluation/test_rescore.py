"""Judging stored completions again: every changed verdict with what it was and is, and nothing else touched."""

import dataclasses

import pytest

from counterpoint.evaluation.evaluate import item
from counterpoint.evaluation.rescore import rescore
from counterpoint.generation.completion import Completion


@pytest.fixture
def rows(problems):
    """Six honest rows: right, wrong and cut, in a suite that asks for reasoning and in one that does not."""
    made = []
    for place, suite in enumerate(("in_domain", "perception")):
        for text in (f"<think>r</think><answer>{problems[place].answer}</answer>", problems[place].answer, "<think>x"):
            from counterpoint.suites import SUITES

            made.append(
                {"suite": suite, "run_id": "r", **item(problems[place], Completion(text, 3, False), SUITES[suite])}
            )
    return made


def known(problems) -> dict:
    return {p.problem_id: p for p in problems}


def test_todays_own_verdicts_do_not_change(rows, problems):
    assert [row["correct"] for row in rows] == [True, False, False, True, True, False]
    found = list(rescore(rows, known(problems)))
    assert [row for row, _ in found] == rows and all(change is None for _, change in found)


def test_a_changed_verdict_tells_what_it_was_and_is(rows, problems):
    old = {**rows[0], "correct": False, "parsed": False, "extracted": ""}
    ((row, change),) = rescore([old], known(problems))
    assert row == rows[0] and change.turned and change.row == old
    assert (change.before["correct"], change.after["correct"]) == (False, True)
    assert change.after == {k: rows[0][k] for k in ("correct", "parsed", "extracted", "lenient_correct")}
    assert change.reason


@pytest.mark.parametrize(("column", "value"), [("extracted", "7x"), ("parsed", False), ("lenient_correct", False)])
def test_any_column_of_the_verdict_counts_but_only_correctness_turns(rows, problems, column, value):
    ((row, change),) = rescore([{**rows[0], column: value}], known(problems))
    assert row == rows[0] and not change.turned and change.before[column] == value != change.after[column]


def test_a_changed_gold_answer_turns_the_verdict(rows, problems):
    other = dataclasses.replace(problems[0], answer="another")
    ((row, change),) = rescore(rows[:1], known([other]))
    assert change.turned and not row["correct"] and row["completion"] == rows[0]["completion"]


def test_completions_of_training_have_no_lenient_verdict_and_get_none(rows, problems):
    plain = {k: v for k, v in rows[0].items() if k not in ("lenient_correct", "suite")} | {"step": 3, "reward": 0.5}
    ((row, change),) = rescore([plain], known(problems))
    assert row == plain and change is None


def test_an_unknown_problem_is_a_key_error(rows, problems):
    with pytest.raises(KeyError, match=rows[3]["problem_id"]):
        list(rescore(rows, known(problems[:1])))
