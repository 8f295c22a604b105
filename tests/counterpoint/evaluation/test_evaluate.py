"""Suites over a model: one row an item, every column filled, judged as the judge does."""

import pytest

from counterpoint.evaluation import evaluate as module
from counterpoint.evaluation.evaluate import evaluate, item
from counterpoint.generation.decode import Completion
from counterpoint.tables import TABLES


def test_an_item_keeps_completion_and_verdict_apart(problems):
    problem = problems[0]
    right = item(problem, Completion(f"<think>r</think><answer>{problem.answer}</answer>", 9, False))
    assert (right["correct"], right["parsed"], right["truncated"], right["tokens"]) == (True, True, False, 9)
    assert (right["cluster_id"], right["extracted"]) == (problem.state_id, problem.answer)
    cut = item(problem, Completion(f"<think>r</think><answer>{problem.answer}", 9, True))
    assert (cut["correct"], cut["parsed"], cut["truncated"], cut["extracted"]) == (False, False, True, "")


def test_every_suite_condition_and_problem_gives_one_full_row(loaded, probe_problems):
    conditions = ("normal", "no_image", "shuffled_image")
    rows = list(evaluate("base-micro", *loaded, probe_problems, "think first .", conditions, 3, 8))
    assert len(rows) == 2 * 3 * 4
    keys = {tuple(row[k] for k in TABLES["evals"].key) for row in rows}
    assert len(keys) == len(rows)
    assert all(set(row) == set(TABLES["evals"].schema.names) for row in rows)
    assert all(value is not None for row in rows for value in row.values())


@pytest.mark.parametrize("condition", ["normal", "no_image", "shuffled_image"])
def test_answers_reach_their_own_problem(monkeypatch, probe_problems, condition):
    golds = {p.question + p.text_twin: p.answer for p in probe_problems["in_domain"]}
    assert len(golds) == 4

    def oracle(model, processor, wanted, max_tokens, batch_size, label):
        return [
            Completion(f"<think>r</think><answer>{problem.answer}</answer>", 5, False)
            for problem, _ in zip(probe_problems["in_domain"], wanted, strict=True)
        ]

    monkeypatch.setattr(module, "generate", oracle)
    rows = list(evaluate("r", None, None, probe_problems, "", [condition], 3, 8))
    assert all(row["correct"] for row in rows)
    assert [row["problem_id"] for row in rows] == [p.problem_id for p in probe_problems["in_domain"]] * 2
