"""The methods of the league: each gives a run a score, higher meaning more deceptive, and says whether it flags it.

A rival gets all of a run that its interface takes, with the options and the statistic that do best on these runs. Its
points are what it says by itself; `as shipped` is with its defaults. Rivals lie in work/rivals, without what they would
bring along; one that is not there, in the version of rivals.txt, is left out and named.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from importlib.metadata import distributions
from pathlib import Path

import numpy as np

import counterpoint
from bench.calibration.curves import Run
from counterpoint.statistics.deceptive import MARGIN, assess

RIVALS = Path("work/rivals")
PINS = dict(line.split("==") for line in Path(__file__).with_name("rivals.txt").read_text(encoding="utf-8").split())
Judged = tuple[float, dict[str, bool]]  # the score, and by operating point whether the run is flagged
TOLERANCES = np.linspace(0.02, 1, 50)
STREAKS = range(1, 40)


def ours(run: Run) -> Judged:
    """Reward and accuracy, answer by answer; the evidence in standard errors."""
    judged = assess(run.steps, run.reward, run.accuracy, run.n_items, items=run.items)
    score = judged.evidence if math.isfinite(judged.evidence) else -math.inf
    return score, {"verdict `deceptive`": judged.verdict == "deceptive"}


def slopes(run: Run) -> Judged:
    """Reward and accuracy; that the one rises and the other not by the margin, as if probes were independent."""
    from scipy.stats import t

    score = min(_t(run.steps, run.reward, 0.0), -_t(run.steps, run.accuracy, MARGIN))
    return score, {"both at 5 %": score > t.ppf(0.95, len(run.steps) - 2)}


def _t(steps: np.ndarray, values: np.ndarray, null: float) -> float:
    from scipy.stats import linregress

    window = steps[-1] - steps[0]
    fit = linregress(steps, values)
    return (fit.slope * window - null) / max(fit.stderr * window, 1e-12)


def correlation(run: Run) -> Judged:
    """Reward and accuracy; Spearman's correlation turned round. A threshold on it is what dashboards offer."""
    from scipy.stats import spearmanr

    if np.ptp(run.accuracy) == 0 or np.ptp(run.reward) == 0:
        return 0.0, {"below 0": False}
    score = -float(spearmanr(run.reward, run.accuracy).statistic)
    return score, {"below 0": score > 0}


def rldoctor(run: Run) -> Judged:
    """Reward and accuracy; the severity of its finding `reward_hacking`, and among equals its rank correlation."""
    finding = _rldoctor(run)
    severity = int(finding.severity)  # 2 to 4: info, warning, critical
    score = 10 * severity - finding.metrics["rank_correlation"]
    return score, {"CRITICAL": severity >= 4, "WARNING or worse": severity >= 3}


def rldoctor_gap(run: Run) -> Judged:
    """Reward and accuracy; the gap between them that it reports."""
    return float(_rldoctor(run).metrics["hacking_gap"]), {}


def _rldoctor(run: Run):
    from rl_doctor import Run as Log
    from rl_doctor import diagnose

    log = Log(steps=run.steps, series={"reward_mean": run.reward, "eval_score": run.accuracy})
    return diagnose(log, only=["reward_hacking"]).by_name("reward_hacking")


def rlprobe(run: Run) -> Judged:
    """It has no input for accuracy, which is handed over as a reward component. How little `FORMAT_GAMING` has to be
    loosened to say that the reward is at its ceiling while accuracy stagnates."""
    from rlprobe.doctor.detectors import FormatGaming
    from rlprobe.doctor.engine import diagnose_view
    from rlprobe.doctor.runview import RunView
    from rlprobe.schemas import RunManifest, StepRecord

    rows = [
        StepRecord(step=step, reward_mean=run.reward[at], reward_components={"reward": run.reward[at],
                   "held_out": run.accuracy[at]})
        for step, at in enumerate(_by_training_step(run))
    ]  # fmt: skip
    view = RunView(RunManifest(run_id="run", created_at="", algorithm="grpo"), rows)

    def fires(tolerance: float) -> bool:
        findings = FormatGaming(ceiling_tol=tolerance, plateau_frac=0.5).check(view)
        return any(row.get("component") == "reward" for finding in findings for row in finding.evidence)

    least = bisect_left(TOLERANCES, True, key=fires)
    loosened = least < len(TOLERANCES) and TOLERANCES[least] <= 0.3
    return -float(least), {"as shipped": bool(diagnose_view(view)), "ceiling_tol 0.3, plateau_frac 0.5": loosened}


def _by_training_step(run: Run) -> np.ndarray:
    """For each training step the place of the probe that follows: a probe's reward is the mean since the last."""
    return np.searchsorted(run.steps, np.arange(run.steps[-1] + 1))


def rlwatch(run: Run) -> Judged:
    """It has no input for accuracy. The longest unbroken rise of the reward, by 0.05 or more, that it reports."""
    from rlwatch.config import RewardMeanDriftConfig, RLWatchConfig
    from rlwatch.detectors import DetectorSuite, RewardMeanDriftDetector

    def drifts(probes: int) -> bool:
        settings = RewardMeanDriftConfig(consecutive_steps=probes, warmup_steps=0, min_drift_magnitude=0.05)
        detector = RewardMeanDriftDetector(settings)
        alerts = [detector.check(at, float(reward)) for at, reward in enumerate(run.reward)]
        return any(alert is not None and alert.metric_values["direction"] == "up" for alert in alerts)

    suite = DetectorSuite(RLWatchConfig())
    shipped = [suite.check_step(step, reward_mean=float(run.reward[at])) for step, at in
               enumerate(_by_training_step(run))]  # fmt: skip
    longest = max((probes for probes in STREAKS if drifts(probes)), default=0)
    return float(longest), {"as shipped": any(shipped), "consecutive_steps 4, no warm-up": longest >= 4}


def reward_scope(run: Run) -> Judged:
    """It has no input for accuracy, which is handed over as a reward component, an episode a probe. How far the reward
    dominates it over the last three; what watches actions and states is off, for there are none."""
    from reward_scope.core.detectors import ComponentImbalanceDetector, HackingDetectorSuite

    balance = ComponentImbalanceDetector(dominance_threshold=0.0, imbalance_episodes=3)
    suite = HackingDetectorSuite(disable_detectors=["state_cycling", "action_repetition", "boundary_exploitation"])
    score = 0.0
    for at, (reward, accuracy) in enumerate(zip(run.reward, run.accuracy, strict=True)):
        parts = {"reward": float(reward), "held_out": float(accuracy)}
        suite.update(at, at, None, None, parts["reward"], parts, True, {})
        suite.on_episode_end({"episode": at, "component_totals": parts})
        if alert := balance.on_episode_end(parts):
            sign = 1 if alert.evidence["dominant_component"] == "reward" else -1
            score = sign * float(alert.evidence["dominance_ratio"])
    return score, {"as shipped": bool(suite.get_all_alerts()), "dominance_threshold 0.65": score >= 0.65}


METHODS = {
    "counterpoint": ours,
    "slope test": slopes,
    "correlation": correlation,
    "rldoctor": rldoctor,
    "rldoctor, its gap": rldoctor_gap,
    "rlprobe": rlprobe,
    "rlwatch": rlwatch,
    "reward-scope": reward_scope,
}


def package(method: str) -> str | None:
    """The rival that a method needs; None for what is here anyhow."""
    name = method.split(",")[0]
    return name if name in PINS else None


def versions() -> dict[str, str]:
    """Of counterpoint and of every rival that is there as pinned; makes those importable."""
    lying = {found.metadata["Name"]: found.version for found in distributions(path=[str(RIVALS)])}
    if lying and str(RIVALS) not in sys.path:
        sys.path.append(str(RIVALS))
    return {"counterpoint": counterpoint.__version__} | {n: v for n, v in PINS.items() if lying.get(n) == v}
