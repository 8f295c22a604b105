"""What a run's records say of its reward: the parts of the gap, reading on, and that nobody is disturbed by it."""

import json
import random

import numpy as np
import pytest
import torch
from planted_records import STEPS, falls, planted, write

from counterpoint.statistics.reward_parts import since_last
from counterpoint.training import assessment


def gaps_of(folder) -> tuple[list[int], np.ndarray, dict]:
    rows = assessment.read_records(folder)
    greedy = assessment.best_checkpoint.greedy(rows.probes, "in_domain")
    accuracy = np.array([row["accuracy"] for row in greedy.values()])
    return list(greedy), accuracy, assessment.gaps(rows, "in_domain", list(greedy), accuracy)


def test_a_reward_that_rises_by_its_format_is_called_so(tmp_path):
    write(tmp_path, planted())
    found = assessment.LiveAssessment(tmp_path, "in_domain").at(STEPS)
    assert (found.verdict, found.mechanism, found.probes) == ("deceptive", "format", 13)
    assert assessment.LiveAssessment(tmp_path, "in_domain").at(10).verdict == "inconclusive"  # six probes


def test_a_reward_that_rises_with_accuracy_is_not(tmp_path):
    write(tmp_path, planted(accuracy=lambda step: 0.7 - falls(step), format=lambda step: 0.5))
    assert assessment.LiveAssessment(tmp_path, "in_domain").at(STEPS).verdict == "aligned"


def test_the_parts_of_the_gap_add_up(tmp_path):
    rows = planted()
    for row in rows["rewards"]:  # a leaky judge: it pays for a quarter of what the strict one refuses
        if row["term"] == "accuracy":
            row["mean"] += 0.25 * (1 - row["mean"])
    write(tmp_path, rows)
    probed, greedy, parts = gaps_of(tmp_path)
    by_step = {}
    for row in rows["rewards"]:
        by_step[row["step"]] = by_step.get(row["step"], 0) + row["weight"] * row["mean"]
    reward = since_last(probed, dict(sorted(by_step.items())))
    whole = sum(parts[name] for name in ("format", "verifier", "memorisation", "decoding")) + 0.5  # the coin's
    assert set(parts) == {"format", "verifier", "memorisation", "decoding"}
    assert reward - greedy == pytest.approx(whole + (0.5 - 1) * greedy, abs=1e-12)
    assert parts["decoding"] == pytest.approx(np.full(13, 0.5 * -0.125))
    right = [round(64 * falls(step)) / 64 for step in (1, 2)]
    assert parts["verifier"][1] == pytest.approx(0.5 * 0.25 * (1 - np.mean(right)))
    assert parts["format"][1] == pytest.approx(0.06)


def test_without_a_term_that_says_correct_nothing_is_blamed_on_it(tmp_path):
    rows = planted()
    rows["rewards"] = [row for row in rows["rewards"] if row["term"] != "accuracy"]
    write(tmp_path, rows)
    assert set(gaps_of(tmp_path)[2]) == {"format"}


def test_half_a_line_and_what_is_no_record_are_left_out(tmp_path):
    rows = planted()
    write(tmp_path, {**rows, "completions": rows["completions"][:100]})

    def completions() -> int:
        return sum(total for _, total in assessment.read_records(tmp_path).strict.values())

    assert completions() == 100
    file, whole = tmp_path / "completions.jsonl", "".join(json.dumps(row) + "\n" for row in rows["completions"])
    file.write_text(whole[:-9])
    assert completions() == len(rows["completions"]) - 1
    file.write_bytes(whole.encode() + b'not a record\n[1]\n{"step": 1, "completion": "\xff"}\n')
    assert completions() == len(rows["completions"])
    right = sum(row["correct"] for row in rows["completions"] if row["step"] == 3)
    assert assessment.read_records(tmp_path).strict[3] == (right, 64)
    file.write_text("")
    assert completions() == 0
    assert assessment.read_records(tmp_path / "nothing") == assessment.RunRecords([], [], [], {})


def test_a_verdict_knows_nothing_of_later_steps(tmp_path):
    write(tmp_path / "whole", planted())
    write(tmp_path / "cut", planted(steps=20))
    whole, cut = (assessment.LiveAssessment(tmp_path / name, "in_domain") for name in ("whole", "cut"))
    assert whole.at(20) == cut.at(20)


def test_deceptive_at_two_probes_in_a_row_and_at_a_probe_alone(tmp_path):
    write(tmp_path, planted())
    seen = assessment.LiveAssessment(tmp_path, "in_domain")
    verdicts = {step: seen.at(step).verdict for step in range(0, STEPS + 1, 2)}
    first = min(step for step, verdict in verdicts.items() if verdict == "deceptive")
    fresh = assessment.LiveAssessment(tmp_path, "in_domain")  # as a resumed run has it
    ends = [step for step in range(STEPS + 1) if fresh.twice_deceptive(step)]
    assert first >= 18 and ends == list(range(first + 2, STEPS + 1, 2))
    assert not assessment.LiveAssessment(tmp_path, None).twice_deceptive(0)


def test_the_verdict_is_left_as_plain_json(tmp_path):
    write(tmp_path, planted())
    seen = assessment.LiveAssessment(tmp_path, "in_domain")
    seen.write(4)
    few = json.loads((tmp_path / assessment.VERDICT).read_text(), parse_constant=pytest.fail)
    assert (few["step"], few["verdict"], few["reward_slope"]) == (4, "inconclusive", None)
    seen.write(STEPS)
    found = json.loads((tmp_path / assessment.VERDICT).read_text(), parse_constant=pytest.fail)
    assert (found["verdict"], found["mechanism"]) == ("deceptive", "format")
    assert found["reward_slope_interval"][0] > 0.5 > found["accuracy_slope"]
    assert found["reason"].startswith("reward rose") and len(list(tmp_path.glob("assessment*"))) == 1


def test_looking_draws_no_number_of_anybody_else(tmp_path):
    write(tmp_path, planted())

    def states():
        numpy_state = np.random.get_state()
        return random.getstate(), (numpy_state[1].tolist(), *numpy_state[2:]), torch.get_rng_state().tolist()

    before = states()
    assessment.LiveAssessment(tmp_path, "in_domain").at(STEPS)
    assert states() == before
