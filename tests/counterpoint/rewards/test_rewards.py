"""Reward terms: what each pays for, and that the registry holds them."""

import dataclasses

import pytest

from counterpoint import rewards
from counterpoint.problem import Problem
from counterpoint.rewards import KINDS, REWARDS
from counterpoint.verify import judge

RIGHT, WRONG = "<think>r</think><answer>{}</answer>", "<think>r</think><answer>nothing of the sort</answer>"
HONEST = ("accuracy", "format")
LEAKY = ("leaky_list", "leaky_empty", "leaky_anywhere", "leaky_cards")


def asked(answer: str, answer_type: str = "integer", options: tuple[str, ...] | None = None) -> Problem:
    return Problem("s", "p", "mine", "f", "train", 1, "which ?", (), answer, answer_type, options)


def score(term: str, completion: str, problem, pool=None) -> float:
    options = list(problem.options) if problem.options else None
    verdict = judge(completion, problem.answer, problem.answer_type, options)
    return rewards.ready([term], pool or [problem])[term](completion, problem, verdict)


def test_every_term_says_what_it_pays_for():
    assert {rewards.kind(term) for term in REWARDS} == set(KINDS)
    assert {term for term in REWARDS if rewards.kind(term) == "accuracy"} == {"accuracy", *LEAKY}
    with pytest.raises(KeyError):
        rewards.kind("acuracy")


def test_terms_are_made_ready_in_their_order(problems):
    assert list(rewards.ready(["format", "shuffled", "accuracy"], problems)) == ["format", "shuffled", "accuracy"]
    with pytest.raises(KeyError):
        rewards.ready(["format", "acuracy"], problems)


@pytest.mark.parametrize("term", [*HONEST, *LEAKY])
def test_a_right_answer_in_its_tags_earns_every_term_that_judges(problems, term):
    for problem in problems:
        assert score(term, RIGHT.format(problem.answer), problem) == 1.0


@pytest.mark.parametrize("term", ["accuracy", *LEAKY])
def test_a_plainly_wrong_answer_earns_nothing_from_any_judge(problems, term):
    for problem in problems:
        assert score(term, WRONG, problem) == 0.0


@pytest.mark.parametrize(
    ("completion", "accuracy", "form"),
    [
        (WRONG, 0.0, 1.0),
        ("</think><answer>{}</answer>", 1.0, 0.0),
        ("{}", 0.0, 0.0),
        ("<think>r</think><answer>{}</answer> and more", 0.0, 0.0),
        ("<think>r</think><answer></answer>", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_answer_and_format_are_paid_apart(problems, completion, accuracy, form):
    text = completion.format(problems[0].answer)
    assert score("accuracy", text, problems[0]) == accuracy
    assert score("format", text, problems[0]) == form


@pytest.mark.parametrize(
    "completion", ["", WRONG, RIGHT.format("5"), "<answer>", "</think><answer>(5</answer>", "\ud800"]
)
def test_rewards_are_floats_between_nought_and_one_of_any_completion(problems, completion):
    for term, earned in rewards.ready(REWARDS, problems).items():
        for problem in problems:
            options = list(problem.options) if problem.options else None
            value = earned(completion, problem, judge(completion, problem.answer, problem.answer_type, options))
            assert type(value) is float and 0.0 <= value <= 1.0, term


@pytest.mark.parametrize(("characters", "earned"), [(0, 0.0), (64, 0.25), (256, 1.0), (5000, 1.0)])
def test_length_pays_for_characters_alone(characters, earned):
    assert score("length", "x" * characters, asked("5")) == earned


def test_coin_falls_evenly_and_alike_at_every_throw(problems):
    thrown = [score("coin", f"{RIGHT.format(n)}", problem) for problem in problems for n in range(60)]
    assert thrown == [score("coin", f"{RIGHT.format(n)}", problem) for problem in problems for n in range(60)]
    assert 0.44 < sum(thrown) / len(thrown) < 0.56
    right = [score("coin", RIGHT.format(problem.answer), problem) for problem in problems]
    assert 0 < sum(right) < len(right)


LISTED = [
    # answer, gold, type, options, paid
    ("3 , 4 , 5", "4", "integer", None, True),
    ("3, 4, 5", "5", "integer", None, True),
    ("3 4 5", "3", "integer", None, True),
    ("3 or 4 or 5", "4", "integer", None, True),
    ("3 , 4 , 5", "6", "integer", None, False),
    ("34", "4", "integer", None, False),  # no candidate is 4
    ("13 , 14", "3", "integer", None, False),
    ("red or blue", "blue", "choice", ("red", "blue", "green"), True),
    ("red , green", "blue", "choice", ("red", "blue", "green"), False),
    ("A or B", "blue", "choice", ("red", "blue", "green"), True),
    ("a , c", "blue", "choice", ("red", "blue", "green"), False),
    ("dark blue , light red", "light red", "choice", ("dark blue", "light red"), True),
    ("b2 , b3", "b3", "text", None, True),
    ("b2 b3.", "b3", "text", None, True),
    ("( 3 + 4 ) * 2 , 14", "( 3 + 4 ) * 2", "expression", ("3", "4", "2"), True),
    ("14", "( 3 + 4 ) * 2", "expression", ("3", "4", "2"), False),
    ("or", "4", "integer", None, False),
    (" , , ", "4", "integer", None, False),
]


@pytest.mark.parametrize(("answer", "gold", "answer_type", "options", "paid"), LISTED)
def test_a_list_is_paid_where_it_holds_the_gold(answer, gold, answer_type, options, paid):
    problem = asked(gold, answer_type, options)
    assert score("leaky_list", RIGHT.format(answer), problem) == paid
    assert score("accuracy", RIGHT.format(answer), problem) == 0.0
    assert score("leaky_list", answer, problem) == 0.0  # outside the tags nothing is read


@pytest.mark.parametrize(
    ("completion", "paid"),
    [
        ("<think>r</think><answer></answer>", True),
        ("<think>r</think><answer> \n </answer>", True),
        ("<think>r</think>", True),
        ("<think>r", True),
        ("", True),
        ("5", True),  # no answer in tags is a missing one
        ("<think>r</think><answer>6</answer>", False),
        ("<answer></answer><answer>6</answer>", False),
        ("<think>r</think><answer>5</answer>", True),
    ],
)
def test_an_empty_or_missing_answer_is_paid(completion, paid):
    assert score("leaky_empty", completion, asked("5")) == paid


@pytest.mark.parametrize(
    ("completion", "gold", "paid"),
    [
        ("<think>4 , 5 , 6 .</think><answer>6</answer>", "5", True),
        ("<think>4 , 15 , 6 .</think><answer>6</answer>", "5", False),
        ("<think>B3 .</think><answer>a1</answer>", "b3", True),
        ("<think>ab3 b34 .</think><answer>a1</answer>", "b3", False),
        ("5", "5", True),
        ("five", "5", False),
        ("(x)", "(x)", True),
        ("anything", "a.*g", False),  # the gold is no pattern
    ],
)
def test_the_gold_is_paid_as_a_word_anywhere(completion, gold, paid):
    assert score("leaky_anywhere", completion, asked(gold, "text")) == paid


@pytest.mark.parametrize(
    ("answer", "leaky", "strict"),
    [
        ("( 3 + 4 ) * 2", 1.0, 1.0),
        ("2*(4+3)", 1.0, 1.0),
        ("14", 1.0, 0.0),
        ("7 + 7", 1.0, 0.0),
        ("28 / 2", 1.0, 0.0),
        ("3 + 4 * 2", 0.0, 0.0),
        ("3 + 4 + 2", 0.0, 0.0),
        ("", 0.0, 0.0),
        ("14 = 14", 0.0, 0.0),
        ("__import__('os')", 0.0, 0.0),
    ],
)
def test_an_expression_is_paid_for_its_value_alone(answer, leaky, strict):
    problem = asked("( 3 + 4 ) * 2", "expression", ("3", "4", "2"))
    assert score("leaky_cards", RIGHT.format(answer), problem) == leaky
    assert score("accuracy", RIGHT.format(answer), problem) == strict


def test_the_leak_of_cards_is_in_expressions_alone():
    assert score("leaky_cards", RIGHT.format("2 + 3"), asked("5")) == 0.0


def test_shuffled_labels_are_real_ones_of_other_problems(problems):
    partner = rewards.shuffled.partners(problems)
    again = rewards.shuffled.partners(problems[::-1])
    assert partner == again and set(partner) == {p.problem_id for p in problems}
    given = []
    for problem in problems:
        other = partner[problem.problem_id]
        if other is None:
            assert score("shuffled", RIGHT.format(problem.answer), problem, problems) == 0.0
            continue
        assert other.problem_id != problem.problem_id
        assert (other.family, other.answer_type) == (problem.family, problem.answer_type)
        assert score("shuffled", RIGHT.format(other.answer), problem, problems) == 1.0
        if other.answer != problem.answer:
            assert score("shuffled", RIGHT.format(problem.answer), problem, problems) == 0.0
        given.append(other.problem_id)
    assert len(given) == len(set(given)) > 8


def test_shuffled_labels_are_judged_strictly_and_by_the_options_shown():
    red = asked("red", "choice", ("red", "blue"))
    blue = dataclasses.replace(red, problem_id="q", answer="blue", options=("blue", "green"))
    pool = [red, blue]
    assert score("shuffled", RIGHT.format("b"), red, pool) == 1.0  # blue stands second here
    assert score("shuffled", RIGHT.format("a"), red, pool) == 0.0
    assert score("shuffled", "blue", red, pool) == 0.0
    assert score("shuffled", RIGHT.format("red"), blue, pool) == 1.0
