"""Problems that a model cannot be asked, or could never answer, are told before anything is computed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterpoint.errors import UserError
from counterpoint.generation import prompt_checks
from counterpoint.prompt import THINK, user_text, with_images
from counterpoint.suites import SUITES
from counterpoint.training.data import gold

ROOM = 1024  # positions of the fixture


def refused(loaded, problems, *arguments, **keywords) -> str:
    with pytest.raises(UserError) as caught:
        prompt_checks.check(*loaded, problems, THINK, *arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_ordinary_problems_are_let_pass_and_nothing_changes(loaded, problems):
    for suite in SUITES.values():
        prompt_checks.check(*loaded, [p for p in problems if suite.fits(p)], THINK, 64, suite=suite)
    prompt_checks.check(*loaded, problems, THINK, completions=gold(problems))
    prompt_checks.check(*loaded, [], THINK, 64)


@pytest.mark.parametrize("token", ["<eos>", "<image>", "<user>", "<pad>"])
def test_a_special_token_is_no_answer_and_no_part_of_a_question(loaded, problems, token):
    first, second, *_ = problems
    said = refused(loaded, [first, replace(second, answer=token)], 8)
    assert said.startswith(
        f"problem {second.problem_id} ({second.source}): its answer holds {token!r}, a special token "
    )
    assert "reword it at its source" in said
    for text in (f"{token}what is it ?", f"what{token}?"):
        assert f"its question holds {token!r}" in refused(loaded, [first, replace(second, question=text)], 8)
    assert f"its question holds {token!r}" in refused(loaded, [replace(first, options=("a", token), answer="a")], 8)
    assert "2 problems hold one" in refused(loaded, [replace(p, answer=token) for p in (first, second)], 8)


def test_words_count_where_they_are_shown_and_traces_where_they_are_imitated(loaded, problems):
    twin = replace(problems[0], text_twin="a <image> of cards")
    assert "its text_twin holds '<image>'" in refused(loaded, [twin], 8, suite=SUITES["text_twin"])
    prompt_checks.check(*loaded, [twin], THINK, 8)
    drawn = next(suite for suite in SUITES.values() if suite.shows == "drawn")
    prompt_checks.check(*loaded, [replace(problems[0], question="which <user> ?")], THINK, 8, suite=drawn)
    assert "its trace holds '<eos>'" in refused(loaded, problems[:1], completions=["<think>a<eos></think>"])


def test_a_prompt_must_fit_into_the_positions_with_what_follows(loaded, problems):
    """To the token: what is refused is what the processor itself makes too long."""
    model, processor = loaded
    problem = next(p for p in problems if p.images)
    text = processor.apply_chat_template(
        with_images(user_text(problem, THINK), 1), add_generation_prompt=True, tokenize=False
    )
    length = len(processor(text=[text], images=[[problem.images[0].decode()]])["input_ids"][0])
    prompt_checks.check(model, processor, [problem], THINK, ROOM - length)
    said = refused(loaded, [problem], ROOM - length + 1)
    assert f"problem {problem.problem_id}" in said
    assert f"its prompt of {length} tokens and {ROOM - length + 1} more do not fit into the 1,024 positions" in said
    long = replace(problem, question=f"{problem.question} {'and then ' * 5000}")
    assert "do not fit" in refused(loaded, [problem, long], 8)
    assert "do not fit" in refused(loaded, [problem], completions=["x " * 2000])
