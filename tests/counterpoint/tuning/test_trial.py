"""A trial's file, what its run's records say, and when it diverged."""

import dataclasses
import json

import pytest

from counterpoint import tables
from counterpoint.tuning import trial
from counterpoint.tuning.trial import BEGUN, DONE, Trial


def test_a_trial_is_read_as_it_was_written(tmp_path):
    assert trial.read(tmp_path / "none") is None
    begun = Trial(3, {"learning_rate": 1e-4, "epochs": 2})
    trial.write(begun, tmp_path / "t")
    assert trial.read(tmp_path / "t") == begun and begun.accuracy is None and begun.state == BEGUN
    done = dataclasses.replace(begun, state=DONE, right="1101", before=0.5, totals={"updates": 7}, code_rev="abc")
    trial.write(done, tmp_path / "t")
    assert trial.read(tmp_path / "t") == done and (done.n, done.correct, done.accuracy) == (4, 3, 0.75)


def test_what_counts_is_the_last_greedy_probe_in_domain(tmp_path):
    def item(step, problem, correct, suite="in_domain", decoding="greedy"):
        key = {"run_id": "r", "step": step, "suite": suite, "condition": "normal", "decoding": decoding}
        return {**key, "problem_id": problem, "correct": correct, "parsed": True}

    items = [item(0, "a", True), item(0, "b", False), item(0, "c", False), item(0, "d", False)]
    items += [item(5, "b", True), item(5, "a", False), item(5, "d", True), item(5, "c", True)]
    items += [item(9, "a", True, suite="rule_shift"), item(5, "a", True, decoding="sampled")]
    tables.write("probe_items", items, tmp_path / "probe_items.parquet")
    spent = [("step", 1, 2.0), ("generate", 1, 1.0), ("probe", 0, 0.5), ("train", None, 9.0)]
    timings = [{"run_id": "r", "phase": p, "step": s, "seconds": x, "started_at": "t"} for p, s, x in spent]
    tables.write("timings", timings, tmp_path / "timings.parquet")
    (tmp_path / "run.json").write_text(json.dumps(dict.fromkeys(trial.COUNTED, 5) | {"status": "completed"}))
    found = trial.measured(Trial(1, {}), tmp_path, "in_domain", {"code_rev": "abc", "machine": "m"})
    assert (found.state, found.right, found.before, found.seconds) == (DONE, "0111", 0.25, 2.5)
    assert found.totals == dict.fromkeys(trial.COUNTED, 5) and found.code_rev == "abc"


@pytest.mark.parametrize(("loss", "norm", "step"), [("0.0", "NaN", 2), ("Infinity", "1.0", 2), ("0.0", "1e9", None)])
def test_a_run_diverged_when_its_loss_or_its_gradient_is_no_number(tmp_path, loss, norm, step):
    records = tmp_path / "rl" / "run" / "records"
    records.mkdir(parents=True)
    lines = ['{"step": 1, "loss": 0.5, "grad_norm": null}', f'{{"step": 2, "loss": {loss}, "grad_norm": {norm}}}']
    (records / "steps.jsonl").write_text("\n".join(lines) + "\n")
    assert trial.diverged(tmp_path) == step
