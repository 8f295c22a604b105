"""What is said of a log without accuracy, on real logs and on the fixtures, in text, JSON and page."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from counterpoint.audit import command, health, readers, report, verdict

LOGS = Path(os.environ.get("COUNTERPOINT_REALDATA", Path(__file__).parents[4] / "shared" / "realdata")) / "runs"


@pytest.fixture(scope="module")
def fixtures(root):
    """The logs of an honest and of a hacked run."""
    return root / "tests/fixtures/audit"


def real(name: str) -> health.Health:
    """The health of a real log; the test is skipped where it is not at hand."""
    if not (LOGS / name).is_file():
        pytest.skip(f"no {name} in {LOGS}; set COUNTERPOINT_REALDATA")
    return health.of(readers.read(LOGS / name))


def signs(found: health.Health) -> dict[str, health.Sign]:
    """The signs by name."""
    return {finding.sign.name: finding.sign for finding in found.findings}


def test_entropy_collapse_spike_and_plateau_of_the_verl_log():
    shown = signs(real("verl_qwen_gsm8k.log"))
    collapse = shown["entropy collapse"]
    assert collapse.value == pytest.approx(0.053, abs=5e-4) and 70 < collapse.step < 90
    assert "from 0.542 to 0.053" in collapse.sentence
    assert shown["gradient spikes"].step == 16 and shown["gradient spikes"].value == pytest.approx(65.958)
    assert shown["plateau"].step < 150
    assert set(shown) == {"entropy collapse", "gradient spikes", "plateau"}


def test_terms_of_the_unsloth_run_are_told_and_the_constant_ones_named():
    found = real("unsloth_trainer_state.json")
    courses = {course.term: course for course in found.courses}
    assert courses[""].first < 0.2 and courses[""].last > 1.3
    assert health.CLAIMED in courses["correctness_reward_func"].note
    assert (
        courses["soft_format_reward_func"].constant and health.CLAIMED not in courses["strict_format_reward_func"].note
    )
    shown = signs(found)
    assert "soft_format_reward_func (0), strict_format_reward_func (0)" in shown["constant term"].sentence
    assert shown["gradient spikes"].step == 84
    assert found.unsaid["entropy collapse"] == "not in the log"


def test_a_short_real_log_has_a_course_for_each_term_and_no_alarm_but_the_constant_terms():
    found = real("gemma3_trainer_state.json")
    assert len(found.courses) == 6
    assert list(signs(found)) == ["constant term"]


def test_an_honest_run_shows_no_sign(fixtures):
    for name in ("trl_honest", "verl_honest", "easyr1_honest", "honest.csv"):
        assert not health.of(readers.read(fixtures / name)).findings


def test_a_hacked_run_whose_term_fell_is_told_without_any_accuracy(fixtures):
    shown = signs(health.of(readers.read(fixtures / "easyr1_hacked")))
    assert "its term accuracy fell from 0.21 to 0.00174" in shown["term against reward"].sentence
    assert signs(health.of(readers.read(fixtures / "trl_hacked"))).keys() == {"cut off", "no advantage"}


def test_health_stands_apart_from_the_verdict_in_text_json_and_page(fixtures, tmp_path):
    text = command.audit(fixtures / "trl_hacked", out=tmp_path / "a")
    verdict_part, _, health_part = text.partition(f"  health: {report.HEALTH}\n")
    assert "verdict" in verdict_part and "cut off" not in verdict_part
    assert "80 % of the completions hit the limit of length at the end" in health_part
    assert "honest runs that show it: 1 of 209" in health_part
    found = json.loads(command.audit(fixtures / "trl_hacked", out=tmp_path / "b", as_json=True))["health"]
    assert [finding["sign"]["name"] for finding in found["findings"]] == ["cut off", "no advantage"]
    assert found["findings"][0]["honest"] == {"shown": 1, "ever": 2, "runs": 209}
    assert found["courses"][0]["first"] == pytest.approx(0.1333, abs=1e-3)
    page = (tmp_path / "a/audit.html").read_text(encoding="utf-8")
    assert "<h2>Health</h2>" in page and report.HEALTH in page.lower() and "hit the limit of length" in page


def test_every_run_of_a_log_is_told_apart(tmp_path):
    lines = [f"{step},{0.5 if seed else 0},{seed}" for seed in (0, 1) for step in range(30)]
    (tmp_path / "seeds.csv").write_text("\n".join(["step,reward,seed", *lines, ""]))
    found = health.of(readers.read(tmp_path / "seeds.csv"))
    assert [(f.run, f.sign.name) for f in found.findings] == [
        ("0", "zero reward"), ("0", "constant reward"), ("1", "constant reward")
    ]  # fmt: skip
    assert ("1 · reward", "0.5 throughout (30 logged steps)") in health.rows(found)
    assert "zero reward" not in found.clear and "reward fell" in found.clear


def test_few_steps_give_a_course_and_what_cannot_be_said(tmp_path):
    (tmp_path / "short.csv").write_text("step,reward,entropy\n1,0.1,0.5\n2,0.2,0.1\n3,0.3,0.01\n")
    found = health.of(readers.read(tmp_path / "short.csv"))
    assert not found.findings
    course = "0.1 → 0.3, highest 0.3 about step 3 (the first and the last of 3 logged steps)"
    assert health.rows(found)[0] == ("reward", course)
    assert found.unsaid["plateau"] == found.unsaid["entropy collapse"] == "fewer than 20 values in the log"


def test_gradients_that_are_no_numbers_are_found(tmp_path):
    entries = [
        {"step": step, "reward": 0.1 * step, "grad_norm": 1.0 if step < 3 else float("nan")} for step in range(6)
    ]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": entries}))
    (finding,) = health.of(readers.read(tmp_path)).findings
    assert (finding.sign.name, finding.sign.step) == ("not a number", 3)
    assert '"value":null' in report.json_line(verdict.audit(readers.read(tmp_path)), {})


def test_a_verl_console_that_turns_to_nan_says_from_which_step(tmp_path):
    fine = "actor/grad_norm:0.200 - actor/entropy_loss:0.300 - critic/rewards/mean:0.500"
    broken = "actor/grad_norm:nan - actor/entropy_loss:nan - critic/rewards/mean:0.000"
    lines = [f"(main_task pid=7) step:{step} - {fine if step < 25 else broken}" for step in range(30)]
    (tmp_path / "run.log").write_text("\n".join(lines))
    shown = signs(health.of(readers.read(tmp_path / "run.log")))
    assert shown["not a number"].step == 25 and "(1 metrics more)" in shown["not a number"].sentence
    assert shown["zero reward"].step == 25


def test_without_weights_nobody_says_which_term_made_the_rise(fixtures):
    found = health.of(readers.read(fixtures / "easyr1_hacked"))
    assert found.unsaid["rise by form"] == "weights unknown"
    assert "made" not in found.courses[1].note
