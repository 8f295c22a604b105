"""Serve the study on a Prefect server as a deployment, to be run from its page or by a schedule.

    python -m flows.serve                                     study params.yaml as it stands, when asked
    python -m flows.serve --study quick --cron '0 3 * * *' --timezone Europe/Berlin

The server is PREFECT_API_URL, else the one of `make server`. Runs happen one at a time in this checkout: others wait.
Schedules live as long as this program: they pause when it is stopped and go on when it is started again.
A run with a study other than that of params.yaml rewrites params.yaml; give schedules a checkout of their own.
"""

from __future__ import annotations

import argparse
import os
import sys
import urllib.error
import urllib.request
from zoneinfo import ZoneInfo

from counterpoint import studies
from counterpoint.errors import UserError
from flows import graph, server


def check(study: str, timezone: str, address: str) -> None:
    """Raise `UserError` for an unknown study or time zone, a missing graph, or a server that does not answer."""
    graph.stages()
    if study:
        studies.compose(study)
    try:
        ZoneInfo(timezone)
    except (ValueError, OSError, KeyError):
        raise UserError(f"--timezone: unknown time zone {timezone!r}; write it as Europe/Berlin or UTC") from None
    try:
        urllib.request.urlopen(f"{address}/health", timeout=5).close()
    except (urllib.error.URLError, OSError, ValueError):
        raise UserError(f"no Prefect server answers at {address}; start one with `make server`") from None


def main(arguments: list[str]) -> int:
    """Serve until interrupted; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description="Serve the study on a Prefect server.")
    parser.add_argument("--study", default="", help="study of scheduled runs; params.yaml as it stands if left out")
    parser.add_argument("--cron", help="run by this schedule, five fields")
    parser.add_argument("--timezone", default="UTC", help="in which the schedule is meant (default UTC)")
    parser.add_argument("--name", default="study", help="name of the deployment")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="a setting laid on the study")
    chosen = parser.parse_args(arguments)
    address = os.environ.setdefault("PREFECT_API_URL", server.url())
    try:
        check(chosen.study, chosen.timezone, address)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

    # Prefect reads PREFECT_API_URL when it is imported.
    from prefect.flows import EntrypointType
    from prefect.schedules import Cron

    from flows.study import run_study

    try:
        schedule = Cron(chosen.cron, timezone=chosen.timezone) if chosen.cron else None
    except ValueError as error:
        print(f"error: --cron: {error}; five fields are needed, as '0 3 * * *'", file=sys.stderr)
        return 2
    run_study.serve(
        name=chosen.name,
        schedule=schedule,
        parameters={"study": chosen.study, "overrides": chosen.overrides},
        limit=1,  # DVC's outs and dvc.lock are this checkout's only ones
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
