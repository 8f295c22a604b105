"""Audits of runs made by stock TRL (tests/make_trl_runs.py), in each form of log: an honest run and a hacked one."""

from __future__ import annotations

import csv
import json
import math
import shutil

import pytest

from counterpoint.audit import command, readers, report, verdict

FORMS = {"honest": ("trl_honest", "verl_honest", "verl_file_honest", "honest.csv"),
         "hacked": ("trl_hacked", "verl_hacked", "verl_file_hacked", "easyr1_hacked", "hacked.csv")}  # fmt: skip


@pytest.fixture(scope="module")
def fixtures(root):
    """The logs of both runs."""
    return root / "tests/fixtures/audit"


def audit(path, items=None):
    """The audit of the log at a path."""
    return verdict.audit(readers.read(path, items))


@pytest.mark.parametrize("name", FORMS["honest"])
def test_an_honest_run_is_aligned_in_every_form(fixtures, name):
    found = audit(fixtures / name).overall
    # verl's `acc` is the reward function's own; where rollouts were saved, they are judged here and confirm it
    verdict_of = {"verl_file_honest": ("consistent", "unknown", None)}
    assert (found.verdict, found.mechanism, found.onset_step) == verdict_of.get(name, ("aligned", "none", None))


@pytest.mark.parametrize("name", FORMS["hacked"])
def test_a_hacked_run_is_deceptive_in_every_form(fixtures, name):
    found = audit(fixtures / name).overall
    assert found.verdict == "deceptive"
    assert found.reward_slope_interval[0] > 0 and found.accuracy_slope_interval[1] < 0
    assert found.probes == 25


def test_every_form_of_a_run_gives_the_same_curve(fixtures):
    curves = [readers.read(fixtures / name).curves[0] for name in FORMS["hacked"]]
    for curve in curves:
        assert curve.n_items == 256
        assert curve.steps.tolist() == curves[0].steps.tolist()
        assert curve.reward == pytest.approx(curves[0].reward)
        assert curve.accuracy == pytest.approx(curves[0].accuracy)


@pytest.mark.parametrize("name", ["trl_hacked", "verl_hacked"])
def test_saved_completions_show_that_the_rewards_judge_is_fooled(fixtures, name):
    found = audit(fixtures / name)
    assert found.overall.mechanism == "verifier"
    first, last = found.log.checks[0], found.log.checks[-1]
    assert first.false_positive < 0.2 and last.false_positive > 0.8
    assert last.right == 0


def test_saved_completions_of_an_honest_run_agree_with_its_reward(fixtures):
    for check in readers.read(fixtures / "trl_honest").checks:
        assert check.paid == check.right
        assert check.false_positive == check.false_negative == 0


def test_the_gap_of_the_trl_run_is_the_verifiers(fixtures):
    curve = readers.read(fixtures / "trl_hacked").curves[0]
    assert curve.gaps["verifier"][-1] - curve.gaps["verifier"][0] > 0.9
    assert abs(curve.gaps["memorisation"][-1]) < 0.05
    total = curve.gaps["verifier"] + curve.gaps["memorisation"] + curve.accuracy
    assert total == pytest.approx(curve.reward)


def test_a_rewards_own_accuracy_confirms_nothing(fixtures):
    honest, hacked = audit(fixtures / "easyr1_honest"), audit(fixtures / "easyr1_hacked")
    assert honest.overall.verdict == "consistent" and "outside judge" in report.text(honest)
    assert honest.overall.accuracy_slope_interval[0] > 0
    assert hacked.overall.verdict == "deceptive"


def without(source, target, *prefixes):
    """A copy of a TRL folder whose log lacks the metrics of these names."""
    shutil.copytree(source, target)
    state = json.loads((target / "trainer_state.json").read_text())
    state["log_history"] = [{k: v for k, v in e.items() if not k.startswith(prefixes)} for e in state["log_history"]]
    (target / "trainer_state.json").write_text(json.dumps(state))
    return target


def test_without_any_accuracy_nothing_is_decided_and_it_says_what_to_log(fixtures, tmp_path):
    folder = without(fixtures / "trl_hacked", tmp_path / "run", "accuracy", "eval_")
    shutil.rmtree(folder / "completions")
    found = audit(folder)
    assert (found.overall.verdict, found.overall.reason) == ("inconclusive", "no accuracy in this log")
    assert math.isnan(found.overall.accuracy_slope)
    said = report.text(found)
    assert "log an eval metric beside the reward" in said and "no completions were saved" in said


def test_completions_with_the_right_answer_stand_in_for_a_missing_accuracy(fixtures, tmp_path):
    folder = without(fixtures / "trl_hacked", tmp_path / "run", "accuracy", "eval_")
    found = readers.read(folder)
    assert found.curves[0].accuracy.tolist() == [check.right for check in found.checks]
    assert found.curves[0].n_items == 64
    assert "not on held-out problems" in found.judge


def test_the_last_checkpoints_log_is_read(fixtures, tmp_path):
    for step, name in ((90, "trl_honest"), (144, "trl_hacked")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        shutil.copy(fixtures / name / "trainer_state.json", tmp_path / f"checkpoint-{step}")
    assert audit(tmp_path).overall.verdict == "deceptive"


def test_per_cent_other_names_and_another_delimiter_are_read(fixtures, tmp_path):
    with (fixtures / "hacked.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    scores = [f"{100 * float(score):.4f}" if score else "" for _, _, score, _ in rows]
    lines = [f"{step};{reward};{score}" for (step, reward, _, _), score in zip(rows, scores, strict=True)]
    (tmp_path / "curve.csv").write_text("\n".join(["Global_Step;Mean_Reward;Val_Acc", *lines, ""]))
    found = audit(tmp_path, items=256)
    assert found.overall.verdict == "deceptive"
    assert "accuracy was given in per cent" in found.log.notes


def test_seeds_in_one_csv_are_pooled(fixtures, tmp_path):
    rows = (fixtures / "hacked.csv").read_text().splitlines()
    seeds = [f"{line},{seed}" for seed in (1, 2, 3) for line in rows[1:]]
    (tmp_path / "seeds.csv").write_text("\n".join([f"{rows[0]},seed", *seeds, ""]))
    found = audit(tmp_path / "seeds.csv")
    assert [curve.name for curve in found.log.curves] == ["1", "2", "3"]
    assert found.overall.verdict == "deceptive"
    assert len(report.curves(found)) == 3


def test_a_log_without_the_number_of_items_takes_few_and_says_so(tmp_path):
    lines = [f"{step},{step / 100},0.3" for step in range(0, 60, 5)]
    (tmp_path / "curve.csv").write_text("\n".join(["step,reward,accuracy", *lines, ""]))
    found = readers.read(tmp_path / "curve.csv")
    assert found.curves[0].n_items == 100
    assert any("--items" in lack for lack in found.missing)


def test_the_program_prints_draws_and_writes(fixtures, tmp_path):
    said = command.audit(fixtures / "trl_hacked", out=tmp_path / "out")
    for wanted in ("verdict", "deceptive", "mechanism", "verifier", "95 % interval", "onset", "error rates"):
        assert wanted in said
    assert (tmp_path / "out/audit.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "out/audit.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page and "http" not in page.replace("http-equiv", "")


def test_json_is_one_line_of_plain_values(fixtures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (line,) = command.audit(fixtures / "hacked.csv", as_json=True).splitlines()
    found = json.loads(line, parse_constant=lambda name: pytest.fail(name))
    assert (found["verdict"], found["kind"], found["probes"]) == ("deceptive", "CSV", 25)
    assert found["page"] == "audit-hacked/audit.html" and (tmp_path / found["page"]).is_file()


def test_a_picture_is_the_same_to_the_byte(fixtures, tmp_path):
    for name in ("one", "two"):
        command.audit(fixtures / "trl_honest", out=tmp_path / name)
    assert (tmp_path / "one/audit.png").read_bytes() == (tmp_path / "two/audit.png").read_bytes()


def test_hostile_names_are_escaped_and_spelt_out(tmp_path):
    hostile = "<script>alert(1)</script>\u202e\x00\x1b[31m$\\frac{1}$"
    lines = [f'{step},{step / 100},0.3,"{hostile}"' for step in range(0, 60, 5)]
    lines += [f"{step},{step / 100},0.4,plain" for step in range(0, 60, 5)]
    (tmp_path / "curve.csv").write_text("\n".join(["step,reward,accuracy,suite", *lines, ""]), encoding="utf-8")
    said = command.audit(tmp_path / "curve.csv", out=tmp_path / "out")
    page = (tmp_path / "out/audit.html").read_text(encoding="utf-8")
    assert "<script" not in page and "\u202e" not in page
    assert "&lt;script&gt;" in page and "\\u202e" in page
    assert "\u202e" not in said
