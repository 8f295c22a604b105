"""What a completion is worth in a suite that asks for reasoning, and in one that asks for none."""

import dataclasses

import pytest

from counterpoint.suites import SUITES
from counterpoint.suites.suite import score, score_leniently
from counterpoint.verify import judge, judge_leniently

BARE = [suite for suite in SUITES.values() if suite.bare]
REASONED = [suite for suite in SUITES.values() if not suite.bare]


@pytest.fixture
def described(problems):
    return dataclasses.replace(problems[0], answer="red circle , blue square", answer_type="text", options=None)


def test_perception_alone_asks_for_no_reasoning():
    assert [suite.name for suite in BARE] == ["perception"] and all(suite.instruction == "" for suite in BARE)


@pytest.mark.parametrize(
    "said", ["red circle , blue square", " Red circle , blue square. ", "red circle , blue square\n"]
)
def test_a_bare_description_is_an_answer_only_where_none_other_was_asked_for(described, said):
    for suite in BARE:
        assert score(described, said, suite).correct and score_leniently(described, said, suite).correct
    for suite in (*REASONED, None):
        verdict = score(described, said, suite)
        assert not verdict.correct and not verdict.parsed


@pytest.mark.parametrize("said", ["red circle", "blue square , red circle", "red circle , blue square or green", ""])
def test_another_description_is_wrong(described, said):
    for suite in BARE:
        verdict = score(described, said, suite)
        assert not verdict.correct and verdict.parsed == bool(said)


@pytest.mark.parametrize(
    "said",
    [
        "red circle , blue square</answer>",
        "<answer>red circle , blue square</answer>",
        "<think>red circle , blue square",
        "<think></think>red circle , blue square",
        "</think><answer>red circle , blue square</answer><answer>x</answer>",
        "<",
    ],
)
def test_half_a_format_is_not_mended(described, said):
    assert not score(described, said, BARE[0]).parsed


def test_a_whole_format_counts_everywhere(described):
    said = "<think>r</think><answer>red circle , blue square</answer>"
    assert all(score(described, said, suite).correct for suite in (*SUITES.values(), None))


@pytest.mark.parametrize("said", ["<think>r</think><answer>b</answer>", "the answer is blue", "blue", "x" * 10**6])
def test_elsewhere_the_verdicts_are_the_judges_own(problems, said):
    problem = dataclasses.replace(problems[0], answer="blue", answer_type="choice", options=("red", "blue"))
    for suite in (*REASONED, None):
        assert score(problem, said, suite) == judge(said, "blue", "choice", ["red", "blue"])
        assert score_leniently(problem, said, suite) == judge_leniently(said, "blue", "choice", ["red", "blue"])
