"""A Prefect server for this checkout, on loopback unless another address is given.

    python -m flows.server [--port 4200] [--host 127.0.0.1]

Its database, with the runs and their logs, is in .prefect/. Whoever may use a Prefect server may start code with it, so
it answers its own page and programs alone: a request that a page of another origin makes is refused, and so is one that
reached loopback under a foreign name. With PREFECT_API_AUTH_STRING=user:password, the variable by which Prefect's
programs log in, it asks for that; off loopback it does not start without.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from counterpoint.errors import UserError, exit_codes

HOST = "127.0.0.1"
PORT = 4200
LOCAL = ("127.0.0.1", "localhost", "::1")
LOGIN = "PREFECT_API_AUTH_STRING"
START = 180.0  # seconds that a server may take to answer: on a cold machine it migrates its database first
OWN: subprocess.Popen | None = None  # the server that this process has started for itself


def url(port: int = PORT, host: str = HOST) -> str:
    """Address of the server's API."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/api"


def is_local(host: str) -> bool:
    """Whether a server that listens there is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def answers(address: str, timeout: float = 5.0) -> bool:
    """Whether a Prefect server answers at the address of its API."""
    try:
        urllib.request.urlopen(f"{address}/health", timeout=timeout).close()
    except (urllib.error.URLError, OSError, ValueError):
        return False
    return True


def settings(host: str, port: int) -> dict[str, str]:
    """The variables by which Prefect makes the server so. Raises `UserError` off loopback without a login."""
    login = os.environ.get(LOGIN, "")
    if login and (":" not in login or login.startswith(":") or login.endswith(":")):
        raise UserError(f"{LOGIN}: write it as user:password")
    if not login and not is_local(host):
        raise UserError(
            f"--host {host}: whoever reaches a Prefect server can start code with it; set {LOGIN}=user:password, "
            "here and where programs use the server, or leave the host out to serve this machine alone"
        )
    page = url(port, host).removesuffix("/api")
    names = [page, url(port, "localhost").removesuffix("/api")] if is_local(host) else [page]
    variables = {
        "PREFECT_API_URL": url(port, host),
        "PREFECT_UI_API_URL": "/api",  # of the server that the page came from, under whatever name
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(names),
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    }
    return variables | ({"PREFECT_SERVER_API_AUTH_STRING": login} if login else {})


class OwnPage:
    """ASGI middleware: refuses requests of pages from another origin, and on loopback requests to another host name.

    A browser sends the page's origin with every request that could change something and with every WebSocket; programs
    send none. A page whose own name was made to lead to loopback would have the right origin, but the wrong host.
    """

    def __init__(self, app, local: bool):
        self.app, self.local = app, local

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket") or self.permits(dict(scope["headers"])):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"Refused: another origin than this server's page.\n"})

    def permits(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a request with these headers may pass."""
        host, origin = (headers.get(name, b"").decode("latin-1").lower() for name in (b"host", b"origin"))
        if self.local and urlsplit(f"//{host}").hostname not in LOCAL:
            return False
        return not origin or urlsplit(origin).netloc == host


def app() -> OwnPage:
    """Prefect's server behind `OwnPage`; PREFECT_API_URL says where it listens.

    Around it, not among its middleware: the server asks itself, under a name of its own, when an automation acts.
    """
    from prefect.server.api.server import create_app

    return OwnPage(create_app(), is_local(urlsplit(os.environ["PREFECT_API_URL"]).hostname))


def start_own() -> str:
    """Start a server for this process alone, on a free port; its address. It ends with the process, however that ends.

    Raises `RuntimeError` when it does not start.
    """
    global OWN
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "flows.server", "--port", str(port), "--for-one-run"]
    OWN = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr, text=True, start_new_session=True)
    deadline = time.monotonic() + START
    while not answers(url(port)):
        if OWN.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the Prefect server of this run did not start (exit code {OWN.poll()})")
        time.sleep(0.2)
    return url(port)


def name_run(flow_run: str) -> None:
    """Tell this process's own server, where there is one, which run to call crashed should the process vanish."""
    if OWN is not None:
        with contextlib.suppress(OSError):
            OWN.stdin.write(f"{flow_run}\n")
            OWN.stdin.flush()


def _end_with_asker() -> None:
    """Wait until standard input closes, call the runs that it named and that have not ended crashed, and exit."""
    named = [line.strip() for line in sys.stdin]
    try:
        from prefect.client.orchestration import get_client  # not earlier: the server's thread imports Prefect then
        from prefect.states import Crashed

        with get_client(sync_client=True) as client:
            for flow_run in named:
                state = client.read_flow_run(flow_run).state
                if state is None or not state.is_final():
                    client.set_flow_run_state(flow_run, Crashed(message="the process of the run is gone"), force=True)
    finally:
        os._exit(0)


@exit_codes
def main(arguments: list[str]) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m flows.server", description="Start a Prefect server.")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--host", default=HOST, help=f"the address to listen at (default {HOST})")
    parser.add_argument("--for-one-run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ.update(settings(options.host, options.port))
    if options.for_one_run:
        os.environ["PREFECT_UI_ENABLED"] = "false"
        threading.Thread(target=_end_with_asker, daemon=True).start()
    else:
        page = url(options.port, options.host).removesuffix("/api")
        print(f"Prefect's page: {page} (Ctrl-C ends the server)", flush=True)
    import uvicorn

    uvicorn.run("flows.server:app", factory=True, host=options.host, port=options.port, log_level="error")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
