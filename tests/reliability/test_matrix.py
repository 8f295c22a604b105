"""Every process of a study killed in the middle of its RL run, by every way to run one: `make study`, `dvc repro`,
`python -m flows.study` and a served flow. Two seconds after it has ended nothing is left, a server tells the truth
within two minutes, and the next `make study` ends in the same bytes as a run that nothing disturbed.
"""

import os
import signal
from pathlib import Path

import killing
import pytest
from killing import MAKE, Server, gone, of_role, send, start, wait_for, wait_for_step

pytestmark = pytest.mark.slow
SIGINT, SIGTERM, SIGKILL, SIGHUP = signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP
LEFT = 2.0  # seconds after which nothing is left of a run that has ended or was killed
STORED = 8.0  # seconds in which Prefect stores on the server how a run ended
NOTICED = 17.0  # seconds in which a run ends whose server is gone: 15 to tell it, 2 for its stages to save
TRUE = 120.0  # seconds in which a server that is there says what became of a run


def heals(folder: Path, wanted: dict[str, str]) -> None:
    killing.command(folder, *MAKE)
    assert killing.results(folder) == wanted


@pytest.mark.parametrize(
    ("role", "number"),
    [
        ("all", SIGINT), ("driver", SIGTERM), ("driver", SIGKILL), ("driver", SIGHUP), ("make", SIGTERM),
        ("make", SIGKILL), ("supervise", SIGKILL), ("dvc", SIGKILL), ("training", SIGKILL), ("training", SIGTERM),
    ],
)  # fmt: skip
def test_make_study(folder, wanted, role, number):
    driver = start(folder, *MAKE)
    wait_for_step(folder)
    killing.interrupt(driver) if role == "all" else send(folder, role, number)
    gone(folder, LEFT)
    assert driver.wait(5) != 0
    heals(folder, wanted)


@pytest.mark.parametrize(
    ("role", "number"), [("all", SIGINT), ("training", SIGKILL), ("dvc", SIGTERM), ("dvc", SIGKILL)]
)
def test_plain_dvc(folder, wanted, role, number):
    driver = start(folder, "dvc", "repro")
    wait_for_step(folder)
    killing.interrupt(driver) if role == "all" else send(folder, role, number)
    gone(folder, LEFT)
    heals(folder, wanted)


@pytest.mark.parametrize(
    ("role", "number"),
    [
        ("all", SIGINT), ("dvc", SIGKILL), ("training", SIGKILL), ("supervise", SIGKILL), ("flow", SIGTERM),
        ("flow", SIGKILL), ("server", SIGKILL),
    ],
)  # fmt: skip
def test_a_flow_with_a_server_of_its_own(folder, wanted, role, number):
    flow = start(folder, "python", "-m", "flows.study", "--study", "killed", "--jobs", "1")
    wait_for_step(folder)
    killing.interrupt(flow) if role == "all" else send(folder, role, number)
    if role == "server":
        wait_for(lambda: flow.poll() is not None, NOTICED, "the end of a run whose server is gone")
        assert "does not answer any more" in (folder / "driver.out").read_text()
    else:
        wait_for(lambda: flow.poll() is not None, STORED, "the end of the run")
    gone(folder, LEFT)
    assert flow.wait(5) != 0
    with Server(folder) as server:  # the same database
        wait_for(lambda: server.states() in (["CRASHED"], ["FAILED"]), TRUE, f"a true state, now {server.states()}")
    heals(folder, wanted)


@pytest.fixture
def served(folder):
    """The study served, and one run of it in full swing."""
    with Server(folder) as server:
        serve = start(
            folder, "python", "-m", "flows.serve", "--study", "killed", log="serve", PREFECT_API_URL=server.address
        )
        wait_for(lambda: server.call("deployments/filter", {}), 60, "the deployment")
        server.serve = serve
        server.first = server.trigger()
        wait_for_step(folder)
        yield server


SERVING = ("server", "serve")


def end_serving(server) -> None:
    for process in of_role(server.folder, "serve"):
        process.kill()


@pytest.mark.parametrize(
    ("role", "number", "states"),
    [
        ("cancel", None, ["CANCELLED"]), ("flow", SIGKILL, ["CRASHED"]), ("dvc", SIGKILL, ["FAILED"]),
        ("training", SIGKILL, ["FAILED"]), ("supervise", SIGKILL, ["FAILED"]), ("serve", SIGINT, ["CRASHED"]),
        ("serve", SIGTERM, ["CRASHED"]), ("serve", SIGKILL, ["CRASHED"]),
    ],
)  # fmt: skip
def test_a_served_flow(served, wanted, role, number, states):
    folder = served.folder
    if role == "cancel":
        served.call(f"flow_runs/{served.first}/set_state", {"state": {"type": "CANCELLING"}})
        wait_for(lambda: not of_role(folder, "flow"), 30, "the end of the cancelled run")
    else:
        send(folder, role, number)
    gone(folder, LEFT + STORED, but=SERVING if role != "serve" else ("server",))
    wait_for(lambda: served.states() == states, TRUE, f"state {states}, now {served.states()}")
    end_serving(served)
    heals(folder, wanted)


@pytest.mark.parametrize("number", [SIGKILL, SIGINT])
def test_a_served_flow_whose_server_ends(served, wanted, number):
    folder = served.folder
    send(folder, "server", number)
    wait_for(lambda: not of_role(folder, "flow"), NOTICED, "the end of a run whose server is gone")
    gone(folder, LEFT, but=SERVING)
    assert "does not answer any more" in (folder / "serve.out").read_text()
    with served:  # started again
        wait_for(lambda: served.states() == ["CRASHED"], TRUE, "the run called crashed")
        end_serving(served)
    heals(folder, wanted)


@pytest.mark.parametrize("more", [1, 4])
def test_triggers_at_once_run_one_at_a_time(served, wanted, more):
    for _ in range(more):
        served.trigger()
    most = 0

    def ended() -> bool:
        nonlocal most
        most = max(most, len(of_role(served.folder, "training")))
        return served.states() == ["COMPLETED"] * (1 + more)

    wait_for(ended, 300, "all runs completed")
    assert most == 1 and killing.results(served.folder) == wanted
    assert os.path.exists(served.folder / "metrics/killed/report.md")
