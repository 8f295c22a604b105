"""The parts of an audit, by hand-made numbers."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest

from bench.calibration.__main__ import of_audit
from counterpoint.audit import completions, log, metric_names, readers, report, series, verdict
from counterpoint.audit.dialects import trl
from counterpoint.audit.dialects.dialect import Parts
from counterpoint.audit.log import Accuracies, RunMetrics, SavedCompletions
from counterpoint.errors import UserError
from counterpoint.statistics.reward_parts import since_last


def test_weights_are_recovered_where_the_terms_add_up():
    rng = np.random.default_rng(0)
    terms = {name: dict(enumerate(rng.random(12))) for name in ("accuracy", "format", "metric")}
    reward = {step: 0.9 * terms["accuracy"][step] + 0.1 * terms["format"][step] for step in range(12)}
    assert series.weights(reward, terms) == {"accuracy": 0.9, "format": 0.1, "metric": 0.0}
    assert series.weights({**reward, 3: 2.0}, terms) is None
    assert series.weights(reward, {**terms, "twice": terms["metric"]}) is None
    never, always, fixed = (dict.fromkeys(range(12), value) for value in (0.0, 0.25, 0.5))
    told = {"accuracy": 0.9, "format": 0.1, "metric": 0.0}
    assert series.weights(reward, {**terms, "never": never}) == told
    paid = {step: value + 2 * always[step] for step, value in reward.items()}
    assert series.weights(paid, {**terms, "never": never, "always": always}) == {**told, "always": 2.0}
    both = {step: value + fixed[step] for step, value in paid.items()}
    assert series.weights(both, {**terms, "always": always, "fixed": fixed}) == told  # what the two pay is one number
    assert series.weights(reward, {}) is None


def test_weights_are_found_in_numbers_that_a_console_rounded():
    rng = np.random.default_rng(1)
    exact = {name: rng.random(60) for name in ("accuracy", "format")}
    rounded = {
        name: {step: float(f"{value:.4g}") for step, value in enumerate(values)} for name, values in exact.items()
    }
    paid = enumerate(exact["accuracy"] + 0.2 * exact["format"])
    assert series.weights({step: float(f"{value:.4g}") for step, value in paid}, rounded) == {
        "accuracy": 1,
        "format": 0.2,
    }
    still, other = ({step: round(0.9 + 1e-4 * rng.random(), 4) for step in range(60)} for _ in range(2))
    assert series.weights(still, {"a": still, "b": other}) is None  # they move less than they are rounded


def test_the_number_of_items_comes_from_exact_fractions_alone():
    assert series.fewest_items({0: 3 / 64, 1: 5 / 16}) == 64
    assert series.fewest_items({0: 0.469, 1: 0.312}) is None
    assert series.fewest_items({0: math.pi / 4}) is None


def test_the_gaps_add_up_to_the_reward():
    probes = np.array([0, 10, 20])
    terms = {"acc": {5: 0.4, 15: 0.6}, "format_reward": {5: 0.2, 15: 1.0}, "length_penalty": {5: 0.1, 15: 0.1}}
    weights = {"acc": 0.8, "format_reward": 0.1, "length_penalty": 0.1}
    accuracy = np.array([0.3, 0.3, 0.2])

    def gaps(**known):
        run = RunMetrics({}, {}, Accuracies({}), SavedCompletions(), "", terms=terms, **known)
        return log.gaps(run, "", probes, accuracy)

    for known in ({"strict": {5: 0.35, 15: 0.3}}, {"held_out": {"": {"acc": {0: 0.3, 10: 0.35, 20: 0.5}}}}):
        parts = gaps(weights=weights, **known)
        reward = sum(weights[name] * since_last(probes, values) for name, values in terms.items())
        assert set(parts) == {"format", "length", "verifier", "memorisation"}
        assert sum(parts.values()) + 0.8 * accuracy == pytest.approx(reward)
    assert gaps() == {}


@pytest.mark.parametrize(
    ("name", "suite"),
    [("accuracy", ""), ("math_accuracy", "math"), ("pass@1", ""), ("gsm8k/acc", "gsm8k"), ("mean_token_accuracy", None),
     ("rewards/accuracy", None), ("loss", None)],
)  # fmt: skip
def test_names_of_accuracies(name, suite):
    assert metric_names.suite_of_accuracy(name) == suite


@pytest.mark.parametrize(
    ("term", "kind"),
    [("format_reward_func", "format"), ("soft_overlong_punishment", "length"), ("len", "length"),
     ("correctness_reward", "accuracy"), ("my_reward", "accuracy")],
)  # fmt: skip
def test_kinds_of_terms(term, kind):
    assert metric_names.kind_of_term(term) == kind


def test_conversations_and_other_formats_are_judged():
    turns = [{"role": "user", "content": "7"}, {"role": "assistant", "content": "so \\boxed{4}"}]
    rows = completions.usable([{"c": turns, "solution": 4}, {"c": "no", "solution": None}], "c", "solution")
    assert rows[0]["completion"] == "so \\boxed{4}" and len(rows) == 1
    saved = completions.judged([(1, rows)], [])
    assert saved.judge == "the lenient judge here, on 1 completions"
    assert saved.right == {1: 1.0} and math.isnan(saved.checks[0].paid)
    unread = completions.judged([(1, [{"completion": "", "gold": "4"}])], [])
    assert unread.checks == () and "no judge" in unread.missing


def test_files_are_spread_over_the_run():
    kept = completions.spread(list(range(1000)))
    assert len(kept) == completions.FILES and kept[0] == 0 and kept[-1] == 999


def test_the_weight_of_a_reward_function_decides_whose_accuracy_it_is():
    values = {0: 0.2, 5: 0.4}
    held_terms = {"": {"correct": values}}
    parts = Parts(held_out=held_terms)
    assert trl.DIALECT.accuracies({}, parts, {"correct": 0.0}).judged_by_reward is False
    assert trl.DIALECT.accuracies({}, parts, {"correct": 1.0}).judged_by_reward is True
    assert trl.DIALECT.accuracies({"eval_accuracy": {0: 0.5}}, parts, {"correct": 1.0}).by_suite == {"": {0: 0.5}}


def test_error_rates_are_those_of_the_longest_measured_length(tmp_path):
    path = tmp_path / "error_rates.json"
    path.write_text(json.dumps({"false_alarm": {"10": 0.03, "20": 0.02, "30": 0.5}, "power": {"10": 0.8, "13": 0.9}}))
    assert verdict.error_rates(25, path) == verdict.Rates(20, 0.02, 13, 0.9)
    assert verdict.error_rates(5, path) is None


def test_the_package_holds_the_error_rates_of_the_calibration(root):
    calibration = json.loads((root / "metrics/calibration.json").read_text())
    assert json.loads(verdict.MEASURED.read_text()) == of_audit(calibration)


def test_unknown_error_rates_are_called_so(root, monkeypatch):
    monkeypatch.setattr(verdict, "error_rates", lambda probes: None)
    audit = verdict.audit(readers.read(root / "tests/fixtures/audit/honest.csv"))
    assert "not known" in report.error_rates(audit)
    monkeypatch.setattr(verdict, "error_rates", lambda probes: verdict.Rates(20, 0.031, 13, 0.87))
    audit = verdict.audit(readers.read(root / "tests/fixtures/audit/honest.csv"))
    assert "simulated at 20" in report.error_rates(audit) and "3.1 %" in report.error_rates(audit)


class Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def test_pickles_and_code_in_the_folder_are_left_alone(root, tmp_path):
    source = root / "tests/fixtures/audit/trl_honest/trainer_state.json"
    for name in ("training_args.bin", "rng_state.pth", "optimizer.pt", "scheduler.pt"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    (tmp_path / "conftest.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')")
    (tmp_path / "trainer_state.json").write_bytes(source.read_bytes())
    assert verdict.audit(readers.read(tmp_path)).overall.verdict == "aligned"
    assert not (tmp_path / "mark").exists()


def test_collected_metrics_may_come_on_several_lines_of_a_step(tmp_path):
    rows = [("line 1", 1, {"reward": 0.5}), ("line 2", 1, {"val": 0.25, "note": "text", "flag": True})]
    assert series.collect(tmp_path, rows) == {"reward": {1: 0.5}, "val": {1: 0.25}}
    with pytest.raises(UserError, match="a second time"):
        series.collect(tmp_path, [*rows, ("line 3", 1, {"reward": 0.5})])
