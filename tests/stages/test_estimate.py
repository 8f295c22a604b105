"""The estimate grows with the work and promises nothing for models that were never timed."""

import dataclasses
from pathlib import Path

import pytest

from counterpoint import params, studies
from flows import graph
from stages import estimate

ROOT = Path(__file__).parents[2]


@pytest.fixture
def default():
    return params.parse(studies.compose("default", ROOT / "studies"))


def total(settings):
    return sum(estimate.by_stage(settings).values())


def test_every_stage_of_the_graph_but_the_shipped_ones_is_named(default):
    stages = {name for name in graph.stages(ROOT) if not name.startswith(("base@", "competence@"))}
    assert set(estimate.by_stage(default)) == stages


def test_learning_from_completions_again_costs_less_than_new_ones(default):
    again = dataclasses.replace(default, rl=dataclasses.replace(default.rl, num_iterations=2))
    twice = dataclasses.replace(default, rl=dataclasses.replace(default.rl, group_size=2 * default.rl.group_size))
    assert total(default) < total(again) < total(twice)


def test_a_larger_group_takes_longer(default):
    larger = dataclasses.replace(default, rl=dataclasses.replace(default.rl, group_size=16))
    assert total(larger) > total(default)


def test_the_quick_study_is_much_shorter(default):
    quick = params.parse(studies.compose("quick", ROOT / "studies"))
    assert total(quick) < total(default) / 5


def test_no_time_is_promised_for_an_unknown_model(default, monkeypatch, capsys):
    unknown = {**default.runs.base, "base-other": params.BaseRun("other")}
    runs = dataclasses.replace(default.runs, base=unknown)
    monkeypatch.setattr(params, "load", lambda: dataclasses.replace(default, runs=runs))
    estimate.program([])
    assert "no time is promised" in capsys.readouterr().out
