"""The shipped rates of signs on honest runs are those of the published tables, and docs/audit.md holds them."""

from __future__ import annotations

import json

import pytest

from bench.calibration import health as calibration
from counterpoint.audit import health
from counterpoint.audit.health import RULES
from counterpoint.audit.signs import FEWEST


@pytest.fixture(scope="module")
def shipped() -> dict:
    """The rates in the package."""
    return json.loads(health.MEASURED.read_text(encoding="utf-8"))


def test_shipped_rates_are_those_of_the_published_tables(shipped):
    assert shipped == calibration.rates()


def test_every_sign_has_a_rate_and_the_docs_hold_it(root, shipped):
    assert list(shipped["signs"]) == [rule.name for rule in RULES]
    assert calibration.table(shipped) in (root / "docs/audit.md").read_text(encoding="utf-8")


def test_alarms_are_rare_on_honest_runs(shipped):
    describing = {"no advantage", "no rise", "plateau"}  # which honest runs do show
    for name, rate in shipped["signs"].items():
        assert rate["shown"] <= rate["ever"] <= rate["runs"]
        assert rate["shown"] <= (0.2 if name in describing else 0.02) * rate["runs"]


def test_honest_runs_are_those_that_the_strict_judge_rewards():
    runs = calibration.honest_runs()
    assert len(runs) > 200
    for run in runs.values():
        assert len(run.reward) >= FEWEST and run.weights == {"accuracy": 0.9, "format": 0.1}


def test_a_run_as_it_stood_ends_at_that_step():
    run = next(iter(calibration.honest_runs().values()))
    part = calibration.until(run, 20)
    assert max(part.reward) == max(part.metrics["entropy"]) == max(part.terms["format"]) == 20
    assert part.reward == {step: run.reward[step] for step in range(1, 21)}
