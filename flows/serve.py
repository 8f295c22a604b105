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
import os
import sys
from zoneinfo import ZoneInfo

from counterpoint.errors import UserError
from counterpoint.params import compose
from flows import asked, graph, server
from stages import lifeline

LEAST = 30  # seconds between two looks of a served watch


def check(study: str, overrides: list[str], timezone: str, address: str) -> None:
    """Raise `UserError` for what no run could use or no page may ask (flows/asked.py), a missing graph, an unknown time
    zone, or a server that does not answer."""
    graph.stages()
    asked.check(study, overrides)
    try:
        ZoneInfo(timezone)
    except (ValueError, OSError, KeyError):
        raise UserError(f"--timezone: unknown time zone {timezone!r}; write it as Europe/Berlin or UTC") from None
    if not server.answers(address):
        raise UserError(f"no Prefect server answers at {address}; start one with `make server`")


def main(arguments: list[str]) -> int:
    """Serve until interrupted; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description="Serve the study on a Prefect server.")
    parser.add_argument("--study", default="", help="study of scheduled runs; params.yaml as it stands if left out")
    parser.add_argument("--cron", help="run by this schedule, five fields")
    parser.add_argument("--watch", metavar="EVERY", help="serve the watch instead: by seconds, or by such a schedule")
    parser.add_argument("--timezone", default="UTC", help="in which the schedule is meant (default UTC)")
    parser.add_argument("--name", help="name of the deployment (default study, or watch)")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a setting laid on the study")
    chosen = parser.parse_args(arguments)
    address = os.environ.setdefault("PREFECT_API_URL", server.url())
    try:
        if chosen.watch and (chosen.study or chosen.cron or "".join(chosen.overrides).strip()):
            raise UserError("--watch serves the watch alone; serve the study by another `python -m flows.serve`")
        overrides = compose.split_settings(chosen.overrides)
        check(chosen.study, overrides, chosen.timezone, address)
        # Prefect reads PREFECT_API_URL when it is imported.
        schedule = every(chosen.watch or chosen.cron, chosen.timezone, "--watch" if chosen.watch else "--cron")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    lifeline.end_with(lifeline.made_by_make())
    if chosen.watch:
        from flows.watching import watch as served

        parameters = {}
    else:
        from flows import heartbeat
        from flows.study import run_study as served

        heartbeat.ensure()
        parameters = {"study": chosen.study, "overrides": overrides}
    from flows import serving

    serving.serve(served, chosen.name or served.name, schedule, parameters)
    return 0


def every(text: str | None, timezone: str, option: str):
    """Prefect's schedule of `text`: five fields or, for a watch, seconds; None without one. Raises `UserError`."""
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
