"""A Prefect server for this checkout, reachable from this machine only.

    python -m flows.server [--port 4200]

Its database, with the runs and their logs, is in .prefect/.
"""

from __future__ import annotations

import argparse
import os
import sys

HOST = "127.0.0.1"
PORT = 4200


def url(port: int = PORT) -> str:
    """Address of the server's API."""
    return f"http://{HOST}:{port}/api"


def main(arguments: list[str]) -> None:
    """Become the server."""
    parser = argparse.ArgumentParser(prog="python -m flows.server", description="Start a Prefect server on loopback.")
    parser.add_argument("--port", type=int, default=PORT)
    port = parser.parse_args(arguments).port
    os.environ["PREFECT_API_URL"] = url(port)  # or Prefect asks in the terminal whether to make a profile
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main(sys.argv[1:])
