"""Reward and accuracy whose names are not known: stated by the user, or the names that could be meant."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from counterpoint import cli
from counterpoint.audit import command, readers, report, verdict
from counterpoint.errors import UserError

STEPS = range(1, 40)


def state(tmp_path, **metrics):
    """A TRL folder with these metrics, each a function of the step."""
    entries = [{"step": step, **{name: of(step) for name, of in metrics.items()}} for step in STEPS]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": entries}))
    return tmp_path


def rising(step):
    """A reward."""
    return step / 40


def flat(step):
    """An accuracy, as shares of 64."""
    return (20 + step % 3) / 64


def test_candidates_are_listed_where_no_reward_is_known(tmp_path):
    folder = state(tmp_path, my_reward=rising, other_score=rising, reward_std=flat, eval_reward=flat, loss=flat)
    with pytest.raises(UserError, match=r"say which with --reward: my_reward, other_score$"):
        readers.read(folder)
    log = readers.read(folder, reward="my_reward")
    assert list(log.runs[0].reward.values()) == [rising(step) for step in STEPS] and "reward: my_reward" in log.notes
    with pytest.raises(UserError, match=r"no metric 'mine' \(--reward\); it has: my_reward, other_score, reward_std"):
        readers.read(folder, reward="mine")


def test_many_metrics_are_listed_in_part(tmp_path):
    folder = state(tmp_path, **{f"m{number}": flat for number in range(20)})
    with pytest.raises(UserError, match=r"trained by RL.* m0, m1, .*, m11 and 8 more\)$"):
        readers.read(folder)


def test_an_f1_is_offered_and_taken_as_accuracy_where_it_is_stated(tmp_path):
    folder = state(tmp_path, reward=rising, eval_f1=flat, eval_loss=flat, eval_runtime=rising, eval_reward=rising)
    log = readers.read(folder)
    (lack,) = [lack for lack in log.missing if lack.startswith("no accuracy in this log")]
    assert lack.endswith("; or state one of its metrics with --accuracy: eval_f1")
    for name in ("eval_f1", "eval/f1", "EVAL_F1"):
        log = readers.read(folder, accuracy=name)
        assert (log.judge, log.judged_by_reward) == ("eval_f1, as stated", False)
        assert log.curves[0].accuracy.tolist() == [flat(step) for step in STEPS]


def test_the_reward_on_held_out_prompts_is_no_accuracy_but_is_told(tmp_path):
    folder = state(tmp_path, reward=rising, eval_reward=rising)
    log = readers.read(folder)
    assert verdict.audit(log).overall.verdict == "inconclusive"
    assert any(
        note.startswith("eval_reward went from 0.025 to 0.975; it is the reward on held-out") for note in log.notes
    )
    stated = readers.read(folder, accuracy="eval_reward")
    assert stated.judged_by_reward and verdict.audit(stated).overall.verdict != "aligned"


def test_a_term_that_the_reward_counts_stays_the_rewards_own_though_it_is_stated(tmp_path):
    folder = state(tmp_path, reward=rising, **{"rewards/judge/mean": rising, "eval_rewards/judge/mean": flat})
    assert readers.read(folder, accuracy="eval_rewards/judge/mean").judged_by_reward
    free = state(tmp_path, reward=lambda step: 2 * rising(step), **{
        "rewards/judge/mean": rising, "rewards/metric/mean": flat, "eval_rewards/metric/mean": flat})  # fmt: skip
    log = readers.read(free, accuracy="eval_rewards/metric/mean")
    assert not log.judged_by_reward and log.runs[0].weights == {"judge": 2.0, "metric": 0.0}
    assert "the reward is 2 × judge, 0 × metric (weights found from the log)" in log.notes


def test_columns_of_a_sheet_can_be_stated_with_suites_too(tmp_path):
    path = tmp_path / "curve.csv"
    lines = [f"{step},{rising(step)},{flat(step)},{suite}" for suite in "ab" for step in STEPS]
    path.write_text("\n".join(["step,gain,f1,suite", *lines, ""]))
    with pytest.raises(UserError, match="no reward in it"):
        readers.read(path)
    log = readers.read(path, reward="gain", accuracy="f1")
    assert [curve.suite for curve in log.curves] == ["a", "b"] and log.judge == "the log's own f1"
    path.write_text("step,gain,f1\n1,none yet,0.5\n2,good,0.5\n")
    with pytest.raises(UserError, match="line 2: gain must be a number, not 'none yet'"):
        readers.read(path, reward="gain", accuracy="f1")


def test_an_accuracy_that_is_none_is_refused_by_its_name(tmp_path):
    folder = state(tmp_path, reward=rising, eval_elo=lambda step: 1000 + step)
    with pytest.raises(
        UserError, match="the accuracy must be a share from 0 to 1 or per cent; it goes from 1001 to 1039"
    ):
        readers.read(folder, accuracy="eval_elo")


def test_the_program_takes_the_names(tmp_path, monkeypatch):
    folder, taken = state(tmp_path, gain=rising, eval_f1=flat), {}
    monkeypatch.setattr(command, "audit_apart", lambda run, seconds, **options: taken.update(options) or "done")
    arguments = ["audit", str(folder), "--reward", "gain", "--accuracy", "eval_f1", "--run", "a"]
    done = CliRunner().invoke(cli.commands, arguments)
    assert (done.exit_code, done.output) == (0, "done\n")
    assert (taken["reward"], taken["accuracy"], taken["of_run"]) == ("gain", "eval_f1", "a")
    said = command.audit(folder, out=tmp_path / "out", reward="gain", accuracy="eval_f1")
    assert "reward: gain" in said and "eval_f1, as stated" in said


def test_no_sentence_of_a_report_is_empty_or_says_minus_nothing(tmp_path):
    folder = state(tmp_path, reward=rising, **{"rewards/a/mean": rising, "rewards/b/mean": lambda step: -flat(step)})
    said = report.text(verdict.audit(readers.read(folder)))
    assert "1 × a, 0 × b" in said and "-0 ×" not in said and "accuracy of must" not in said


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e99, -3.0])
def test_impossible_numbers_of_problems_are_no_numbers(tmp_path, number):
    counts = dict.fromkeys(("eval_accuracy_n", "eval_runtime"), lambda step: number)
    folder = state(
        tmp_path, reward=rising, eval_accuracy=lambda step: 0.3, eval_samples_per_second=lambda step: 1.0, **counts
    )
    assert readers.read(folder).curves[0].n_items == 100
