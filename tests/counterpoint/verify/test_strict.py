"""The strict judge where the battery does not look: what it takes, why it refuses, how long it needs."""

import time
import timeit

import pytest

from counterpoint.verify import LONGEST_ANSWER, extract, judge, judge_leniently, matches, well_formed

KINDS = ("integer", "number", "choice", "text", "expression")


def wrap(answer: str, reasoning: str = "r") -> str:
    return f"<think>{reasoning}</think><answer>{answer}</answer>"


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("5", "not exactly one </think>"),
        ("<answer>5</answer>", "not exactly one </think>"),
        (wrap("5") + wrap("5"), "not exactly one </think>"),
        ("<think><think>r</think><answer>5</answer>", "not exactly one </think>"),
        (wrap("5", reasoning="<answer>5</answer>"), "an answer tag inside the reasoning"),
        (wrap("5", reasoning="an </answer>"), "an answer tag inside the reasoning"),
        ("</think><think><answer>5</answer>", "an answer tag inside the reasoning"),
        (wrap("5") + "<answer>5</answer>", "not exactly one answer"),
        ("<think>r</think><answer><answer>5</answer></answer>", "not exactly one answer"),
        ("<think>r</think><answer>5<answer></answer>", "not exactly one answer"),
        ("<think>r</think><answer>5", "not exactly one answer"),
        ("<think>r</think></answer>5<answer>", "the answer does not follow its tag"),
        (wrap("5") + " so 5", "text outside the answer tags"),
        ("<think>r</think>so <answer>5</answer>", "text outside the answer tags"),
        (wrap(" \n "), "an empty answer"),
        (wrap("9" * (LONGEST_ANSWER + 1)), "the answer is too long"),
        (wrap("\u202e5"), "control characters in the answer"),
        (wrap("\ud8005"), "control characters in the answer"),
    ],
)
def test_what_is_no_answer_is_unparsed_with_its_reason(completion, reason):
    verdict = judge(completion, "5", "integer")
    assert (verdict.correct, verdict.parsed, verdict.extracted, verdict.reason) == (False, False, None, reason)
    assert not well_formed(completion)


def test_an_answer_is_extracted_as_written():
    assert extract(wrap(" (B) Dark  Blue. ")) == ("(B) Dark  Blue.", "one answer")
    verdict = judge(wrap("$7"), "7", "integer")
    assert (verdict.correct, verdict.parsed, verdict.extracted, verdict.reason) == (False, True, "$7", "another answer")
    assert judge(wrap("7."), "7", "integer").extracted == "7."


def test_well_formed_asks_for_the_opening_tag_too():
    assert well_formed(wrap("5"))
    assert well_formed("\n" + wrap("wrong, but in its tags"))
    assert not well_formed("</think><answer>5</answer>")
    assert not well_formed("so <think>r</think><answer>5</answer>")


def test_a_gold_answer_that_is_no_option_is_still_its_text():
    assert matches("teal", "teal", "choice", ["red", "blue"])
    assert not matches("c", "teal", "choice", ["red", "blue"])
    assert not matches("b", "teal", "choice", ["red", "blue"])


def test_there_are_more_options_than_letters():
    options = [f"option {n}" for n in range(40)]
    assert matches("z", "option 25", "choice", options)
    assert not any(matches(letter, "option 26", "choice", options) for letter in "abz{[")


def test_the_largest_numbers_compare_exactly():
    assert matches("9" * 200, "9" * 200 + ".0", "number")
    assert not matches("9" * 199 + "8", "9" * 200, "number")
    assert not matches("9" * 19 + "/1", "9" * 19, "number")  # fractions are simple ones


def test_an_unknown_type_of_answer_is_text():
    assert matches("Red", "red", "colour")
    assert not matches("5.0", "5", "colour")


MEGABYTES = [
    *("<" * 1_000_000, "<think>" * 500_000, "</think>" * 500_000, "<answer>" * 500_000, "< " * 5_000_000),
    "<think>r</think>" + "<answer>" * 500_000,
    "<think>r</think>" + "<answer>6</answer>" * 300_000,
    "<think>" + "(" * 1_000_000 + "</think><answer>6</answer>",
    *map(
        wrap, ("(" * 1_000_000, "9" * 10**7, "9," * 10**6, " " * 10**7 + "5/", "-" * 10**6, "1/" * 10**6, "^9" * 10**6)
    ),
    *("\u202e" * 10**6, "\n" * 10**7, "\\boxed{" * 10**6, "the answer is " * 10**6, "**" * 10**6, "$" * 10**7),
    *("the answer is " + "*" * 10**7, "answer" + " " * 10**6 + ":", "5 " * 10**6, "{" * 10**7, "\ud800" * 10**6),
    *("<think>" + "a" * 10**7, "x" * 10**7 + "</think>5</think>", "= " * 10**6, "<answer>" + "6" * 10**7 + "</answer>"),
]


@pytest.mark.parametrize("index", range(len(MEGABYTES)))
def test_megabytes_are_judged_at_once(index):
    completion = MEGABYTES[index]
    for kind in KINDS:
        for judged in (judge, judge_leniently):
            began = time.process_time()
            assert not judged(completion, "5", kind, ["5", "7"]).correct
            assert time.process_time() - began < 0.5
    began = time.process_time()
    well_formed(completion)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "text",
    [
        *("9" * 199, "9," * 99, "1/" * 99, " " * 50 + "/" * 50, "." * 200, "-" * 200, "1" * 99 + "/" + "1" * 99),
        *(
            "*" * 200,
            "`$" * 100,
            "(" * 100 + ")" * 100,
            "\\text{" * 33,
            "x=" * 100,
            "a " * 100,
            "the " * 50,
            "5 " * 100,
        ),
    ],
)
def test_the_longest_answers_are_judged_at_once(text):
    began = time.process_time()
    for kind in ("integer", "number", "choice", "text"):
        assert not judge(wrap(text), "5", kind, ["5"]).correct
        assert not judge_leniently(wrap(text), "5", kind, ["5"]).correct
    assert time.process_time() - began < 0.05


def test_an_ordinary_completion_costs_microseconds():
    completion = wrap("dark blue", reasoning="the red circle is left of the dark blue square . " * 5)
    options = ["red", "dark blue", "green", "yellow"]
    runs = timeit.repeat(
        lambda: judge(completion, "green", "choice", options), number=500, repeat=7, timer=time.process_time
    )
    assert min(runs) / 500 < 60e-6  # measured: 6 (a number) to 25 (a choice)
