"""Whose word is taken on held-out answers, in every form that TRL's reward functions have."""

import numpy as np
import pytest

from counterpoint.audit import judges
from counterpoint.errors import UserError

STRICT = "<think>so</think><answer>{}</answer>"


def marks(judge, rows, completions):
    """What a judge says of completions, made messages where the prompt is."""
    said = [[{"role": "assistant", "content": text}] if isinstance(row["prompt"], list) else text
            for row, text in zip(rows, completions, strict=True)]  # fmt: skip
    ids = [list(range(len(text))) for text in completions]
    ready = judges.ready(judge, list(rows[0]), rows)
    return ready(list(zip(rows, said, ids, strict=True)), None)


def rows(*golds, column="solution", **more):
    return [{"prompt": "?", column: gold, **more} for gold in golds]


def test_the_strict_judge_takes_its_own_format_alone_and_the_lenient_one_any():
    completions = [STRICT.format("1,000"), "so it is 3", STRICT.format("4"), ""]
    golds = rows(1000, " 3 ", "5", "6")
    assert marks("strict", golds, completions) == [(1, True), (0, False), (0, True), (0, False)]
    assert marks("lenient", golds, completions) == [(1, True), (0, True), (0, True), (0, False)]
    boxed = marks("lenient", golds, ["", "\\boxed{3}", "", ""])
    assert boxed[1] == (1, True)


def test_messages_options_types_and_other_names_of_the_gold_column_are_read():
    turns = [{"prompt": [{"role": "user", "content": "?"}], "answer": "red"}]
    assert marks("strict", turns, [STRICT.format("Red")]) == [(1, True)]
    choice = {"answer_type": "choice", "options": ["red", "blue"]}
    assert marks("strict", rows("blue", column="gold", **choice), [STRICT.format("b")]) == [(1, True)]
    assert marks("strict", rows("blue", options=None), [STRICT.format("b")]) == [(0, True)]


def test_a_function_is_called_as_a_reward_function_is():
    given = {}

    def judge(prompts, completions, completion_ids, solution, trainer_state, log_metric, log_extra, **more):
        log_metric("accuracy", 1.0)
        log_extra("solution", solution)
        given.update(locals())
        return [text == gold for text, gold in zip(completions, solution, strict=True)]

    assert marks(judge, rows("a", "b", level=2), ["a", "a"]) == [(1, None), (0, None)]
    assert (given["prompts"], given["completion_ids"], given["more"]) == (["?", "?"], [[0], [0]], {"level": [2, 2]})


async def later(completions, **_):
    return [0.5 for _ in completions]


class Callable:
    def __call__(self, completions, solution):
        return np.array([0.25, np.nan])


@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        (later, [0.5, 0.5]),
        (Callable(), [0.25, None]),
        (lambda completions: [None, True], [None, 1]),
        (lambda *, solution, level=3: [level / 4, 0], [0.75, 0]),
    ],
)
def test_any_form_of_function_and_of_number_serves(judge, expected):
    assert marks(judge, rows("a", "b"), ["a", "b"]) == [(mark, None) for mark in expected]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1.0], "returned 1 marks for 2 completions"),
        (["yes", "no"], r"returned \['yes', 'no'\]; it must return a list of one number"),
        (["1", "0"], r"returned \['1', '0'\]; it must return"),
        (0.5, "returned 0.5; it must return a list"),
        (None, "returned None; it must return a list"),
        ([2.0, 0], r"returned 2; it must return .* from 0 \(wrong\) to 1 \(right\)"),
        ([-1, 0], "returned -1;"),
        ([float("inf"), 0], "returned inf;"),
    ],
)
def test_what_is_no_mark_is_refused(returned, message):
    def mine(completions, **_):
        return returned

    with pytest.raises(UserError, match=f"judge: mine {message}"):
        marks(mine, rows("a", "b"), ["a", "b"])


@pytest.mark.parametrize("gold", ["so\n#### 3", "", " ", True, None, ["3"], "long " * 60])
def test_a_right_answer_that_is_none_is_refused_by_row(gold):
    with pytest.raises(UserError, match=r"row 1: solution is .* which 'lenient' cannot compare with an answer"):
        judges.ready("lenient", ["prompt", "solution"], rows("3", gold))
