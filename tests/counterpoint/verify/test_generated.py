"""10,000 generated completions and answers: both judges are total, and right only where an oracle of its own agrees."""

from fractions import Fraction
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.verify import extract, judge, judge_leniently, matches

KINDS = st.sampled_from(["integer", "number", "choice", "text", "expression"])


def examples(number: int):
    # the same ones at every run: what is found by chance must not stop another change
    return settings(max_examples=number // 2, deadline=None, database=None, derandomize=True)


def wrap(answer: str) -> str:
    return f"<think>r</think><answer>{answer}</answer>"


def right(reply: str, gold: str, kind: str, options: list[str] | None = None) -> tuple[bool, bool]:
    """What the strict and the lenient judge say of an answer in the house format."""
    return judge(wrap(reply), gold, kind, options).correct, judge_leniently(wrap(reply), gold, kind, options).correct


def number(text: str) -> Fraction | None:
    """The oracle's number: Python's own reading of decimals and fractions, with commas only where Python puts them."""
    text = text.strip().replace("\u2212", "-")
    text = text.removesuffix(".").rstrip() if not text.endswith("..") else text
    if not text or not set(text) <= set("0123456789+-.,/ "):
        return None
    above, slash, below = (part.strip() for part in text.partition("/"))
    try:
        if slash:
            return Fraction(int(above), int(below)) if below.isdigit() and "," not in above + below else None
        whole, _, _ = above.lstrip("+-").partition(".")
        if len(above) - len(above.lstrip("+-")) > 1 or " " in above or "," in above.partition(".")[2]:
            return None
        if "," in whole and (whole[0] == "0" or f"{int(whole.replace(',', '')):,}" != whole):
            # Python writes no leading zeros, "0,123" is the judges' 123 all the same
            return Fraction(above.replace(",", "")) if _grouped(whole) else None
        return Fraction(above.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None


def _grouped(whole: str) -> bool:
    first, *others = whole.split(",")
    return 1 <= len(first) <= 3 and all(len(group) == 3 for group in others)


TAGS = [
    *("<think>", "</think>", "<answer>", "</answer>", "<answer>5</answer>", "</think><answer>", "<Answer>"),
    "＜answer＞",
]
SAID = [
    *("5", "6", "(b)", "b", "B) 5", "5.", "1/0", "nan", "٥", "\\boxed{5}", "\\boxed{", "}", "the answer is "),
    *("Answer: ", "**", "$", " or ", "not ", "\n", " ", ".", ",", "/", "-", "%", " cm", "\u202e", "\u200b", "\ud800"),
    "\x00",
]
PIECES = st.lists(st.sampled_from(TAGS + SAID), max_size=9).map("".join)


@examples(6000)
@given(st.one_of(PIECES, PIECES, st.text(max_size=30)), st.sampled_from(["integer", "number", "choice", "text"]))
def test_whatever_comes_is_judged_and_never_right_without_a_five(completion, kind):
    strict, lenient = (judged(completion, "5", kind, ["4", "5", "6"]) for judged in (judge, judge_leniently))
    for verdict in (strict, lenient):
        assert verdict.parsed == (verdict.extracted is not None) and verdict.reason
        assert verdict.parsed or not verdict.correct
    assert strict.parsed == (extract(completion)[0] is not None)
    if strict.correct:
        assert completion.count("<answer>") == completion.count("</answer>") == completion.count("</think>") == 1
        reply = completion.partition("<answer>")[2].partition("</answer>")[0].strip()
        assert number(reply) == 5 or (kind == "choice" and reply.rstrip(". ").casefold() in ("b", "(b)", "b)", "b) 5"))
    if lenient.correct:
        assert "5" in lenient.extracted or (kind == "choice" and "b" in lenient.extracted.casefold())
        assert "or" not in lenient.extracted and "not" not in lenient.extracted and "6" not in lenient.extracted


SCRAPS = st.lists(st.sampled_from(list("0155.,/+-− ٥%e")), max_size=7).map("".join)


@examples(4000)
@given(SCRAPS, st.sampled_from(["integer", "number"]))
def test_a_number_is_right_exactly_where_the_oracle_reads_the_same(reply, kind):
    for gold in ("5", "1,000", "-0.5"):
        strict, lenient = right(reply, gold, kind)
        assert strict == (number(reply) is not None and number(reply) == number(gold)), (reply, gold)
        assert lenient >= strict
        if lenient and not strict:  # a unit was set aside, nothing else
            bare = reply.strip("% ").removesuffix(".").strip("% ").replace("- ", "-").replace("+ ", "+")
            assert set(reply) & set("% .") and number(bare) == number(gold)


@examples(3000)
@given(st.integers(-(10**12), 10**12), st.integers(0, 11), st.integers(1, 9), st.integers(1, 10**6))
def test_every_form_of_a_number_is_right_and_no_other_digit(value, index, change, below):
    gold = str(value)
    forms = (gold, f"{value:,}", f"{value}.0", f"{value}.", f"{value * 7}/7", gold.replace("-", "−"), f" {value}\n")
    for form in forms:
        assert right(form, gold, "integer") == (True, True), form
        assert right(form, f"{value:,}", "number") == (True, True), form
    digits = list(gold)
    at = index % len(digits)
    if digits[at] != "-":
        digits[at] = str((int(digits[at]) + change) % 10)
        assert right("".join(digits), gold, "integer") == (False, False)
    assert right(gold + str(change), gold, "integer") == (False, False)
    fraction = Fraction(value, below)
    assert right(f"{fraction.numerator * 3}/{fraction.denominator * 3}", f"{value}/{below}", "number") == (True, True)
    assert right(f"{fraction.numerator + 1}/{fraction.denominator}", f"{value}/{below}", "number") == (False, False)


TEXTS = ["red", "Red", "dark red", "blue", "a", "b", "B", "c", "7", "17", "7.0", "1/2", "0.5", "(a)", "b) c", "5 cm"]
OPTIONS = st.lists(st.sampled_from(TEXTS), min_size=2, max_size=5, unique=True)


@examples(3000)
@given(OPTIONS, st.randoms(use_true_random=False))
def test_an_option_is_right_for_itself_alone_wherever_it_stands(options, random):
    random.shuffle(options)
    gold = random.choice(options)
    for option in options:
        strict, lenient = right(option, gold, "choice", options)
        assert strict == (option == gold) and lenient <= strict
    texts = {option.casefold() for option in options}
    for index, option in enumerate(options):
        letter = chr(ord("a") + index)
        if letter not in texts and f"({letter})" not in texts:
            for form in (letter, f"({letter.upper()})"):
                assert right(form, gold, "choice", options) == ((option == gold,) * 2), form
    beyond = chr(ord("a") + len(options))
    if beyond not in texts:
        assert right(f"({beyond})", gold, "choice", options) == (False, False)
    for pair in list(permutations(options, 2))[:2]:
        assert right(" or ".join(pair), gold, "choice", options) == (False, False)


GOLD = ["red", "dark", "Blue", "7", "1/2", "x+1", "5 cm", "50%", "$3", "left", "of", "é", "ß"]
WORDS = st.lists(st.sampled_from(GOLD), min_size=1, max_size=3).map(" ".join)
STYLES = ["{}", "{}.", " {} \n", "\n{}"]
LOOSE = [
    *("The answer is {}.", "**{}**", "\\boxed{{{}}}", "Answer: {}", "so\n{}", "<answer>{}</answer>"),
    "**Answer:** {}",
]


@examples(2000)
@given(WORDS, st.sampled_from(STYLES), st.sampled_from(LOOSE), st.sampled_from(["integer", "number", "choice", "text"]))
def test_a_quoted_gold_answer_is_right_in_every_wrapping(gold, style, loose, kind):
    for text in (gold, gold.upper(), gold.swapcase()):
        assert right(style.format(text), gold, kind, [gold]) == (True, True)
        assert judge_leniently(loose.format(text), gold, kind, [gold]).correct
    assert not judge_leniently(f"<think>{gold}</think>" + loose.format(f"not {gold}"), gold, kind, [gold]).correct


@examples(2000)
@given(st.lists(st.sampled_from(SAID + GOLD), max_size=3).map("".join), st.sampled_from(GOLD), KINDS)
def test_what_is_right_for_the_strict_judge_is_right_for_the_lenient_one(reply, gold, kind):
    if kind == "expression" and "x" in reply + gold:
        kind = "text"  # expressions that take algebra are generated below
    strict, lenient = right(reply, gold, kind, [gold, "6", "4 cm"])
    assert lenient or not strict


@st.composite
def polynomials(draw) -> tuple[str, str, list[int]]:
    """The same polynomial in x written out and factored, with its coefficients, highest first."""
    a, b, c = (draw(st.integers(-9, 9)) for _ in range(3))
    factored = f"{a}*(x+{b})(x-{c})".replace("+-", "-").replace("--", "+")
    coefficients = [a, a * (b - c), -a * b * c]
    written = f"{coefficients[0]}x^2+{coefficients[1]}x+{coefficients[2]}".replace("+-", "-")
    return written, factored, coefficients


@examples(40)
@given(polynomials(), polynomials())
def test_expressions_are_equal_exactly_where_their_coefficients_are(ours, theirs):
    assert matches(ours[1], ours[0], "expression")
    assert matches(theirs[1], ours[0], "expression") == (ours[2] == theirs[2])
