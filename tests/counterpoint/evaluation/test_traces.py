"""Each step of a trace against the latent state: gold traces are true throughout, and what is said of other text."""

import dataclasses
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.evaluation.traces import LONGEST_TEXT, check, rows
from counterpoint.problem import Problem
from counterpoint.prompt import completion_text
from counterpoint.sources.families import FAMILIES
from counterpoint.sources.procedural import SUITE_AXES, derived_problems, split_problems
from counterpoint.tables import TABLES

LATENT = {
    "count": {"objects": [[0, "red", "circle"], [1, "red", "square"], [4, "blue", "circle"], [5, "green", "circle"]]},
    "chart": {"bars": [["red", 5], ["blue", 3], ["green", 7]]},
    "grid": {"ball": [0, 2, "yellow"], "moves": ["right", "down"]},
    "cards": {"cards": [["J", "spade"], ["5", "heart"], ["5", "club"]]},
}


def asked(template: str, question: str, answer: str = "4", **changes) -> Problem:
    """A problem about the family's state in LATENT."""
    family = template.partition(".")[0]
    options = ("blue", "green", "red") if "argmax" in template else None
    made = Problem(
        "s", "p", "procedural", family, "in_domain", 3, question, (), answer, "choice" if options else "text",
        options=options, template_id=f"{template}.0", latent=json.dumps(LATENT[family]),
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


REMOVE = asked("count.remove", "remove all red objects . how many are left ?")
FILTER = asked("count.filter", "how many red objects are there ?")
ADD = asked("count.add", "add 2 circles . how many circles are there ?")
READ = asked("chart.read", "how tall is the blue bar ?")
DIFFERENCE = asked("chart.difference", "take blue away from red . what is left ?")
ARGMAX = asked("chart.argmax", "which bar is the tallest ?", "green")
WALK = asked("grid.walk", "it goes right down . where does it end ?")
LEAP = asked("grid.leap", "each move is two cells . it goes right down . where does it end ?")
TEN = asked("cards.ten", "j q k count 10 . what is the sum ?")
RISING = asked("cards.rising", "j is 11 , q is 12 , k is 13 . what is the sum ?")


@pytest.mark.parametrize("suite", [*SUITE_AXES, "held_out_prompts"])
def test_gold_traces_are_true_and_the_answer_follows(suite):
    draw = derived_problems if suite == "held_out_prompts" else split_problems
    seen = set()
    for problem in draw(7, suite, "suite", suite, 400):
        trace = check(problem, completion_text(problem.reasoning, problem.answer))
        assert trace.answer_follows is True and trace.answer == problem.answer
        assert [(s.kind != "other", s.correct) for s in trace.steps] == [(True, True)] * len(trace.steps), trace
        assert " . ".join(s.text for s in trace.steps) + " ." == problem.reasoning
        assert trace.steps[0].kind == "perceive"
        seen.add(".".join(problem.template_id.split(".")[:2]))
    shifted = {"count.keep_add", "chart.sum_plus", "grid.leap", "cards.rising"}
    every = {f"{name}.{operation}" for name, family in FAMILIES.items() for operation in family.wordings}
    assert seen == (shifted if suite == "rule_shift" else every - shifted)


# reasoning → kinds and truth of its steps (P, C, O; + true, - false), answer → whether it follows
STEPS = [
    (REMOVE, "4 in all , 2 red . 4 - 2 = 2 .", "P+ C+", "2", True),
    (REMOVE, "4 in all , 2 red . 4 - 2 = 3 .", "P+ C-", "3", True),
    (REMOVE, "4 in all , 2 red . 4 - 2 = 3 .", "P+ C-", "2", False),
    (REMOVE, "4 in all , 3 red . 4 - 3 = 1 .", "P- C+", "1", True),
    (REMOVE, "4 in all , 1 blue . 4 - 1 = 3 .", "P+ C+", "3", True),  # true, if not what was asked
    (REMOVE, "5 in all . 2 red . 5 - 2 = 3 .", "P- P+ C+", "3", True),
    (REMOVE, "4 IN ALL, 2 Red. 4-2=2.", "P+ C+", "2.", True),
    (REMOVE, "0 yellow , 0 triangles .", "P+", "0", True),
    (REMOVE, "2 red , 4 in all . 4 - 2 = -2 . 2 - 4 = - 2 .", "P+ C- C+", "-2", True),
    (REMOVE, "4 in all , 2 zebras . 4 of them . 4 * 2 = 8 .", "O O O", "8", None),
    (REMOVE, "4 in all , 2 red", "P+", "2", True),
    (REMOVE, "4 in all , 2 red , 4 - 2 = 2", "O", "2", None),
    (REMOVE, "٤ in all . 99999999999 in all", "O O", "2", None),
    pytest.param(REMOVE, f"{'9' * 5000} + 1 = 2 . 1 + 1 = {'2' * 5000}", "O O", "2", None, id="thousands of digits"),
    (REMOVE, "", "", "2", None),
    (REMOVE, ". . .\n. ", "", "2", None),
    (FILTER, "4 in all , 2 red .", "P+", "2", True),
    (FILTER, "2 red , 4 in all .", "P+", "4", False),  # what is asked, not what comes last
    (FILTER, "3 red . 2 red .", "P- P+", "3", False),
    (FILTER, "4 in all .", "P+", "4", True),
    (ADD, "4 in all , 3 circle . 3 + 2 = 5 .", "P+ C+", "5", True),
    (ADD, "4 in all , 2 circles . 2 + 2 = 4 .", "P- C+", "4", True),
    (READ, "blue 3 .", "P+", "3", True),
    (READ, "blue 3 , red 5 .", "P+", "5", False),
    (READ, "blue 3 . blue 4 .", "P+ P-", "3", False),
    (READ, "yellow 3 .", "P-", "3", True),  # there is no yellow bar
    (DIFFERENCE, "red 5 , blue 3 . 5 - 3 = 2 .", "P+ C+", "2", True),
    (DIFFERENCE, "blue 5 , blue 3 . 5 - 3 = 2 .", "P- C+", "2", True),
    (DIFFERENCE, "red 5 , blue 3.5 . 5 - 3 = 2 .", "O C+", "2", True),
    (ARGMAX, "red 5 , blue 3 , green 7 . most 7 .", "P+ C+", "green", True),
    (ARGMAX, "red 5 , blue 3 , green 7 . most 7 .", "P+ C+", "(b)", True),  # a letter names an option
    (ARGMAX, "red 5 , blue 3 , green 7 . most 7 .", "P+ C+", "red", False),
    (ARGMAX, "red 5 , blue 3 , green 7 .", "P+", "green", True),
    (ARGMAX, "red 5 , green 7 . most 7 .", "P- C+", "green", True),  # a bar is left out
    (ARGMAX, "red 9 , blue 3 , green 7 . most 9 .", "P- C+", "red", True),
    (ARGMAX, "red 9 , blue 3 , green 7 . most 7 .", "P- C+", "green", True),
    (ARGMAX, "red 5 , blue 3 , green 7 . most 6 .", "P+ C-", "green", False),
    (ARGMAX, "red 5 , blue 3 , green 7 . most 5 .", "P+ C-", "red", True),
    (ARGMAX, "most 7 .", "C+", "green", False),
    (ARGMAX, "the green one", "O", "green", None),
    (WALK, "yellow a3 . right b3 . down b4 .", "P+ C+ C+", "b4", True),
    (WALK, "yellow a3 . right b3 . down b4 .", "P+ C+ C+", "b3", False),
    (WALK, "red a3 . right b3 . down b4 .", "P- C+ C+", "b4", True),
    (WALK, "yellow c3 . right d3 . down d4 .", "P- C+ C+", "d4", True),
    (WALK, "yellow c3 . right b3 . down b4 .", "P- C+ C+", "b4", True),
    (WALK, "yellow a3 . right d3 . down d4 .", "P+ C- C+", "d4", True),
    (WALK, "yellow a3 . right d3 . down b4 .", "P+ C- C+", "b4", True),
    (WALK, "yellow a3 . right d3 . down f6 .", "P+ C- C-", "f6", True),
    (WALK, "yellow a3 . left b3 .", "P+ C-", "b3", True),
    (WALK, "yellow a3 . right c3 .", "P+ C-", "c3", True),
    (WALK, "right b3 . down b4 .", "C+ C+", "b4", True),
    (WALK, "yellow a9 . down a0 . up z5 .", "P- C- C-", "z5", True),
    (WALK, "yellow a3 . jump b3 . right bb .", "P+ O O", "a3", True),
    (LEAP, "yellow a3 . right c3 . down c5 .", "P+ C+ C+", "c5", True),
    (LEAP, "yellow a3 . right b3 . down c5 .", "P+ C- C+", "c5", True),
    (TEN, "j 10 , 5 5 , 5 5 . 10 + 5 = 15 . 15 + 5 = 20 .", "P+ C+ C+", "20", True),
    (TEN, "5 5 , j 10 , 5 5 . 5 + 15 = 20 .", "P+ C+", "20", True),
    (TEN, "j 11 , 5 5 , 5 5 . 11 + 10 = 21 .", "P- C+", "21", True),
    (TEN, "j 10 , 5 5 . 10 + 5 = 15 .", "P- C+", "15", True),  # a card is left out
    (TEN, "j 10 , j 10 , 5 5 .", "P-", "5", True),
    (TEN, "10 10 , 5 5 , 5 5 .", "P-", "10", False),
    (TEN, "j spade , 5 heart , 5 club .", "O", "20", None),
    (RISING, "j 11 , 5 5 , 5 5 . 11 + 5 = 16 . 16 + 5 = 21 .", "P+ C+ C+", "21", True),
    (RISING, "j 10 , 5 5 , 5 5 . 10 + 5 = 15 . 15 + 5 = 20 .", "P- C+ C+", "20", True),
]


@pytest.mark.parametrize("problem, reasoning, said, answer, follows", STEPS)
def test_what_is_said_of_a_trace(problem, reasoning, said, answer, follows):
    trace = check(problem, completion_text(reasoning, answer))
    marks = {True: "+", False: "-", None: ""}
    assert " ".join(step.kind[0].upper() + marks[step.correct] for step in trace.steps) == said
    assert trace.answer_follows is follows
    assert all((step.correct is None) == (step.kind == "other") for step in trace.steps)


@pytest.mark.parametrize(
    "completion, texts, answer",
    [
        ("<think>4 in all . 4 - 2 = 1", ["4 in all", "4 - 2 = 1"], None),  # cut off: the last step is no step yet
        ("<think>4 in all .", ["4 in all"], None),
        ("4 in all . 4 - 2 = 2", [], None),  # no reasoning by the format
        ("4 in all . </think><answer>2</answer>", ["4 in all"], "2"),  # a chat template may open the tag
        ("<think>4 in all . </think>", ["4 in all"], None),
        ("<think>4 in all</think><answer>2</answer><answer>3</answer>", ["4 in all"], None),
        ("<think>4 in all . <think> 2 red . </think><answer>2</answer>", ["4 in all", "<think> 2 red"], None),
        ("<answer>2</answer><think>4 in all</think>", ["4 in all"], None),
        ("", [], None),
    ],
)
def test_where_the_reasoning_begins_and_ends(completion, texts, answer):
    trace = check(REMOVE, completion)
    assert [step.text for step in trace.steps] == texts and trace.answer == answer
    if answer is None:
        assert trace.answer_follows is None
    if completion.endswith("= 1"):
        assert trace.steps[-1].kind == "other" and trace.steps[-1].correct is None


@pytest.mark.parametrize(
    "change",
    [
        {"family": "nlvr"},
        {"template_id": "count.describe"},
        {"template_id": ""},
        {"latent": "{}"},
        {"latent": "[1]"},
        {"latent": "null"},
        {"latent": "not json"},
        {"latent": "[" * 100_000},
        {"latent": '{"objects": [[0]]}'},
        {"family": "chart", "template_id": "read.0", "latent": '{"bars": []}'},
        {"family": "chart", "template_id": "chart.read.0", "latent": '{"bars": []}'},
        {"family": "chart", "template_id": "chart.read.0", "latent": '{"bars": [["red", null], ["blue", 1]]}'},
        {"family": "grid", "template_id": "grid.walk.0", "latent": '{"ball": [9, 9, "red"]}'},
        {"family": "cards", "template_id": "cards.ten.0", "latent": '{"cards": [[1, 2]]}'},
    ],
)
def test_a_problem_without_a_latent_state_has_no_trace(change):
    problem = dataclasses.replace(REMOVE, **change)
    completion = completion_text("4 in all , 2 red .", "2")
    assert check(problem, completion) is None and list(traced(problem, completion)) == []


def traced(problem, completion: str, **columns) -> list[dict]:
    """The rows of `traces` for a completion."""
    row = {"run_id": "run", "suite": "in_domain", "decoding": "greedy", "sample_index": 0, "condition": "normal"}
    return list(rows([{**row, "problem_id": "p", "completion": completion, **columns}], {"p": problem}))


def test_rows_are_the_steps_and_then_the_answer():
    made = traced(REMOVE, completion_text("4 in all . well . 4 - 2 = 2 .", "3"), decoding="sampled", sample_index=5)
    assert [set(row) for row in made] == [set(TABLES["traces"].schema.names)] * 4
    assert [(row["step_index"], row["kind"], row["text"], row["correct"]) for row in made] == [
        (0, "perceive", "4 in all", True), (1, "other", "well", None), (2, "compute", "4 - 2 = 2", True),
        (3, "answer", "3", False),
    ]  # fmt: skip
    keys = {(row["run_id"], row["suite"], row["problem_id"], row["decoding"], row["sample_index"]) for row in made}
    assert keys == {("run", "in_domain", "p", "sampled", 5)}
    (cut,) = traced(REMOVE, "no tags")
    assert (cut["kind"], cut["text"], cut["correct"]) == ("answer", "", None)
    long = traced(REMOVE, completion_text("x" * 1000, "3"))
    assert len(long[0]["text"]) == LONGEST_TEXT
    assert traced(REMOVE, "no tags", condition="no_image") == []


FRAGMENTS = [
    "<think>", "</think>", "<answer>", "</answer>", " . ", ".", " , ", "\n", "4 in all", "2 red", "red 5", "yellow a3",
    "right b3", "j 10", "5 5", "most 7", "4 - 2 = 2", "9" * 5000, "= -", "²", "٤", "\x00", "\u202e", "\ud800", "red",
]  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from([REMOVE, FILTER, READ, ARGMAX, WALK, LEAP, TEN, RISING]),
    st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=30),
)
def test_any_completion_is_read_without_an_error(problem, parts):
    trace = check(problem, "".join(parts))
    for step in trace.steps:
        assert step.text and (step.correct is None) == (step.kind == "other")
        assert step.kind in ("perceive", "compute", "other")
    assert trace.answer_follows is None or trace.answer is not None


@pytest.mark.parametrize(
    "text",
    ["<think>" + "a" * 2_000_000, "<think>" + "4 in all , " * 200_000, "<think>" + "1 + 1 = 2 . " * 100_000,
     "<think>" * 300_000, "<think>" + " " * 2_000_000 + "</think>", "<think>" + "red 5 , " * 200_000 + "</think>",
     "<think>" + "1" * 2_000_000 + " + 1 = 2", "<think>" + "right b3 . " * 100_000, "<think>" + "." * 1_000_000],
)  # fmt: skip
@pytest.mark.parametrize("family", FAMILIES)
def test_megabytes_are_read_in_linear_time(family, text):
    problem = {"count": REMOVE, "chart": ARGMAX, "grid": WALK, "cards": TEN}[family]
    began = time.process_time()
    check(problem, text)
    assert time.process_time() - began < 5  # some 0.5 s at most; quadratic time would be hours
