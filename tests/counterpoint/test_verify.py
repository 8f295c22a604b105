"""The judge: what counts as one answer, and when it is the right one. Completions are hostile here."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.verify import LONGEST_ANSWER, extract, judge, matches, well_formed


def wrap(answer: str, reasoning: str = "r") -> str:
    return f"<think>{reasoning}</think><answer>{answer}</answer>"


@pytest.mark.parametrize(
    "completion",
    [
        wrap("5"),
        "</think><answer>5</answer>",  # the opening tag may stand in a chat template's prompt
        " \n<think>a\nb</think>\n\n<answer> 5 </answer>\n",
        wrap("5", reasoning=""),
        wrap("5", reasoning="3 < 4 and <b>4</b> > 3"),
        "<think>r</think><answer>\n5\n</answer>",
    ],
)
def test_one_answer_after_the_reasoning_is_taken(completion):
    assert extract(completion)[0] == "5"
    assert judge(completion, "5", "integer").correct


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "5",
        "<answer>5</answer>",
        "<think>r<answer>5</answer>",
        "<think>r</think>5",
        "<think>r</think><answer>5",
        "<think>r</think>5</answer>",
        "<think>r</think></answer>5<answer>",
        "<think>r</think><answer></answer>",
        "<think>r</think><answer> \n </answer>",
        wrap("5") + wrap("5"),
        wrap("5") + "<answer>5</answer>",
        wrap("5") + "<answer>6</answer>",
        wrap("5") + " so 5",
        "<think>r</think>so <answer>5</answer>",
        wrap("5", reasoning="<answer>4</answer>"),
        wrap("5", reasoning="<answer>5</answer>"),
        wrap("5", reasoning="an <answer>"),
        wrap("5", reasoning="an </answer>"),
        "<answer>4</answer>" + wrap("5"),
        "<think>r</think>" + wrap("5"),
        "<think><think>r</think><answer>5</answer>",
        "<think>r</think></think><answer>5</answer>",
        "</think><think><answer>5</answer>",
        "<think>r</think><answer><answer>5</answer></answer>",
        "<think>r</think><answer>5<answer></answer>",
        "<think>r<answer>5</think></answer>",
        "<THINK>r</THINK><ANSWER>5</ANSWER>",
        "<think>r</think>< answer >5</ answer >",
        "<think>r</think><answer >5</answer>",
        "＜think＞r＜/think＞＜answer＞5＜/answer＞",
        "<think>r</think><answer>\\boxed{5}",
        *map(wrap, ("\u202e5", "5\u200b", "\ufeff5", "5\u200d", "5\x00", "\x1b[2K5", "5\u2060")),
        wrap("9" * (LONGEST_ANSWER + 1)),
    ],
)
def test_anything_else_is_unparsed_and_never_correct(completion):
    verdict = judge(completion, "5", "integer")
    assert (verdict.correct, verdict.parsed, verdict.extracted) == (False, False, "")
    assert verdict.reason
    assert not well_formed(completion)


def test_well_formed_asks_for_the_opening_tag_too():
    assert well_formed(wrap("5"))
    assert well_formed("\n" + wrap("wrong, but in its tags"))
    assert not well_formed("</think><answer>5</answer>")
    assert not well_formed("so <think>r</think><answer>5</answer>")


@pytest.mark.parametrize(
    "answer",
    ["5", "+5", "05", "5.0", "5.", "5.00", "10/2", "10 / 2", " 5 ", "5 ."],
)
def test_the_same_number_in_another_form_is_right(answer):
    assert matches(answer, "5", "integer")
    assert matches(answer, "5", "number")


@pytest.mark.parametrize(
    "answer",
    [
        "6", "-5", "5 5", "55", "5 or 6", "5, 6", "5,", ",5", "about 5", "5 apples", "five", "5%", "$5", "=5", "x=5",
        "(5)", "5..", "5e0", "0x5", "0b101", "5_0", "5j", "5/0", "5/", "/5", "5/1/1", "5/-1", "--5", "+-5", "5+0",
        "2+3", "1*5", "٥", "۵", "५", "５", "⁵", "₅", "⑤", "Ⅴ", "五", "5\ufe0f", "5\u0301", "5²", "nan", "inf", "-inf",
        "NaN", "Infinity", "None", "True", "__import__('os')", "1/0", "0/0", "{{5}}", "%d", "5;5", "5\u20e3",
    ],
)  # fmt: skip
def test_no_other_text_passes_for_a_number(answer):
    for kind in ("integer", "number"):
        verdict = judge(wrap(answer), "5", kind)
        assert not verdict.correct, answer


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("1,000", "1000", True),
        ("1,234,567", "1234567", True),
        ("1,234.5", "1234.5", True),
        ("1000", "1,000", True),
        ("1,00", "100", False),
        ("10,00", "1000", False),
        ("1,0000", "10000", False),
        ("1 000", "1000", False),
        ("1.000", "1000", False),  # a decimal point, never a thousands dot
        ("1,5", "1.5", False),
        ("0.5", "1/2", True),
        (".5", "1/2", True),
        ("-.5", "-1/2", True),
        ("2/4", "1/2", True),
        ("0.3333", "1/3", False),
        ("0.1", "1/10", True),  # exact, not binary
        ("0.30000000000000004", "0.3", False),
        ("-0", "0", True),
        ("0/7", "0", True),
        ("1/0", "1/0", True),  # the same text, whatever it means
        ("9" * 200, "9" * 200, True),
        ("9" * 199 + "8", "9" * 200, False),
        ("9" * 19 + "/1", "9" * 19, False),  # fractions are simple ones
    ],
)
def test_numbers_compare_by_exact_value(answer, gold, same):
    assert matches(answer, gold, "number") is same


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("Red", "red", True),
        ("RED.", "red", True),
        ("dark  red", "dark red", True),
        ("dark\u00a0red", "dark red", True),
        ("Straße", "STRASSE", True),
        ("red", "dark red", False),
        ("red red", "red", False),
        ("not red", "red", False),
        ("red...", "red", False),
        ("red!", "red", False),
        ("rеd", "red", False),  # a Cyrillic е
        ("5.0", "5", False),  # text is compared as text
        ("1,000", "1000", False),
        ("x + 1", "x+1", False),
    ],
)
def test_text_and_expressions_compare_as_text(answer, gold, same):
    assert matches(answer, gold, "text") is same
    assert matches(answer, gold, "expression") is same


COLOURS = ["red", "dark blue", "green"]


@pytest.mark.parametrize("answer", ["dark blue", "Dark Blue.", "b", "B", "(b)", "b)", "b.", "(B).", " b "])
def test_a_choice_by_its_text_or_its_letter(answer):
    assert matches(answer, "dark blue", "choice", COLOURS)


@pytest.mark.parametrize(
    "answer",
    [
        "a",
        "c",
        "d",
        "z",
        "(b",
        "((b))",
        "b b",
        "b, c",
        "b or c",
        "b: dark blue",
        "blue",
        "bb",
        "2",
        "[b]",
        "б",
        "ｂ",
        "ⓑ",
        "?",
    ],
)
def test_no_other_choice_passes(answer):
    assert not matches(answer, "dark blue", "choice", COLOURS)


def test_an_option_that_is_a_letter_is_meant_by_its_text():
    options = ["b", "a", "c"]
    assert matches("a", "a", "choice", options)
    assert not matches("b", "a", "choice", options)  # not "the second one"
    assert matches("b", "b", "choice", options)
    assert not matches("a", "b", "choice", options)
    assert not matches("A.", "b", "choice", options)


def test_letters_name_options_of_a_choice_alone():
    assert not matches("b", "dark blue", "text", COLOURS)
    assert not matches("b", "dark blue", "choice", None)
    assert not matches("b", "dark blue", "choice", [])
    assert not matches("1", "dark blue", "choice", COLOURS)
    assert matches("b", "7", "choice", ["6", "7"])
    assert not matches("07", "7", "choice", ["6", "7"])  # an option is quoted, not computed


@pytest.mark.parametrize(
    "completion",
    [
        *("<" * 3_000_000, "<think>" * 500_000, "</think>" * 500_000, "<answer>" * 500_000),
        "<think>r</think>" + "<answer>" * 500_000,
        "<think>" + "(" * 3_000_000 + "</think><answer>5</answer>",
        wrap("(" * 3_000_000),
        wrap("9" * 10**6),
        wrap("9," * 10**6),
        wrap(" " * 3_000_000 + "5/"),
        wrap("-" * 10**6),
        wrap("1/" * 10**6),
        "\u202e" * 10**6,
    ],
)
def test_megabytes_are_judged_at_once(completion):
    began = time.process_time()
    judge(completion, "6", "number")
    well_formed(completion)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "text", ["9" * 199, "9," * 99, "1/" * 99, " " * 50 + "/" * 50, "." * 200, "-" * 200, "1" * 99 + "/" + "1" * 99]
)
def test_the_longest_answers_are_judged_at_once(text):
    began = time.process_time()
    for kind in ("integer", "number", "choice", "text"):
        assert not matches(text, "5", kind, ["5"])
    assert time.process_time() - began < 0.05


PIECES = st.sampled_from(
    [
        "<think>", "</think>", "<answer>", "</answer>", "<answer>5</answer>", "5", "6", "1/0", "nan", "٥", "b", "(b)",
        "\u202e", "\u200b", "\ud800", "\x00", " ", "\n", ".", ",", "/",
    ]
)  # fmt: skip
HOSTILE = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=9).map("".join))
PERMITTED = {"5", "+5", "5.", "+5.", "05", "5.0"}


@settings(max_examples=400, deadline=None)
@given(HOSTILE, st.sampled_from(["integer", "number", "choice", "text", "expression"]))
def test_whatever_comes_is_judged_and_only_a_permitted_form_is_right(completion, kind):
    verdict = judge(completion, "5", kind, ["4", "5", "6"])
    assert verdict.parsed == (extract(completion)[0] is not None)
    if verdict.correct:
        assert verdict.parsed
        assert completion.count("<answer>") == completion.count("</answer>") == completion.count("</think>") == 1
        said = completion.partition("<answer>")[2].partition("</answer>")[0].strip()
        if kind == "choice":
            assert said.rstrip(". ").casefold() in ("5", "b", "(b)", "b)")
        elif kind in ("integer", "number"):
            whole, _, below = said.rstrip(". ").lstrip("+0").partition(".")
            assert "/" in said or (whole == "5" and not below.strip("0"))
        else:
            assert said.rstrip(". ") == "5"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["integer", "number"]))
def test_an_answer_in_its_tags_is_right_as_a_number_only_in_ascii_digits(answer, kind):
    if judge(wrap(answer), "5", kind).correct:
        assert set(answer.strip()) <= set("0123456789+.,/ \t")


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**30), 10**30))
def test_every_integer_is_right_in_its_usual_forms(value):
    for form in (str(value), f"{value:,}", f"{value}.0", f"{value}."):
        assert judge(wrap(form), str(value), "integer").correct, form
    assert not judge(wrap(str(value + 1)), str(value), "integer").correct


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_a_quoted_gold_answer_is_right_for_every_type(gold):
    answer, _ = extract(wrap(gold))
    if answer is not None and "<" not in gold:
        for kind in ("integer", "number", "choice", "text", "expression"):
            assert matches(answer, gold, kind, [gold])
