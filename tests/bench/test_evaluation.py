"""The benchmark of evaluation: both arms answer alike, and a trial writes nothing."""

import pytest

from bench import evaluation
from counterpoint.errors import UserError
from counterpoint.suites.views import views


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(evaluation, "MAX_TOKENS", 6)
    monkeypatch.setattr(evaluation, "SAMPLES", 2)


def test_both_arms_give_the_same_greedy_completions(lively_folder, problems, short):
    from counterpoint.models import checkpoint

    loaded = checkpoint.load(str(lively_folder))
    shown = views([*problems, *problems[:4]], evaluation.THINK)  # two batches of the plain loop
    ours, plain = (arm(*loaded, shown, 0) for arm in (evaluation.ours, evaluation.plain))
    assert ours == plain and len({found[0].text for found in ours}) > 8
    for arm in (evaluation.ours, evaluation.plain):
        assert [len(found) for found in arm(*loaded, shown[:3], 2)] == [2, 2, 2]


def test_a_measurement_times_every_round_and_counts_equal_answers(lively_folder, problems, short):
    row = evaluation.measure(str(lively_folder), problems, 0, rounds=2)
    assert row["same_greedy_completions"] == 1.0 and row["problems"] == 16 and len(row["ratios"]) == 2
    assert min(row["problems_per_second"].values()) > 0 and min(row["ratios"]) <= row["ratio"] <= max(row["ratios"])
    assert evaluation.measure(str(lively_folder), problems[:2], 2, rounds=1)["same_greedy_completions"] is None


def test_a_trial_prints_a_table_and_writes_nothing(lively_folder, short, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = evaluation.main(["--model", str(lively_folder), "--problems", "4", "--rounds", "1", "--threads", "1"])
    said = capsys.readouterr().out.splitlines()
    assert done == 0 and len(said) == 3 and "100.00 %" in said[1] and said[0].startswith("model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--problems", "--rounds", "--threads"])
def test_no_work_is_refused(option):
    with pytest.raises(UserError, match="must be at least 1"):
        evaluation.main([option, "0"])
