"""Suites over a model: one row an item, every column filled, judged as the judge does."""

import re

import pytest

from counterpoint.evaluation import evaluate as module
from counterpoint.evaluation.answers import Decoding, Model
from counterpoint.evaluation.evaluate import evaluate, item
from counterpoint.generation.completion import Completion
from counterpoint.suites import SUITES
from counterpoint.suites.views import View
from counterpoint.tables import TABLES

CONDITIONS = ("normal", "no_image", "shuffled_image")


def completion(answer: str) -> Completion:
    return Completion(f"<think>r</think><answer>{answer}</answer>", 5, False)


def test_an_item_keeps_completion_and_verdict_apart(problems):
    problem = problems[0]
    right = item(problem, Completion(f"<think>r</think><answer>{problem.answer}</answer>", 9, False))
    assert (right["correct"], right["parsed"], right["truncated"], right["tokens"]) == (True, True, False, 9)
    assert (right["cluster_id"], right["extracted"]) == (problem.state_id, problem.answer)
    cut = item(problem, Completion(f"<think>r</think><answer>{problem.answer}", 9, True))
    assert (cut["correct"], cut["parsed"], cut["truncated"], cut["extracted"]) == (False, False, True, "")


def test_the_lenient_verdict_stands_beside_the_strict_one(problems):
    row = item(problems[0], Completion(f"<think>r</think>the answer is {problems[0].answer}", 9, False))
    assert (row["correct"], row["parsed"], row["lenient_correct"]) == (False, False, True)
    wrong = item(problems[0], completion("nonsense"))
    assert (wrong["correct"], wrong["parsed"], wrong["lenient_correct"]) == (False, True, False)


def test_every_suite_condition_decoding_and_sample_gives_one_full_row(loaded, probe_problems):
    decodings = {"in_domain": (Decoding(3), Decoding(3, samples=2)), "text_twin": (Decoding(3),)}
    model = Model("w", lambda: loaded)
    rows = list(evaluate("base-micro", model, probe_problems, "think first .", CONDITIONS, decodings, 8))
    assert len(rows) == 2 * 3 * 4 + 4 * 2
    keys = {tuple(row[k] for k in TABLES["evals"].key) for row in rows}
    assert len(keys) == len(rows)
    assert all(set(row) == set(TABLES["evals"].schema.names) for row in rows)
    assert all(value is not None for row in rows for value in row.values())
    sampled = [row for row in rows if row["decoding"] == "sampled"]
    assert {(row["suite"], row["condition"]) for row in sampled} == {("in_domain", "normal")}
    assert sorted({row["sample_index"] for row in sampled}) == [0, 1]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_answers_reach_their_own_problem(monkeypatch, probe_problems, condition):
    def oracle(model, views, decoding, batch_size, label):
        """To each problem its own gold; to the second sample something else."""
        own = [completion(problem.answer) for problem, _ in zip(probe_problems["in_domain"], views, strict=True)]
        return [[right, *[completion("nonsense")] * (len(decoding.indices) - 1)] for right in own]

    monkeypatch.setattr(module, "answer", oracle)
    decodings = dict.fromkeys(probe_problems, (Decoding(3), Decoding(3, samples=2)))
    rows = list(evaluate("r", Model("w", None), probe_problems, "", [condition], decodings, 8))
    greedy = [row for row in rows if row["decoding"] == "greedy"]
    assert all(row["correct"] for row in greedy)
    assert [row["problem_id"] for row in greedy] == [p.problem_id for p in probe_problems["in_domain"]] * 2
    sampled = [row for row in rows if row["decoding"] == "sampled"]
    assert len(sampled) == (16 if condition == "normal" else 0)
    assert all(row["correct"] == (row["sample_index"] == 0) for row in sampled)


def test_each_suite_shows_and_judges_in_its_own_way(monkeypatch, probe_problems):
    shown: dict[str, list[View]] = {}

    def bare(model, views, decoding, batch_size, label):
        shown[label.split()[1]] = views
        return [[Completion(problem.answer, 5, False)] for problem in probe_problems["in_domain"]]

    monkeypatch.setattr(module, "answer", bare)
    members = dict.fromkeys(SUITES, probe_problems["in_domain"])
    decodings = dict.fromkeys(SUITES, (Decoding(3),))
    rows = list(evaluate("r", Model("w", None), members, "think first .", ["normal"], decodings, 8))
    right = {row["suite"] for row in rows if row["correct"]}
    assert right == {name for name, suite in SUITES.items() if suite.bare} == {"perception"}
    assert [bool(re.search("think first", view.text)) for view in shown["perception"]] == [False] * 4
    assert len({tuple(views) for views in shown.values()}) > 6  # the suites differ in what they show
