import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from counterpoint import prompt
from counterpoint.problem import Problem
from counterpoint.verify import judge

ONE = Problem(
    "s", "p", "mine", "f", "train", 1, "which one ?", (b"x",), "red", "choice", ("red", "blue"), "r", "a red thing ."
)


def test_the_view_with_the_picture_and_the_view_in_words():
    asked = "which one ? options : red , blue . think first ."
    assert prompt.user_text(ONE) == asked
    assert prompt.user_text(ONE, words=True) == f"a red thing . {asked}"
    assert prompt.user_text(ONE, "say .") == "which one ? options : red , blue . say ."


def test_without_options_or_instruction():
    plain = dataclasses.replace(ONE, options=None)
    assert prompt.user_text(plain) == "which one ? think first ."
    assert prompt.user_text(plain, instruction="") == "which one ?"


def test_the_text_twin_never_enters_the_view_with_the_picture():
    assert ONE.text_twin not in prompt.user_text(ONE)


def test_messages():
    assert prompt.user_message("hi") == [{"role": "user", "content": "hi"}]
    assert prompt.with_images("hi", 2) == [
        {"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "hi"}]}
    ]


@given(st.text("abc 123", max_size=30), st.text("abc123", min_size=1, max_size=20))
def test_the_gold_completion_is_judged_correct(reasoning, answer):
    assert judge(prompt.completion_text(reasoning, answer), answer, "text").correct
