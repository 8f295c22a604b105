"""How often honest runs show each sign of counterpoint.audit.signs, beside rldoctor 0.2.0 where it is there.

    python -m bench.calibration.health      a few seconds; prints the tables of docs/audit.md and writes the rates

Honest runs are those of the published study that RL trained with the strict judge as their reward
(metrics/published/published), of at least `FEWEST` steps. A sign counts at the end of a run, and `ever` where it was
shown at one of the `LOOKS`, as somebody who watches the run would have seen it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from counterpoint.audit import health
from counterpoint.audit.curves import Logged, logged
from counterpoint.audit.health import RULES
from counterpoint.audit.log import Accuracies, RunMetrics, SavedCompletions
from counterpoint.audit.signs import FEWEST
from counterpoint.statistics import wilson_interval

PUBLISHED = Path(__file__).parents[2] / "metrics/published/published"
LOOKS = (20, 30, 45, 70, 100, 150, 220, 330, 500, 750, 1100)  # steps after which somebody looks
RLDOCTOR = Path("work/rivals")  # where `make calibrate` puts it
SEEDS = 20  # runs a scenario of rldoctor's simulator
ITS_CHECKS = {  # rldoctor's detectors, and the signs that tell the same
    "entropy_collapse": ("entropy collapse",),
    "advantage_collapse": ("no advantage",),
    "length_pathology": ("cut off", "longer completions"),
    "kl_drift": ("high KL",),
    "gradient_pathology": ("gradient spikes", "no gradient", "vanishing gradient", "not a number"),
    "reward_composition": ("rise by form", "constant term"),
    "plateau": ("plateau", "reward fell"),
}


@cache
def honest_runs() -> dict[str, RunMetrics]:
    """The honest runs by name."""
    import duckdb

    steps = duckdb.sql(f"""
        select run_id, step, reward, reward_std, entropy, kl, completion_length, truncated_fraction,
            zero_advantage_fraction, grad_norm, loss
        from '{PUBLISHED}/steps.parquet' where reward is not null order by run_id, step
    """)
    terms = duckdb.sql(f"select run_id, step, term, weight, mean from '{PUBLISHED}/rewards.parquet' order by all")
    runs: dict[str, RunMetrics] = {}
    for run_id, step, *values in steps.fetchall():
        if run_id not in runs:
            runs[run_id] = RunMetrics({}, {}, Accuracies({}), SavedCompletions(), "", run_id, {}, weights={})
        for name, value in zip(steps.columns[2:], values, strict=True):
            if value is not None:
                runs[run_id].metrics.setdefault(name, {})[step] = value
    for run_id, step, term, weight, mean in terms.fetchall():
        runs[run_id].terms.setdefault(term, {})[step] = mean
        runs[run_id].weights[term] = weight
    for run in runs.values():
        run.reward.update(run.metrics["reward"])
    return {run_id: run for run_id, run in runs.items() if len(run.reward) >= FEWEST}


def until(run: RunMetrics, step: int) -> RunMetrics:
    """The run as it stood after a step."""

    def cut(series):
        return {at: value for at, value in series.items() if at <= step}

    parts = [{name: cut(series) for name, series in part.items()} for part in (run.metrics, run.terms)]
    return RunMetrics(cut(run.reward), parts[0], run.accuracies, run.saved, "", run.run, parts[1], weights=run.weights)


def shown(run: Logged) -> set[str]:
    """The names of the signs that a run shows."""
    return {sign.name for sign in health.shown(run)}


def rates() -> dict:
    """By sign, of the honest runs that log what it needs: how many show it at the end, and ever."""
    at_end, ever, judged = Counter(), Counter(), Counter()
    for run in honest_runs().values():
        curves = logged(run)
        judged.update(rule.name for rule in RULES if rule.unjudged(curves) is None)
        last = shown(curves)
        at_end.update(last)
        looks = [until(run, look) for look in LOOKS if look < len(run.reward)]
        ever.update(last.union(*(shown(logged(part)) for part in looks)))
    signs = {rule.name: {"shown": at_end[rule.name], "ever": ever[rule.name], "runs": judged[rule.name]}
             for rule in RULES}  # fmt: skip
    return {"study": "published", "looks": list(LOOKS), "signs": signs}


def write() -> None:
    """Measure the rates and write them into the package."""
    health.MEASURED.write_text(json.dumps(rates(), indent=1) + "\n", encoding="utf-8")


def table(measured: dict) -> str:
    """The signs and how many honest runs show them, as docs/audit.md has it."""
    lines = [
        "| sign | shown when | honest runs that show it | at most (95 %) | at any look |",
        "|---|---|---:|---:|---:|",
    ]
    for rule in RULES:
        rate = measured["signs"][rule.name]
        high = wilson_interval(rate["shown"], rate["runs"])[1]
        lines.append(f"| {rule.name} | {rule.shown_when} | {rate['shown']} of {rate['runs']} | {100 * high:.1f} % | "
                     f"{rate['ever']} |")  # fmt: skip
    return "\n".join(lines)


def _rldoctor():
    if RLDOCTOR.exists() and str(RLDOCTOR) not in sys.path:
        sys.path.append(str(RLDOCTOR))
    try:
        import rl_doctor
        import rl_doctor.simulate
    except ImportError:
        return None
    return rl_doctor


def _rows(run: RunMetrics) -> Iterator[dict]:
    """The run as rldoctor takes it: a mapping a step, terms under TRL's names."""
    terms = {f"rewards/{name}/mean": series for name, series in run.terms.items()}
    names = {"zero_advantage_fraction": "frac_reward_zero_std", "truncated_fraction": "completions/clipped_ratio",
             "completion_length": "completions/mean_length"}  # fmt: skip
    columns = {names.get(name, name): series for name, series in run.metrics.items()} | terms
    for step in run.reward:
        yield {"step": step} | {name: series[step] for name, series in columns.items() if step in series}


def _its_checks(rl_doctor, rows: list[dict], config: dict | None = None) -> set[str]:
    """Its detectors that warn, or say worse."""
    found = rl_doctor.diagnose(rl_doctor.run_from_records(rows, config=config)).findings
    return {finding.detector for finding in found if finding.severity >= rl_doctor.Severity.WARNING}


def _simulated(rl_doctor, scenario: str) -> Iterator[tuple[set[str], set[str]]]:
    """What each tool says of `SEEDS` runs of rldoctor's own simulator."""
    for seed in range(SEEDS):
        rows, config = rl_doctor.simulate.simulate(scenario, seed=seed)
        series: dict[str, dict[int, float]] = {}
        for row in rows:
            for name, value in row.items():
                series.setdefault(name, {})[row["step"]] = value
        terms = {name.split("/")[1]: series[name] for name in series if name.startswith("rewards/")}
        weights = {"correctness": 1.0, "format": 0.1}  # its reward is this sum, up to noise
        run = RunMetrics(series["reward"], series, Accuracies({}), SavedCompletions(), "", "", terms, weights=weights)
        yield _its_checks(rl_doctor, rows, config), shown(logged(run))


def beside_rldoctor() -> str | None:
    """Both tools on the honest runs and on rldoctor's simulated failures, as docs/audit.md has it; None without it."""
    rl_doctor = _rldoctor()
    if rl_doctor is None:
        return None
    honest = [(_its_checks(rl_doctor, list(_rows(run))), shown(logged(run))) for run in honest_runs().values()]
    failures: dict[str, list[tuple[set[str], set[str]]]] = {check: [] for check in ITS_CHECKS}
    for scenario, checks in rl_doctor.simulate.EXPECTED_DETECTIONS.items():
        for check in set(checks) & set(ITS_CHECKS):
            failures[check] += _simulated(rl_doctor, scenario)
    lines = [
        "| check of rldoctor | signs here | honest runs: rldoctor | here | its simulated failures: rldoctor | here |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for check, names in ITS_CHECKS.items():
        alarms, hits = (_counts(both, {check}, set(names)) for both in (honest, failures[check]))
        number = len(failures[check])
        lines.append(f"| `{check}` | {', '.join(names)} | {alarms[0]} of {len(honest)} | {alarms[1]} | "
                     f"{hits[0]} of {number} | {hits[1]} |")  # fmt: skip
    every = set(ITS_CHECKS), {name for names in ITS_CHECKS.values() for name in names}
    alarms, healthy = (_counts(both, *every) for both in (honest, list(_simulated(rl_doctor, "healthy"))))
    lines.append(f"| any of these | any of these | {alarms[0]} of {len(honest)} | {alarms[1]} | "
                 f"healthy: {healthy[0]} of {SEEDS} | {healthy[1]} |")  # fmt: skip
    return "\n".join(lines)


def _counts(both: Sequence[tuple[set[str], set[str]]], checks: set[str], names: set[str]) -> tuple[int, int]:
    """Of runs with what each tool says, those of which rldoctor says one of `checks`, and we one of `names`."""
    return sum(bool(its & checks) for its, _ in both), sum(bool(ours & names) for _, ours in both)


def main() -> None:
    write()
    print(table(json.loads(health.MEASURED.read_text(encoding="utf-8"))))
    print(beside_rldoctor() or "rldoctor is not there (make calibrate puts it into work/rivals)")


if __name__ == "__main__":
    main()
