"""Likeness of traces: hand-worked shares of 3-grams, and which of several are left."""

import pytest

from counterpoint.distill.alike import distinct, grams, likeness
from counterpoint.prompt import completion_text


def said(reasoning: str, answer: str = "1") -> str:
    return completion_text(reasoning, answer)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("a b c d", "a b c e", 1 / 3),  # abc bcd | abc bce
        ("a b c d e", "a b c d e", 1.0),
        ("a b c d e", "x a b c d e", 3 / 4),
        ("4 - 2 = 2 .", "4-2=2.", 1.0),  # spacing does not count
        ("The Red Bar", "the red bar", 1.0),  # nor case
        ("a b", "a b", 1.0),
        ("a b", "a b c", 0.0),
        ("a b a b a b", "a b a b", 1.0),  # how often does not count
        ("", "", 1.0),
        ("", "a", 0.0),
    ],
)
def test_likeness_is_the_share_of_common_grams(one, other, share):
    assert likeness(grams(said(one)), grams(said(other))) == pytest.approx(share)
    assert likeness(grams(said(other)), grams(said(one))) == pytest.approx(share)


def test_only_the_reasoning_counts():
    assert grams(said("a b c d", "7")) == grams(said("a b c d", "8"))
    assert grams("a b c d</think><answer>7</answer>") == frozenset()


def test_the_first_of_those_alike_is_left():
    texts = [said(t) for t in ("a b c d", "a b c e", "a b c d", "a  b c D", "x y z", "a b c e f", "x y")]
    assert distinct(texts, 0.9) == [0, 1, 4, 5, 6]
    assert distinct(texts, 2 / 3) == [0, 1, 4, 6]  # "a b c e f" shares 2 of 3 with "a b c e"
    assert distinct(texts, 1 / 3) == [0, 4, 5, 6]  # which is dropped now, and it shares 1 of 4 with "a b c d"
    assert distinct([], 0.5) == []


def test_likeness_is_to_what_is_left_not_to_what_was_dropped():
    first, second, third = said("a b c d e f"), said("b c d e f g"), said("c d e f g h")
    assert distinct([first, second, third], 0.6) == [0, 2]  # the second is like both, they are not alike


def test_equal_texts_count_once_where_nothing_else_is_alike():
    assert distinct([said("a"), said("a"), said("a .")], 2.0) == [0, 2]
