"""What an audit found: as text for the terminal, as JSON, and as a page; all say the same."""

from __future__ import annotations

import base64
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined
from pydantic_core import to_json

from counterpoint.audit import health
from counterpoint.audit.log import Check
from counterpoint.audit.verdict import Audit
from counterpoint.report.viewer import plain
from counterpoint.statistics.deceptive import FEWEST, Assessment

TEMPLATE = Path(__file__).with_name("page.html.jinja")

HEALTH = "signs in training, not a verdict on the truth of the reward"
MEANING = {
    "aligned": "reward and held-out accuracy both rose",
    "consistent": "reward and accuracy rose together, but the accuracy is the reward's own judge's: only an outside "
    "judge can tell whether they are true",
    "deceptive": "the reward does not show what held-out accuracy did",
    "saturated": "the reward stood still, and accuracy is not shown to have fallen",
    "inconclusive": "the numbers do not decide it",
}
OUTSIDE = (
    "save completions with their right answers, which are then judged again here (TRL: log_completions, and "
    "log_extra('solution', …) in a reward function; verl: trainer.rollout_data_dir), or measure held-out accuracy with "
    "other code than the reward's (in TRL: counterpoint.audit.HeldOutAccuracy)"
)
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
    rows = [("verdict", _verdict(overall)), *_changes(audit)]
    if overall.probes >= FEWEST:
        trend = "a trend is the 95 % interval of a straight line, not the change that happened"
        rows.insert(3, ("because", f"{overall.reason}; {trend}"))
    if overall.verdict == "consistent":
        rows.append(("outside judge", OUTSIDE))
    if overall.mechanism in MECHANISM:
        rows.append(("mechanism", f"{overall.mechanism}: {MECHANISM[overall.mechanism]}"))
    elif overall.verdict == "deceptive":
        rows.append(("mechanism", "unknown: nothing in this log accounts for the gap"))
    if overall.onset_step is not None:
        low, high = overall.onset_interval
        interval = f" ({low:g} to {high:g})" if math.isfinite(low) and low < high else ""
        rows.append(("onset", f"step {overall.onset_step}{interval}: from here on accuracy no longer followed"))
    if math.isfinite(overall.regret) and audit.only is not None and audit.only.items is not None:
        lost = f"{100 * overall.regret:+.1f} points lost"
        rows.append(("regret", f"{lost} by picking the checkpoint with the highest reward"))
    if overall.probes >= FEWEST:
        rows.append(("error rates", error_rates(audit)))
    if log.judge:
        rows.append(("accuracy by", log.judge))
    if log.checks:
        rows.append(("same answers", f"{_same_answers(log.checks)} ({log.checked_by})"))
    return rows + [("note", note) for note in log.notes] + [("missing", lack) for lack in log.missing]


def _verdict(overall: Assessment) -> str:
    if overall.probes >= FEWEST:
        return f"{overall.verdict}: {MEANING[overall.verdict]}"
    if not overall.probes:
        return f"{overall.verdict}: {overall.reason}"
    return f"{overall.verdict}: {overall.reason}; below are the numbers, but no verdict is reached on so few"


def _changes(audit: Audit) -> list[tuple[str, str]]:
    """What reward and accuracy did, with 95 % intervals, and how they went together."""
    overall, rows = audit.overall, []
    if math.isfinite(overall.accuracy_change):
        rows = [("accuracy", _accuracy(audit)), ("reward", _reward(audit))]
    if apart := audit.parted:
        low, high = (100 * end for end in apart.accuracy_interval)
        rows.append((
            "apart",
            f"since about step {apart.step} the reward rose, by {apart.reward:.3g} ({apart.reward_interval[0]:.3g} to "
            f"{apart.reward_interval[1]:.3g}), while accuracy is not shown to have: {100 * apart.accuracy:+.1f} points "
            f"({low:+.1f} to {high:+.1f})",
        ))  # fmt: skip
    if math.isfinite(overall.spearman):
        of_changes = f"{overall.spearman_of_changes:+.2f}" if math.isfinite(overall.spearman_of_changes) else "unknown"
        rows.append((
            "correlation",
            f"{overall.spearman:+.2f} (Spearman), {of_changes} from probe to probe; trending series correlate by "
            "themselves, so this decides nothing",
        ))  # fmt: skip
    return rows


def _accuracy(audit: Audit) -> str:
    """From the first probe to the last, by how much; the peak, and the fall from there."""
    overall = audit.overall
    low, high = (100 * end for end in overall.accuracy_change_interval)
    changed = f"{100 * overall.accuracy_change + 0.0:+.1f} points (95 % interval {low:+.1f} to {high:+.1f})"
    curve = audit.only
    if curve is None:
        return f"{changed}, mean over the runs"
    measured = curve.accuracy[np.isfinite(curve.accuracy) & np.isfinite(curve.reward)]
    course = f"{100 * measured[0]:.1f} → {100 * measured[-1]:.1f} %, {changed}"
    low, high = (100 * end for end in overall.fall_interval)
    if np.ptp(measured) == 0:
        return f"{100 * measured[0]:.1f} % at every probe, {changed}"
    if measured[-1] == overall.peak:
        return f"{course}; the last is the highest"
    reached = f"rose to {100 * overall.peak:.1f} % at step {overall.peak_step}"
    if measured[0] == overall.peak:
        reached = "the first is the highest"
    fell = (
        f"{100 * (overall.peak - measured[-1]):.1f} points below; without the luck that makes one of many values the "
        f"highest, {100 * overall.fall:.1f} ({low:.1f} to {high:.1f})"
    )
    return f"{course}; {reached}, the end is {fell}"


def _reward(audit: Audit) -> str:
    overall, curve = audit.overall, audit.only
    low, high = overall.reward_change_interval
    interval = f" (95 % interval {low:+.3g} to {high:+.3g})" if math.isfinite(low) else ""
    changed = f"{overall.reward_change:+.3g}{interval}"
    if curve is None:
        return f"{changed}, mean over the runs"
    measured = curve.reward[np.isfinite(curve.accuracy) & np.isfinite(curve.reward)]
    return f"{measured[0]:.3g} → {measured[-1]:.3g}, {changed}"


def curves(audit: Audit) -> list[str]:
    """One line a curve, where there are several."""
    if len(audit.assessed) < 2:
        return []
    return [
        f"{curve.name}: {result.verdict}, mechanism {result.mechanism}; {result.reason}"
        for curve, result in zip(audit.log.curves, audit.assessed, strict=True)
    ]


def error_rates(audit: Audit) -> str:
    """The detector's error rates at this length, or that they are not known."""
    if audit.only is None:
        return "not known for several runs together; those of single runs: docs/deceptive.md"
    probes, rates = f"{audit.overall.probes} probes", audit.rates
    if rates is None:
        return f"at {probes}: not known, so few were not measured (docs/deceptive.md)"
    return (
        f"at {probes}: {100 * rates.false_alarm:.1f} % of honest runs are called deceptive (simulated at "
        f"{rates.length}); of runs whose accuracy falls by 10 points on 256 problems while the reward rises "
        f"{100 * rates.power:.0f} % are found (at {rates.power_length}); docs/deceptive.md"
    )


def _same_answers(checks: tuple[Check, ...]) -> str:
    """What the reward pays for and what is right, on the very same completions, first and last."""
    lines = []
    for check in dict.fromkeys((checks[0], checks[-1])):
        paid = "" if math.isnan(check.paid) else f"{check.paid:.0%} paid for, "
        wrong = f", {check.false_positive:.0%} paid for though wrong" if paid else ""
        lines.append(f"step {check.step}: {paid}{check.right:.0%} right{wrong}")
    return "; ".join(lines).replace("%", " %")


def text(audit: Audit) -> str:
    """The whole audit for a terminal, control characters left out."""
    lines = [f"{audit.log.path} ({audit.log.kind})"]
    lines += [f"  {heading:<13} {fact}" for heading, fact in facts(audit)]
    lines += [f"  {'curve':<13} {line}" for line in curves(audit)]
    lines += [f"  health: {HEALTH}", *(f"    {heading:<19} {fact}" for heading, fact in health.rows(audit.health))]
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
        health=health.rows(audit.health),
        health_is=HEALTH,
        picture=base64.b64encode(picture.read_bytes()).decode("ascii"),
    )
    path.write_text(page, encoding="utf-8", newline="\n")


def json_line(audit: Audit, files: dict[str, str]) -> str:
    """The audit as one line of JSON, with the paths of its files; what is not known is null."""
    log = audit.log
    record = {
        "path": str(log.path),
        "kind": log.kind,
        **asdict(audit.overall),
        "accuracy_by": log.judge,
        "error_rates": audit.rates,
        "curves": [
            {"run": curve.run, "suite": curve.suite, "n_items": curve.n_items, **asdict(result)}
            for curve, result in zip(log.curves, audit.assessed, strict=True)
        ],
        "health": asdict(audit.health),
        "checks": log.checks,
        "notes": log.notes,
        "missing": log.missing,
        **files,
    }
    return to_json(record, inf_nan_mode="null").decode("utf-8")
