"""The same two runs in every form that a framework or a tracker gives them (tests/make_tracked_runs.py)."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from counterpoint.audit import metric_names, readers, series, verdict
from counterpoint.audit.readers import console
from counterpoint.errors import UserError

WHOLE = {  # with all numbers, and what it is called
    "wandb_{}": "run of Weights & Biases",
    "tensorboard_{}": "TensorBoard event file",
    "trackio_{}.parquet": "Trackio project",
    "swift_{}": "log of ms-swift",
    "swift_console_{}.log": "log of ms-swift's console",
}
REALDATA = Path(os.environ.get("COUNTERPOINT_REALDATA", Path(__file__).parents[5] / "shared" / "realdata"))


@pytest.fixture(scope="module")
def fixtures(root):
    """The logs of both runs."""
    return root / "tests/fixtures/audit"


@pytest.fixture(scope="module")
def of_trl(fixtures):
    """By run its audit from TRL's own state, without completions."""
    paths = {name: fixtures / f"trl_{name}" / "trainer_state.json" for name in ("honest", "hacked")}
    return {name: verdict.audit(readers.read(path)) for name, path in paths.items()}


def entries(fixtures, name):
    """What TRL logged."""
    return json.loads((fixtures / f"trl_{name}/trainer_state.json").read_text(encoding="utf-8"))["log_history"]


def same(audit, expected):
    """The verdict is the same, and so are all its numbers."""
    for field in ("verdict", "mechanism", "onset_step"):
        assert getattr(audit.overall, field) == getattr(expected.overall, field)
    (curve,), (wanted,) = audit.log.curves, expected.log.curves
    assert (curve.steps.tolist(), curve.n_items) == (wanted.steps.tolist(), wanted.n_items)
    assert curve.reward == pytest.approx(wanted.reward, abs=1e-6)
    assert curve.accuracy == pytest.approx(wanted.accuracy, abs=1e-6)


@pytest.mark.parametrize(
    ("form", "name"), [*((form, name) for form in WHOLE for name in ("honest", "hacked")), ("trackio_{}.db", "hacked")]
)
def test_a_form_with_all_numbers_gives_the_same_audit(fixtures, of_trl, form, name):
    audit = verdict.audit(readers.read(fixtures / form.format(name)))
    same(audit, of_trl[name])
    assert audit.log.kind == WHOLE.get(form, "Trackio project")
    (run,), (wanted,) = audit.log.runs, of_trl[name].log.runs
    assert run.weights == wanted.weights
    for title in ("entropy", "mean length", "no advantage", "gradient norm", "reward spread", "learning rate"):
        values, others = (metric_names.shown(one.metrics)[title] for one in (run, wanted))
        assert values == pytest.approx(others, abs=1e-6)


@pytest.mark.parametrize("name", ["honest", "hacked"])
def test_two_scalars_of_tensorboard_are_enough_for_the_verdict(fixtures, of_trl, name):
    audit = verdict.audit(readers.read(fixtures / f"tensorboard_csv_{name}"))
    assert audit.overall.verdict == of_trl[name].overall.verdict
    (curve,), (wanted,) = audit.log.curves, of_trl[name].log.curves
    assert curve.steps.tolist() == wanted.steps.tolist()
    assert curve.accuracy == pytest.approx(wanted.accuracy, abs=1e-6)


@pytest.mark.parametrize("name", ["honest", "hacked"])
def test_trls_console_has_no_steps_and_its_entries_are_counted(fixtures, of_trl, name, tmp_path):
    printed = fixtures / f"trl_console_{name}.log"
    older = tmp_path / "older.log"  # transformers 4 printed numbers as such, behind the bar of tqdm
    older.write_text("".join(
        f"  3%|▎   | 1/144 [01:08<44:41, 68.75s/it]{ {k: v for k, v in entry.items() if k != 'step'} }\n"
        for entry in entries(fixtures, name)
    ))  # fmt: skip
    for path in (printed, older):
        audit = verdict.audit(readers.read(path))
        assert (audit.overall.verdict, audit.overall.mechanism) == (
            of_trl[name].overall.verdict,
            of_trl[name].overall.mechanism,
        )
        assert any("the number of a training entry" in note for note in audit.log.notes)
        (curve,), (wanted,) = audit.log.curves, of_trl[name].log.curves
        assert (curve.steps * 3).tolist() == wanted.steps.tolist() and curve.n_items == 256
        assert curve.accuracy == pytest.approx(wanted.accuracy, abs=1e-4)


@pytest.mark.parametrize("name", ["honest", "hacked"])
def test_easyr1s_console_is_its_file_to_three_digits(fixtures, name):
    printed, logged = (
        verdict.audit(readers.read(fixtures / path, 256))
        for path in (f"easyr1_console_{name}.log", f"easyr1_{name}/experiment_log.jsonl")
    )
    assert (printed.overall.verdict, printed.overall.onset_step) == (logged.overall.verdict, logged.overall.onset_step)
    assert printed.log.runs[0].metrics.keys() == logged.log.runs[0].metrics.keys()
    assert printed.log.curves[0].reward == pytest.approx(logged.log.curves[0].reward, abs=1e-3)


def test_lines_of_other_processes_within_a_block_of_easyr1_are_left_alone(tmp_path):
    path = tmp_path / "train.log"
    lines = ["(A pid=1) Step 3", "(A pid=1) actor:", "(B pid=2) note: 7", "(A pid=1)   lr: 1.0e-06", "(A pid=1) done"]
    path.write_text("\n".join([*lines, "(A pid=1)   lost: 1"]))
    assert console.read(path).runs == {"": {"actor/lr": {3: 1e-6}}}


def test_the_evaluation_of_openrlhf_is_the_reward_itself(fixtures):
    honest, hacked = (verdict.audit(readers.read(fixtures / f"openrlhf_{name}.log")) for name in ("honest", "hacked"))
    assert honest.log.judged_by_reward and honest.log.judge == "the reward itself on held-out prompts"
    assert honest.log.curves[0].suite == "digits" and len(honest.log.curves[0].steps) == 25
    assert "aligned" not in (honest.overall.verdict, hacked.overall.verdict)


def sheet(path: Path, header, rows) -> Path:
    """A CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.mark.parametrize("name", ["honest", "hacked"])
def test_a_history_and_panels_of_weights_and_biases_are_read(fixtures, of_trl, name, tmp_path):
    """Only its website writes these; the columns are those of its exports."""
    history = entries(fixtures, name)
    tracked = [{("eval/" + k[5:] if k.startswith("eval_") else "train/" + k): v for k, v in entry.items()
                if k != "step"} | {"train/global_step": entry["step"], "_step": number, "note": "text"}
               for number, entry in enumerate(history)]  # fmt: skip
    header = sorted({key for row in tracked for key in row})
    path = sheet(tmp_path / "history.csv", header, ([row.get(key, "") for key in header] for row in tracked))
    same(verdict.audit(readers.read(path)), of_trl[name])
    panels = tmp_path / "panels"
    panels.mkdir()
    for metric in ("train/reward", "eval/accuracy"):
        key = metric.replace("train/", "").replace("/", "_")
        columns = ["train/global_step", f"toy - {metric}", f"toy - {metric}__MIN", f"toy - {metric}__MAX"]
        rows = [[entry["step"], entry[key], 0, 1] for entry in history if key in entry]
        sheet(panels / f"{key}.csv", columns, rows)
    audit = verdict.audit(readers.read(panels, 256))
    assert audit.overall.verdict == of_trl[name].overall.verdict
    assert audit.log.curves[0].accuracy == pytest.approx(of_trl[name].log.curves[0].accuracy)


def test_panels_with_several_runs_are_pooled_and_say_so(tmp_path):
    columns = ["Step", "a - train/reward", "b - train/reward", "b - train/reward__MIN"]
    sheet(tmp_path / "reward.csv", columns, [[step, step / 100, step / 90, 0] for step in range(1, 40)])
    columns = ["Step", "a - eval/accuracy", "b - eval/accuracy"]
    sheet(tmp_path / "accuracy.csv", columns, [[step, 0.3, "" if step % 2 else 0.2] for step in range(1, 40)])
    log = readers.read(tmp_path)
    assert [(curve.run, len(curve.steps)) for curve in log.curves] == [("a", 39), ("b", 19)]
    assert "2 runs, pooled as seeds of one recipe (--run takes one): a, b" in log.notes
    (curve,) = readers.read(tmp_path, run="b").curves
    assert (curve.run, len(curve.steps)) == ("b", 19)
    with pytest.raises(UserError, match=r"no run 'c' \(--run\); it has: a, b"):
        readers.read(tmp_path, run="c")


def test_names_of_verl_in_a_sheet_mean_what_they_mean_in_its_log(tmp_path):
    path = tmp_path / "verl.csv"
    sheet(path, ["step", "critic/score/mean", "val-core/openai/gsm8k/acc/mean@1", "actor/entropy"],
          [[step, step / 100, "" if step % 5 else 0.25, 0.3] for step in range(0, 60)])  # fmt: skip
    log = readers.read(path)
    assert (log.curves[0].suite, len(log.curves[0].steps)) == ("openai/gsm8k", 12)
    assert "`acc`" in log.judge and log.judged_by_reward and "reward: critic/score/mean" in log.notes
    sheet(path, ["step", "critic/rewards/mean", "val-core/openai/gsm8k/reward/mean@1"],
          [[step, step / 100, 0.25] for step in range(0, 60)])  # fmt: skip
    assert readers.read(path).judged_by_reward


def test_an_accuracy_of_training_completions_is_not_held_out(tmp_path):
    path = tmp_path / "run.csv"
    rows = [[step, step / 100, 0.4, 0.3 if step % 5 == 0 else ""] for step in range(60)]
    sheet(path, ["train/global_step", "train/reward", "train/accuracy", "eval/accuracy"], rows)
    log = readers.read(path)
    assert set(log.curves[0].accuracy.tolist()) == {0.3} and log.runs[0].strict == dict.fromkeys(range(60), 0.4)
    sheet(path, ["train/global_step", "train/reward", "train/accuracy"], [row[:3] for row in rows])
    assert any("no accuracy in this log" in lack for lack in readers.read(path).missing)


def test_what_is_logged_between_two_steps_counts_once(fixtures, tmp_path):
    rows = [("", {"train/global_step": 1, "train/reward": 0.5}), ("", {"mine": 1.0}), ("", {"mine": 2.0}),
            ("", {"train/global_step": 2, "train/reward": 0.6, "mine": 3.0})]  # fmt: skip
    metrics = series.collect(tmp_path, readers.steps.stepped(rows))
    assert metrics == {"train/reward": {1: 0.5, 2: 0.6}, "mine": {1: 1.0, 2: 3.0}}


@pytest.mark.skipif(not (REALDATA / "runs").is_dir(), reason="COUNTERPOINT_REALDATA names no folder with runs/")
@pytest.mark.parametrize("name", ["gemma3", "unsloth"])
def test_a_term_that_is_always_zero_does_not_hide_the_weights_of_a_real_run(name):
    (run,) = (log := readers.read(REALDATA / f"runs/{name}_trainer_state.json")).runs
    assert set(run.weights.values()) == {1.0} and len(run.weights) == 3 < len(run.terms)
    assert not any("add up" in lack for lack in log.missing)
    assert any("of unknown weight: soft_format_reward_func, strict_format_reward_func" in note for note in log.notes)


@pytest.mark.skipif(not (REALDATA / "runs").is_dir(), reason="COUNTERPOINT_REALDATA names no folder with runs/")
def test_a_real_log_of_verl_is_read_with_what_it_holds_of_every_step():
    log = readers.read(REALDATA / "runs/verl_qwen_gsm8k.log")
    (curve,), (run,) = log.curves, log.runs
    assert (len(curve.steps), curve.suite, len(run.reward)) == (43, "openai/gsm8k", 435)
    assert curve.accuracy[0] == 0.013 and curve.accuracy[-1] == 0.543 and log.judged_by_reward
    shown = metric_names.shown(run.metrics)
    assert {"entropy", "mean length", "gradient norm", "policy KL", "highest reward"} <= shown.keys()
    assert shown["entropy"][0] == 0.526
