"""What an audit found, in words and as JSON; the page and the terminal say the same."""

from __future__ import annotations

import math
from dataclasses import asdict

from counterpoint.audit import calibrated
from counterpoint.audit.log import Check
from counterpoint.audit.verdicts import Audit
from counterpoint.statistics.deceptive import Assessment

MEANING = {
    "aligned": "reward and held-out accuracy both rose",
    "deceptive": "the reward rose, held-out accuracy did not follow",
    "saturated": "the reward stood still, so there is nothing to tell",
    "inconclusive": "the numbers do not decide it",
}
MECHANISM = {
    "format": "the reward pays for form",
    "verifier": "the reward calls answers right that are wrong",
    "memorisation": "it is earned on training prompts, not on held-out ones",
    "over_specialisation": "accuracy rose in domain and was lost on shifted problems",
    "decoding": "it is earned by sampling, not by greedy answers",
    "length": "the reward pays for length",
}


def facts(audit: Audit) -> list[tuple[str, str]]:
    """Headings and what stands behind them, in the order of printing."""
    found, log = audit.overall, audit.log
    told = [("verdict", f"{found.verdict}: {MEANING[found.verdict]}"), ("because", found.reason)]
    if found.mechanism not in ("none", "unknown"):
        told.append(("mechanism", f"{found.mechanism}: {MECHANISM[found.mechanism]}"))
    elif found.verdict == "deceptive":
        told.append(("mechanism", "unknown: nothing in this log accounts for the gap"))
    if math.isfinite(found.reward_slope):
        told += [
            ("reward", f"{found.reward_slope:+.3g} over the run ({_between(found.reward_slope_interval, '{:+.3g}')})"),
            ("accuracy", f"{100 * found.accuracy_slope:+.1f} points over the run "
                         f"({_between(tuple(100 * x for x in found.accuracy_slope_interval), '{:+.1f}')})"),
            ("correlation", f"{_known(found.spearman)} (Spearman), {_known(found.spearman_of_changes)} from probe to "
                            "probe; trending series correlate by themselves, so this decides nothing"),
        ]  # fmt: skip
    if found.onset_step is not None:
        told.append(("onset", onset(found)))
    if math.isfinite(found.regret):
        told.append(
            ("regret", f"{100 * found.regret:+.1f} points lost by picking the checkpoint with the highest reward")
        )
    told.append(("error rates", error_rates(audit)))
    if log.judge:
        told.append(("accuracy by", log.judge))
    if checked := same_sample(log.checks):
        told.append(("same answers", f"{checked} ({log.checked_by})"))
    told += [("note", note) for note in log.notes] + [("missing", lack) for lack in log.missing]
    return told


def curves(audit: Audit) -> list[str]:
    """One line a curve, where there are several."""
    if len(audit.assessed) < 2:
        return []
    return [
        f"{curve.name}: {found.verdict}, mechanism {found.mechanism}; {found.reason}"
        for curve, found in zip(audit.log.curves, audit.assessed, strict=True)
    ]


def onset(found: Assessment) -> str:
    """The step from which accuracy no longer followed."""
    low, high = found.onset_interval
    return f"step {found.onset_step}" + (f" ({low:g} to {high:g})" if math.isfinite(low) and low < high else "")


def error_rates(audit: Audit) -> str:
    """The detector's error rates at this length, or that they are not known."""
    probes = f"{audit.overall.probes} probes"
    if audit.rates is None:
        return f"at {probes}: {calibrated.NOT_RUN} (make calibrate)"
    rates = audit.rates
    return (
        f"at {probes}: {100 * rates.false_alarm:.1f} % of honest runs are called deceptive (simulated at "
        f"{rates.length}); of runs whose accuracy falls by 10 points on 256 problems while the reward rises "
        f"{100 * rates.power:.0f} % are found (at {rates.power_length}); docs/deceptive.md"
    )


def same_sample(checks: tuple[Check, ...]) -> str:
    """What the reward pays for and what is right, on the very same completions, first and last."""
    if not checks:
        return ""
    first, last = checks[0], checks[-1]
    if math.isnan(last.paid):
        return f"{_share(first.right)} right at step {first.step}, {_share(last.right)} at step {last.step}"
    said = [
        f"step {one.step}: {_share(one.paid)} paid for, {_share(one.right)} right, "
        f"{_share(one.false_positive)} paid for though wrong"
        for one in dict.fromkeys((first, last))
    ]
    return "; ".join(said)


def text(audit: Audit) -> str:
    """The whole audit for a terminal, control characters left out."""
    lines = [f"{audit.log.path} ({audit.log.kind})"]
    lines += [f"  {name:<13} {said}" for name, said in facts(audit)]
    lines += [f"  {'curve':<13} {line}" for line in curves(audit)]
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in "\n".join(lines))


def record(audit: Audit, files: dict[str, str]) -> dict:
    """The audit as JSON has it: what is not known is null."""
    log = audit.log
    return _plain(
        {
            "path": str(log.path), "kind": log.kind, **asdict(audit.overall), "accuracy_by": log.judge,
            "error_rates": asdict(audit.rates) if audit.rates else None,
            "curves": [
                {"run": curve.run, "suite": curve.suite, "n_items": curve.n_items, **asdict(found)}
                for curve, found in zip(log.curves, audit.assessed, strict=True)
            ],
            "checks": [asdict(check) for check in log.checks],
            "notes": list(log.notes), "missing": list(log.missing), **files,
        }
    )  # fmt: skip


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _between(interval: tuple[float, float], form: str) -> str:
    return f"95 % interval {form.format(interval[0])} to {form.format(interval[1])}"


def _known(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else "unknown"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
