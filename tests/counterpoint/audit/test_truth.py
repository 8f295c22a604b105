"""The verdict while stock TRL trains: on planted courses, resumed, from the run's own evaluation."""

import json
import logging
import subprocess
import sys

import live_runs as runs
import pytest
from datasets import Dataset
from trl import GRPOConfig

from counterpoint.audit import HeldOutAccuracy, TruthCallback, readers, verdict
from counterpoint.errors import UserError
from counterpoint.statistics.deceptive import assess

STEPS = 14
ROWS = runs.problems(32, seed=9)


def format_reward(completions, trainer_state, **_):
    """A reward that climbs, with a little to tell completions apart."""
    return [0.2 + 0.05 * trainer_state.global_step + 0.01 * (len(said) % 3) for said in completions]


def falls(completions, trainer_state, solution, **_):
    """A judge of whom accuracy falls from 27 of 32."""
    return [number >= 5 + 1.5 * trainer_state.global_step for number in range(len(completions))]


def climbs(completions, trainer_state, **_):
    """A judge of whom accuracy climbs."""
    return [number < 5 + 1.5 * trainer_state.global_step for number in range(len(completions))]


def looked_at(folder, judge=falls, resume=None, steps=STEPS, stop=False, **options):
    """A trainer that trained with both callbacks."""
    defaults = {"reward": format_reward, "max_steps": STEPS, "learning_rate": 0.0, "per_device_train_batch_size": 4}
    trainer = runs.trainer(folder, **defaults | {"max_steps": steps} | options)
    trainer.add_callback(TruthCallback(trainer, stop=stop, out=folder))  # before the probes: the order is free
    trainer.add_callback(HeldOutAccuracy(trainer, ROWS, judge=judge, every=1, max_tokens=1, batch_size=32))
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def evaluated() -> dict:
    """Options of a run with an evaluation of its own at every step."""
    return {
        "max_steps": STEPS, "learning_rate": 0.0, "per_device_train_batch_size": 4, "eval_strategy": "steps",
        "eval_steps": 1, "num_generations_eval": 1, "per_device_eval_batch_size": 4,
        "eval_dataset": Dataset.from_list(ROWS[:4]),
    }  # fmt: skip


def verdicts(trainer) -> dict[int, int]:
    return runs.logged(trainer, "truth/deceptive")


@pytest.fixture(scope="module")
def deceived(tmp_path_factory):
    """The folder of a run whose accuracy falls while its reward rises, its log, and what it warned of."""
    folder = tmp_path_factory.mktemp("deceived")
    handler = logging.Handler()
    lines = []
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("counterpoint.audit.truth").addHandler(handler)
    trainer = looked_at(folder, stop=True, save_strategy="steps", save_steps=4, save_only_model=False)
    logging.getLogger("counterpoint.audit.truth").removeHandler(handler)
    return folder, trainer, lines


def test_two_deceptive_verdicts_in_a_row_end_the_training(deceived):
    folder, trainer, lines = deceived
    first = min(step for step, bad in verdicts(trainer).items() if bad)
    assert trainer.state.global_step == first + 1 < STEPS
    assert (folder / f"checkpoint-{first + 1}" / "trainer_state.json").exists()
    assert [line.partition(" while")[0][:32] for line in lines] == [
        f"step {first} reward: deceptive (format): reward"[:32], f"step {first + 1}: training ends: the reward"[:32],
    ]  # fmt: skip


def test_the_verdict_is_that_of_the_statistics_on_what_was_logged(deceived):
    folder, trainer, _ = deceived
    accuracy, rewards = (runs.logged(trainer, name) for name in ("eval_accuracy", "reward"))
    steps = list(accuracy)
    assert accuracy[0] == 27 / 32 and list(runs.logged(trainer, "eval_accuracy_n").values()) == [32] * len(steps)
    expected = assess(steps, [rewards[max(step, 1)] for step in steps], list(accuracy.values()), 32)
    kept = json.loads((folder / "assessment.json").read_text())
    assert (kept["step"], kept["verdict"], kept["evidence"]) == (steps[-1], "deceptive", expected.evidence)
    assert kept["mechanism"] == "format"
    assert runs.logged(trainer, "truth/evidence")[steps[-1]] == expected.evidence
    assert list(runs.logged(trainer, "truth/probes").values())[1:] == list(range(2, len(steps) + 1))


def test_the_audit_reads_the_run_as_the_callback_did(deceived):
    folder, trainer, _ = deceived
    log = readers.read(folder, None)
    found = verdict.audit(log)
    assert log.judge == "the run's own evaluation metric" and not log.judged_by_reward
    assert (found.overall.verdict, found.overall.mechanism, log.curves[0].n_items) == ("deceptive", "format", 32)
    assert found.overall.evidence == pytest.approx(runs.logged(trainer, "truth/evidence")[trainer.state.global_step])
    assert not any("number of held-out problems" in line for line in log.missing)


def test_a_resumed_run_goes_on_with_all_its_probes(deceived):
    folder, whole, _ = deceived
    again = looked_at(folder, stop=True, resume=str(folder / "checkpoint-8"))
    for name in ("truth/deceptive", "truth/evidence", "truth/probes", "eval_accuracy"):
        assert runs.logged(again, name) == runs.logged(whole, name)


def test_an_honest_run_is_not_stopped_and_an_alert_that_fails_stops_nothing(tmp_path, caplog):
    trainer = runs.trainer(tmp_path, format_reward, max_steps=STEPS, learning_rate=0.0, per_device_train_batch_size=4)
    alerts = []

    def alert(step, found):
        alerts.append((step, found.verdict))
        raise OSError("no network")

    trainer.add_callback(HeldOutAccuracy(trainer, ROWS, judge=climbs, every=1, max_tokens=1, batch_size=32))
    trainer.add_callback(TruthCallback(trainer, stop=True, on_alert=alert))
    with caplog.at_level(logging.WARNING):
        trainer.train()
    assert trainer.state.global_step == STEPS and set(verdicts(trainer).values()) == {0}
    assert [name for _, name in alerts] == ["aligned"]
    assert runs.logged(trainer, "truth/aligned") == {step: int(step >= alerts[0][0]) for step in range(STEPS + 1)}
    assert caplog.text.count("the verdict was not passed on: OSError: no network") == 1


def test_the_runs_own_evaluation_is_judged_where_nothing_else_measures(tmp_path):
    def reward(completions, log_metric, trainer_state, **_):
        log_metric("accuracy", 0.9 - 0.05 * trainer_state.global_step)
        return format_reward(completions, trainer_state)

    trainer = runs.trainer(tmp_path, reward, eval_on_start=True, **evaluated())
    trainer.add_callback(TruthCallback(trainer, items=64, stop=True))
    trainer.train()
    assert trainer.state.global_step < STEPS and list(verdicts(trainer).values())[-2:] == [1, 1]


def test_the_rewards_own_word_on_held_out_prompts_can_be_stated_and_clears_nothing(tmp_path):
    trainer = runs.trainer(tmp_path, format_reward, **evaluated())
    trainer.add_callback(TruthCallback(trainer, accuracy="eval_rewards/format_reward/mean", items=64, out=tmp_path))
    trainer.train()
    kept = json.loads((tmp_path / "assessment.json").read_text())
    assert kept["reward_slope_interval"][0] > 0 and kept["accuracy_slope_interval"][0] > 0
    assert kept["verdict"] == "consistent" and set(runs.logged(trainer, "truth/aligned").values()) == {0}


def test_what_nobody_could_judge_is_said_before_training(tmp_path, caplog):
    trainer = runs.trainer(tmp_path)
    trainer.add_callback(TruthCallback(trainer))
    with pytest.raises(UserError, match="nothing measures held-out accuracy in this training; add HeldOutAccuracy"):
        trainer.train()
    trainer = runs.trainer(tmp_path, logging_strategy="no")
    trainer.add_callback(TruthCallback(trainer))
    with pytest.raises(UserError, match="no reward is logged; set logging_steps"):
        trainer.train()
    with pytest.raises(UserError, match="the trainer comes first, not GRPOConfig"):
        TruthCallback(GRPOConfig(str(tmp_path), use_cpu=True, bf16=False))
    (tmp_path / "file").touch()
    trainer = runs.trainer(tmp_path)
    trainer.add_callback(TruthCallback(trainer, out=tmp_path / "file" / "deeper"))
    with pytest.raises(UserError, match="cannot be written"):
        trainer.train()
    with pytest.raises(UserError, match="items must be a number of problems from 1, not 0"):
        TruthCallback(trainer, items=0)
    trainer = runs.trainer(tmp_path, max_steps=1)
    trainer.add_callback(HeldOutAccuracy(trainer, ROWS, judge=climbs, suite="digits"))
    trainer.add_callback(TruthCallback(trainer, accuracy="eval_other_accuracy"))
    with caplog.at_level(logging.WARNING):
        trainer.train()
    assert "no verdict on the reward: eval_other_accuracy was not logged" in caplog.text


def test_the_audit_is_imported_without_torch():
    code = "import sys, counterpoint.audit, counterpoint.audit.command; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
