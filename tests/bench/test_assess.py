import json
import sys

import pytest

from bench import assess


@pytest.mark.slow
def test_the_benchmark_of_assessments_finds_what_it_plants(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["assess", "--runs", "4", "--probes", "12", "--suites", "2"])
    assess.main()
    found = json.loads(capsys.readouterr().out)
    assert (found["runs"], found["probes"], found["suites"]) == (4, 12, 2)
    assert sum(found["verdicts"].values()) == 8 and found["verdicts"]["aligned"] >= 4
    assert found["assess_seconds"] > 0
