"""Serve the study on a Prefect server as a deployment, to be run from its page or by a schedule.

    python -m flows.serve                                     study params.yaml as it stands, when asked
    python -m flows.serve --study quick --cron '0 3 * * *' --timezone Europe/Berlin
    python -m flows.serve --watch 300                         look at the rewards of the RL runs every 300 seconds

The server is PREFECT_API_URL, else the one of `make server`. Runs happen one at a time in this checkout: others wait.
Schedules live as long as this program: they pause when it is stopped and go on when it is started again.
A run with a study other than that of params.yaml rewrites params.yaml; give schedules a checkout of their own.
The watch (flows/watch.py) only reads records: it is served by a program of its own, beside the study, in its checkout.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import signal
import sys
from typing import Any
from zoneinfo import ZoneInfo

from counterpoint import supervise
from counterpoint.errors import UserError, exit_codes
from counterpoint.params import compose
from flows import flow_parameters, graph, server

LEAST = 30  # seconds between two looks of a served watch


def check(study: str, overrides: list[str], timezone: str, address: str) -> None:
    """Raise `UserError` for a graph that cannot be read, parameters that no flow accepts, an unknown time zone, or a
    server that does not answer."""
    graph.needs()
    flow_parameters.check(study, overrides)
    try:
        ZoneInfo(timezone)
    except (ValueError, OSError, KeyError):
        raise UserError(f"--timezone: unknown time zone {timezone!r}; write it as Europe/Berlin or UTC") from None
    if not server.answers(address):
        raise UserError(f"no Prefect server answers at {address}; start one with `make server`")


@exit_codes
def main(arguments: list[str]) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description="Serve the study on a Prefect server.")
    parser.add_argument("--study", default="", help="study of scheduled runs; params.yaml as it stands if left out")
    parser.add_argument("--cron", help="run by this schedule, five fields")
    parser.add_argument("--watch", metavar="EVERY", help="serve the watch instead: by seconds, or by such a schedule")
    parser.add_argument("--timezone", default="UTC", help="in which the schedule is meant (default UTC)")
    parser.add_argument("--name", help="name of the deployment (default study, or watch)")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a setting laid on the study")
    options = parser.parse_args(arguments)
    address = os.environ.setdefault("PREFECT_API_URL", server.url())  # before Prefect, which reads it when imported
    overrides = compose.split_settings(options.overrides)
    if options.watch and (options.study or options.cron or overrides):
        raise UserError("--watch serves the watch alone; serve the study by another `python -m flows.serve`")
    check(options.study, overrides, options.timezone, address)
    schedule = every(options.watch or options.cron, options.timezone, "--watch" if options.watch else "--cron")
    supervise.end_with(supervise.make())
    if options.watch:
        from flows.watch_flow import watch

        serve(watch, options.name or watch.name, schedule, {})
    else:
        from flows import heartbeat
        from flows.study import run_study

        heartbeat.ensure()
        serve(run_study, options.name or run_study.name, schedule, {"study": options.study, "overrides": overrides})
    return 0


def every(text: str | None, timezone: str, option: str) -> Any:
    """Prefect's schedule of `text`: five cron fields, or seconds for a watch; None for no text. Raises `UserError`."""
    from prefect.schedules import Cron, Interval

    if not text:
        return None
    if option == "--watch" and text.isdecimal():
        if int(text) < LEAST:
            raise UserError(
                f"--watch: {text} seconds; a look takes a process of its own, so at least {LEAST} are needed"
            )
        return Interval(int(text), timezone=timezone)
    try:
        return Cron(text, timezone=timezone)
    except ValueError as error:
        raise UserError(f"{option}: {error}; five fields are needed, as '0 3 * * *'") from None


def serve(flow: Any, name: str, schedule: Any, parameters: dict[str, Any]) -> None:
    """Serve a Prefect flow as the deployment `name` until SIGINT or SIGTERM; its schedule pauses then.

    This is `flow.serve`, but a run stops with this program. Prefect's own would wait for the run, which takes hours.
    """
    from prefect.flows import EntrypointType
    from prefect.runner import Runner

    # one run at a time: all runs share this checkout's outs, its dvc.lock and the memory of the watch
    runner = Runner(name=name, limit=1)
    prefects_end = runner.handle_sigterm

    def end_runs_too(*arguments: Any, **options: Any) -> None:
        for run in multiprocessing.active_children():  # told first, they save
            run.terminate()
        prefects_end(*arguments, **options)

    runner.handle_sigterm = end_runs_too
    runner.add_flow(
        flow, name=name, schedule=schedule, parameters=parameters, entrypoint_type=EntrypointType.MODULE_PATH
    )
    print(f"served: {flow.name}/{name}; `prefect deployment run {flow.name}/{name}` asks for a run", flush=True)
    signal.signal(signal.SIGINT, runner.handle_sigterm)
    asyncio.run(runner.start())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
