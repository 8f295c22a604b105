"""Watch the rewards of the RL runs of this checkout, those that train now and those that are published.

    python -m flows.watch --once                 one table, on standard output
    python -m flows.watch --every 300            look again and again; the table is printed when it changes

Where a Prefect server answers (PREFECT_API_URL, else the one of `make server`) each look is a run of the flow `watch`:
it keeps the artifact `deceptive-rewards` current and emits `counterpoint.verdict.changed` for a run whose verdict
differs from the last look's (flows/watch_flow.py). `python -m flows.serve --watch 300` serves it as a deployment.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from counterpoint import params
from counterpoint.errors import UserError, exit_codes
from flows import server, verdicts
from stages.common import work_folder


def look_alone() -> str:
    """One look without Prefect; the table."""
    before = verdicts.remembered()
    after = verdicts.look(before)
    for change in verdicts.changes(before, after):
        print(f"{change.new.run}: {change.old} -> {change.new.verdict} at step {change.new.step}", file=sys.stderr)
    verdicts.remember(after)
    return verdicts.table(after)


@exit_codes
def main(arguments: list[str]) -> int:
    """Look once, or until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m flows.watch", description="Watch the rewards of RL runs.")
    parser.add_argument("--every", type=int, default=300, metavar="SECONDS", help="between looks (default 300)")
    parser.add_argument("--once", action="store_true", help="look once")
    options = parser.parse_args(arguments)
    if options.every < 1:
        raise UserError(f"--every: {options.every} is not a number of seconds from 1 up")
    params.load()
    work_folder()
    address = os.environ.setdefault("PREFECT_API_URL", server.url())
    if server.answers(address):
        from flows.watch_flow import watch  # Prefect reads PREFECT_API_URL when it is imported
    else:
        print(f"no Prefect server answers at {address}: the table is only printed", file=sys.stderr)
        watch = look_alone
    shown = None
    while True:
        text = watch()
        if text != shown:
            print(text, flush=True)
            shown = text
        if options.once:
            return 0
        time.sleep(options.every)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
