"""The loop behind a study, a flow and a tuning: order, room, failures, and an end of everything."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from counterpoint import schedule


def test_the_longest_way_to_the_end_counts():
    needs = {"data": set(), "a": {"data"}, "b": {"data"}, "c": {"b"}, "end": {"a", "c"}}
    weights = {"data": 1.0, "a": 5.0, "b": 2.0, "end": 4.0}  # a stage without a weight counts one second
    longest = schedule.remaining(needs, weights)
    assert longest == {"data": 10.0, "a": 9.0, "b": 7.0, "c": 5.0, "end": 4.0}
    assert schedule.startable(needs, longest, [], []) == ["data"]
    assert schedule.startable(needs, longest, ["data"], []) == ["a", "b"]
    assert schedule.startable(needs, longest, ["data"], ["a"]) == ["b"]
    assert schedule.startable(needs, longest, ["data", "a", "b"], ["c"]) == []


NEEDS = {"data": set(), "a": {"data"}, "b": {"data"}, "end": {"a", "b"}}


def run(run_one, jobs, stop=lambda: None, **options) -> tuple[schedule.Progress, list[str]]:
    progress, events = schedule.Progress(NEEDS), []
    with ThreadPoolExecutor(jobs) as pool:
        tell = lambda name, event: events.append(f"{name} {event}")  # noqa: E731
        schedule.run(progress, lambda name: pool.submit(run_one, name), jobs, stop, tell=tell, **options)
    return progress, events


def test_each_after_those_it_needs_and_as_many_at_a_time_as_there_is_room_for():
    both = threading.Barrier(2, timeout=10)

    def run_one(name: str) -> str:
        if name in "ab":
            both.wait()  # fails when the other is not there
        return "ran"

    progress, events = run(run_one, 2)
    assert next(iter(progress.done)) == "data" and list(progress.done)[-1] == "end"
    assert progress.seconds.keys() == NEEDS.keys() and not progress.running
    _, events = run(lambda name: "ran", 1, weights={"b": 5.0})
    assert events == [f"{name} {event}" for name in ("data", "b", "a", "end") for event in ("starts", "ran")]


def test_what_need_not_run_does_not():
    progress, events = run(
        lambda name: "ran", 1, skippable=lambda done, running: ["a"] if done == {"data": "ran"} else []
    )
    assert progress.done == {"data": "ran", "a": "unchanged", "b": "ran", "end": "ran"}
    assert "a starts" not in events and "a unchanged" in events


def test_after_a_failure_what_runs_goes_on_and_nothing_starts():
    failed = threading.Event()

    def run_one(name: str) -> str:
        if name == "a":
            raise ValueError("no luck")
        if name == "b":
            assert failed.wait(10)
        return "ran"

    def tell(name: str, event: str) -> None:
        if event == "failed":
            failed.set()

    progress = schedule.Progress(NEEDS)
    with ThreadPoolExecutor(2) as pool:
        schedule.run(progress, lambda name: pool.submit(run_one, name), 2, None, failures=(ValueError,), tell=tell)
    assert progress.done == {"data": "ran", "b": "ran"} and list(progress.failed) == ["a"]


def test_any_other_error_ends_everything_before_it_goes_on():
    stopped = threading.Event()

    def run_one(name: str) -> str:
        if name == "a":
            raise KeyboardInterrupt
        if name == "b":
            assert stopped.wait(10)
        return "ran"

    with pytest.raises(KeyboardInterrupt):
        run(run_one, 2, stopped.set, failures=(ValueError,))
    assert stopped.is_set()
