"""Runs whose process or machine vanished are called crashed by the server, not running for ever.

A run sends a heartbeat every 30 seconds (PREFECT_FLOWS_HEARTBEAT_FREQUENCY in flows/__init__.py). An automation on the
server waits 75 seconds for the next one, or for the end of the run. It must be there before the first heartbeat.
"""

from __future__ import annotations

import datetime

from prefect.automations import Automation
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture

NAME = "runs without a heartbeat have crashed"
BEAT = "prefect.flow-run.heartbeat"
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}


def ensure() -> None:
    """Leave the automation on the server, if it is not there."""
    try:
        Automation.read(name=NAME)
    except ValueError:
        Automation(
            name=NAME,
            description="A process or a machine that is gone cannot say so.",
            trigger=EventTrigger(
                posture=Posture.Proactive,
                after={BEAT},
                expect={BEAT, *ENDS},
                match={"prefect.resource.id": "prefect.flow-run.*"},
                for_each={"prefect.resource.id"},
                threshold=1,
                within=datetime.timedelta(seconds=75),
            ),
            actions=[ChangeFlowRunState(state=StateType.CRASHED, message="no heartbeat any more: its process is gone")],
        ).create()
