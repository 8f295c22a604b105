"""Prefect's program that serves a flow, but that a run of it is stopped with the program.

Prefect's own waits for the run, which goes on for hours, and cannot be told to stop it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from typing import Any

from prefect import Flow
from prefect import runner as prefects
from prefect.flows import EntrypointType


class Runner(prefects.Runner):
    """Prefect's, whose runs are processes of its own: told to end, it tells them first, and they save."""

    def handle_sigterm(self, *arguments: Any, **options: Any) -> None:
        for run in multiprocessing.active_children():
            run.terminate()
        super().handle_sigterm(*arguments, **options)


def serve(flow: Flow, name: str, schedule: Any, parameters: dict[str, Any]) -> None:
    """Serve the flow as the deployment `name` until SIGINT or SIGTERM; its schedule pauses then."""
    # DVC's outs and dvc.lock are this checkout's only ones, and so is the watch's memory: one run at a time
    runner = Runner(name=name, limit=1)
    runner.add_flow(
        flow, name=name, schedule=schedule, parameters=parameters, entrypoint_type=EntrypointType.MODULE_PATH
    )
    print(f"served: {flow.name}/{name}; `prefect deployment run {flow.name}/{name}` asks for a run", flush=True)
    signal.signal(signal.SIGINT, runner.handle_sigterm)
    asyncio.run(runner.start())
