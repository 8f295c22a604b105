"""Problems that never had a picture: none twice, none of a neighbouring seed's, the same at every call."""

from collections import Counter

import pytest

from counterpoint.errors import UserError
from counterpoint.problem import fault
from counterpoint.prompt import completion_text
from counterpoint.sources import text
from counterpoint.verify import judge, judge_leniently


@pytest.fixture(scope="module")
def drawn():
    """120 problems of the suite and 40 for probes."""
    return list(text.problems(0, 120, 40))


def questions(problems) -> set[str]:
    return {" ".join(p.question.casefold().split()) for p in problems}


def test_sizes_and_balance_over_the_tasks(drawn):
    assert Counter((p.split, p.family) for p in drawn) == {
        **{(text.SPLIT, task): 15 for task in text.TASKS}, **{("probe", task): 5 for task in text.TASKS}
    }  # fmt: skip
    assert all(p.tags == (("suite:text_reasoning",) if p.split == "probe" else ()) for p in drawn)


def test_no_question_state_or_id_occurs_twice_and_suite_and_probe_share_none(drawn):
    assert len(questions(drawn)) == len({p.state_id for p in drawn}) == len({p.problem_id for p in drawn}) == 160


def test_every_problem_is_sound_has_no_picture_and_its_answer_is_judged_correct(drawn):
    for p in drawn:
        assert fault(p) is None and p.images == () and p.text_twin is None and p.options is None
        assert p.question == " ".join(p.question.split())
        gold = completion_text("r", p.answer)
        assert judge(gold, p.answer, p.answer_type).correct and judge_leniently(gold, p.answer, p.answer_type).correct
        assert p.answer_type == "text" or int(p.answer) is not None


def test_no_single_answer_would_do(drawn):
    most = {task: Counter(p.answer for p in drawn if p.family == task).most_common(1)[0][1] / 20 for task in text.TASKS}
    assert max(most.values()) <= 0.75 and sum(most.values()) / len(most) < 0.4


def test_the_same_seed_gives_the_same_problems(drawn):
    again = list(text.problems(0, 40, 8))
    assert again[:40] == drawn[:40]  # and more of them leave the first as they are
    assert list(text.problems(0, 40, 8)) == again


@pytest.mark.parametrize("seed", [1, 2])
def test_neighbouring_seeds_share_only_what_chance_does(drawn, seed):
    """Seeds of reasoning-gym itself that differ by 1 share all items but one; small tasks repeat some by chance."""
    other = list(text.problems(seed, 120, 0))
    assert len(questions(drawn) & questions(other)) <= 6
    assert sum(a.question == b.question for a, b in zip(drawn, other, strict=False)) <= 1


def test_a_task_without_further_questions_is_told_and_does_not_hang(monkeypatch):
    few = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    monkeypatch.setattr(text, "TASKS", {"chain_sum": (few, "integer")})
    monkeypatch.setattr(text, "ATTEMPTS", 50)
    with pytest.raises(UserError, match=r"problems\.per_suite: reasoning-gym has no further question of 'chain_sum'"):
        list(text.problems(0, 10**6, 0))


def test_no_answer_but_a_whole_number_is_taken_for_one(monkeypatch):
    import reasoning_gym

    items = iter(
        [
            {"question": "q", "answer": "1.5"},
            {"question": "q", "answer": ""},
            {"question": "q  q", "answer": " -12 "},
            {"question": "q q", "answer": "3"},
            {"question": "r", "answer": "4"},
        ]
    )
    monkeypatch.setattr(text, "TASKS", {"chain_sum": ({}, "integer")})
    monkeypatch.setattr(reasoning_gym, "create_dataset", lambda *_, **__: [next(items)])
    assert [(p.question, p.answer) for p in text.problems(0, 2, 0)] == [("q q", "-12"), ("r", "4")]
