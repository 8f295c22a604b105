"""Reward terms: what each pays for, and that the registry holds them."""

import pytest

from counterpoint.rewards import REWARDS
from counterpoint.verify import judge

RIGHT, WRONG = "<think>r</think><answer>{}</answer>", "<think>r</think><answer>nothing of the sort</answer>"


def score(term: str, completion: str, problem) -> float:
    options = list(problem.options) if problem.options else None
    return REWARDS[term](completion, problem, judge(completion, problem.answer, problem.answer_type, options))


def test_a_right_answer_in_its_tags_earns_every_term(problems):
    for problem in problems:
        completion = RIGHT.format(problem.answer)
        assert {term: score(term, completion, problem) for term in REWARDS} == dict.fromkeys(REWARDS, 1.0)


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


def test_rewards_are_floats(problems):
    assert all(type(score(term, WRONG, problems[0])) is float for term in REWARDS)
