"""Arithmetic read by hand, and the rule that an expression uses exactly the numbers given."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.verify import arithmetic, judge, judge_leniently, matches


@pytest.mark.parametrize(
    ("text", "value", "numbers"),
    [
        ("7", 7, (7,)),
        (" 3 + 4 * 2 ", 11, (3, 4, 2)),
        ("( 3 + 4 ) * 2", 14, (3, 4, 2)),
        ("8 - 3 - 2", 3, (8, 3, 2)),
        ("8 / 2 / 2", 2, (8, 2, 2)),
        ("1/3+1/6", Fraction(1, 2), (1, 3, 1, 6)),
        ("((5))", 5, (5,)),
        ("2 × [3 − 1] ÷ 4", 1, (2, 3, 1, 4)),
        ("10 - (2 + 3)", 5, (10, 2, 3)),
        ("007", 7, (7,)),
    ],
)
def test_what_is_read(text, value, numbers):
    result = arithmetic.read(text)
    assert (result.value, result.numbers) == (value, numbers)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "x", "3 +", "+ 3", "-3", "3 + -4", "(3", "3)", "()", "3 4", "2(3)", "(2)(3)", "3 = 3", "3 / 0",
        "2 ** 3", "2^3", "1.5", "1,000", "9" * 10, "3 + 4 .", "٣", "²", "3 / ( 2 - 2 )", "1 " + "+ 1" * 100,
        "(" * 50 + "1" + ")" * 50, "__import__('os')",
    ],
)  # fmt: skip
def test_what_is_not_read(text):
    assert arithmetic.read(text) is None


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.data())
def test_any_chain_comes_to_what_it_comes_to(numbers, data):
    text, value = str(numbers[0]), Fraction(numbers[0])
    for number in numbers[1:]:
        sign = data.draw(st.sampled_from("+-*"))
        text = f"({text}) {sign} {number}"
        value = value + number if sign == "+" else value - number if sign == "-" else value * number
    result = arithmetic.read(text)
    assert result.value == value and list(result.numbers) == numbers


@given(st.text("0123456789+-*/() .x", max_size=300))
def test_nothing_makes_it_raise(text):
    result = arithmetic.read(text)
    assert result is None or result.numbers


def test_it_is_quick_on_what_is_long():
    began = time.process_time()
    for text in ("(" * 100_000, "1+" * 100_000, "9" * 100_000, " " * 100_000 + "1"):
        arithmetic.read(text)
    assert time.process_time() - began < 0.5


GIVEN = ["10", "10", "4"]
GOLD = "10 + 10 - 4"


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("10 + 10 - 4", True),
        ("10 - 4 + 10", True),
        ("(10-4)+10.", True),  # one final full stop is no part of an answer
        ("10 + 6", False),
        ("16", False),
        ("10 + 10 - 4 + 0", False),
        ("4 * 4", False),
        ("4 * (10 / 10) * 4", False),
        ("10 + 10 + 4", False),
        ("no idea", False),
    ],
)
def test_both_judges_ask_for_each_number_once(written, right):
    completion = f"<think>r</think><answer>{written}</answer>"
    assert judge(completion, GOLD, "expression", GIVEN).correct == right
    assert judge_leniently(completion, GOLD, "expression", GIVEN).correct == right
    assert matches(written, GOLD, "expression", GIVEN) == right


def test_an_expression_without_options_is_compared_as_before():
    assert matches("16", GOLD, "expression")
    assert matches("x+1", "1+x", "expression")
