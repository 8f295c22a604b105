"""What a log shows without any accuracy: the course of the reward and of its terms, and signs in training.

A sign is not a verdict on the truth of the reward. Each comes with the number of honest runs that show it too, measured
on the published study by `make calibrate` (bench/calibration/health.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from counterpoint.audit import metric_names, reward_signs, signs
from counterpoint.audit.curves import Curve, Logged, logged
from counterpoint.audit.log import RunLog
from counterpoint.audit.signs import Sign

RULES = (*signs.RULES, *reward_signs.RULES)
MEASURED = Path(__file__).with_name("health_rates.json")
CLAIMED = "accuracy as the reward claims it, on training completions and not held out"


@dataclass(frozen=True)
class Honest:
    """Of `runs` honest runs `shown` have the sign at their end, `ever` had it at one of several looks while they
    trained."""

    shown: int
    ever: int
    runs: int


@dataclass(frozen=True)
class Finding:
    """A sign that a run shows, and how many honest runs show it."""

    run: str
    sign: Sign
    honest: Honest


@dataclass(frozen=True)
class Course:
    """The reward (`term` is empty) or one of its terms, in units of the log: the means of the first and last `window`
    of `values` logged values, and the highest such mean with the step in its middle."""

    run: str
    term: str
    first: float
    last: float
    peak: float
    peak_step: int
    window: int
    values: int
    constant: bool
    note: str


@dataclass(frozen=True)
class Health:
    """`clear` names the signs that were looked for and that no run shows; `unsaid` those that no run's log can show,
    with the reason."""

    courses: tuple[Course, ...]
    findings: tuple[Finding, ...]
    clear: tuple[str, ...]
    unsaid: dict[str, str]


@cache
def honest_rates(path: Path = MEASURED) -> dict[str, Honest]:
    """How many honest runs show each sign, by its name."""
    return {name: Honest(**rate) for name, rate in json.loads(path.read_text(encoding="utf-8"))["signs"].items()}


def of(log: RunLog) -> Health:
    """The courses and signs of every run in a log."""
    rates = honest_rates()
    runs = [(run.run, logged(run)) for run in log.runs]
    findings = [Finding(name, sign, rates[sign.name]) for name, curves in runs for sign in shown(curves)]
    names = {finding.sign.name for finding in findings}
    reasons = {rule.name: {rule.unjudged(curves) for _, curves in runs} for rule in RULES}
    return Health(
        tuple(course for name, curves in runs for course in _courses(name, curves)),
        tuple(findings),
        tuple(name for name, whys in reasons.items() if None in whys and name not in names),
        {name: min(whys) for name, whys in reasons.items() if whys and None not in whys},
    )


def shown(run: Logged) -> list[Sign]:
    """The signs that a run shows, in the order of the rules."""
    return [sign for rule in RULES if (sign := rule.judge(run))]


def rows(health: Health) -> list[tuple[str, str]]:
    """What is found, as headings and what stands behind them, in the order of printing."""
    lines = []
    for course in health.courses:
        if course.term:
            lines.append((_heading(course.run, "term"), f"{course.term}: {_of_course(course)}"))
        else:
            lines.append((_heading(course.run, "reward"), f"{_of_course(course)} ({_of_means(course)})"))
    lines += [(_heading(finding.run, finding.sign.name), _of_finding(finding)) for finding in health.findings]
    lines += [("not shown", ", ".join(health.clear))] if health.clear else []
    by_reason: dict[str, list[str]] = {}
    for name, reason in health.unsaid.items():
        by_reason.setdefault(reason, []).append(name)
    return lines + [("not told", f"{', '.join(names)}: {reason}") for reason, names in by_reason.items()]


def _heading(run: str, name: str) -> str:
    return " · ".join(part for part in (run, name) if part)


def _of_course(course: Course) -> str:
    note = f"; {course.note}" if course.note else ""
    if course.constant:
        return f"{course.first:.3g} throughout{note}"
    return f"{course.first:.3g} → {course.last:.3g}, highest {course.peak:.3g} about step {course.peak_step}{note}"


def _of_means(course: Course) -> str:
    if course.constant:
        return f"{course.values} logged steps"
    if course.window == 1:
        return f"the first and the last of {course.values} logged steps"
    return f"means of {course.window} of the {course.values} logged steps"


def _of_finding(finding: Finding) -> str:
    sign, honest = finding.sign, finding.honest
    return f"from step {sign.step}: {sign.sentence} (honest runs that show it: {honest.shown} of {honest.runs})"


def _courses(run: str, curves: Logged) -> list[Course]:
    courses = [_course(run, "", curves.reward, "")]
    for name, curve in curves.terms.items():
        if not len(curve.values):
            continue
        notes = [CLAIMED] if _claims_accuracy(name) else []
        if weight := curves.weights.get(name):
            part = weight * curve.change
            notes.append(f"with its weight {weight:g} it made {part:+.3g} of the reward's {curves.reward.change:+.3g}")
        courses.append(_course(run, name, curve, "; ".join(notes)))
    return courses


def _claims_accuracy(term: str) -> bool:
    return metric_names.kind_of_term(term) == "accuracy" and metric_names.says_accuracy(term)


def _course(run: str, term: str, curve: Curve, note: str) -> Course:
    top = int(curve.means.argmax())
    ends = float(curve.means[0]), float(curve.means[-1])
    constant = bool((curve.values == curve.values[0]).all())
    return Course(run, term, *ends, float(curve.means[top]), curve.step(top), curve.window, len(curve.values), constant,
                  note)  # fmt: skip
