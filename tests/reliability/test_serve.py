"""The quick study as it is served: by its schedule, cancelled on the page, by its schedule again, and by hand."""

import json

import pytest
from killing import Server, copy_tree, gone, kill_all, of_role, start, steps, wait_for


@pytest.mark.slow
def test_the_quick_study_is_served(tmp_path):
    folder = copy_tree(tmp_path / "study")
    try:
        with Server(folder) as server:
            serve = ("make", "-o", ".venv/ready", "serve", "STUDY=quick", "CRON=* * * * *", "SET=rl.epochs=2")
            start(folder, *serve, log="serve", PREFECT_API_URL=server.address)
            wait_for(lambda: steps(folder) > 5, 400, "a scheduled run that trains")
            (first,) = server.runs("RUNNING")
            assert first["auto_scheduled"] and first["parameters"] == {"study": "quick", "overrides": ["rl.epochs=2"]}
            server.call(f"flow_runs/{first['id']}/set_state", {"state": {"type": "CANCELLING"}})
            wait_for(lambda: first["id"] in ids(server, "CANCELLED"), 60, "the run cancelled")
            wait_for(lambda: ids(server, "COMPLETED"), 900, "the next scheduled run completed")
            assert json.loads((folder / "metrics/quick/summary.json").read_text())["accuracy"]
            assert "epochs: 2" in (folder / "params.yaml").read_text()
            by_hand = server.trigger()
            wait_for(lambda: by_hand in ids(server, "COMPLETED"), 300, "the run by hand completed")
            assert not server.runs("FAILED") and not server.runs("CRASHED")
            for process in of_role(folder, "serve"):
                process.terminate()
            gone(folder, 10.0, but=["server"])
    finally:
        kill_all(folder)


def ids(server: Server, state: str) -> set[str]:
    """The runs in a state."""
    return {run["id"] for run in server.runs(state)}
