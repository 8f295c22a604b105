import logging

from counterpoint import progress


def test_a_log_gets_a_line_now_and_then_with_rate_and_time_left(monkeypatch, caplog):
    now = iter(range(0, 1000, 10))  # ten seconds an item
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with caplog.at_level(logging.INFO):
        assert list(progress.track(range(5), label="work")) == [0, 1, 2, 3, 4]
    assert [r.message for r in caplog.records] == [
        "work: 1 of 5, 0:01:20 left (0.05/s)",
        "work: 3 of 5, 0:00:27 left (0.075/s)",
    ]


def test_short_work_says_nothing_and_an_unknown_length_is_allowed(caplog):
    with caplog.at_level(logging.INFO):
        assert list(progress.track(iter("ab"))) == ["a", "b"]
    assert caplog.records == []


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress.track([1, 2], label="work")) == [1, 2]
    assert "work" in capsys.readouterr().err
