"""What an audit found: as text for the terminal, as JSON, and as a page; all say the same."""

from __future__ import annotations

import base64
import math
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from counterpoint.audit.curves import Check, SuiteCurve
from counterpoint.audit.verdict import Audit
from counterpoint.report.viewer import plain
from counterpoint.statistics.deceptive import Assessment

TEMPLATE = Path(__file__).with_name("page.html.jinja")

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
    overall, log = audit.overall, audit.log
    rows = [("verdict", f"{overall.verdict}: {MEANING[overall.verdict]}"), ("because", overall.reason)]
    if overall.mechanism not in ("none", "unknown"):
        rows.append(("mechanism", f"{overall.mechanism}: {MECHANISM[overall.mechanism]}"))
    elif overall.verdict == "deceptive":
        rows.append(("mechanism", "unknown: nothing in this log accounts for the gap"))
    if math.isfinite(overall.reward_slope):
        rows += _changes(overall)
    if overall.onset_step is not None:
        rows.append(("onset", onset(overall)))
    if math.isfinite(overall.regret):
        rows.append(
            ("regret", f"{100 * overall.regret:+.1f} points lost by picking the checkpoint with the highest reward")
        )
    rows.append(("error rates", error_rates(audit)))
    if log.judge:
        rows.append(("accuracy by", log.judge))
    if log.checks:
        rows.append(("same answers", f"{same_sample(log.checks)} ({log.checked_by})"))
    return rows + [("note", note) for note in log.notes] + [("missing", lack) for lack in log.missing]


def _changes(overall: Assessment) -> list[tuple[str, str]]:
    points = tuple(100 * end for end in overall.accuracy_slope_interval)
    return [
        ("reward", f"{overall.reward_slope:+.3g} over the run ({_between(overall.reward_slope_interval, '{:+.3g}')})"),
        ("accuracy", f"{100 * overall.accuracy_slope:+.1f} points over the run ({_between(points, '{:+.1f}')})"),
        (
            "correlation",
            f"{_correlation(overall.spearman)} (Spearman), {_correlation(overall.spearman_of_changes)} from probe to "
            "probe; trending series correlate by themselves, so this decides nothing",
        ),
    ]


def curves(audit: Audit) -> list[str]:
    """One line a curve, where there are several."""
    if len(audit.assessed) < 2:
        return []
    return [
        f"{curve.name}: {result.verdict}, mechanism {result.mechanism}; {result.reason}"
        for curve, result in zip(audit.log.curves, audit.assessed, strict=True)
    ]


def onset(assessment: Assessment) -> str:
    """The step from which accuracy no longer followed, with its interval where there is one."""
    low, high = assessment.onset_interval
    return f"step {assessment.onset_step}" + (f" ({low:g} to {high:g})" if math.isfinite(low) and low < high else "")


def error_rates(audit: Audit) -> str:
    """The detector's error rates at this length, or that they are not known."""
    probes = f"{audit.overall.probes} probes"
    if audit.rates is None:
        return f"at {probes}: not known, so few were not measured (docs/deceptive.md)"
    rates = audit.rates
    return (
        f"at {probes}: {100 * rates.false_alarm:.1f} % of honest runs are called deceptive (simulated at "
        f"{rates.length}); of runs whose accuracy falls by 10 points on 256 problems while the reward rises "
        f"{100 * rates.power:.0f} % are found (at {rates.power_length}); docs/deceptive.md"
    )


def same_sample(checks: tuple[Check, ...]) -> str:
    """What the reward pays for and what is right, on the very same completions, first and last."""
    first, last = checks[0], checks[-1]
    if math.isnan(last.paid):
        return f"{_share(first.right)} right at step {first.step}, {_share(last.right)} at step {last.step}"
    lines = [
        f"step {check.step}: {_share(check.paid)} paid for, {_share(check.right)} right, "
        f"{_share(check.false_positive)} paid for though wrong"
        for check in dict.fromkeys((first, last))
    ]
    return "; ".join(lines)


def text(audit: Audit) -> str:
    """The whole audit for a terminal, control characters left out."""
    lines = [f"{audit.log.path} ({audit.log.kind})"]
    lines += [f"  {heading:<13} {fact}" for heading, fact in facts(audit)]
    lines += [f"  {'curve':<13} {line}" for line in curves(audit)]
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in "\n".join(lines))


def write_page(audit: Audit, picture: Path, path: Path) -> None:
    """Write audit.html with the picture in it: one file that needs nothing else.

    What a log says is hostile: it is escaped, and control characters are spelt out.
    """
    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters["plain"] = plain
    pages.filters["number"] = lambda value: f"{value:.4g}" if math.isfinite(value) else "–"
    page = pages.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        log=audit.log,
        overall=audit.overall,
        facts=facts(audit),
        lines=curves(audit),
        curves=[(curve, _columns(curve)) for curve in audit.log.curves],
        picture=base64.b64encode(picture.read_bytes()).decode("ascii"),
    )
    path.write_text(page, encoding="utf-8", newline="\n")


def _columns(curve: SuiteCurve) -> dict:
    """By heading the numbers at every probe."""
    gaps = {f"{name.replace('_', ' ')} gap": values for name, values in curve.gaps.items()}
    return {"step": curve.steps, "reward": curve.reward, "accuracy": curve.accuracy, **gaps, **curve.metrics}


def record(audit: Audit, files: dict[str, str]) -> dict:
    """The audit as JSON has it: what is not known is null."""
    log = audit.log
    return _without_nan(
        {
            "path": str(log.path),
            "kind": log.kind,
            **asdict(audit.overall),
            "accuracy_by": log.judge,
            "error_rates": asdict(audit.rates) if audit.rates else None,
            "curves": [
                {"run": curve.run, "suite": curve.suite, "n_items": curve.n_items, **asdict(result)}
                for curve, result in zip(log.curves, audit.assessed, strict=True)
            ],
            "checks": [asdict(check) for check in log.checks],
            "notes": list(log.notes),
            "missing": list(log.missing),
            **files,
        }
    )


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _between(interval: tuple[float, float], form: str) -> str:
    return f"95 % interval {form.format(interval[0])} to {form.format(interval[1])}"


def _correlation(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else "unknown"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
