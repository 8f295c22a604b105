"""A gold trace with one thing changed is caught at exactly the step changed, in every family and suite."""

import functools
import re
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterpoint.evaluation.traces import Trace, check
from counterpoint.problem import Problem
from counterpoint.prompt import completion_text
from counterpoint.sources.families.common import COLOURS
from counterpoint.sources.families.count import SHAPES
from counterpoint.sources.families.grid import STEPS
from counterpoint.sources.procedural import SUITE_AXES, split_problems
from counterpoint.suites.suite import score


@functools.cache
def world() -> list[Problem]:
    return [problem for suite in SUITE_AXES for problem in split_problems(11, suite, "suite", suite, 120)]


def other(token: str, rng: Random) -> str | None:
    """Another token of the same kind; None for one that is left as it is."""
    kinds = [COLOURS, SHAPES, tuple(STEPS), ("+", "-"), [f"{c}{n}" for c in "abcdef" for n in range(1, 7)], "ajqk"]
    if token.isdigit():  # each of these is a card's rank, too
        return str(rng.choice([n for n in range(2, 11) if n != int(token)]))
    return next((rng.choice([k for k in kind if k != token]) for kind in kinds if token in kind), None)


def read(problem, reasoning: str, answer: str | None = None) -> Trace:
    return check(problem, completion_text(reasoning, answer or problem.answer))


def still_true(problem, step: str) -> bool:
    """Whether a changed step happens to be true as well: as many blue as red, or nothing added or taken away."""
    return read(problem, step).steps[0].correct is True and (problem.family == "count" or " 0 = " in step)


@settings(max_examples=1000, deadline=None)
@given(place=st.integers(0, 10**6), seed=st.integers(0, 10**9))
def test_one_changed_token_makes_its_step_false_and_no_other(place, seed):
    problem, rng = world()[place % len(world())], Random(seed)
    tokens = problem.reasoning.split(" ")
    changeable = [i for i, token in enumerate(tokens) if other(token, rng)]
    changed = rng.choice(changeable)
    step = tokens[:changed].count(".")
    tokens[changed] = other(tokens[changed], rng)
    reasoning = " ".join(tokens)
    assume(not still_true(problem, reasoning.split(" . ")[step]))
    trace = read(problem, reasoning)
    assert [s.correct for s in trace.steps] == [i != step for i in range(len(trace.steps))]
    gold = read(problem, problem.reasoning)
    assert [s.kind for s in trace.steps] == [s.kind for s in gold.steps]
    if changed == len(tokens) - 2 and trace.steps[-1].kind == "compute":  # the result itself
        assert trace.answer_follows is False


@settings(max_examples=400, deadline=None)
@given(place=st.integers(0, 10**6), seed=st.integers(0, 10**9))
def test_another_answer_does_not_follow_and_leaves_the_steps_true(place, seed):
    problem, rng = world()[place % len(world())], Random(seed)
    answer = other(problem.answer, rng)
    assert answer is not None
    trace = read(problem, problem.reasoning, answer)
    assert trace.answer_follows is False and all(s.correct for s in trace.steps)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 10**6), seed=st.integers(0, 10**9))
def test_an_error_carried_through_counts_once_and_explains_the_wrong_answer(place, seed):
    """A misread number or start from which all is computed rightly: one false step, and the answer follows."""
    sums = [p for p in world() if re.search(r"\d [+-] \d", p.reasoning) and p.family in ("count", "chart")]
    problem, rng = sums[place % len(sums)], Random(seed)
    perceived, *steps = problem.reasoning.removesuffix(" .").split(" . ")
    first, sign, *_ = steps[0].split(" ")
    second = int(steps[0].split(" ")[2])
    wrong = rng.choice([n for n in range(10, 40) if n != int(first)])
    shift = wrong - int(first)
    carried = [f"{wrong} {sign} {second} = {wrong + second if sign == '+' else wrong - second}"]
    for step in steps[1:]:
        left, _, right, _, result = step.split(" ")
        carried.append(f"{int(left) + shift} + {right} = {int(result) + shift}")
    misread = re.sub(rf"\b{first}\b", str(wrong), perceived, count=1)
    answer = str(int(problem.answer) + shift)
    trace = read(problem, " . ".join([misread, *carried]) + " .", answer)
    assert [s.correct for s in trace.steps] == [False] + [True] * len(carried)
    assert trace.answer_follows is True
    assert not score(problem, completion_text("", answer)).correct


def test_a_thing_left_out_is_missed_where_all_is_asked():
    """Every card and, for the tallest, every bar has to be seen."""
    found = 0
    for problem in world():
        if problem.family == "cards" or problem.template_id.startswith("chart.argmax"):
            perceived, _, rest = problem.reasoning.partition(" . ")
            fewer = " , ".join(perceived.split(" , ")[:-1])
            trace = read(problem, f"{fewer} . {rest}")
            assert [s.correct for s in trace.steps] == [False] + [True] * (len(trace.steps) - 1)
            found += 1
    assert found > 100
