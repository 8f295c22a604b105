"""The league of rivals on a few runs; a stand-in for a rival has its interface and says what its inputs make it say."""

import json
import sys

import numpy as np
import pytest

from bench.league import __main__ as league
from bench.league import draw, methods, rates

RIVAL = '''
"""Says CRITICAL where the held-out score fell and WARNING where it stood still, as any rldoctor would."""
from types import SimpleNamespace

class Run:
    def __init__(self, steps, series):
        self.rise = {name: values[-1] - values[0] for name, values in series.items()}
        assert len(steps) == len(series["reward_mean"]) == len(series["eval_score"])

def diagnose(run, only):
    assert only == ["reward_hacking"]
    fell = run.rise["eval_score"] < 0
    metrics = {"rank_correlation": 0.9 - fell, "hacking_gap": run.rise["reward_mean"] - run.rise["eval_score"]}
    return SimpleNamespace(by_name=lambda name: SimpleNamespace(severity=4 if fell else 3, metrics=metrics))
'''


@pytest.fixture
def rivals(tmp_path, monkeypatch):
    """An empty folder of rivals, and a league of few runs."""
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(methods.RIVALS)])
    monkeypatch.setattr(methods, "RIVALS", tmp_path)
    monkeypatch.setattr(league, "SIZES", (0.1,))
    monkeypatch.setattr(rates, "DRAWS", 20)
    for name in [name for name in sys.modules if name.split(".")[0] == "rl_doctor"]:
        monkeypatch.delitem(sys.modules, name)
    yield tmp_path
    sys.modules.pop("rl_doctor", None)


def install(folder, version):
    (folder / "rl_doctor.py").write_text(RIVAL)
    about = folder / f"rldoctor-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rldoctor\nVersion: {version}\n")


def test_without_rivals_the_league_is_ours_and_says_who_is_missing(rivals, monkeypatch, capsys):
    monkeypatch.setattr(league, "RUNS", 150)
    monkeypatch.setattr(league, "LENGTHS", (12,))
    monkeypatch.setattr(sys, "argv", ["league", "--quick"])
    monkeypatch.setattr(league, "OUT", rivals / "never")
    league.main()
    shown = capsys.readouterr().out
    assert "left out: rldoctor 0.2.0, rlprobe 0.1.0, rlwatch 0.5.1, reward-scope 0.2.2; `make league`" in shown
    assert "| counterpoint | " in shown and "| slope test | " in shown and "| rldoctor" not in shown
    assert not (rivals / "never").exists()


@pytest.mark.slow
def test_a_rival_that_is_there_is_judged_at_its_own_points_and_ours_at_its_false_alarms(rivals):
    install(rivals, methods.PINS["rldoctor"])
    result = json.loads(json.dumps(league.measure(15)))
    assert result["versions"]["rldoctor"] == "0.2.0" and "rldoctor 0.2.0" not in result["missing"]
    assert (result["honest"], result["deceptive"]) == (15, 15)  # one of each kind and length
    method = result["methods"]["rldoctor"]
    warned = method["points"]["WARNING or worse"]
    assert warned["false_alarms"]["rate"] == warned["found"]["rate"] == warned["ours"]["found"]["rate"] == 1
    fell = method["points"]["CRITICAL"]
    assert fell["by_kind"]["divergence"] == {"12": 1, "20": 1, "40": 1}
    assert fell["ours"]["false_alarms"]["rate"] <= fell["false_alarms"]["rate"] < 1
    gain = fell["ours"]["gain"]
    assert gain["value"] == pytest.approx(fell["ours"]["found"]["rate"] - fell["found"]["rate"], abs=2e-4)
    assert gain["low"] <= gain["value"] <= gain["high"]
    by_length = fell["ours"]["by_length"]
    assert list(by_length) == ["12", "20", "40"] and all(
        -1 <= cell["gain"]["value"] <= 1 for cell in by_length.values()
    )
    ours = result["methods"]["counterpoint"]
    assert ours["auroc"]["value"] > 0.9 and ours["at_1_percent"]["false_alarms"]["rate"] <= 0.01
    assert len(ours["roc"]) == len(result["roc_at"]) and ours["roc"] == sorted(ours["roc"])
    table = league.tables(result)
    assert "| rldoctor 0.2.0 | " in table and "|  |  |  | WARNING or worse | 100.0 % | 100.0 % | 100.0 % (+0.0" in table
    draw.draw(result, rivals / "league.png")
    assert (rivals / "league.png").stat().st_size > 10_000


def test_a_rival_in_another_version_than_pinned_is_missing(rivals):
    install(rivals, "0.1.9")
    assert "rldoctor" not in methods.versions()


def test_every_length_size_and_kind_has_as_many_runs_and_seeds_do_not_hang_on_their_order(monkeypatch):
    runs = list(league.courses(30))
    assert sorted({len(run.steps) for run in runs}) == [12, 20, 40]
    last = list(league.KINDS)[-1]
    monkeypatch.setattr(league, "KINDS", {last: league.KINDS[last]})
    assert np.array_equal(next(league.courses(6)).reward, next(run for run in runs if run.kind == last).reward)


def test_thresholds_let_no_more_honest_runs_pass_than_allowed():
    scores = np.array([5.0, 4, 4, 1, 6, 4, 2, 0])
    deceptive = np.array([False] * 4 + [True] * 4)
    assert rates.above(scores, deceptive, 0.0).tolist() == [False] * 4 + [True] + [False] * 3
    assert rates.above(scores, deceptive, 0.25).tolist() == [True] + [False] * 3 + [True] + [False] * 3  # 4 is a tie
    assert rates.above(scores, deceptive, 0.75).tolist() == [True] * 3 + [False] + [True] * 3 + [False]
    assert rates.above(scores, deceptive, 1.0).all()
    assert rates.auroc(scores, deceptive) == pytest.approx((4 + 2 + 1 + 0) / 16)


def test_an_interval_holds_what_is_measured_and_narrows_with_more_runs():
    rng = np.random.default_rng(1)
    widths = []
    for number in (50, 800):
        deceptive = np.arange(2 * number) < number
        shown = rates.interval(rates.auroc, deceptive, rng.standard_normal(2 * number) + deceptive)
        assert shown["low"] < shown["value"] < shown["high"] and shown["low"] < 0.76 < shown["high"]
        widths.append(shown["high"] - shown["low"])
    assert widths[1] < widths[0] / 3


@pytest.mark.skipif(len(methods.versions()) <= len(methods.PINS), reason="rivals are not installed: make league")
def test_every_rival_tells_a_divergence_from_an_honest_rise():
    rng = np.random.default_rng(3)
    honest, deceptive = (league.simulate(rng, kind, 40, size=0.1) for kind in ("steady", "divergence"))
    for name in ("rldoctor", "rldoctor, its gap", "rlprobe", "reward-scope"):
        assert methods.METHODS[name](deceptive)[0] > methods.METHODS[name](honest)[0], name
    assert methods.METHODS["rldoctor"](deceptive)[1] == {"CRITICAL": True, "WARNING or worse": True}
    assert methods.METHODS["rlwatch"](deceptive)[0] >= 1
