"""The lenient judge where the battery does not look: where it reads the answer, and that it stands on its own."""

import pytest

from counterpoint.verify import judge_leniently, lenient, strict


@pytest.mark.parametrize(
    ("completion", "extracted", "where"),
    [
        ("<think>6</think><answer>5 cm</answer>", "5 cm", "in answer tags"),
        ("<think>6</think><answer>\\boxed{5}</answer>", "5", "boxed"),
        ("<answer>4</answer>\nThe answer is **5**.", "5", "stated"),
        ("<answer>the answer is 5</answer> I am sure.", "5", "stated"),
        ("\\boxed{4}\n$$\\boxed{\\frac{1}{2}}$$", "\\frac{1}{2}", "boxed"),
        ("Answer: the \\boxed{5}.", "5", "boxed"),
        ("first\nlast line.\n\n---\n", "last line", "the last line"),
        ("4 , 5 , 6\n```\n**5**\n```", "5", "the last line"),
    ],
)
def test_the_final_answer_is_read_where_it_stands(completion, extracted, where):
    verdict = judge_leniently(completion, "5", "integer")
    assert verdict.parsed and verdict.extracted == extracted
    assert verdict.reason.partition(":")[0] == where


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("", "an empty answer"),
        ("<think>5", "the reasoning does not end"),
        ("<think>" + "5 " * 5000, "the reasoning does not end"),
        ("<think>r</think><answer>5", "the answer does not end"),
        ("<think>5</think><answer></answer>", "an empty answer"),
        ("the answer is \\boxed{5", "an empty answer"),
        ("5\u202e", "control characters in the answer"),
        ("so " + "5" * 300, "the answer is too long"),
    ],
)
def test_nothing_is_taken_where_nothing_is_final(completion, reason):
    verdict = judge_leniently(completion, "5", "integer")
    assert (verdict.correct, verdict.parsed, verdict.extracted, verdict.reason) == (False, False, None, reason)


def test_the_reasoning_may_be_long():
    for reasoning in ("5 " * 10_000, "<answer>5</answer>" * 1000, "the answer is 5\n" * 1000):
        assert judge_leniently(f"<think>{reasoning}</think>so 6\n7", "7", "integer").correct
        assert not judge_leniently(f"<think>{reasoning}</think>so 6\n7", "5", "integer").correct


def test_units_differ_only_when_both_are_given():
    def right(written, gold):
        return judge_leniently(f"<answer>{written}</answer>", gold, "number").correct

    assert (
        right("18", "$18") and right("18 dollars", "$18") and right("$18", "18 dollars") and right("18 %", "18 percent")
    )
    assert not right("18 euros", "$18") and not right("18 cm", "18 m") and not right("18%", "$18")
    assert right("1/2 m", "0.5 m") and not right("5 million", "5000000")


def test_it_shares_no_reading_of_answers_with_the_strict_judge():
    shared = {name for name in vars(lenient).keys() & vars(strict).keys() if vars(lenient)[name] is vars(strict)[name]}
    common = {name for name in shared if getattr(vars(lenient)[name], "__module__", "").startswith("counterpoint")}
    assert common == {"Verdict", "unreadable"}
