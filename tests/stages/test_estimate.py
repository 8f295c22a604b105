"""The estimate grows with the work and promises nothing for models that were never timed."""

import dataclasses
from pathlib import Path

import pytest

from counterpoint import params, studies
from stages import estimate

ROOT = Path(__file__).parents[2]


@pytest.fixture
def default():
    return params.parse(studies.compose("default", ROOT / "studies"))


def test_a_larger_group_takes_longer(default):
    larger = dataclasses.replace(default, rl=dataclasses.replace(default.rl, group_size=16))
    assert estimate.seconds(larger)[0] > estimate.seconds(default)[0]


def test_the_quick_study_is_much_shorter(default):
    quick = params.parse(studies.compose("quick", ROOT / "studies"))
    assert estimate.seconds(quick)[0] < estimate.seconds(default)[0] / 5


def test_no_time_is_promised_for_an_unknown_model(default, monkeypatch, capsys):
    unknown = {**default.runs.base, "base-other": params.BaseRun("other")}
    runs = dataclasses.replace(default.runs, base=unknown)
    monkeypatch.setattr(params, "load", lambda: dataclasses.replace(default, runs=runs))
    estimate.program([])
    assert "no time is promised" in capsys.readouterr().out
